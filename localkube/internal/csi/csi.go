// Package csi is a simulated CSI driver for zonal volumes: a provisioner that
// makes PersistentVolumes in the zone the scheduler chose, and an attacher
// that answers VolumeAttachments after a delay. The controllers of Kubernetes
// (binder, attach-detach) are the real ones.
package csi

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

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

// Driver is the name of the driver, and of the provisioner.
const Driver = "csi.localkube.fairway.dev"

// ClassName is the default StorageClass.
const ClassName = "zonal"

// Settings are the driver's delays.
type Settings struct {
	Attach, Detach, Provision time.Duration
	// Zones for claims that do not wait for a consumer.
	Zones []string
}

// kind of the object a job is about.
type kind string

const (
	claimKind      kind = "claim"
	volumeKind     kind = "volume"
	attachmentKind kind = "attachment"
)

type job struct {
	kind kind
	name cache.ObjectName
}

// CSI is the driver.
type CSI struct {
	settings    Settings
	client      kubernetes.Interface
	claims      corelisters.PersistentVolumeClaimLister
	volumes     corelisters.PersistentVolumeLister
	nodes       corelisters.NodeLister
	classes     storagelisters.StorageClassLister
	attachments storagelisters.VolumeAttachmentLister
	queue       workqueue.TypedRateLimitingInterface[job]
	log         *slog.Logger

	mu sync.Mutex
	// begun says when an operation on an object began; guarded by mu.
	begun map[operation]time.Time
}

type operation struct {
	uid  types.UID
	name string
}

// New prepares the driver; the informers it asks factory for must be started
// and synced before Run.
func New(client kubernetes.Interface, factory informers.SharedInformerFactory, s Settings, log *slog.Logger) *CSI {
	c := &CSI{
		settings:    s,
		client:      client,
		claims:      factory.Core().V1().PersistentVolumeClaims().Lister(),
		volumes:     factory.Core().V1().PersistentVolumes().Lister(),
		nodes:       factory.Core().V1().Nodes().Lister(),
		classes:     factory.Storage().V1().StorageClasses().Lister(),
		attachments: factory.Storage().V1().VolumeAttachments().Lister(),
		queue:       workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[job]()),
		log:         log,
		begun:       map[operation]time.Time{},
	}
	c.follow(claimKind, factory.Core().V1().PersistentVolumeClaims().Informer())
	c.follow(volumeKind, factory.Core().V1().PersistentVolumes().Informer())
	c.follow(attachmentKind, factory.Storage().V1().VolumeAttachments().Informer())
	return c
}

func (c *CSI) follow(k kind, informer cache.SharedIndexInformer) {
	informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { c.queue.Add(job{k, cache.MetaObjectToName(obj.(metav1.Object))}) },
		UpdateFunc: func(_, obj any) { c.queue.Add(job{k, cache.MetaObjectToName(obj.(metav1.Object))}) },
		DeleteFunc: func(obj any) {
			if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = gone.Obj
			}
			if o, ok := obj.(metav1.Object); ok {
				c.forget(o.GetUID())
			}
			if va, ok := obj.(*storagev1.VolumeAttachment); ok && va.Spec.Source.PersistentVolumeName != nil {
				// A released volume may have waited for this.
				c.queue.Add(job{volumeKind, cache.ObjectName{Name: *va.Spec.Source.PersistentVolumeName}})
			}
		},
	})
}

// Install makes the CSIDriver and the StorageClass if they are missing.
func (c *CSI) Install(ctx context.Context) error {
	attach, wait, reclaim := true, storagev1.VolumeBindingWaitForFirstConsumer, corev1.PersistentVolumeReclaimDelete
	_, err := c.client.StorageV1().CSIDrivers().Create(ctx, &storagev1.CSIDriver{
		ObjectMeta: metav1.ObjectMeta{Name: Driver},
		Spec:       storagev1.CSIDriverSpec{AttachRequired: &attach},
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create CSIDriver %s: %w", Driver, err)
	}
	_, err = c.client.StorageV1().StorageClasses().Create(ctx, &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{
			Name:        ClassName,
			Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"},
		},
		Provisioner:       Driver,
		VolumeBindingMode: &wait,
		ReclaimPolicy:     &reclaim,
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create StorageClass %s: %w", ClassName, err)
	}
	return nil
}

// Run works until ctx ends.
func (c *CSI) Run(ctx context.Context) {
	go func() {
		<-ctx.Done()
		c.queue.ShutDown()
	}()
	for range 4 {
		go c.work(ctx)
	}
}

func (c *CSI) work(ctx context.Context) {
	for {
		j, shutdown := c.queue.Get()
		if shutdown {
			return
		}
		wait, err := c.do(ctx, j)
		switch {
		case err != nil && ctx.Err() == nil && !apierrors.IsConflict(err):
			c.log.Warn("volume operation", "kind", string(j.kind), "name", j.name, "error", err)
			c.queue.AddRateLimited(j)
		case err != nil:
			c.queue.AddRateLimited(j)
		case wait > 0:
			c.queue.AddAfter(j, wait)
		default:
			c.queue.Forget(j)
		}
		c.queue.Done(j)
	}
}

// do takes one step for an object and says how long until the next.
func (c *CSI) do(ctx context.Context, j job) (wait time.Duration, err error) {
	switch j.kind {
	case claimKind:
		pvc, err := c.claims.PersistentVolumeClaims(j.name.Namespace).Get(j.name.Name)
		if err != nil {
			return 0, nil // gone
		}
		return c.provision(ctx, pvc)
	case volumeKind:
		pv, err := c.volumes.Get(j.name.Name)
		if err != nil {
			return 0, nil // gone
		}
		return 0, c.reclaim(ctx, pv)
	default:
		va, err := c.attachments.Get(j.name.Name)
		if err != nil {
			return 0, nil // gone
		}
		return c.attachment(ctx, va)
	}
}

// remaining is what is left of an operation's delay. The clock starts when
// the operation is first seen: the API's own times are whole seconds.
func (c *CSI) remaining(uid types.UID, name string, delay time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	op := operation{uid, name}
	if _, ok := c.begun[op]; !ok {
		c.begun[op] = time.Now()
	}
	return delay - time.Since(c.begun[op])
}

func (c *CSI) forget(uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for op := range c.begun {
		if op.uid == uid {
			delete(c.begun, op)
		}
	}
}

func (c *CSI) attachmentsOf(volume string) ([]*storagev1.VolumeAttachment, error) {
	all, err := c.attachments.List(labels.Everything())
	if err != nil {
		return nil, fmt.Errorf("list volume attachments: %w", err)
	}
	var out []*storagev1.VolumeAttachment
	for _, va := range all {
		if name := va.Spec.Source.PersistentVolumeName; name != nil && *name == volume {
			out = append(out, va)
		}
	}
	return out, nil
}
