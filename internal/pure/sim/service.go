package sim

import (
	"time"

	"github.com/fairwayhq/fairway"
)

// service is a data service with a leader, as far as its operator knows it.
type service struct {
	lead     *pod // nil while nobody leads
	moves    int  // because of the roll
	electing bool // a new leader is being found
}

// operate is a turn of the operators: a leader leaves a node that is marked as
// soon as a ready member stands on one that is not, and is replaced when it is
// gone.
func (w *world) operate() {
	for _, wl := range w.workloads {
		if wl.Leader {
			w.lead(wl)
		}
	}
}

func (w *world) lead(wl *workload) {
	if wl.electing {
		return
	}
	best, lead := w.heir(wl), wl.lead
	if best == nil || best == lead || lead.leads() && (!w.unwanted(lead) || w.unwanted(best)) {
		return
	}
	wl.electing = true
	if lead != nil && lead.leads() && wl.RoleGap < time.Second {
		w.elect(wl) // a switch-over: there is a leader at every moment
		return
	}
	if lead != nil {
		lead.Role = "replica"
		w.changed(lead)
	}
	w.after(w.upTo(wl.RoleGap), func() { w.elect(wl) })
}

// leads reports whether the pod can be the leader still.
func (p *pod) leads() bool { return p != nil && !p.gone && !p.Deleting && p.Ready }

// elect makes the best member the leader; the one before stays it where there
// is none on a node that is not marked.
func (w *world) elect(wl *workload) {
	if !wl.Leader {
		return
	}
	wl.electing = false
	best, before := w.heir(wl), wl.lead
	if before.leads() && (best == nil || w.unwanted(best)) {
		best = before
	}
	if before != nil && before != best {
		before.Role = "replica"
	}
	if before != nil && best != nil && best != before {
		w.checker.leads(wl, before, best)
	}
	if best != nil {
		best.Role = "leader"
		wl.lead = best
		w.changed(best)
	}
}

// leads reports whether a leader stands on the node, or did a moment ago.
func (n *node) leads() bool {
	for _, p := range n.pods {
		if p.of.lead == p {
			return true
		}
	}
	return false
}

// heir returns the ready member that should lead: one on a node that is not
// marked before others.
func (w *world) heir(wl *workload) *pod {
	var best *pod
	for _, p := range wl.pods {
		if p.Ready && !p.Deleting && (best == nil || w.unwanted(best) && !w.unwanted(p)) {
			best = p
		}
	}
	return best
}

// unwanted reports whether the node under a pod is marked.
func (w *world) unwanted(p *pod) bool {
	return p.on == nil || p.on.Labels[fairway.LabelLifecycleStatus] != ready
}

// operateEvery is how often operators look.
const operateEvery = time.Second
