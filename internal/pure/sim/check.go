package sim

import (
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// The invariants, by the words that a broken one is reported with.
const (
	Floor     = "capacity floor"
	Limits    = "limits"
	Zones     = "zone match"
	Budgets   = "budgets"
	Pods      = "pods"
	Leaders   = "leaders"
	Services  = "data services"
	Balancers = "load balancers"
	Halves    = "half of an application"
	Readiness = "ready means ready"
	Ends      = "ends of instances"
	Brakes    = "brakes"
	Owner     = "one owner"
	Truce     = "autoscaler truce"
	Leftovers = "leftovers"
	Order     = "order"
	Words     = "words"
	Pauses    = "pauses"
	Forced    = "forcing"
	Progress  = "progress"
)

// Rules are all invariants.
var Rules = []string{Floor, Limits, Zones, Budgets, Pods, Leaders, Services, Balancers, Halves, Readiness, Ends, Brakes, Owner, Truce, Leftovers, Order, Words, Pauses, Forced, Progress}

// checker watches that the roll keeps its promises. It judges the world as it
// is, not as a snapshot showed it, except where a promise is about what was
// seen.
type checker struct {
	// decided is when a manager last decided: one that is cut off protects nothing.
	decided time.Duration
	failed  time.Duration // when a call of a manager failed last
	world   *world
	kills   int           // and take-overs, so far
	paused  time.Duration // when an action may last have been decided on before the pause
	forced  map[*node]time.Duration
	marking time.Duration // when a node was marked last
	first   int           // the decision that began with a node that goes whatever it takes away
}

// settles is how long something may be on its way: how old lists may be, how
// long an action takes, how late one of a replaced manager may land.
func (c *checker) settles() time.Duration {
	w := c.world
	return min(w.Stale, stalest) + w.CloudDelay + lateAction + time.Second
}

// always is checked after every event. Only groups that an event has changed
// can break it.
func (c *checker) always() {
	w := c.world
	for _, g := range w.groups {
		if !g.unsettled {
			continue
		}
		g.unsettled = false
		most := max(g.spec.Max, g.base)
		if g.spec.Settings.RaiseMax {
			most = g.base + c.surge(g) + w.Zones - 1
		}
		most = min(most, g.base+c.surge(g)+w.Zones-1) + g.raised
		if g.spec.Remove {
			most = g.spec.Nodes
		}
		most += g.extra()
		if g.attached > max(most, g.base) {
			w.breaks(Limits, "pool %s has %d instances with a maximum of %d, a base of %d and a surge of %d", g.Pool, g.attached, g.spec.Max, g.base, c.surge(g))
		}
	}
	if w.result.Failed > 0 && w.result.Failed > 1e-6*w.result.Requests {
		w.breaks(Balancers, "%.1f of %.0f requests failed", w.result.Failed, w.result.Requests)
	}
}

// surge is how many nodes more than before the roll may have.
func (c *checker) surge(g *group) int {
	s := g.spec.Settings
	switch {
	case s.OneAtATime:
		return 1
	case s.SurgePercent > 0:
		return max(1, ((g.base+g.raised)*s.SurgePercent+99)/100)
	}
	return max(1, s.Surge)
}

// short is how many nodes the pool may lack while the cloud has no room.
func (c *checker) short(g *group) int {
	s := g.spec.Settings
	switch {
	case s.OneAtATime:
		return 1
	case s.ShortPercent > 0:
		return max(1, g.base*s.ShortPercent/100)
	case s.Short > 0:
		return s.Short
	}
	return max(1, min(c.surge(g), (g.base+9)/10))
}

// resizes is checked when a group's size is about to change.
func (c *checker) resizes(g *group, desired int) {
	if !g.spec.Settings.RaiseMax && desired > max(g.spec.Max, g.base) {
		c.world.breaks(Limits, "group %s is set to %d above its maximum %d", g.Pool, desired, g.spec.Max)
	}
}

// holds is checked when a manager is about to decide.
func (c *checker) holds(m *manager) {
	if m.replaced {
		c.world.breaks(Owner, "a manager that was replaced decides")
	}
}

// scalesIn is checked when an autoscaler removes a node.
func (c *checker) scalesIn(n *node) {
	w := c.world
	rolling := false
	for _, i := range n.inst.of.members {
		rolling = rolling || i.node != nil && i.node.old() && (i.of.spec.Settings.Strategy != roll.OnDelete || i.node.Annotations[fairway.AnnotationRotate] != "") && i.node.owned != 0 && !i.node.owns(fairway.MarkQuarantine) && !i.node.leaving()
	}
	if w.result.Outcome == "" && !w.aborted() && rolling && !n.original && !n.old() && c.decided-n.inst.launched() > c.settles() && c.failed < n.inst.launched() && w.now-n.inst.launched() > c.settles()+unneededFor {
		w.breaks(Truce, "the autoscaler removes %s, which the roll has just made", n.Name)
	}
}

func (i *instance) launched() time.Duration { return i.LaunchedAt.Sub(epoch) }
