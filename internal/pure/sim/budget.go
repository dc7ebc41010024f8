package sim

import (
	"time"

	"github.com/fairwayhq/fairway"
)

// budget is a PodDisruptionBudget with the status that its controller computed
// last.
type budget struct {
	world  *world
	of     *workload
	min    int
	leader bool // covers the leader only
	due    bool
	status fairway.Budget
}

// covers reports whether the selector matches a pod.
func (b *budget) covers(p *pod) bool {
	return p.of == b.of && !p.Finished && (!b.leader || p.UID == b.of.leader)
}

// compute is one turn of the budget's controller.
func (b *budget) compute() {
	name := b.of.Name
	if b.leader {
		name += "-leader"
	}
	s := fairway.Budget{Namespace: "default", Name: name, DesiredHealthy: b.min, ExpectedPods: b.of.Replicas, Generation: 1, ObservedGeneration: 1}
	if b.leader {
		s.ExpectedPods = 1
	}
	for _, id := range b.world.names.pods {
		p := b.world.pods[id]
		if p == nil || !b.covers(p) {
			continue
		}
		s.PodUIDs = append(s.PodUIDs, p.UID)
		if p.Ready && !p.Deleting {
			s.CurrentHealthy++
		}
	}
	s.DisruptionsAllowed = max(0, s.CurrentHealthy-s.DesiredHealthy)
	b.status = s
}

// evict is the API server's answer to an eviction.
func (w *world) evict(uid string) bool {
	p := w.pods[uid]
	if p == nil || p.Deleting {
		return true
	}
	var covering []*budget
	for _, b := range w.budgets {
		if b.covers(p) {
			covering = append(covering, b)
		}
	}
	if len(covering) > 1 {
		return false
	}
	if len(covering) == 1 {
		b := covering[0]
		switch {
		case !p.Ready && b.status.CurrentHealthy >= b.min:
		case b.status.DisruptionsAllowed <= 0:
			return false
		default:
			b.status.DisruptionsAllowed--
		}
	}
	w.check.evicts(p)
	w.deletePod(p)
	return true
}

// leaders is the operator: a leader leaves a node that is marked as soon as a
// ready member stands on one that is not, and is replaced when it is gone.
func (w *world) leaders() {
	for _, name := range w.names.workloads {
		wl := w.services[name]
		if !wl.Leader {
			continue
		}
		var lead, best *pod
		for _, id := range w.names.pods {
			p := w.pods[id]
			if p == nil || p.of != wl || p.Deleting || !p.Ready {
				continue
			}
			if p.UID == wl.leader {
				lead = p
			} else if best == nil || !w.leaving(p) && w.leaving(best) {
				best = p
			}
		}
		if best != nil && (lead == nil || w.leaving(lead) && !w.leaving(best)) {
			if wl.leader != "" {
				wl.moves++
				w.result.LeaderMoves = max(w.result.LeaderMoves, wl.moves)
			}
			wl.leader = best.UID
			w.changed(best)
		}
	}
}

// leaving reports whether the node under a pod is marked.
func (w *world) leaving(p *pod) bool {
	n := w.nodes[p.Node]
	return n == nil || n.Labels[fairway.LabelLifecycleStatus] != fairway.LifecycleReady
}

// disturb plans what happens by itself.
func (w *world) disturb() {
	var operate func()
	operate = func() { w.leaders(); w.after(time.Second, operate) }
	for _, wl := range w.Workloads {
		if wl.Leader {
			w.after(time.Second, operate)
			break
		}
	}
	if w.FlapEvery > 0 {
		var flap func()
		flap = func() {
			n := w.nodes[w.names.nodes[w.rand.IntN(len(w.names.nodes))]]
			if n != nil && n.Ready && w.now.Sub(epoch) < 20*time.Minute {
				w.setReady(n, false)
				w.after(w.upTo(30*time.Second), func() {
					w.setReady(n, w.instances[n.Name[len("node-"):]] != nil && w.instances[n.Name[len("node-"):]].State != fairway.InstanceTerminating)
				})
			}
			w.after(w.about(w.FlapEvery), flap)
		}
		w.after(w.about(w.FlapEvery), flap)
	}
	if w.MassUnready > 0 {
		w.after(w.MassUnready, func() {
			for i, name := range w.names.nodes {
				if n := w.nodes[name]; n != nil && n.Ready && i%2 == 0 {
					w.setReady(n, false)
					w.after(50*time.Second, func() {
						if inst := w.instances[n.Name[len("node-"):]]; inst != nil && inst.State != fairway.InstanceTerminating {
							w.setReady(n, true)
						}
					})
				}
			}
		})
	}
	if w.KillEvery > 0 {
		var kill func()
		kill = func() { w.manager.kill(); w.after(w.about(w.KillEvery), kill) }
		w.after(w.about(w.KillEvery), kill)
	}
}
