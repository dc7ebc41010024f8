package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairwayhq/fairway/localkube/internal/kubelet"
	"github.com/fairwayhq/fairway/localkube/internal/nodegroup"
)

// switchOff stops the kubelet. If the cloud gave notice, the pods are shown
// dead at once; of a vanished machine Kubernetes learns by missing heartbeats.
func (m *Machines) switchOff(ctx context.Context, machine nodegroup.Machine) error {
	node, err := m.nodes.Get(machine.NodeName)
	if err != nil {
		return nil // it has no Node: it never registered, or someone deleted it
	}
	if node.Labels[kubelet.RunningLabel] != "" {
		patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:null}}}`, kubelet.RunningLabel)
		_, err := m.client.CoreV1().Nodes().Patch(ctx, node.Name, types.MergePatchType, patch, metav1.PatchOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("stop kubelet: %w", err)
		}
	}
	if !machine.Notice {
		return nil
	}
	var errs []error
	for _, p := range m.podsOn(node.Name) {
		if alive(p) {
			errs = append(errs, m.kill(ctx, p))
		}
	}
	return errors.Join(errs...)
}

// alive says whether a pod counts as serving, or has containers that run.
func alive(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return true
		}
	}
	for _, c := range p.Status.ContainerStatuses {
		if c.State.Running != nil {
			return true
		}
	}
	return false
}

// kill shows a pod whose machine was switched off: its containers are dead.
// The phase stays, as nobody is there to change it.
func (m *Machines) kill(ctx context.Context, p *corev1.Pod) error {
	now := metav1.Now()
	dead := func(t corev1.PodConditionType) corev1.PodCondition {
		return corev1.PodCondition{Type: t, Status: corev1.ConditionFalse, Reason: "InstanceTerminated", Message: "the instance was switched off", LastTransitionTime: now}
	}
	type state struct {
		Running    *struct{}                        `json:"running"`
		Terminated *corev1.ContainerStateTerminated `json:"terminated"`
	}
	type container struct {
		Name    string `json:"name"`
		Ready   bool   `json:"ready"`
		Started bool   `json:"started"`
		State   state  `json:"state"`
	}
	var containers []container
	for _, c := range p.Status.ContainerStatuses {
		containers = append(containers, container{Name: c.Name, State: state{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: 137, Reason: "InstanceTerminated", FinishedAt: now,
		}}})
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": p.UID},
		"status": map[string]any{
			"conditions":        []corev1.PodCondition{dead(corev1.PodReady), dead(corev1.ContainersReady)},
			"containerStatuses": containers,
		},
	})
	if err != nil {
		return fmt.Errorf("kill pod %s/%s: %w", p.Namespace, p.Name, err)
	}
	_, err = m.client.CoreV1().Pods(p.Namespace).Patch(ctx, p.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("kill pod %s/%s: %w", p.Namespace, p.Name, err)
	}
	return nil
}

// remove deletes what a gone machine leaves: its pods, its CSINode, its Node.
// The Node goes last, so that a pass that was cut short finds it again.
func (m *Machines) remove(ctx context.Context, node string) error {
	now := int64(0)
	for _, p := range m.podsOn(node) {
		opts := metav1.DeleteOptions{GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{UID: &p.UID}}
		err := m.client.CoreV1().Pods(p.Namespace).Delete(ctx, p.Name, opts)
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return fmt.Errorf("delete pod %s/%s: %w", p.Namespace, p.Name, err)
		}
	}
	if _, err := m.nodes.Get(node); err != nil {
		return nil
	}
	if err := m.client.StorageV1().CSINodes().Delete(ctx, node, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete CSINode: %w", err)
	}
	if err := m.client.CoreV1().Nodes().Delete(ctx, node, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete node: %w", err)
	}
	m.log.Info("node removed", "node", node)
	return nil
}
