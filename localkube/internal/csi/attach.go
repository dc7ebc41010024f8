package csi

import (
	"context"
	"fmt"
	"slices"
	"time"

	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// finalizer keeps a VolumeAttachment until its volume is detached.
const finalizer = "external-attacher/csi-localkube-fairway-dev"

// attachment takes the steps of an attacher: finalizer, attach, and after the
// deletion detach and let go.
func (c *CSI) attachment(ctx context.Context, va *storagev1.VolumeAttachment) (time.Duration, error) {
	if va.Spec.Attacher != Driver {
		return 0, nil
	}
	if va.DeletionTimestamp != nil {
		return c.detach(ctx, va)
	}
	if va.Status.Attached {
		return 0, nil
	}
	if !slices.Contains(va.Finalizers, finalizer) {
		next := va.DeepCopy()
		next.Finalizers = append(next.Finalizers, finalizer)
		_, err := c.client.StorageV1().VolumeAttachments().Update(ctx, next, metav1.UpdateOptions{})
		return 0, ignoreGone(err, "begin to attach", va.Name) // the update brings us back here
	}
	if wait := c.remaining(va.UID, "attach", c.settings.Attach); wait > 0 {
		return wait, nil
	}
	next := va.DeepCopy()
	next.Status = storagev1.VolumeAttachmentStatus{Attached: true}
	_, err := c.client.StorageV1().VolumeAttachments().UpdateStatus(ctx, next, metav1.UpdateOptions{})
	return 0, ignoreGone(err, "attach", va.Name)
}

func (c *CSI) detach(ctx context.Context, va *storagev1.VolumeAttachment) (time.Duration, error) {
	if !slices.Contains(va.Finalizers, finalizer) {
		return 0, nil
	}
	delay := c.settings.Detach
	if !va.Status.Attached {
		delay = 0
	}
	if wait := c.remaining(va.UID, "detach", delay); wait > 0 {
		return wait, nil
	}
	next := va.DeepCopy()
	next.Finalizers = slices.DeleteFunc(next.Finalizers, func(f string) bool { return f == finalizer })
	_, err := c.client.StorageV1().VolumeAttachments().Update(ctx, next, metav1.UpdateOptions{})
	return 0, ignoreGone(err, "detach", va.Name)
}

func ignoreGone(err error, what, name string) error {
	if err == nil || apierrors.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("%s %s: %w", what, name, err)
}
