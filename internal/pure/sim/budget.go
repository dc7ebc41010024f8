package sim

import "github.com/fairwayhq/fairway"

// budget is a PodDisruptionBudget with the status that its controller computed
// last.
type budget struct {
	of     *workload
	min    int
	leader bool // covers the leader only
	due    bool
	status fairway.Budget
}

func (w *world) addBudget(wl *workload, min int, leader bool) {
	b := &budget{of: wl, min: min, leader: leader}
	b.status = fairway.Budget{Namespace: "default", Name: wl.Name, DesiredHealthy: min, ExpectedPods: wl.Replicas, Generation: 1, ObservedGeneration: 1}
	if leader {
		b.status.Name, b.status.ExpectedPods = wl.Name+"-leader", 1
	}
	wl.budgets = append(wl.budgets, b)
	w.budgets = append(w.budgets, b)
}

// covers reports whether the selector matches a pod of the workload.
func (b *budget) covers(p *pod) bool {
	return !p.Finished && (!b.leader || p.Role == "leader")
}

// compute is one turn of the budget's controller.
func (b *budget) compute() {
	b.status.CurrentHealthy = 0
	for _, p := range b.of.pods {
		if b.covers(p) && p.Ready && !p.Deleting {
			b.status.CurrentHealthy++
		}
	}
	b.status.DisruptionsAllowed = max(0, b.status.CurrentHealthy-b.status.DesiredHealthy)
}

// selected is the budget with the pods that its selector matches now. The list
// of pods is made anew when it changes: others hold the one before.
func (b *budget) selected() fairway.Budget {
	s := &b.status
	n, same := 0, true
	for _, p := range b.of.pods {
		if !b.covers(p) {
			continue
		}
		same = same && n < len(s.PodUIDs) && s.PodUIDs[n] == p.UID
		n++
	}
	if !same || n != len(s.PodUIDs) {
		s.PodUIDs = make([]string, 0, n)
		for _, p := range b.of.pods {
			if b.covers(p) {
				s.PodUIDs = append(s.PodUIDs, p.UID)
			}
		}
	}
	return *s
}

// pod returns the pod with the UID on a node.
func (w *world) pod(node, uid string) *pod {
	n := w.node(node)
	if n == nil {
		return nil
	}
	for _, p := range n.pods {
		if p.UID == uid {
			return p
		}
	}
	return nil
}

// evict is the API server's answer to an eviction.
func (w *world) evict(node, uid string, ours bool) bool {
	p := w.pod(node, uid)
	if p == nil || p.Deleting || p.Finished {
		return true
	}
	var b *budget
	for _, o := range p.of.budgets {
		if o.covers(p) {
			if b != nil {
				return false
			}
			b = o
		}
	}
	if b != nil {
		switch {
		case !p.Ready && b.status.CurrentHealthy >= b.min:
		case b.status.DisruptionsAllowed <= 0:
			return false
		default:
			b.status.DisruptionsAllowed--
		}
	}
	if ours {
		w.checker.evicts(p)
		w.result.Evictions++
	}
	w.deletePod(p, ours)
	return true
}

// changed tells the budgets of a pod, some time later.
func (w *world) changed(p *pod) {
	for _, b := range p.of.budgets {
		if !b.due {
			b.due = true
			w.after(w.upTo(w.BudgetDelay), func() { b.due = false; b.compute() })
		}
	}
}
