package sim

import (
	"slices"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// clcEvery is how often the controller inside the cluster looks that replaces the
// nodes of pools with strategy clc.
const clcEvery = 3 * time.Second

// replaceMarked is a turn of that controller: of each such pool it takes one node
// that is marked out of service, as soon as all others are ready, drains it as
// budgets allow, and ends its instance.
func (w *world) replaceMarked() {
	for _, g := range w.groups {
		if g.spec.Settings.Strategy != roll.CLC {
			continue
		}
		n := w.marked(g)
		if n == nil {
			continue
		}
		n.Unschedulable, n.foreign = true, true
		left := false
		for _, p := range slices.Clone(n.pods) {
			if !p.stays() {
				left = true
				w.evict(n.Name, p.UID, false)
			}
		}
		if !left && len(n.volumes) == 0 {
			w.lose(n.inst, g.spec.Remove)
		}
	}
}

// marked returns the node that is replaced now, or may be next.
func (w *world) marked(g *group) *node {
	var next *node
	for _, i := range g.members {
		n := i.node
		switch {
		case i.State == fairway.InstanceTerminating:
		case n == nil || !n.Ready || i.State != fairway.InstanceInService:
			return nil
		case n.Unschedulable:
			return n
		case next == nil && n.Labels[fairway.LabelLifecycleStatus] == fairway.LifecyclePending:
			next = n
		}
	}
	if g.attached < g.Desired {
		return nil
	}
	return next
}

// leavesToOthers is checked of every action: where a controller inside the cluster
// replaces the nodes the roll only marks them.
func (c *checker) leavesToOthers(a roll.Action) {
	g := c.world.group(a.Pool)
	if g == nil || g.spec.Settings.Strategy != roll.CLC {
		return
	}
	if a.Kind != roll.ActionMark || a.Marks.Cordoned != nil && *a.Marks.Cordoned || a.Marks.DrainStart != nil && !a.Marks.DrainStart.IsZero() {
		c.world.breaks(Owner, "a controller in the cluster replaces the nodes of %s, and still: %s %s", a.Pool, a.Kind, a.Why)
	}
}

// extra is how many more nodes the pool needs when new ones are smaller.
func (g *group) extra() int {
	if size := g.spec.Grown; size > 0 && size < 100 {
		return (g.base*100+size-1)/size - g.base
	}
	return 0
}

// launches is checked of every launch.
func (c *checker) launches(g *group) {
	if g.spec.Remove && len(g.losses) == 0 {
		c.world.breaks(Limits, "pool %s is removed, and an instance is launched in it", g.Pool)
	}
}

// removes is checked when a node of a pool that is removed is about to be cordoned:
// no more of them than the surge drain at once.
func (c *checker) removes(n *node) {
	g, drains := n.inst.of, 1
	for _, i := range g.members {
		if o := i.node; o != nil && o != n && !o.leaving() && o.drained >= 0 && !o.empty() {
			drains++
		}
	}
	if drains > c.surge(g) {
		c.world.breaks(Floor, "%d nodes of %s, which is removed, drain at once", drains, g.Pool)
	}
}
