package rollbench

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/fairwayhq/fairway"
)

// node is a Kubernetes node.
type node struct {
	fairway.Node
	inst    *instance
	pods    []*pod
	mixed   bool            // pods are not in order
	volumes map[string]bool // attached or being detached, by pod name
}

// app is a set of equal pods, some of which may have a volume, and its budget.
type app struct {
	name     string
	replicas int
	healthy  int // Ready and not terminating
	desired  int // that the budget keeps
	budget   int // index, or -1
	serial   int
	volumes  int  // pods with one
	grows    bool // with the autoscaler's nodes
	least    int  // the fewest healthy ones ever
}

// pod is what the world knows of a pod beside what the API server shows.
type pod struct {
	world  *world
	at     int // index of what the API server shows
	app    *app
	node   *node
	volume bool
	gone   bool
	// freeAt is when its volume can be attached.
	freeAt time.Time
}

// api returns the pod as the API server shows it, until the next pod is made
// or removed.
func (p *pod) api() *fairway.Pod { return &p.world.pods[p.at] }

// register makes the Node object of an instance.
func (w *world) register(inst *instance, ready bool) *node {
	n := &node{inst: inst, volumes: map[string]bool{}, Node: fairway.Node{
		Name: inst.NodeName, UID: inst.NodeName, ProviderID: inst.ProviderID, Zone: inst.Zone,
		Labels:      map[string]string{fairway.LabelLifecycleStatus: fairway.LifecycleReady},
		Annotations: map[string]string{}, Ready: ready, ReadySince: w.now, CreatedAt: w.now, Pods: int64(w.SlotsPerNode),
	}}
	inst.node = n
	w.nodes = append(w.nodes, n)
	w.byName[n.Name] = n
	w.changed = true
	return n
}

func (w *world) addApp(name string, replicas int, never bool) *app {
	a := &app{name: name, replicas: replicas, budget: -1}
	w.apps = append(w.apps, a)
	m, has := w.maxUnavailable(replicas)
	if never {
		m, has = 0, true
	}
	if has && replicas > 0 {
		a.desired, a.budget = replicas-m, len(w.budgets)
		w.budgets = append(w.budgets, fairway.Budget{Namespace: namespace, Name: name, DesiredHealthy: a.desired, ExpectedPods: replicas, Generation: 1, ObservedGeneration: 1})
	}
	return a
}

// addPod makes a pod that waits for a node.
func (w *world) addPod(a *app, volume bool) *pod {
	kind, owner, name := "ReplicaSet", a.name, fmt.Sprintf("%s-%d", a.name, a.serial)
	if volume {
		kind, owner, name = "StatefulSet", a.name+"-data", fmt.Sprintf("%s-data-%d", a.name, a.volumes)
		a.volumes++
	}
	a.serial++
	return w.makePod(a, fairway.Pod{Namespace: namespace, Name: name, OwnerKind: kind, OwnerName: owner, CreatedAt: w.now})
}

func (w *world) makePod(a *app, api fairway.Pod) *pod {
	w.serial++
	api.UID = fmt.Sprintf("%s#%d", api.Name, w.serial)
	api.GracePeriod = seconds(w.GracePeriodS)
	p := &pod{world: w, at: len(w.pods), app: a, volume: api.OwnerKind == "StatefulSet"}
	w.pods, w.states = append(w.pods, api), append(w.states, p)
	w.byUID[api.UID] = p
	w.pending = append(w.pending, p)
	if a.budget >= 0 {
		b := &w.budgets[a.budget]
		b.PodUIDs = append(b.PodUIDs, api.UID)
	}
	w.changed = true
	return p
}

// isReady makes a pod Ready.
func (w *world) isReady(p *pod) {
	if p.gone || p.api().Deleting || p.api().Ready {
		return
	}
	p.api().Ready = true
	w.counts(p.app, 1, true)
}

// counts changes how many pods of an app are healthy.
func (w *world) counts(a *app, by int, allowed bool) {
	before := a.healthy
	a.healthy += by
	a.least = min(a.least, a.healthy)
	if a.budget >= 0 {
		b := &w.budgets[a.budget]
		b.CurrentHealthy, b.DisruptionsAllowed = a.healthy, max(0, a.healthy-a.desired)
		if !allowed && before >= a.desired && a.healthy < a.desired {
			w.measures.violations++
		}
	}
	w.changed = true
}

// bind puts a pod on a node.
func (w *world) bind(p *pod, n *node) {
	w.pending = slices.DeleteFunc(w.pending, func(o *pod) bool { return o == p })
	p.node, p.api().Node = n, n.Name
	n.pods, n.mixed = append(n.pods, p), true
	starts := seconds(w.PodStartS)
	if p.volume {
		starts += max(0, p.freeAt.Sub(w.now)) + seconds(w.VolAttachS)
		n.attach(p)
	}
	w.after(starts, func() { w.isReady(p) })
	w.changed = true
}

// evict is the API server's answer to an eviction.
func (w *world) evict(uid string) fairway.EvictResult {
	p := w.byUID[uid]
	if p == nil || p.api().Deleting {
		return fairway.EvictGone
	}
	if p.app.budget >= 0 && p.node != nil {
		need := p.app.desired
		if p.api().Ready {
			need++
		}
		if p.app.healthy < need {
			return fairway.EvictRefused
		}
	}
	w.remove(p, true)
	return fairway.Evicted
}

// remove begins the end of a pod. The substitute of a pod without a volume
// comes at once.
func (w *world) remove(p *pod, allowed bool) {
	p.api().Deleting = true
	p.api().DeletedAt = w.now.Add(p.api().GracePeriod)
	if p.api().Ready {
		w.counts(p.app, -1, allowed)
	}
	if !p.volume {
		w.addPod(p.app, false)
	}
	w.after(w.drain(), func() { w.forget(p) })
	w.changed = true
}

// kill ends a pod at once, as the end of its machine does.
func (w *world) kill(p *pod) {
	if !p.api().Deleting {
		p.api().Deleting = true
		if p.api().Ready {
			w.counts(p.app, -1, false)
		}
		if !p.volume {
			w.addPod(p.app, false)
		}
	}
	w.forget(p)
}

// forget is the end of a pod. Its volume is detached, and only then the
// substitute can have it.
func (w *world) forget(p *pod) {
	if p.gone {
		return
	}
	p.gone = true
	last := *p.api()
	if a := p.app; a.budget >= 0 {
		b := &w.budgets[a.budget]
		b.PodUIDs = slices.DeleteFunc(b.PodUIDs, func(uid string) bool { return uid == last.UID })
	}
	end := len(w.pods) - 1
	w.pods[p.at], w.states[p.at] = w.pods[end], w.states[end]
	w.states[p.at].at = p.at
	w.pods, w.states = w.pods[:end], w.states[:end]
	delete(w.byUID, last.UID)
	w.pending = slices.DeleteFunc(w.pending, func(o *pod) bool { return o == p })
	if n := p.node; n != nil {
		n.pods = slices.DeleteFunc(n.pods, func(o *pod) bool { return o == p })
		if p.volume {
			w.after(seconds(w.VolDetachS), func() {
				delete(n.volumes, last.Name)
				n.VolumesAttached = len(n.volumes)
				w.changed = true
			})
		}
	}
	if p.volume {
		next := w.makePod(p.app, fairway.Pod{Namespace: namespace, Name: last.Name, OwnerKind: last.OwnerKind, OwnerName: last.OwnerName, CreatedAt: w.now, VolumeZone: last.VolumeZone})
		next.freeAt = w.now.Add(seconds(w.VolDetachS))
	}
	w.changed = true
}

func (n *node) attach(p *pod) {
	n.volumes[p.api().Name] = true
	n.VolumesAttached = len(n.volumes)
}

// schedule gives waiting pods a node: first come, first served; nodes without
// the taint, with fewest pods of the same app, with fewest pods, the oldest.
func (w *world) schedule() {
	if len(w.pending) == 0 {
		return
	}
	for _, p := range slices.Clone(w.pending) {
		var best *node
		var rank [3]int
		for _, n := range w.nodes {
			if !n.schedulable() || len(n.pods) >= w.SlotsPerNode || p.volume && p.api().VolumeZone != n.Zone {
				continue
			}
			r := [3]int{0, 0, len(n.pods)}
			if n.tainted("PreferNoSchedule") {
				r[0] = 1
			}
			for _, o := range n.pods {
				if o.app == p.app {
					r[1]++
				}
			}
			if best == nil || slices.Compare(r[:], rank[:]) < 0 {
				best, rank = n, r
			}
		}
		if best != nil {
			w.bind(p, best)
		}
	}
}

// schedulable reports whether the node takes pods.
func (n *node) schedulable() bool {
	return n.Ready && !n.Unschedulable && !n.tainted("NoSchedule")
}

func (n *node) tainted(effect string) bool {
	return slices.ContainsFunc(n.Taints, func(t fairway.Taint) bool { return cmp.Compare(t.Effect, effect) == 0 })
}
