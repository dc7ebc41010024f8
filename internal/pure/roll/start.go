package roll

import (
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
	zonal     bool // volumes tie it to its zone
	trial     bool // a budget holds it for good, and it is time to have that refused
	queue     int  // rounds of evictions that its budgets make it wait
	// since is when the youngest pod was made that its budgets wait for.
	since    time.Time
	contends int    // pods whose budget has nothing to give
	chain    int    // evictions one after another that it is part of
	leads    int    // leaders that would move twice if it went now
	refused  string // why it cannot be begun now, once asked
	due      bool   // was quarantined, and a pod of it may be forced now
}

// start begins as many drains as capacity and zones allow, the best first.
func (v *view) start(p *pool) {
	v.beginAgain(p)
	for range p.members {
		all, later := v.inTurn(p, v.candidates(p))
		if len(all) == 0 {
			v.explainLater(p, later)
			return
		}
		if why := v.standsStill(p); why != "" {
			p.still = true
			v.hold(all, why)
			v.hold(later, why)
			v.forsake(p)
			return
		}
		next := 0
		for next < len(all) {
			if all[next].refused = v.refuses(all[next], all); all[next].refused == "" {
				break
			}
			next++
		}
		if next == len(all) {
			if c, why, ok := v.squeeze(p, all); ok {
				v.begin(c, why)
				return
			}
			v.explain(p, all)
			v.explainLater(p, later)
			return
		}
		v.begin(all[next], "")
	}
}

// candidates returns the nodes that could be drained next, in the order in
// which they should be.
func (v *view) candidates(p *pool) []candidate {
	all := make([]candidate, 0, p.countOutdated())
	var needy []string // zones
	others, demands := 0, v.demands()
	for _, m := range p.members {
		if !m.old() || m.kind == leaving {
			continue
		}
		c := candidate{member: m, retry: m.again}
		switch {
		case m.starts || m.freed || m.held:
			continue
		case m.kind == fresh:
		case m.kind == draining && (!m.node.Unschedulable || m.drainStart().IsZero()):
		default:
			continue
		}
		if m.node != nil && !m.dead(v.now) && (!m.node.Unschedulable || mine(m.node, fairway.MarkCordon)) {
			c.cost = 1 // also when it is not ready for a moment: it will be again
		}
		c.zonal = m.zonal()
		c.matched = !c.zonal || v.matched(m, isGood)
		if !c.matched {
			needy = append(needy, m.zone())
		}
		c.weigh(v, demands)
		c.due = c.retry && v.due(m)
		c.leads = v.leading(m)
		if !c.postponed && !c.retry {
			others++
		}
		all = append(all, c)
	}
	tries := v.tries(p, others)
	for i, c := range all {
		all[i].steers = len(needy) > 0 && slices.Contains(needy, p.launchZone(c.member)) && !v.surplus(c.member)
		if !c.retry && len(v.hopeless(c.member)) > 0 {
			all[i].trial, all[i].postponed = tries, !tries
		}
	}
	slices.SortStableFunc(all, before)
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
// holds its pods any more, after as long as it stood still while others are
// drained for the first time, and at the end once more if its pods may be forced. Once tried it stays so until the next quarantine.
func (v *view) retries(m *member) bool {
	since, _ := quarantine(*m.node)
	tried := v.History.Retries[m.node.Name]
	if tried.Count > 0 && tried.Since.Equal(since) {
		return true
	}
	if v.History.Apps.Caution != "" {
		return false
	}
	last := v.mayForce(m) && (tried.Forcing == 0 || tried.Forcing < mostRetries && v.forcesInTime(m)) && !slices.ContainsFunc(m.pool.members, func(o *member) bool {
		return o.old() && (o.kind == fresh && !o.again || o.kind == draining && o.node.Annotations[fairway.AnnotationQuarantine] == "")
	})
	if len(v.hopeless(m)) > 0 {
		return false // nothing has changed about what holds it
	}
	if !last && (tried.Count >= mostRetries || !v.unheld(m) && (v.now.Sub(since) < m.pool.blockedAfter() || !v.othersDrain())) {
		return false
	}
	put(&v.History.Retries, m.node.Name, Retry{Count: tried.Count + 1, Since: since, Forcing: tried.Forcing + rank(last)})
	return true
}

func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// unheld reports whether all pods of a node could be evicted now.
func (v *view) unheld(m *member) bool {
	for _, pod := range m.pods {
		covering := v.covering[pod.UID]
		switch {
		case pod.Deleting:
		case v.relieved(m, &pod): // its operator moves the leader now
		case len(covering) > 1:
			return false
		case len(covering) == 1 && (covering[0].DisruptionsAllowed == 0 || covering[0].Generation != covering[0].ObservedGeneration):
			return false
		case serviceOf(&pod) != "" && v.disturbed(serviceOf(&pod), &pod) != "":
			return false
		}
	}
	return true
}

// othersDrain reports whether any node is drained for the first time.
func (v *view) othersDrain() bool {
	return slices.ContainsFunc(v.pools, func(p *pool) bool {
		return slices.ContainsFunc(p.members, func(m *member) bool {
			return m.old() && m.kind == draining && m.node.Annotations[fairway.AnnotationQuarantine] == ""
		})
	})
}

// refuses says why a drain of the candidate cannot begin now, or "".
func (v *view) refuses(c candidate, all []candidate) string {
	p := c.pool
	ready, floor := v.capacity(p)
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
	case c.cost > 0 && ready-c.cost < floor:
		return fmt.Sprintf("%d nodes are ready, as many as before the roll or fewer; none is to spare", ready)
	case v.thins(c) != "":
		return v.thins(c)
	case (c.cost == 0 || p.Remove) && p.draining() >= p.surgeNow():
		return "other nodes are draining"
	case c.cost == 0 && ready < floor && (p.count(booting, broken) > 0 || p.launching() > 0 && !v.noRoom(p)):
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
	if old := m.drainStart(); !old.IsZero() && (m.kind == draining || m.again) {
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
	put(&v.History.Begun, m.node.Name, v.now)
	delete(v.History.Freed, m.node.Name)
	v.act(m.pool, Action{Kind: ActionMark, Node: m.node.Name, Instance: m.ID, Marks: marks,
		Why: fmt.Sprintf("draining %s: %s", m.node.Name, why)})
}

// squeeze finds a node to begin with where the cloud has no room for one more
// instance: it goes before its replacement comes. The pool is never short of
// more than Settings allow, and of one only while nothing else is on its way.
func (v *view) squeeze(p *pool, all []candidate) (candidate, string, bool) {
	ready, floor := v.capacity(p)
	floor += p.arriving() // what may be lacking is one thing, what is still to come another
	short := p.short()
	switch {
	case p.resized || !v.full(p) || p.OneAtATime && v.controlPlaneMoves() || ready-1 < floor-short:
		return candidate{}, "", false
	case short == 1 && p.moving() > 0, short > 1 && p.attached() > p.base:
		return candidate{}, "", false
	}
	for _, c := range all {
		if c.node == nil || c.retry || v.deprives(c.member) != "" {
			continue
		}
		if c.matched || p.launchZone(c.member) == c.zone() || v.matched(c.member, isAny) {
			return c, fmt.Sprintf("the group has no room for one more (maximum %d), so it goes before its replacement comes, and capacity dips to %d of %d nodes", p.Max, ready-1, floor), true
		}
	}
	return candidate{}, "", false
}

// explain says of every node that is not begun why not.
func (v *view) explain(p *pool, all []candidate) {
	for _, c := range all {
		w := Wait{Pool: p.Pool, Node: c.nodeName(), Reason: c.name() + " waits: " + c.refused}
		p.idle = append(p.idle, w)
		v.wait(w)
	}
}
