package roll

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/fairwayhq/fairway"
)

// candidate is an outdated node that could be drained next, and what speaks
// for and against it.
type candidate struct {
	*member
	cost      int  // what its cordon takes from the capacity
	matched   bool // volumes do not hold it
	postponed bool // holds a pod that a budget lets go only once something else has moved
	retry     bool // was quarantined
	steers    bool // its leaving brings an instance into a zone that needs one
	contends  int  // pods whose budget has nothing to give
}

// start begins as many drains as capacity and zones allow, the best first.
func (v *view) start(p *pool) {
	for range p.members {
		all, later := v.inTurn(p, v.candidates(p))
		if len(all) == 0 {
			return
		}
		if why := v.standsStill(p); why != "" {
			v.hold(all, why)
			v.hold(later, why)
			return
		}
		i := slices.IndexFunc(all, func(c candidate) bool { return v.refuses(c, all) == "" })
		if i < 0 {
			if c, why, ok := v.squeeze(p, all); ok {
				v.begin(c, why)
				return
			}
			v.explain(p, all)
			v.explainLater(p, later)
			return
		}
		v.begin(all[i], "")
	}
}

// candidates returns the nodes that could be drained next, in the order in
// which they should be.
func (v *view) candidates(p *pool) []candidate {
	var all []candidate
	needy := map[string]bool{}
	for _, m := range p.outdated() {
		c := candidate{member: m, retry: m.again}
		switch {
		case m.starts || m.freed || m.held:
			continue
		case m.kind == fresh:
		case m.kind == draining && (!m.node.Unschedulable || m.drainStart().IsZero()):
		default:
			continue
		}
		if m.node != nil && !m.dead(v.now) && (!m.node.Unschedulable || owned(*m.node)[fairway.MarkCordon] != "") {
			c.cost = 1 // also when it is not ready for a moment: it will be again
		}
		c.matched = !m.zonal() || v.matched(m, isGood)
		if !c.matched {
			needy[m.zone()] = true
		}
		for _, pod := range m.pods {
			for _, b := range v.covering[pod.UID] {
				if b.DisruptionsAllowed == 0 {
					c.contends++
				}
				c.postponed = c.postponed || immovable(*b)
			}
		}
		all = append(all, c)
	}
	for i, c := range all {
		all[i].steers = needy[p.launchZone(c.member)] && !v.surplus(c.member)
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(
			first(b.kind == draining, a.kind == draining),
			first(a.retry, b.retry),
			first(a.postponed, b.postponed),
			cmp.Compare(a.cost, b.cost),
			first(b.zonal() && b.matched, a.zonal() && a.matched),
			first(b.steers, a.steers),
			cmp.Compare(a.contends, b.contends),
			cmp.Compare(a.name(), b.name()),
		)
	})
	return all
}

// first orders false before true.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// immovable reports whether a budget allows no pod to be down although all are
// healthy: its pods go only once it covers others, as a leader's do.
func immovable(b fairway.Budget) bool {
	return b.ExpectedPods > 0 && b.ExpectedPods <= b.DesiredHealthy && b.CurrentHealthy >= b.DesiredHealthy
}

// mostRetries is how often a quarantined node is tried again.
const mostRetries = 3

// retries reports whether a quarantined node may be tried again: when nothing
// holds its pods any more, or after as long as it stood still while others are
// drained for the first time. Once tried it stays so until the next quarantine.
func (v *view) retries(m *member) bool {
	since, _ := quarantine(*m.node)
	tried := v.History.Retries[m.node.Name]
	if tried.Count > 0 && tried.Since.Equal(since) {
		return true
	}
	if tried.Count >= mostRetries || !v.unheld(m) && (v.now.Sub(since) < m.pool.blockedAfter() || !v.othersDrain()) {
		return false
	}
	v.History.Retries[m.node.Name] = Retry{Count: tried.Count + 1, Since: since}
	return true
}

// unheld reports whether all pods of a node could be evicted now.
func (v *view) unheld(m *member) bool {
	for _, pod := range m.pods {
		covering := v.covering[pod.UID]
		switch {
		case pod.Deleting:
		case len(covering) > 1:
			return false
		case len(covering) == 1 && (covering[0].DisruptionsAllowed == 0 || covering[0].Generation != covering[0].ObservedGeneration):
			return false
		case pod.OwnerKind == "StatefulSet" && v.disturbed(pod.Namespace+"/"+pod.OwnerName, pod) != "":
			return false
		}
	}
	return true
}

// othersDrain reports whether any node is drained for the first time.
func (v *view) othersDrain() bool {
	return slices.ContainsFunc(v.pools, func(p *pool) bool {
		return slices.ContainsFunc(p.outdated(), func(m *member) bool {
			return m.kind == draining && m.node.Annotations[fairway.AnnotationQuarantine] == ""
		})
	})
}

// refuses says why a drain of the candidate cannot begin now, or "".
func (v *view) refuses(c candidate, all []candidate) string {
	p := c.pool
	ready := p.schedulable()
	switch {
	case p.OneAtATime && v.controlPlaneMoves():
		return "another control-plane node is in transition"
	case c.node == nil:
		if p.count(leaving, draining) >= p.surgeNow() {
			return "other nodes are leaving"
		}
		return ""
	case c.postponed && v.othersFirst(c, all):
		return "a budget lets none of its pods go now; other nodes go first"
	case !c.matched:
		return fmt.Sprintf("volumes tie its pods to zone %s, where no ready new node has room", c.zone())
	case v.deprives(c.member) != "":
		return v.deprives(c.member)
	case c.cost > 0 && ready-c.cost < p.floor():
		return fmt.Sprintf("%d nodes are ready, as many as before the roll or fewer; none is to spare", ready)
	case c.cost == 0 && p.draining() >= p.surgeNow():
		return "other nodes are draining"
	case c.cost == 0 && ready < p.floor() && (p.count(booting, broken) > 0 || p.launching() > 0 && !v.noRoom(p)):
		return "waits for replacements to become ready"
	}
	return ""
}

// draining is how many drains are under way or begin now.
func (p *pool) draining() int {
	n := p.count(draining)
	for _, m := range p.members {
		if m.starts && m.kind != draining {
			n++
		}
	}
	return n
}

// controlPlaneMoves reports whether any node of the pools that go one at a time
// is on its way somewhere.
func (v *view) controlPlaneMoves() bool {
	return slices.ContainsFunc(v.pools, func(p *pool) bool {
		return p.OneAtATime && (p.frees || p.moving() > 0 || p.launching() > 0 && !v.noRoom(p))
	})
}

// othersFirst reports whether a node that holds an immovable pod can wait for
// nodes that do not, since what moves there may set it free.
func (v *view) othersFirst(c candidate, all []candidate) bool {
	if c.pool.moving() == 0 && c.pool.launching() == 0 {
		// Nothing else is under way. If others could be started they come first
		// in the order; if they could not, this is how it goes on.
		return false
	}
	if slices.ContainsFunc(all, func(o candidate) bool { return !o.postponed && !o.retry }) {
		return true
	}
	return slices.ContainsFunc(c.pool.of(draining), func(m *member) bool {
		return !slices.ContainsFunc(m.pods, func(p fairway.Pod) bool {
			return slices.ContainsFunc(v.covering[p.UID], func(b *fairway.Budget) bool { return immovable(*b) })
		})
	})
}

// begin starts the drain of a node, or ends an instance that never had one.
func (v *view) begin(c candidate, why string) {
	m := c.member
	if m.node == nil {
		v.end(m, "is outdated and has no node")
		return
	}
	// The annotation has whole seconds: rounded up, so that deregistration is never cut short.
	start := v.now.UTC().Add(time.Second - time.Nanosecond).Truncate(time.Second)
	if old := m.drainStart(); !old.IsZero() && m.kind == draining {
		start = old
	}
	marks := fairway.NodeMarks{
		Status:     new(fairway.LifecycleDraining),
		DrainStart: new(start),
		ExcludeLB:  new(true),
		Cordoned:   new(true),
	}
	switch {
	case why != "":
	case c.cost == 0:
		why = "it takes no pods as it is"
	default:
		why = "a replacement is ready"
	}
	m.starts = true
	v.act(m.pool, Action{Kind: ActionMark, Node: m.node.Name, Instance: m.ID, Marks: marks,
		Why: fmt.Sprintf("draining %s: %s", m.node.Name, why)})
}

// squeeze finds a node to begin with where the cloud has no room for one more
// instance: one node goes before its replacement comes. Nothing else may be on
// its way, so that the pool is never short of more than that one.
func (v *view) squeeze(p *pool, all []candidate) (candidate, string, bool) {
	if p.moving() > 0 || p.resized || !v.full(p) || p.OneAtATime && v.controlPlaneMoves() || p.schedulable() < p.floor() {
		return candidate{}, "", false
	}
	for _, c := range all {
		if c.node == nil || c.retry {
			continue
		}
		if c.matched || p.launchZone(c.member) == c.zone() || v.matched(c.member, isAny) {
			return c, fmt.Sprintf("the group has no room for one more (maximum %d), so one node goes before its replacement comes", p.Max), true
		}
	}
	return candidate{}, "", false
}

// explain says of every node that is not begun why not.
func (v *view) explain(p *pool, all []candidate) {
	for _, c := range all {
		why := v.refuses(c, all)
		w := Wait{Pool: p.Pool, Node: c.nodeName(), Reason: fmt.Sprintf("%s waits: %s", c.name(), why)}
		p.idle = append(p.idle, w)
		v.wait(w)
	}
}
