package sim

import (
	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// ends is checked when the roll says that it is over.
func (c *checker) ends(d roll.Decision) {
	w := c.world
	exact := w.Stale == 0 && w.DoubleEvery == 0
	blocked := map[string]bool{}
	for _, b := range d.Blocked {
		blocked[b.Node] = true
		if b.Reason == "" {
			w.breaks(Words, "%s is blocked without a reason", b.Node)
		}
	}
	for _, n := range w.nodes {
		if n.leaving() {
			continue
		}
		if exact {
			c.unmarked(n)
		}
		if d.Failed != "" || w.aborted() || !n.Ready && n.faulty {
			continue
		}
		if n.stays() {
			continue
		}
		if n.old() && !blocked[n.Name] {
			w.breaks(Progress, "the roll is over and %s is still outdated and not named", n.Name)
		} else if blocked[n.Name] && n.old() && !c.excused(n) {
			w.breaks(Progress, "%s is named as blocked, but nothing holds it", n.Name)
		}
	}
	if d.Failed != "" {
		if w.BadEvery == 0 && w.FlapEvery == 0 && w.FailEvery == 0 && w.FailedLaunches == 0 && !w.ClockJumps && w.MassUnready == 0 {
			w.breaks(Progress, "the roll gave up: %s", d.Failed)
		}
		return
	}
	for _, g := range w.groups {
		if g.Tags != nil && w.CloudDelay == 0 && exact {
			w.breaks(Leftovers, "the roll is over and group %s still has its tags", g.Pool)
		}
		if g.Desired != g.base && g.Desired != g.base+g.extra() && len(d.Blocked) == 0 && !w.aborted() && w.AutoscaleEvery == 0 {
			w.breaks(Leftovers, "the roll is over and group %s has size %d, not %d", g.Pool, g.Desired, g.base)
		}
	}
}

// unmarked is checked of every node in the end.
func (c *checker) unmarked(n *node) {
	if n.owned != 0 || len(n.Taints) > 0 || n.Labels[fairway.LabelLifecycleStatus] != ready || n.Unschedulable && !n.foreign {
		c.world.breaks(Leftovers, "the roll is over and %s still has marks: %s", n.Name, c.world.ownersText(n.owned))
	}
}

// forgotten is checked a minute after the end.
func (c *checker) forgotten() {
	w := c.world
	for _, g := range w.groups {
		for _, i := range g.members {
			if i.Protected && w.result.Outcome != "failed" && i.State != fairway.InstanceTerminating {
				w.breaks(Leftovers, "%s is still protected a minute after the roll", i.ID)
			}
		}
		if g.Tags != nil && w.result.Outcome != "failed" {
			w.breaks(Leftovers, "group %s still has its tags a minute after the roll", g.Pool)
		}
	}
}

// swept is checked five minutes after the end.
func (c *checker) swept() {
	for _, n := range c.world.nodes {
		if !n.leaving() {
			c.unmarked(n)
		}
	}
}

// excused reports whether something of the world may have held a node: a pod
// that no budget lets go, or faults.
func (c *checker) excused(n *node) bool {
	w := c.world
	f := w.Faults
	f.CloudDelay, f.Rotate, f.PauseAt, f.PauseFor = 0, false, 0, 0
	if f != (Faults{}) {
		return true
	}
	for _, p := range n.pods {
		if p.of.Blocked() || p.of.Leader {
			return true
		}
	}
	// Pods that wait for a place hold others under their budgets.
	return len(w.waiting) > 0 || n.inst.of.spec.Max < n.inst.of.base+w.Zones
}
