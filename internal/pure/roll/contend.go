package roll

import (
	"cmp"
	"fmt"
	"time"

	"github.com/fairwayhq/fairway"
)

// budgetsOf returns the budgets over the pods of a member, one entry for each
// pod under it.
func (v *view) budgetsOf(m *member) []*fairway.Budget {
	if !m.weighed && len(v.budgets) > 0 {
		m.weighed = true
		from := len(v.weighed)
		for i := range m.pods {
			v.weighed = append(v.weighed, v.covering[m.pods[i].UID]...)
		}
		m.budgets = v.weighed[from:len(v.weighed):len(v.weighed)]
	}
	return m.budgets
}

// demand is what nodes want of a budget.
type demand struct {
	// claimed are its pods on nodes that drain, which are still to be evicted;
	// old are those on nodes that come later.
	claimed, old int
	// newest is when the youngest of its pods that is not ready yet was made: the
	// younger, the longer until the budget gives again.
	newest time.Time
}

// demands counts what the nodes of all pools want of each budget.
func (v *view) demands() map[*fairway.Budget]demand {
	if len(v.budgets) == 0 {
		return nil
	}
	out := v.scratch.demands
	clear(out)
	for i := range v.pods {
		if p := &v.pods[i]; !p.Ready && !p.Deleting && !p.Finished {
			for _, b := range v.covering[p.UID] {
				d := out[b]
				d.newest = latest(d.newest, p.CreatedAt)
				out[b] = d
			}
		}
	}
	for _, p := range v.pools {
		for _, m := range p.members {
			switch {
			case m.node == nil || !m.old():
			case m.starts || m.kind == draining:
				for i := range m.pods {
					if m.pods[i].Deleting {
						continue
					}
					for _, b := range v.covering[m.pods[i].UID] {
						d := out[b]
						d.claimed++
						out[b] = d
					}
				}
			case m.kind == fresh:
				for _, b := range v.budgetsOf(m) {
					d := out[b]
					d.old++
					out[b] = d
				}
			}
		}
	}
	return out
}

// weigh finds out how much a candidate competes for its budgets with drains
// under way, and how long the longest chain of evictions is that it is part of.
func (c *candidate) weigh(v *view, demands map[*fairway.Budget]demand) {
	budgets := v.budgetsOf(c.member)
	for i, b := range budgets {
		d := demands[b]
		own := 1
		for _, o := range budgets[:i] {
			if o == b {
				own++
			}
		}
		mayBeDown := max(1, b.ExpectedPods-b.DesiredHealthy)
		if rest := d.claimed + own - b.DisruptionsAllowed; rest > 0 {
			// Its drain takes as long as the longest of these queues.
			c.queue = max(c.queue, (rest+mayBeDown-1)/mayBeDown)
			c.contends++
			c.since = latest(c.since, d.newest)
		}
		// One eviction after another: as many rounds as pods by those that may be down.
		c.chain = max(c.chain, d.old/mayBeDown)
		c.postponed = c.postponed || immovable(*b)
	}
}

// capacity returns how many members are capacity of the pool now, and how many
// it keeps. Both change only with an action.
func (v *view) capacity(p *pool) (ready, floor int) {
	if p.counted != 1+len(v.Actions) {
		p.counted = 1 + len(v.Actions)
		p.readyNow, p.floorNow = p.schedulable(), p.floor()
	}
	return p.readyNow, p.floorNow
}

// before orders the candidates by which should be drained first.
func before(a, b candidate) int {
	return cmp.Or(
		first(b.kind == draining, a.kind == draining),
		first(a.retry, b.retry),
		first(b.due, a.due),
		first(b.trial, a.trial),
		first(a.postponed, b.postponed),
		cmp.Compare(a.cost, b.cost),
		cmp.Compare(a.leads, b.leads),
		first(b.zonal && b.matched, a.zonal && a.matched),
		first(b.steers, a.steers),
		cmp.Compare(a.queue, b.queue),
		a.since.Compare(b.since),
		cmp.Compare(a.contends, b.contends),
		cmp.Compare(b.chain, a.chain),
		cmp.Compare(a.name(), b.name()),
	)
}

// justBegun reports whether the drain of a member was begun so lately that the
// view need not show it.
func (v *view) justBegun(m *member) bool {
	if m.node == nil {
		return false
	}
	at, begun := v.History.Begun[m.node.Name]
	age := v.now.Sub(at)
	return begun && age >= 0 && age < lateView
}

// justFreed reports whether the drain of a member was given up so lately that the
// view need not show it.
func (v *view) justFreed(m *member) bool {
	if m.node == nil {
		return false
	}
	at, freed := v.History.Freed[m.node.Name]
	return freed && v.now.Sub(at) < lateView
}

// frees notes that the drain of a member is given up.
func (v *view) frees(m *member) {
	if m.kind == draining {
		put(&v.History.Freed, m.node.Name, v.now)
	}
	delete(v.History.Begun, m.node.Name)
}

// beginAgain begins the drains again that have just been begun and do not show:
// the view is late, or the mark was not written. Another node must not be taken
// in their place, since that could be one too many.
func (v *view) beginAgain(p *pool) {
	for _, m := range p.of(fresh) {
		if m.node == nil || !m.old() || m.starts {
			continue
		}
		if at := v.History.Begun[m.node.Name]; v.justBegun(m) {
			if why := v.deprives(m); why != "" {
				// Others have begun since. It may be drained already, or not at all.
				m.starts = true
				v.wait(Wait{Pool: p.Pool, Node: m.node.Name, Reason: fmt.Sprintf("%s waits: %s", m.name(), why)})
				continue
			}
			v.begin(candidate{member: m, cost: 1}, "")
			put(&v.History.Begun, m.node.Name, at)
		}
	}
	for name, at := range v.History.Freed {
		if v.now.Sub(at) >= lateView {
			delete(v.History.Freed, name)
		}
	}
	for name, at := range v.History.Begun {
		if age := v.now.Sub(at); age < 0 || age >= lateView {
			delete(v.History.Begun, name)
		}
	}
}
