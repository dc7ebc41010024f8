package kube

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// observed are objects as an API server gives them.
type observed struct {
	nodes       []corev1.Node
	pods        []corev1.Pod
	budgets     []policyv1.PodDisruptionBudget
	volumes     []corev1.PersistentVolume
	claims      []corev1.PersistentVolumeClaim
	attachments []storagev1.VolumeAttachment
	csiNodes    []storagev1.CSINode
	daemonSets  []appsv1.DaemonSet
}

// see takes the objects over as events of watches.
func see(o observed) *seen {
	var all []runtime.Object
	for i := range o.nodes {
		all = append(all, &o.nodes[i])
	}
	for i := range o.pods {
		all = append(all, &o.pods[i])
	}
	for i := range o.budgets {
		all = append(all, &o.budgets[i])
	}
	for i := range o.volumes {
		all = append(all, &o.volumes[i])
	}
	for i := range o.claims {
		all = append(all, &o.claims[i])
	}
	for i := range o.attachments {
		all = append(all, &o.attachments[i])
	}
	for i := range o.csiNodes {
		all = append(all, &o.csiNodes[i])
	}
	for i := range o.daemonSets {
		all = append(all, &o.daemonSets[i])
	}
	var s seen
	for _, object := range all {
		for _, k := range kinds {
			k.set(&s, object) // by those that are of another kind it is refused
		}
	}
	return &s
}
