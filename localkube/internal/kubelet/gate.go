package kubelet

import (
	"context"
	"fmt"
	"log/slog"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// gate marks a pod when all its volumes are attached to its node; kwok starts
// pods with claims only when they are marked, as a kubelet waits for mounts.
type gate struct {
	client      kubernetes.Interface
	pods        corelisters.PodLister
	claims      corelisters.PersistentVolumeClaimLister
	volumes     corelisters.PersistentVolumeLister
	attachments storagelisters.VolumeAttachmentLister
	queue       workqueue.TypedRateLimitingInterface[cache.ObjectName]
	log         *slog.Logger
}

func newGate(client kubernetes.Interface, factory informers.SharedInformerFactory, log *slog.Logger) *gate {
	g := &gate{
		client:      client,
		pods:        factory.Core().V1().Pods().Lister(),
		claims:      factory.Core().V1().PersistentVolumeClaims().Lister(),
		volumes:     factory.Core().V1().PersistentVolumes().Lister(),
		attachments: factory.Storage().V1().VolumeAttachments().Lister(),
		queue:       workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[cache.ObjectName]()),
		log:         log,
	}
	factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { g.look(obj.(*corev1.Pod)) },
		UpdateFunc: func(_, obj any) { g.look(obj.(*corev1.Pod)) },
	})
	factory.Storage().V1().VolumeAttachments().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { g.lookAt(obj.(*storagev1.VolumeAttachment)) },
		UpdateFunc: func(_, obj any) { g.lookAt(obj.(*storagev1.VolumeAttachment)) },
	})
	return g
}

// waiting says whether the pod is scheduled and not marked yet.
func waiting(p *corev1.Pod) bool {
	return p.Spec.NodeName != "" && p.Status.Phase == corev1.PodPending && p.DeletionTimestamp == nil &&
		p.Annotations[VolumesAnnotation] == "" && len(claimsOf(p)) > 0
}

func (g *gate) look(p *corev1.Pod) {
	if waiting(p) {
		g.queue.Add(cache.MetaObjectToName(p))
	}
}

// lookAt looks at all waiting pods of the attachment's node.
func (g *gate) lookAt(va *storagev1.VolumeAttachment) {
	if !va.Status.Attached {
		return
	}
	pods, err := g.pods.List(labels.Everything())
	if err != nil {
		return // listers of a cache do not fail
	}
	for _, p := range pods {
		if p.Spec.NodeName == va.Spec.NodeName {
			g.look(p)
		}
	}
}

func (g *gate) run(ctx context.Context) {
	go func() {
		<-ctx.Done()
		g.queue.ShutDown()
	}()
	for {
		key, shutdown := g.queue.Get()
		if shutdown {
			return
		}
		if err := g.open(ctx, key); err != nil {
			g.log.Debug("pod waits for its volumes", "pod", key, "reason", err)
			g.queue.AddRateLimited(key)
		} else {
			g.queue.Forget(key)
		}
		g.queue.Done(key)
	}
}

// open marks the pod, or says what it waits for.
func (g *gate) open(ctx context.Context, key cache.ObjectName) error {
	pod, err := g.pods.Pods(key.Namespace).Get(key.Name)
	if err != nil || !waiting(pod) {
		return nil // gone, or done
	}
	for _, claim := range claimsOf(pod) {
		if err := g.attached(pod.Namespace, claim, pod.Spec.NodeName); err != nil {
			return err
		}
	}
	patch := fmt.Appendf(nil, `{"metadata":{"uid":%q,"annotations":{%q:"attached"}}}`, pod.UID, VolumesAnnotation)
	_, err = g.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // another pod has the name now; it has its own event
	}
	return err
}

func (g *gate) attached(namespace, claim, node string) error {
	pvc, err := g.claims.PersistentVolumeClaims(namespace).Get(claim)
	if err != nil {
		return fmt.Errorf("claim %s: %w", claim, err)
	}
	if pvc.Spec.VolumeName == "" {
		return fmt.Errorf("claim %s is not bound", claim)
	}
	pv, err := g.volumes.Get(pvc.Spec.VolumeName)
	if err != nil {
		return fmt.Errorf("volume %s: %w", pvc.Spec.VolumeName, err)
	}
	if pv.Spec.CSI == nil {
		return nil // local paths and the like need no attaching
	}
	attachments, err := g.attachments.List(labels.Everything())
	if err != nil {
		return err
	}
	for _, va := range attachments {
		source := va.Spec.Source.PersistentVolumeName
		if va.Spec.NodeName == node && source != nil && *source == pv.Name && va.Status.Attached && va.DeletionTimestamp == nil {
			return nil
		}
	}
	return fmt.Errorf("volume %s is not attached to node %s", pv.Name, node)
}

// claimsOf lists the names of the claims the pod mounts; generic ephemeral
// volumes have claims named after pod and volume.
func claimsOf(p *corev1.Pod) []string {
	var names []string
	for _, v := range p.Spec.Volumes {
		switch {
		case v.PersistentVolumeClaim != nil:
			names = append(names, v.PersistentVolumeClaim.ClaimName)
		case v.Ephemeral != nil:
			names = append(names, p.Name+"-"+v.Name)
		}
	}
	return names
}
