package sim

import (
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// evicts is checked when the API server accepts an eviction.
func (c *checker) evicts(p *pod) {
	w, n := c.world, p.on
	if p.ours {
		w.breaks(Pods, "pod %s is evicted twice", p.Name)
	}
	switch {
	case p.stays():
		w.breaks(Pods, "pod %s (%s) must not be evicted", p.Name, p.of.Kind)
	case !n.Unschedulable && c.kills > 0 && w.now-w.manager.began < c.settles():
		// The manager before has still done something.
	case !n.Unschedulable:
		w.breaks(Pods, "pod %s is evicted from %s, which is not cordoned", p.Name, n.Name)
	case !w.ClockJumps && p.of.Kind != "Job" && w.now-n.told < n.inst.of.spec.Settings.Deregistration-slack:
		w.breaks(Balancers, "pod %s is evicted %s after load balancers were told", p.Name, w.now-n.told)
	}
	if p.Critical {
		for _, o := range n.pods {
			if !o.Critical && !o.Deleting && !o.stays() {
				w.breaks(Order, "critical pod %s goes before %s", p.Name, o.Name)
			}
		}
	}
	if w.paused() != "" && w.now > w.PauseAt+c.settles() {
		w.breaks(Pauses, "pod %s is evicted while the roll is paused", p.Name)
	}
	c.member(p)
}

// member is checked when a member of a data service goes because of the roll.
func (c *checker) member(p *pod) {
	if p.of.Kind != "StatefulSet" || c.world.lostOf() {
		return
	}
	up := 0
	for _, o := range p.of.pods {
		if o != p && !o.Deleting && (o.Ready || o.on != nil && o.on.faulty) {
			up++
		}
	}
	if up < p.of.Replicas-1-p.of.NeverReady {
		c.world.breaks(Services, "%s of %s goes while %d of the others are up, of %d", p.Name, p.of.Name, up, p.of.Replicas-1)
	}
}

// refuses is checked when the API server refuses an eviction.
func (c *checker) refuses(m *manager, p fairway.Pod, key string) {
	w := c.world
	if m.refused == nil {
		m.refused = map[string]time.Duration{}
	}
	n := w.node(p.Node)
	if n == nil {
		return
	}
	interval := n.inst.of.spec.Settings.RetryRefused
	if at, ok := m.refused[key]; ok && !strings.HasPrefix(key, "pod ") && !w.ClockJumps && w.now-at < interval-2*slack && w.now-at > slack {
		w.breaks(Budgets, "budget %s is asked again %s after it refused", key, w.now-at)
	}
	m.refused[key] = w.now
}

// forces is checked when a pod is about to be deleted by force.
func (c *checker) forces(p *pod, a roll.Action) {
	w, n := c.world, p.on
	f := n.inst.of.spec.Settings.Forcing
	if c.forced == nil {
		c.forced = map[*node]time.Duration{}
	}
	last, again := c.forced[n]
	c.forced[n] = w.now
	switch {
	case !f.Enabled:
		w.breaks(Forced, "pod %s is deleted by force, which nobody allowed", p.Name)
	case p.stays():
		w.breaks(Forced, "pod %s (%s) must not be deleted", p.Name, p.of.Kind)
	case a.Rule == "" || a.Budget == "":
		w.breaks(Forced, "pod %s is deleted by force, and the record says no rule or budget", p.Name)
	case w.ClockJumps:
	case n.drained < 0 || n.begun < 0 || w.now-n.begun < f.GracePeriod-time.Second:
		w.breaks(Forced, "pod %s is deleted by force %s after the drain of %s began", p.Name, w.now-n.begun, n.Name)
	case again && w.now-last < f.Interval-time.Second:
		w.breaks(Forced, "pods of %s are deleted by force %s after each other", n.Name, w.now-last)
	case w.time().Sub(p.CreatedAt) < f.MinPodLifetime-time.Second:
		w.breaks(Forced, "pod %s is deleted by force when %s old", p.Name, w.time().Sub(p.CreatedAt))
	}
	c.siblings(p, f)
	c.member(p)
}

// siblings is checked of the other pods under the budgets of a forced one.
func (c *checker) siblings(p *pod, f roll.Forcing) {
	w := c.world
	for _, b := range p.of.budgets {
		if !b.covers(p) {
			continue
		}
		for _, o := range p.of.pods {
			least := f.MinUnhealthySiblingLifetime
			if o.Ready {
				least = f.MinHealthySiblingLifetime
			}
			young := w.time().Sub(o.CreatedAt) < c.settles() // too new to be seen
			if o != p && b.covers(o) && !o.Finished && !w.ClockJumps && !young && w.time().Sub(o.CreatedAt) < least-c.settles()-2*time.Second {
				w.breaks(Forced, "pod %s is deleted by force while its sibling %s is %s old", p.Name, o.Name, w.time().Sub(o.CreatedAt))
			}
		}
	}
}

// ledEverywhere reports whether none of the other new nodes of a pool could go
// in place of one: the pool gives nodes back when old ones stay, and then on each
// of them there may be a leader, or a volume.
func (c *checker) ledEverywhere(n *node) bool {
	for _, i := range n.inst.of.members {
		o := i.node
		if o == nil || o == n || o.old() || o.leaving() || o.drained >= 0 || !c.world.counts(o) {
			continue
		}
		if !c.zonal(o) && !o.leads() {
			return false
		}
	}
	return true
}

// leads is checked when a leader has moved.
func (c *checker) leads(wl *workload, before, after *pod) {
	w := c.world
	ours := before.ours || before.leads() && w.unwanted(before)
	if !ours {
		return
	}
	if before.forced || after.on.old() && w.now-c.marking < c.settles() && (after.on.leads() || wl.RoleGap > 0) {
		// Marks come and go one after another, those of leaders last or first: two of
		// them can pass each other, and a leader without its role is not known for one.
		return
	}
	wl.moves++
	w.result.LeaderMoves = max(w.result.LeaderMoves, wl.moves)
	if w.faulty() || !before.on.old() && before.on.drained >= 0 && c.ledEverywhere(before.on) {
		return // it may have had to go where it could
	}
	switch {
	case wl.moves > 1 && before.on != nil && !before.on.old():
		// The pool is one node too large and leaders stand on all that could go.
	case wl.moves > 1:
		w.breaks(Leaders, "the leader of %s moves for the %d. time because of the roll", wl.Name, wl.moves)
	case after.on.stays(): // outdated, but nobody has asked for its replacement
	case after.on.old():
		w.breaks(Leaders, "the leader of %s moves to %s, which is outdated", wl.Name, after.on.Name)
	}
}
