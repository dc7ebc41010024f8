package kube

import (
	"context"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"

	"github.com/fairwayhq/fairway"
)

// Workloads reads nodes, pods and budgets, and the volumes that tie them to
// zones and nodes, each in pages and all at the same time. The lists are
// consistent each for itself, not with each other: a pod can name a node that
// is not in the answer.
func (c *Cluster) Workloads(ctx context.Context) (*fairway.Workloads, error) {
	var o observed
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return translate(list(ctx, c, "/api/v1/nodes", func() { o.nodes = nil },
			func(page *corev1.NodeList) { o.nodes = append(o.nodes, page.Items...) }), "list nodes")
	})
	group.Go(func() error {
		return translate(list(ctx, c, "/api/v1/pods", func() { o.pods = nil },
			func(page *corev1.PodList) { o.pods = append(o.pods, page.Items...) }), "list pods")
	})
	group.Go(func() error {
		return translate(list(ctx, c, "/apis/policy/v1/poddisruptionbudgets", func() { o.budgets = nil },
			func(page *policyv1.PodDisruptionBudgetList) { o.budgets = append(o.budgets, page.Items...) }), "list budgets")
	})
	group.Go(func() error {
		return translate(list(ctx, c, "/api/v1/persistentvolumes", func() { o.volumes = nil },
			func(page *corev1.PersistentVolumeList) { o.volumes = append(o.volumes, page.Items...) }), "list volumes")
	})
	group.Go(func() error {
		return translate(list(ctx, c, "/api/v1/persistentvolumeclaims", func() { o.claims = nil },
			func(page *corev1.PersistentVolumeClaimList) { o.claims = append(o.claims, page.Items...) }), "list volume claims")
	})
	group.Go(func() error {
		return translate(list(ctx, c, "/apis/storage.k8s.io/v1/volumeattachments", func() { o.attachments = nil },
			func(page *storagev1.VolumeAttachmentList) { o.attachments = append(o.attachments, page.Items...) }), "list volume attachments")
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return o.workloads(), nil
}

// observed is what was read, as the API server gave it.
type observed struct {
	nodes       []corev1.Node
	pods        []corev1.Pod
	budgets     []policyv1.PodDisruptionBudget
	volumes     []corev1.PersistentVolume
	claims      []corev1.PersistentVolumeClaim
	attachments []storagev1.VolumeAttachment
}

// workloads converts what was read.
func (o *observed) workloads() *fairway.Workloads {
	attached, zoneOf := o.attachedByNode(), o.zoneByClaim()
	w := &fairway.Workloads{
		Nodes:   make([]fairway.Node, 0, len(o.nodes)),
		Pods:    make([]fairway.Pod, 0, len(o.pods)),
		Budgets: make([]fairway.Budget, 0, len(o.budgets)),
	}
	for i := range o.nodes {
		n := node(&o.nodes[i])
		n.VolumesAttached = len(attached[n.Name])
		w.Nodes = append(w.Nodes, n)
	}
	byNamespace := map[string][]int{}
	for i := range o.pods {
		p := pod(&o.pods[i])
		p.VolumeZone = volumeZone(&o.pods[i], zoneOf)
		w.Pods = append(w.Pods, p)
		byNamespace[p.Namespace] = append(byNamespace[p.Namespace], i)
	}
	for i := range o.budgets {
		b := budget(&o.budgets[i])
		selects := selects(&o.budgets[i])
		for _, p := range byNamespace[b.Namespace] {
			if selects(w.Pods[p].Labels) {
				b.PodUIDs = append(b.PodUIDs, w.Pods[p].UID)
			}
		}
		w.Budgets = append(w.Budgets, b)
	}
	return w
}
