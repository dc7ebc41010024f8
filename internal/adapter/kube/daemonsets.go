package kube

import (
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"github.com/fairwayhq/fairway"
)

// daemonSet returns a DaemonSet with the nodes that it wants a pod on: those
// that node selector and required affinity allow and whose taints it tolerates,
// as the DaemonSet controller judges it.
func daemonSet(set *appsv1.DaemonSet, nodes []*corev1.Node) fairway.DaemonSet {
	d := fairway.DaemonSet{Namespace: set.Namespace, Name: set.Name}
	placed := newPlacement(&set.Spec.Template.Spec)
	for _, n := range nodes {
		if placed.wants(n) {
			d.Nodes = append(d.Nodes, n.Name)
		}
	}
	return d
}

// placement is where the pods of a DaemonSet may stand.
type placement struct {
	nodeName    string
	selector    labels.Selector
	terms       []placementTerm // nil means anywhere; alternatives otherwise
	tolerations []corev1.Toleration
}

// placementTerm holds when all its requirements hold; one that asks for
// nothing, or cannot be read, never does.
type placementTerm struct {
	labels labels.Selector
	fields []corev1.NodeSelectorRequirement
}

// daemonTolerations are what the DaemonSet controller gives to its pods.
var daemonTolerations = []corev1.Toleration{
	{Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists},
	{Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists},
	{Key: corev1.TaintNodeDiskPressure, Operator: corev1.TolerationOpExists},
	{Key: corev1.TaintNodeMemoryPressure, Operator: corev1.TolerationOpExists},
	{Key: corev1.TaintNodePIDPressure, Operator: corev1.TolerationOpExists},
	{Key: corev1.TaintNodeUnschedulable, Operator: corev1.TolerationOpExists},
}

func newPlacement(spec *corev1.PodSpec) placement {
	p := placement{nodeName: spec.NodeName, selector: labels.SelectorFromSet(spec.NodeSelector),
		tolerations: slices.Concat(spec.Tolerations, daemonTolerations)}
	if spec.HostNetwork {
		p.tolerations = append(p.tolerations, corev1.Toleration{Key: corev1.TaintNodeNetworkUnavailable, Operator: corev1.TolerationOpExists})
	}
	if spec.Affinity == nil || spec.Affinity.NodeAffinity == nil || spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return p
	}
	p.terms = []placementTerm{}
	for _, t := range spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		p.terms = append(p.terms, newPlacementTerm(t))
	}
	return p
}

// nodeOperators are the operators of node selectors as those of labels.
var nodeOperators = map[corev1.NodeSelectorOperator]selection.Operator{
	corev1.NodeSelectorOpIn: selection.In, corev1.NodeSelectorOpNotIn: selection.NotIn,
	corev1.NodeSelectorOpExists: selection.Exists, corev1.NodeSelectorOpDoesNotExist: selection.DoesNotExist,
	corev1.NodeSelectorOpGt: selection.GreaterThan, corev1.NodeSelectorOpLt: selection.LessThan,
}

func newPlacementTerm(t corev1.NodeSelectorTerm) placementTerm {
	if len(t.MatchExpressions)+len(t.MatchFields) == 0 {
		return placementTerm{labels: labels.Nothing()}
	}
	selector := labels.NewSelector()
	for _, e := range t.MatchExpressions {
		r, err := labels.NewRequirement(e.Key, nodeOperators[e.Operator], e.Values)
		if err != nil {
			return placementTerm{labels: labels.Nothing()}
		}
		selector = selector.Add(*r)
	}
	return placementTerm{labels: selector, fields: t.MatchFields}
}

// holds reports whether the term allows a node. The name is the only field
// that Kubernetes knows here.
func (t placementTerm) holds(n *corev1.Node) bool {
	for _, f := range t.fields {
		in := slices.Contains(f.Values, n.Name)
		if f.Key != "metadata.name" || f.Operator != corev1.NodeSelectorOpIn && f.Operator != corev1.NodeSelectorOpNotIn ||
			in != (f.Operator == corev1.NodeSelectorOpIn) {
			return false
		}
	}
	return t.labels.Matches(labels.Set(n.Labels))
}

// wants reports whether a pod belongs on the node. A taint that only prefers
// others does not count.
func (p *placement) wants(n *corev1.Node) bool {
	if p.nodeName != "" && p.nodeName != n.Name || !p.selector.Matches(labels.Set(n.Labels)) {
		return false
	}
	if p.terms != nil && !slices.ContainsFunc(p.terms, func(t placementTerm) bool { return t.holds(n) }) {
		return false
	}
	for i := range n.Spec.Taints {
		t := &n.Spec.Taints[i]
		if t.Effect != corev1.TaintEffectPreferNoSchedule && !slices.ContainsFunc(p.tolerations, func(o corev1.Toleration) bool { return tolerates(o, t) }) {
			return false
		}
	}
	return true
}

// tolerates reports whether a toleration covers a taint.
func tolerates(o corev1.Toleration, t *corev1.Taint) bool {
	if o.Effect != "" && o.Effect != t.Effect || o.Key != "" && o.Key != t.Key {
		return false
	}
	switch o.Operator {
	case "", corev1.TolerationOpEqual:
		return o.Value == t.Value
	case corev1.TolerationOpExists:
		return true
	case corev1.TolerationOpGt, corev1.TolerationOpLt:
		wanted, err := strconv.ParseInt(o.Value, 10, 64)
		is, err2 := strconv.ParseInt(t.Value, 10, 64)
		return err == nil && err2 == nil && (o.Operator == corev1.TolerationOpGt && is > wanted || o.Operator == corev1.TolerationOpLt && is < wanted)
	}
	return false
}
