package kube

import (
	"context"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// kinds are the kinds of objects that Workloads reads. A new one is a field of
// seen and a line here.
var kinds = []kind{
	newKind("nodes", "/api/v1/nodes", func() listing { return new(corev1.NodeList) }, func(s *seen) *items[seenNode] { return &s.nodes }, seeNode),
	newKind("pods", "/api/v1/pods", func() listing { return new(corev1.PodList) }, func(s *seen) *items[seenPod] { return &s.pods }, seePod),
	newKind("budgets", "/apis/policy/v1/poddisruptionbudgets", func() listing { return new(policyv1.PodDisruptionBudgetList) },
		func(s *seen) *items[seenBudget] { return &s.budgets }, seeBudget),
	newKind("volumes", "/api/v1/persistentvolumes", func() listing { return new(corev1.PersistentVolumeList) },
		func(s *seen) *items[seenVolume] { return &s.volumes }, seeVolume),
	newKind("volume claims", "/api/v1/persistentvolumeclaims", func() listing { return new(corev1.PersistentVolumeClaimList) },
		func(s *seen) *items[string] { return &s.claims }, seeClaim),
	newKind("volume attachments", "/apis/storage.k8s.io/v1/volumeattachments", func() listing { return new(storagev1.VolumeAttachmentList) },
		func(s *seen) *items[seenAttachment] { return &s.attachments }, seeAttachment),
	newKind("CSI drivers of nodes", "/apis/storage.k8s.io/v1/csinodes", func() listing { return new(storagev1.CSINodeList) },
		func(s *seen) *items[[]string] { return &s.csiNodes }, seeCSINode),
	newKind("DaemonSets", "/apis/apps/v1/daemonsets", func() listing { return new(appsv1.DaemonSetList) },
		func(s *seen) *items[*appsv1.DaemonSet] { return &s.daemonSets }, seeDaemonSet),
}

// listing is a list of API objects.
type listing interface {
	runtime.Object
	metav1.ListInterface
}

// kind is how one kind of object is read and kept.
type kind struct {
	name, path string
	// read lists all objects and returns what puts them in the place of those
	// that were there, and the resource version from which a watch goes on. put
	// reports whether that changes anything.
	read func(ctx context.Context, c *Cluster) (put func(*seen) bool, version string, err error)
	// set and drop take over an event of a watch, and report the same.
	set, drop func(*seen, runtime.Object) bool
}

func newKind[O, T any, P interface {
	*O
	runtime.Object
	metav1.Object
}](name, path string, empty func() listing, field func(*seen) *items[T], convert func(P) T) kind {
	return kind{name: name, path: path,
		read: func(ctx context.Context, c *Cluster) (func(*seen) bool, string, error) {
			all, version, err := readAll(ctx, c, path, empty, convert)
			return func(s *seen) bool {
				changes := !field(s).same(&all)
				*field(s) = all
				return changes
			}, version, err
		},
		set: func(s *seen, o runtime.Object) bool {
			object, ok := o.(P)
			return ok && field(s).put(keyOf(object), object.GetResourceVersion(), convert(object))
		},
		drop: func(s *seen, o runtime.Object) bool {
			object, ok := o.(P)
			if ok {
				field(s).remove(keyOf(object))
			}
			return ok
		},
	}
}

// readAll reads all objects of a kind in pages. A list that grew too old to be
// continued is begun again.
func readAll[O, T any, P interface {
	*O
	runtime.Object
	metav1.Object
}](ctx context.Context, c *Cluster, path string, empty func() listing, convert func(P) T) (items[T], string, error) {
	var all items[T]
	for next := ""; ; {
		page := empty()
		request := c.typed.Get().AbsPath(path).MaxRetries(0).Param("limit", strconv.Itoa(pageSize))
		if next != "" {
			request.Param("continue", next)
		}
		err := request.Do(ctx).Into(page)
		if next != "" && (apierrors.IsResourceExpired(err) || apierrors.IsGone(err)) {
			all, next = items[T]{}, ""
			continue
		}
		if err != nil {
			return items[T]{}, "", err
		}
		err = meta.EachListItem(page, func(o runtime.Object) error {
			object := o.(P)
			all.put(keyOf(object), object.GetResourceVersion(), convert(object))
			return nil
		})
		if next = page.GetContinue(); next == "" || err != nil {
			return all, page.GetResourceVersion(), err
		}
	}
}

// keyOf returns namespace/name, or the name of an object without namespace.
func keyOf(o metav1.Object) string {
	if o.GetNamespace() == "" {
		return o.GetName()
	}
	return o.GetNamespace() + "/" + o.GetName()
}
