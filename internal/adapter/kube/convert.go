package kube

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
		Annotations:    only(n.Annotations, protocolAnnotations),
		Unschedulable:  n.Spec.Unschedulable,
		CreatedAt:      n.CreationTimestamp.UTC(),
		CPU:            n.Status.Allocatable.Cpu().MilliValue(),
		Memory:         n.Status.Allocatable.Memory().Value(),
		Pods:           n.Status.Allocatable.Pods().Value(),
		KubeletVersion: n.Status.NodeInfo.KubeletVersion,
		PodCIDRs:       n.Spec.PodCIDRs,
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
		Critical:  isCritical(p.Spec.PriorityClassName),
		CreatedAt: p.CreationTimestamp.UTC(),

		Annotations: only(p.Annotations, podAnnotations),
		GracePeriod: corev1.DefaultTerminationGracePeriodSeconds * time.Second,
		Probe:       p.Labels[fairway.LabelProbe] != "",
	}
	if seconds := p.Spec.TerminationGracePeriodSeconds; seconds != nil {
		out.GracePeriod = time.Duration(*seconds) * time.Second
	}
	if p.DeletionTimestamp != nil {
		out.DeletedAt = p.DeletionTimestamp.UTC()
	}
	out.Service, out.Role = service(p)
	_, out.Mirror = p.Annotations[corev1.MirrorPodAnnotationKey]
	if owner := metav1.GetControllerOfNoCopy(p); owner != nil {
		out.OwnerKind, out.OwnerName = owner.Kind, owner.Name
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			out.Ready = c.Status == corev1.ConditionTrue
			out.ReadySince = c.LastTransitionTime.UTC()
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

// isCritical reports whether pods of a priority class are what a node cannot do
// without.
func isCritical(class string) bool {
	return strings.HasPrefix(class, "system-") && strings.HasSuffix(class, "-critical")
}

// protocolAnnotations are those of a node, podAnnotations those of a pod that
// Workloads returns.
var (
	protocolAnnotations = []string{
		fairway.AnnotationDrainStart, fairway.AnnotationMarks, fairway.AnnotationQuarantine,
		fairway.AnnotationLastForced, fairway.AnnotationRotate, fairway.AnnotationScaleDown,
	}
	podAnnotations = []string{
		fairway.PodAnnotationForce, fairway.PodAnnotationWait,
		fairway.PodAnnotationSafeToEvict, fairway.PodAnnotationDoNotDisrupt,
	}
)

// only returns the annotations of the given keys, nil when there are none.
func only(annotations map[string]string, keys []string) map[string]string {
	var kept map[string]string
	for _, k := range keys {
		if v, ok := annotations[k]; ok {
			if kept == nil {
				kept = map[string]string{}
			}
			kept[k] = v
		}
	}
	return kept
}
