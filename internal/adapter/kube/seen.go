package kube

import (
	"cmp"
	"maps"
	"reflect"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/fairwayhq/fairway"
)

// seen is what was read of a cluster. Only what Workloads needs is kept of
// each object, in the form in which it is needed: the objects of a large
// cluster are ten times as big.
type seen struct {
	nodes       items[seenNode]
	pods        items[seenPod]
	budgets     items[seenBudget]
	volumes     items[seenVolume]
	claims      items[string] // the name of the volume that is bound, "" for none
	attachments items[seenAttachment]
	csiNodes    items[[]string] // the drivers that registered, in order
	daemonSets  items[*appsv1.DaemonSet]
}

// items are the objects of one kind by namespace/name, or name.
type items[T any] struct {
	byKey map[string]*item[T]
	// order is byKey in the order of the keys; nil when it has to be made anew.
	order []*item[T]
}

// item is an object and the resource version it was read at.
type item[T any] struct {
	version string
	value   T
}

// get returns an object, the zero value for one that is not there.
func (i *items[T]) get(key string) T {
	if is, there := i.byKey[key]; there {
		return is.value
	}
	var none T
	return none
}

// put takes over an object and reports whether that changes anything.
func (i *items[T]) put(key, version string, value T) bool {
	is, there := i.byKey[key]
	if !there {
		if i.byKey == nil {
			i.byKey = map[string]*item[T]{}
		}
		i.byKey[key], i.order = &item[T]{version, value}, nil
		return true
	}
	changes := !reflect.DeepEqual(is.value, value)
	is.version, is.value = version, value
	return changes
}

func (i *items[T]) remove(key string) {
	delete(i.byKey, key)
	i.order = nil
}

// inOrder returns the objects by name, so that equal clusters give equal answers.
func (i *items[T]) inOrder() []*item[T] {
	if i.order == nil {
		i.order = make([]*item[T], 0, len(i.byKey))
		for _, k := range slices.Sorted(maps.Keys(i.byKey)) {
			i.order = append(i.order, i.byKey[k])
		}
	}
	return i.order
}

// same reports whether two readings of a kind say the same.
func (i *items[T]) same(other *items[T]) bool {
	if len(i.byKey) != len(other.byKey) {
		return false
	}
	for key, now := range other.byKey {
		before, known := i.byKey[key]
		if !known || before.version != now.version && !reflect.DeepEqual(before.value, now.value) {
			return false
		}
	}
	return true
}

type seenNode struct {
	node fairway.Node
	// attached are the volumes of its status.
	attached []string
	// placing is the node as the DaemonSet controller looks at it.
	placing corev1.Node
}

type seenPod struct {
	pod fairway.Pod
	// claims are its volume claims, as namespace/name.
	claims []string
}

type seenBudget struct {
	budget   fairway.Budget
	selector string // for comparing
	matches  labels.Selector
}

type seenVolume struct {
	// name is how the attach controller calls it; "" for other than CSI volumes.
	name string
	// zone is the only one that its node affinity allows; "" for none.
	zone string
}

type seenAttachment struct {
	node string
	// volume is the name of the PersistentVolume; "" for an inline volume.
	volume string
	// name is what the volume is called when no PersistentVolume tells.
	name string
}

func seeNode(n *corev1.Node) seenNode {
	s := seenNode{node: node(n), placing: corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: n.Labels}, Spec: corev1.NodeSpec{Taints: n.Spec.Taints}}}
	for _, v := range n.Status.VolumesAttached {
		s.attached = append(s.attached, string(v.Name))
	}
	return s
}

func seePod(p *corev1.Pod) seenPod { return seenPod{pod: pod(p), claims: claimsOf(p)} }

func seeBudget(b *policyv1.PodDisruptionBudget) seenBudget {
	selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
	if err != nil {
		selector = labels.Nothing()
	}
	return seenBudget{budget: budget(b), selector: selector.String(), matches: selector}
}

func seeVolume(v *corev1.PersistentVolume) seenVolume {
	s := seenVolume{zone: zoneOfVolume(v)}
	if csi := v.Spec.CSI; csi != nil {
		s.name = csiName(csi.Driver, csi.VolumeHandle)
	}
	return s
}

func seeClaim(c *corev1.PersistentVolumeClaim) string {
	if c.Status.Phase != corev1.ClaimBound {
		return ""
	}
	return c.Spec.VolumeName
}

func seeAttachment(a *storagev1.VolumeAttachment) seenAttachment {
	s := seenAttachment{node: a.Spec.NodeName, name: "attachment/" + a.Name}
	if name := a.Spec.Source.PersistentVolumeName; name != nil {
		s.volume = *name
	}
	if inline := a.Spec.Source.InlineVolumeSpec; inline != nil && inline.CSI != nil {
		s.name = csiName(inline.CSI.Driver, inline.CSI.VolumeHandle)
	}
	return s
}

func seeCSINode(n *storagev1.CSINode) []string {
	var drivers []string
	for _, d := range n.Spec.Drivers {
		drivers = append(drivers, d.Name)
	}
	slices.Sort(drivers)
	return drivers
}

// seeDaemonSet keeps what decides where the pods of a critical DaemonSet
// stand, and nothing of others.
func seeDaemonSet(d *appsv1.DaemonSet) *appsv1.DaemonSet {
	spec := &d.Spec.Template.Spec
	if !isCritical(spec.PriorityClassName) || d.DeletionTimestamp != nil {
		return nil
	}
	kept := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: d.Name}}
	kept.Spec.Template.Spec = corev1.PodSpec{PriorityClassName: spec.PriorityClassName, NodeName: spec.NodeName,
		NodeSelector: spec.NodeSelector, Affinity: spec.Affinity, Tolerations: spec.Tolerations, HostNetwork: spec.HostNetwork}
	return kept
}

// workloads puts together what was read. The maps and slices inside nodes and
// pods are those that were read: whoever gets them must not change them.
func (s *seen) workloads() *fairway.Workloads {
	attached, zoneOf := s.attachedByNode(), s.zoneByClaim()
	w := &fairway.Workloads{
		Nodes:   make([]fairway.Node, 0, len(s.nodes.byKey)),
		Pods:    make([]fairway.Pod, 0, len(s.pods.byKey)),
		Budgets: make([]fairway.Budget, 0, len(s.budgets.byKey)),
	}
	placing := make([]*corev1.Node, 0, len(s.nodes.byKey))
	for _, i := range s.nodes.inOrder() {
		n := i.value.node
		n.VolumesAttached = len(attached[n.Name])
		n.CSIDrivers = s.csiNodes.get(n.Name)
		w.Nodes = append(w.Nodes, n)
		placing = append(placing, &i.value.placing)
	}
	for _, i := range s.daemonSets.inOrder() {
		if i.value != nil {
			w.DaemonSets = append(w.DaemonSets, daemonSet(i.value, placing))
		}
	}
	byNamespace := map[string][]int{}
	for _, i := range s.pods.inOrder() {
		p := i.value.pod
		for _, claim := range i.value.claims {
			p.VolumeZone = cmp.Or(p.VolumeZone, zoneOf[claim])
		}
		byNamespace[p.Namespace] = append(byNamespace[p.Namespace], len(w.Pods))
		w.Pods = append(w.Pods, p)
	}
	for _, i := range s.budgets.inOrder() {
		b := i.value.budget
		for _, p := range byNamespace[b.Namespace] {
			if i.value.matches.Matches(labels.Set(w.Pods[p].Labels)) {
				b.PodUIDs = append(b.PodUIDs, w.Pods[p].UID)
			}
		}
		w.Budgets = append(w.Budgets, b)
	}
	return w
}
