package csi

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// selectedNode is where the scheduler wants the first consumer to run.
const selectedNode = "volume.kubernetes.io/selected-node"

// provisionedBy names the driver that must delete the volume.
const provisionedBy = "pv.kubernetes.io/provisioned-by"

// provision makes the volume of a claim, in the zone of the selected node.
func (c *CSI) provision(ctx context.Context, pvc *corev1.PersistentVolumeClaim) (time.Duration, error) {
	if pvc.Spec.VolumeName != "" || pvc.DeletionTimestamp != nil || pvc.Spec.StorageClassName == nil {
		return 0, nil
	}
	class, err := c.classes.Get(*pvc.Spec.StorageClassName)
	if err != nil || class.Provisioner != Driver {
		return 0, nil // another driver's, or a class that does not exist yet
	}
	zone, err := c.zoneOf(ctx, pvc, class)
	if zone == "" || err != nil {
		return 0, err
	}
	if wait := c.remaining(pvc.UID, "provision", c.settings.Provision); wait > 0 {
		return wait, nil
	}
	pv := volume(pvc, class, zone)
	_, err = c.client.CoreV1().PersistentVolumes().Create(ctx, pv, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return 0, fmt.Errorf("provision volume %s: %w", pv.Name, err)
	}
	return 0, nil
}

// zoneOf is empty while the scheduler has not chosen.
func (c *CSI) zoneOf(ctx context.Context, pvc *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) (string, error) {
	if class.VolumeBindingMode == nil || *class.VolumeBindingMode == storagev1.VolumeBindingImmediate {
		h := fnv.New32a()
		h.Write([]byte(pvc.UID))
		return c.settings.Zones[h.Sum32()%uint32(len(c.settings.Zones))], nil
	}
	name := pvc.Annotations[selectedNode]
	if name == "" {
		return "", nil
	}
	node, err := c.nodes.Get(name)
	if err == nil {
		return node.Labels[corev1.LabelTopologyZone], nil
	}
	// The node went away in between. Without the annotation the scheduler
	// chooses again.
	pvc = pvc.DeepCopy()
	delete(pvc.Annotations, selectedNode)
	if _, err := c.client.CoreV1().PersistentVolumeClaims(pvc.Namespace).Update(ctx, pvc, metav1.UpdateOptions{}); err != nil {
		return "", fmt.Errorf("ask for another node than %s, which is gone: %w", name, err)
	}
	return "", nil
}

func volume(pvc *corev1.PersistentVolumeClaim, class *storagev1.StorageClass, zone string) *corev1.PersistentVolume {
	policy := corev1.PersistentVolumeReclaimDelete
	if class.ReclaimPolicy != nil {
		policy = *class.ReclaimPolicy
	}
	name := "pvc-" + string(pvc.UID)
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Labels:      map[string]string{corev1.LabelTopologyZone: zone},
			Annotations: map[string]string{provisionedBy: Driver},
		},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: pvc.Spec.Resources.Requests[corev1.ResourceStorage]},
			AccessModes:                   pvc.Spec.AccessModes,
			VolumeMode:                    pvc.Spec.VolumeMode,
			StorageClassName:              class.Name,
			PersistentVolumeReclaimPolicy: policy,
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim",
				Namespace: pvc.Namespace, Name: pvc.Name, UID: pvc.UID,
			},
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: Driver, VolumeHandle: "vol-" + string(pvc.UID)}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpIn, Values: []string{zone}}},
			}}}},
		},
	}
}

// reclaim deletes a released volume once it is attached nowhere.
func (c *CSI) reclaim(ctx context.Context, pv *corev1.PersistentVolume) error {
	if pv.Annotations[provisionedBy] != Driver || pv.Status.Phase != corev1.VolumeReleased || pv.DeletionTimestamp != nil ||
		pv.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete {
		return nil
	}
	attached, err := c.attachmentsOf(pv.Name)
	if err != nil || len(attached) > 0 {
		return err // the end of the attachment brings us back here
	}
	err = c.client.CoreV1().PersistentVolumes().Delete(ctx, pv.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &pv.UID}})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete volume %s: %w", pv.Name, err)
	}
	return nil
}
