package kube

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/fairwayhq/fairway"
)

// labelZoneBeta is the label of a zone on nodes of before Kubernetes 1.17.
const labelZoneBeta = "failure-domain.beta.kubernetes.io/zone"

// node converts a node, without the volumes that are attached to it.
func node(n *corev1.Node) fairway.Node {
	out := fairway.Node{
		Name:           n.Name,
		UID:            string(n.UID),
		ProviderID:     n.Spec.ProviderID,
		Zone:           n.Labels[corev1.LabelTopologyZone],
		Labels:         n.Labels,
		Annotations:    onlyProtocol(n.Annotations),
		Unschedulable:  n.Spec.Unschedulable,
		CreatedAt:      n.CreationTimestamp.UTC(),
		CPU:            n.Status.Allocatable.Cpu().MilliValue(),
		Memory:         n.Status.Allocatable.Memory().Value(),
		Pods:           n.Status.Allocatable.Pods().Value(),
		KubeletVersion: n.Status.NodeInfo.KubeletVersion,
	}
	if out.Zone == "" {
		out.Zone = n.Labels[labelZoneBeta]
	}
	for _, t := range n.Spec.Taints {
		out.Taints = append(out.Taints, fairway.Taint{Key: t.Key, Value: t.Value, Effect: string(t.Effect)})
	}
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			out.Ready = c.Status == corev1.ConditionTrue
			out.ReadySince = c.LastTransitionTime.UTC()
		}
	}
	return out
}

// pod converts a pod, without the zone of its volumes.
func pod(p *corev1.Pod) fairway.Pod {
	out := fairway.Pod{
		Namespace: p.Namespace,
		Name:      p.Name,
		UID:       string(p.UID),
		Node:      p.Spec.NodeName,
		Labels:    p.Labels,
		Deleting:  p.DeletionTimestamp != nil,
		Finished:  p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed,
		Critical:  strings.HasPrefix(p.Spec.PriorityClassName, "system-") && strings.HasSuffix(p.Spec.PriorityClassName, "-critical"),
		CreatedAt: p.CreationTimestamp.UTC(),
	}
	_, out.Mirror = p.Annotations[corev1.MirrorPodAnnotationKey]
	if owner := metav1.GetControllerOfNoCopy(p); owner != nil {
		out.OwnerKind, out.OwnerName = owner.Kind, owner.Name
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			out.Ready = c.Status == corev1.ConditionTrue
		}
	}
	requests := podRequests(&p.Spec)
	out.CPU, out.Memory = requests.Cpu().MilliValue(), requests.Memory().Value()
	return out
}

// budget converts a budget, without the pods that it covers.
func budget(b *policyv1.PodDisruptionBudget) fairway.Budget {
	return fairway.Budget{
		Namespace:          b.Namespace,
		Name:               b.Name,
		DisruptionsAllowed: int(b.Status.DisruptionsAllowed),
		CurrentHealthy:     int(b.Status.CurrentHealthy),
		DesiredHealthy:     int(b.Status.DesiredHealthy),
		ExpectedPods:       int(b.Status.ExpectedPods),
		Generation:         b.Generation,
		ObservedGeneration: b.Status.ObservedGeneration,
	}
}

// selects returns whether a budget covers pods with given labels, as policy/v1
// means it: an empty selector covers every pod of the namespace, none and an
// invalid one no pod.
func selects(b *policyv1.PodDisruptionBudget) func(map[string]string) bool {
	selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
	if err != nil {
		selector = labels.Nothing()
	}
	return func(of map[string]string) bool { return selector.Matches(labels.Set(of)) }
}

// protocolAnnotations are those of a node that Workloads returns.
var protocolAnnotations = []string{
	fairway.AnnotationDrainStart, fairway.AnnotationMarks, fairway.AnnotationQuarantine,
	annotationLastForcedDrain,
}

// annotationLastForcedDrain is when a pod of the node was last deleted by force.
const annotationLastForcedDrain = "cluster-lifecycle-manager.zalando.org/last-forced-drain"

// onlyProtocol returns the annotations that Fairway or the node protocol writes.
func onlyProtocol(annotations map[string]string) map[string]string {
	kept := map[string]string{}
	for k, v := range annotations {
		if slices.Contains(protocolAnnotations, k) {
			kept[k] = v
		}
	}
	return kept
}
