package sim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/fairwayhq/fairway"
)

// node is a Kubernetes node.
type node struct {
	fairway.Node
	pool     string
	foreign  bool // cordoned by a person
	faulty   bool // not ready by a fault of the world
	marked   time.Time
	attached map[string]bool // volumes, by pod name
}

// pod is a pod with what the world knows of it.
type pod struct {
	fairway.Pod
	of     *workload
	broken bool // never becomes Ready
}

// workload is a set of pods under a controller.
type workload struct {
	Workload
	zones  map[string]string // of volumes, by pod name
	leader string            // pod UID
	moves  int
}

// register makes the Node object of an instance.
func (w *world) register(inst *instance, ready bool) {
	n := &node{Node: fairway.Node{
		Name: inst.NodeName, UID: inst.NodeName, ProviderID: inst.ProviderID, Zone: inst.Zone,
		Labels:      map[string]string{fairway.LabelLifecycleStatus: fairway.LifecycleReady},
		Annotations: map[string]string{}, Ready: ready, ReadySince: w.now, CreatedAt: w.now, Pods: int64(w.Slots),
	}, pool: inst.Pool, attached: map[string]bool{}}
	w.nodes[n.Name] = n
	w.names.nodes = append(w.names.nodes, n.Name)
	for _, name := range w.names.workloads {
		if wl := w.services[name]; wl.Kind == "DaemonSet" || wl.Kind == "Mirror" {
			w.daemon(wl, n)
		}
	}
}

func (w *world) unregister(name string) {
	n := w.nodes[name]
	if n == nil {
		return
	}
	for _, p := range w.on(n) {
		w.remove(p)
	}
	delete(w.nodes, name)
}

// on returns the pods on a node.
func (w *world) on(n *node) []*pod {
	var out []*pod
	for _, id := range w.names.pods {
		if p := w.pods[id]; p != nil && p.Node == n.Name {
			out = append(out, p)
		}
	}
	return out
}

func (w *world) addWorkload(spec Workload) {
	wl := &workload{Workload: spec, zones: map[string]string{}}
	w.services[spec.Name] = wl
	w.names.workloads = append(w.names.workloads, spec.Name)
	if spec.Kind == "DaemonSet" || spec.Kind == "Mirror" {
		for _, name := range w.names.nodes {
			w.daemon(wl, w.nodes[name])
		}
		return
	}
	for i := range spec.Replicas {
		p := w.addPod(wl, fmt.Sprintf("%s-%d", spec.Name, i))
		p.broken = i < spec.NeverReady
	}
	if spec.MinAvailable >= 0 {
		w.budgets = append(w.budgets, &budget{world: w, of: wl, min: spec.MinAvailable})
	}
	if spec.Leader {
		w.budgets = append(w.budgets, &budget{world: w, of: wl, min: 1, leader: true})
	}
}

func (w *world) addPod(wl *workload, name string) *pod {
	p := &pod{of: wl, Pod: fairway.Pod{
		Namespace: "default", Name: name, UID: w.id("pod"), OwnerKind: wl.Kind, OwnerName: wl.Name,
		Critical: wl.Critical, CreatedAt: w.now,
	}}
	if wl.Zonal {
		p.VolumeZone = wl.zones[name]
	}
	w.pods[p.UID] = p
	w.names.pods = append(w.names.pods, p.UID)
	return p
}

func (w *world) daemon(wl *workload, n *node) {
	p := w.addPod(wl, wl.Name+"-"+n.Name)
	p.Node, p.Ready = n.Name, n.Ready
	if wl.Kind == "Mirror" {
		p.Mirror, p.OwnerKind = true, "Node"
	}
}

// schedule gives waiting pods a node: first come, first served; nodes without
// the taint, with fewest pods of the same workload, with fewest pods first.
func (w *world) schedule() {
	var waiting []*pod
	count := map[string]int{}
	same := map[string]map[*workload]int{}
	for _, id := range w.names.pods {
		p := w.pods[id]
		switch {
		case p == nil || p.Finished:
		case p.Node == "" && !p.Deleting:
			waiting = append(waiting, p)
		default:
			count[p.Node]++
			if same[p.Node] == nil {
				same[p.Node] = map[*workload]int{}
			}
			same[p.Node][p.of]++
		}
	}
	for _, p := range waiting {
		var fit []*node
		for _, name := range w.names.nodes {
			n := w.nodes[name]
			if n == nil || !n.Ready || n.Unschedulable || count[n.Name] >= w.Slots || p.of.Pool != n.pool || p.VolumeZone != "" && p.VolumeZone != n.Zone || n.tainted("NoSchedule") {
				continue
			}
			fit = append(fit, n)
		}
		if len(fit) == 0 {
			continue
		}
		n := slices.MinFunc(fit, func(a, b *node) int {
			return cmp.Or(rank(a.tainted("PreferNoSchedule"))-rank(b.tainted("PreferNoSchedule")), same[a.Name][p.of]-same[b.Name][p.of], count[a.Name]-count[b.Name])
		})
		count[n.Name]++
		if same[n.Name] == nil {
			same[n.Name] = map[*workload]int{}
		}
		same[n.Name][p.of]++
		w.bind(p, n)
	}
}

func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (n *node) tainted(effect string) bool {
	return slices.ContainsFunc(n.Taints, func(t fairway.Taint) bool { return t.Effect == effect })
}

// bind puts a pod on a node; it starts once its volume is free and attached.
func (w *world) bind(p *pod, n *node) {
	p.Node = n.Name
	if !p.of.Zonal {
		w.after(w.about(w.PodStart), func() { w.becomesReady(p) })
		return
	}
	p.VolumeZone, p.of.zones[p.Name] = n.Zone, n.Zone
	w.attach(p, n)
}

func (w *world) attach(p *pod, n *node) {
	for _, name := range w.names.nodes {
		if o := w.nodes[name]; o != nil && o != n && o.attached[p.Name] {
			w.after(500*time.Millisecond, func() { w.attach(p, n) })
			return
		}
	}
	if w.pods[p.UID] == nil || w.nodes[n.Name] == nil {
		return
	}
	n.attached[p.Name] = true
	n.VolumesAttached = len(n.attached)
	w.after(w.about(w.Attach)+w.about(w.PodStart), func() { w.becomesReady(p) })
}

func (w *world) becomesReady(p *pod) {
	n := w.nodes[p.Node]
	if w.pods[p.UID] == nil || n == nil || p.Deleting || p.broken || p.Finished {
		return
	}
	p.Ready = n.Ready
	w.changed(p)
	if p.of.Kind == "Job" {
		w.after(p.of.RunFor, func() {
			if w.pods[p.UID] != nil && !p.Deleting {
				p.Finished, p.Ready = true, false
			}
		})
	}
}

// deletePod begins the end of a pod.
func (w *world) deletePod(p *pod) {
	p.Deleting = true
	w.changed(p)
	if p.of.Kind == "ReplicaSet" {
		w.replaceLater(p)
	}
	w.after(w.about(w.PodStop), func() { w.remove(p) })
}

// remove is the end of a pod.
func (w *world) remove(p *pod) {
	if w.pods[p.UID] == nil {
		return
	}
	delete(w.pods, p.UID)
	p.Ready = false
	if p.of.Kind == "StatefulSet" || p.of.Kind == "Job" && !p.Finished || p.of.Kind == "ReplicaSet" && !p.Deleting {
		w.replaceLater(p)
	}
	if n := w.nodes[p.Node]; n != nil && n.attached[p.Name] {
		w.after(w.about(w.Detach), func() {
			delete(n.attached, p.Name)
			n.VolumesAttached = len(n.attached)
			w.schedule()
		})
	}
	w.changed(p)
	w.schedule()
}

// replaceLater makes the substitute of a pod, as its controller does.
func (w *world) replaceLater(p *pod) {
	w.after(w.upTo(500*time.Millisecond), func() {
		name := p.Name
		if p.of.Kind != "StatefulSet" {
			name = w.id(p.of.Name)
		}
		q := w.addPod(p.of, name)
		q.broken = p.broken
		w.changed(q)
		w.schedule()
	})
}

// changed tells the budgets, some time later.
func (w *world) changed(p *pod) {
	for _, b := range w.budgets {
		if b.of == p.of && !b.due {
			b.due = true
			w.after(w.upTo(w.BudgetDelay), func() { b.due = false; b.compute() })
		}
	}
}

// setReady changes a node's readiness by a fault of the world, or its end.
func (w *world) setReady(n *node, ready bool) {
	if w.nodes[n.Name] == nil || n.Ready == ready {
		return
	}
	n.Ready, n.faulty, n.ReadySince = ready, !ready, w.now
	for _, p := range w.on(n) {
		if !p.broken && !p.Deleting && !p.Finished {
			p.Ready = ready
			w.changed(p)
		}
	}
	w.schedule()
}

// mark is the API server's side of fairway.NodeMarks.
func (w *world) mark(name string, m fairway.NodeMarks) {
	n := w.nodes[name]
	if n == nil {
		return
	}
	owners := map[string]string{}
	json.Unmarshal([]byte(n.Annotations[fairway.AnnotationMarks]), &owners)
	own := func(mark string, set bool) {
		delete(owners, mark)
		if set {
			owners[mark] = m.UpdateID
		}
	}
	if m.Cordoned != nil && *m.Cordoned && !n.Unschedulable {
		w.check.cordons(n)
		n.marked = w.now
	}
	if m.TaintEffect != nil {
		n.Taints = slices.DeleteFunc(n.Taints, func(t fairway.Taint) bool { return t.Key == fairway.TaintDecommission })
		if *m.TaintEffect != "" {
			n.Taints = append(n.Taints, fairway.Taint{Key: fairway.TaintDecommission, Value: fairway.TaintDecommissionValue, Effect: *m.TaintEffect})
		}
		own(fairway.MarkTaint, *m.TaintEffect != "")
	}
	if m.Status != nil {
		n.Labels[fairway.LabelLifecycleStatus] = *m.Status
		own(fairway.MarkStatus, *m.Status != fairway.LifecycleReady)
	}
	switch {
	case m.Cordoned == nil || *m.Cordoned && n.foreign:
	case *m.Cordoned:
		n.Unschedulable = true
		own(fairway.MarkCordon, true)
	case owners[fairway.MarkCordon] != "":
		n.Unschedulable = false
		own(fairway.MarkCordon, false)
	}
	if m.DrainStart != nil {
		own(fairway.MarkDrainStart, !m.DrainStart.IsZero())
		if m.DrainStart.IsZero() {
			delete(n.Annotations, fairway.AnnotationDrainStart)
		} else if n.Annotations[fairway.AnnotationDrainStart] == "" {
			n.Annotations[fairway.AnnotationDrainStart] = m.DrainStart.Format(time.RFC3339)
			n.marked = w.now
		}
	}
	if m.ExcludeLB != nil {
		delete(n.Labels, fairway.LabelExcludeLB)
		if *m.ExcludeLB {
			n.Labels[fairway.LabelExcludeLB] = "true"
		}
		own(fairway.MarkExcludeLB, *m.ExcludeLB)
	}
	if m.Quarantine != nil {
		delete(n.Annotations, fairway.AnnotationQuarantine)
		if *m.Quarantine != "" {
			n.Annotations[fairway.AnnotationQuarantine] = *m.Quarantine
		}
		own(fairway.MarkQuarantine, *m.Quarantine != "")
	}
	delete(n.Annotations, fairway.AnnotationMarks)
	if len(owners) > 0 {
		text, _ := json.Marshal(owners)
		n.Annotations[fairway.AnnotationMarks] = string(text)
	}
	w.schedule()
}

// clone returns the node as the API shows it.
func (n *node) clone() fairway.Node {
	c := n.Node
	c.Labels, c.Annotations, c.Taints = maps.Clone(c.Labels), maps.Clone(c.Annotations), slices.Clone(c.Taints)
	return c
}
