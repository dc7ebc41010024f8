package sim

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// node is a Kubernetes node. Its labels, annotations and taints are never
// changed but replaced, so that lists of nodes can share them.
type node struct {
	fairway.Node
	inst     *instance
	pods     []*pod    // those that can be evicted first, by name
	volumes  []*volume // attached, or being detached
	owned    uint16    // the marks that the roll owns, as bits of markNames
	foreign  bool      // cordoned by a person
	faulty   bool      // not ready by a fault of the world
	original bool      // there from the start
	proven   bool      // has been ready, with all that it needs, for long enough
	gone     bool
	agents   bool          // its critical agents are Ready
	probe    *pod          // that shows that it works
	probed   bool          // it has shown it
	since    time.Duration // since when it has had all that it needs; -1: not now
	told     time.Duration // when load balancers were told to forget it
	excluded bool          // load balancers forget it
	drained  time.Duration // when its drain began; -1: it is not drained
	begun    time.Duration // what it says about that, also while it is left alone; -1: nothing
	idle     time.Duration // since when an autoscaler could remove it; -1: not now
}

// markNames are the marks in the order of their names.
var markNames = []string{fairway.MarkCordon, fairway.MarkDrainStart, fairway.MarkExcludeLB, fairway.MarkLastForced, fairway.MarkStatus,
	fairway.MarkQuarantine, fairway.MarkReplacement, fairway.MarkScaleDown, fairway.MarkTaint}

// updateID is the update that rolls.
const updateID = "u-1"

// driver is the storage driver that nodes with volumes need.
const driver = "csi.example.org"

const (
	slotCPU    = 1000    // millicores of a node for each pod that it has room for
	slotMemory = 2 << 30 // bytes
	ready      = fairway.LifecycleReady
)

var readyLabels = map[string]string{fairway.LabelLifecycleStatus: ready}

// register makes the Node object of an instance.
func (w *world) register(inst *instance, isReady bool) *node {
	size := int64(100)
	if inst.Generation == "2" && inst.of.spec.Grown > 0 {
		size = int64(inst.of.spec.Grown)
	}
	n := &node{Node: fairway.Node{
		Name: inst.NodeName, UID: inst.NodeName, ProviderID: inst.ProviderID, Zone: inst.Zone,
		Labels: readyLabels, Ready: isReady, ReadySince: w.time(), CreatedAt: w.time(),
		Pods: int64(w.Slots), CPU: int64(w.Slots) * slotCPU * size / 100, Memory: int64(w.Slots) * slotMemory * size / 100,
	}, inst: inst, since: -1, drained: -1, begun: -1, idle: -1}
	inst.node = n
	w.nodes = append(w.nodes, n)
	for _, wl := range w.workloads {
		if wl.Kind == "DaemonSet" || wl.Kind == "Mirror" {
			w.daemon(wl, n)
		}
	}
	w.unplaced = true
	w.after(w.upTo(w.SlowDaemons), func() {
		if n.gone || inst.bad == unready || n.agents {
			return
		}
		n.agents = inst.bad != agentless || !w.hasAgents
		for _, p := range n.pods {
			if p.of.Kind == "DaemonSet" {
				p.Ready, p.ReadySince = n.agents && n.Ready, w.time()
			}
		}
		w.proves(n)
	})
	w.after(w.upTo(w.SlowDaemons), func() {
		if inst.bad != driverless && inst.bad != unready {
			n.CSIDrivers = []string{driver}
			w.proves(n)
		}
	})
	return n
}

// equip gives a node at once what others get with time.
func (n *node) equip() {
	n.agents, n.CSIDrivers = true, []string{driver}
	for _, p := range n.pods {
		p.Ready = true
	}
}

// proves notes since when a new node has all that it needs.
func (w *world) proves(n *node) {
	s := n.inst.of.spec.Settings
	all := n.Ready && n.inst.State == fairway.InstanceInService && n.agents && len(n.CSIDrivers) > 0 && (!s.Probe || n.probed)
	switch {
	case n.proven:
	case !all:
		n.since = -1
	case n.since < 0:
		n.since = w.now
	}
}

// counts reports whether the node has been ready for so long that the roll may
// build on it.
func (w *world) counts(n *node) bool {
	if !n.proven && n.since >= 0 && (w.ClockJumps || w.checker.kills > 0 || w.now-n.since >= n.inst.of.spec.Settings.MinReady-slack) {
		n.proven = true
	}
	return n.proven
}

// slack is what a check allows for roundings.
const slack = 200 * time.Millisecond

func (w *world) unregister(inst *instance) {
	n := inst.node
	if n == nil {
		return
	}
	for len(n.pods) > 0 {
		w.remove(n.pods[0])
	}
	n.gone = true
	w.nodes = slices.DeleteFunc(w.nodes, func(o *node) bool { return o == n })
}

func (w *world) node(name string) *node {
	for _, n := range w.nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// leaving reports whether the instance under the node is shutting down.
func (n *node) leaving() bool {
	return n.inst.State == fairway.InstanceTerminating || n.inst.State == fairway.InstanceTerminated
}

// old reports whether the node is outdated.
func (n *node) old() bool {
	i, s := n.inst, n.inst.of.spec.Settings
	return i.of.spec.Remove || i.Generation != i.of.Generation || i.Outdated != "" || n.Annotations[fairway.AnnotationRotate] != "" ||
		s.MaxAge > 0 && i.of.world.time().Sub(i.LaunchedAt) >= s.MaxAge-slack
}

// stays reports whether the node waits for a person to ask for its replacement.
func (n *node) stays() bool {
	return n.inst.of.spec.Settings.Strategy == roll.OnDelete && n.Annotations[fairway.AnnotationRotate] == ""
}

func (n *node) annotate(key, value string) {
	a := maps.Clone(n.Annotations)
	if a == nil {
		a = map[string]string{}
	}
	if delete(a, key); value != "" {
		a[key] = value
	}
	n.Annotations = a
}

func (n *node) label(key, value string) {
	l := maps.Clone(n.Labels)
	if delete(l, key); value != "" {
		l[key] = value
	}
	n.Labels = l
}

func (n *node) tainted(effect string) bool {
	return slices.ContainsFunc(n.Taints, func(t fairway.Taint) bool { return t.Effect == effect })
}

// setReady changes a node's readiness by a fault of the world, or its end.
func (w *world) setReady(n *node, isReady bool) {
	if n.gone || n.leaving() || n.Ready == isReady {
		return
	}
	w.counts(n)
	n.Ready, n.faulty, n.ReadySince = isReady, !isReady, w.time()
	for _, p := range n.pods {
		if p.broken || p.Deleting || p.Finished || !p.started || p.of.Kind == "DaemonSet" && !n.agents {
			continue
		}
		p.Ready = isReady
		w.serves(p)
		w.changed(p)
	}
	w.proves(n)
	w.unplaced = true
}

// own notes whether a mark is the roll's.
func (n *node) own(mark string, set bool) {
	bit := uint16(1) << slices.Index(markNames, mark)
	if n.owned &^= bit; set {
		n.owned |= bit
	}
}

func (n *node) owns(mark string) bool { return n.owned>>slices.Index(markNames, mark)&1 != 0 }

// ownersText is the annotation that says who set which mark.
func (w *world) ownersText(owned uint16) string {
	if owned == 0 {
		return ""
	}
	if text, ok := w.marks[owned]; ok {
		return text
	}
	var parts []string
	for i, name := range markNames {
		if owned>>i&1 != 0 {
			parts = append(parts, `"`+name+`":"`+updateID+`"`)
		}
	}
	slices.Sort(parts)
	w.marks[owned] = "{" + strings.Join(parts, ",") + "}"
	return w.marks[owned]
}

// mark is the API server's side of fairway.NodeMarks.
func (w *world) mark(name string, m fairway.NodeMarks) {
	n := w.node(name)
	if n == nil {
		return
	}
	if m.Cordoned != nil && *m.Cordoned && !n.Unschedulable {
		w.checker.cordons(n)
	}
	if m.ExcludeLB != nil && *m.ExcludeLB && !n.excluded {
		w.checker.excludes(n)
	}
	w.markSpec(n, m)
	w.markMeta(n, m)
	n.annotate(fairway.AnnotationMarks, w.ownersText(n.owned))
	w.unplaced = true
}

func (w *world) markSpec(n *node, m fairway.NodeMarks) {
	if m.TaintEffect != nil {
		n.Taints = slices.DeleteFunc(slices.Clone(n.Taints), func(t fairway.Taint) bool { return t.Key == fairway.TaintDecommission })
		if *m.TaintEffect != "" {
			n.Taints = append(n.Taints, fairway.Taint{Key: fairway.TaintDecommission, Value: fairway.TaintDecommissionValue, Effect: *m.TaintEffect})
		}
		n.own(fairway.MarkTaint, *m.TaintEffect != "")
	}
	switch {
	case m.Cordoned == nil || *m.Cordoned && n.foreign:
	case *m.Cordoned:
		n.Unschedulable = true
		n.own(fairway.MarkCordon, true)
	case n.owns(fairway.MarkCordon):
		n.Unschedulable = false
		n.own(fairway.MarkCordon, false)
	}
}

func (w *world) markMeta(n *node, m fairway.NodeMarks) {
	if m.Status != nil {
		w.checker.marking = w.now
		n.label(fairway.LabelLifecycleStatus, *m.Status)
		n.own(fairway.MarkStatus, *m.Status != ready)
	}
	if m.DrainStart != nil {
		n.own(fairway.MarkDrainStart, !m.DrainStart.IsZero())
		if m.DrainStart.IsZero() {
			n.annotate(fairway.AnnotationDrainStart, "")
			n.drained, n.begun = -1, -1
		} else if n.Annotations[fairway.AnnotationDrainStart] == "" {
			n.annotate(fairway.AnnotationDrainStart, m.DrainStart.Format(time.RFC3339))
			n.drained, n.begun = w.now, w.now
		} else if n.drained < 0 {
			n.drained = w.now
		}
	} else if m.Quarantine != nil && *m.Quarantine != "" {
		n.drained = -1
	}
	if m.ExcludeLB != nil && *m.ExcludeLB != n.excluded {
		w.exclude(n, *m.ExcludeLB)
		n.own(fairway.MarkExcludeLB, *m.ExcludeLB)
	}
	text := func(value *string, key, mark string) {
		if value != nil {
			n.annotate(key, *value)
			n.own(mark, *value != "")
		}
	}
	text(m.Quarantine, fairway.AnnotationQuarantine, fairway.MarkQuarantine)
	if m.ScaleDownDisabled != nil {
		value := ""
		if *m.ScaleDownDisabled {
			value = "true"
		}
		text(&value, fairway.AnnotationScaleDown, fairway.MarkScaleDown)
	}
	if m.LastForced != nil {
		value := ""
		if !m.LastForced.IsZero() {
			value = m.LastForced.Format(time.RFC3339)
		}
		text(&value, fairway.AnnotationLastForced, fairway.MarkLastForced)
	}
	if m.Replacement != nil {
		n.label(fairway.LabelReplacement, *m.Replacement)
		n.own(fairway.MarkReplacement, *m.Replacement != "")
	}
}
