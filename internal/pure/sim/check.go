package sim

import (
	"slices"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// checker watches that the roll keeps its promises. It judges the world as it
// is, not as a snapshot showed it, except where a promise is about what was
// seen.
type checker struct {
	world   *world
	base    map[string]int
	evicted map[string]bool
	refused map[string]time.Time // when a budget last refused, in this life of the manager
	life    int
}

// always is checked after every event.
func (c *checker) always() {
	w := c.world
	for _, p := range w.Pools {
		g := w.groups[p.Name]
		base, surge := c.base[p.Name], max(1, p.Settings.Surge)
		if p.Settings.OneAtATime {
			surge = 1
		}
		if n := len(w.attached(g)); n > max(g.Max, base) || n > base+surge+w.Zones-1 {
			w.breaks("pool %s has %d instances with a maximum of %d, a base of %d and a surge of %d", p.Name, n, g.Max, base, surge)
		}
	}
}

// ready is the capacity of a pool as the roll leaves it: nodes that are not
// ready or cordoned for other reasons count.
func (c *checker) ready(pool string) int {
	n := 0
	for _, o := range c.world.nodes {
		if o.pool == pool && c.world.instanceOf(o) != nil && (o.Ready || o.faulty) && (!o.Unschedulable || o.foreign && o.Annotations[fairway.AnnotationDrainStart] == "") {
			n++
		}
	}
	return n
}

// full reports whether the cloud has no room for another instance of the group.
func (c *checker) full(g *group) bool {
	spec := g.spec.Settings
	surge := max(1, spec.Surge)
	if spec.OneAtATime {
		surge = 1
	}
	return g.Desired >= min(g.Max, c.base[g.Pool]+surge+c.world.Zones-1) || len(c.world.attached(g)) < g.Desired
}

// cordons is checked when a node is about to be cordoned.
func (c *checker) cordons(n *node) {
	w := c.world
	inst := w.instanceOf(n)
	if inst == nil {
		return // on its way out already
	}
	g := w.groups[n.pool]
	after := c.ready(n.pool) - 1
	if !n.Ready {
		after = c.ready(n.pool)
	}
	least := c.base[n.pool]
	if c.full(g) {
		least--
	}
	if after < least {
		w.breaks("capacity floor: cordoning %s leaves %d ready nodes in pool %s, %d before the roll", n.Name, after, n.pool, c.base[n.pool])
	}
	if c.zonal(n) && !c.full(g) && !c.replacement(n, inst) {
		w.breaks("zone match: %s in %s is cordoned with volumes and no ready new node with room there", n.Name, n.Zone)
	}
	if g.spec.Settings.OneAtATime {
		for _, o := range w.nodes {
			if o != n && w.groups[o.pool].spec.Settings.OneAtATime && o.Annotations[fairway.AnnotationDrainStart] != "" {
				w.breaks("control plane: %s is cordoned while %s drains", n.Name, o.Name)
			}
		}
	}
}

func (c *checker) zonal(n *node) bool {
	return len(n.attached) > 0 || slices.ContainsFunc(c.world.on(n), func(p *pod) bool { return p.VolumeZone != "" && !p.Finished })
}

// replacement reports whether a new node with a free place is ready in the zone.
func (c *checker) replacement(n *node, inst *instance) bool {
	w := c.world
	for _, o := range w.nodes {
		i := w.instanceOf(o)
		if o != n && i != nil && o.pool == n.pool && o.Zone == n.Zone && (o.Ready || o.faulty) && !o.Unschedulable && i.Generation == w.groups[n.pool].Generation && len(w.on(o)) < w.Slots {
			return true
		}
	}
	return false
}

// evicts is checked when the API server accepts an eviction.
func (c *checker) evicts(p *pod) {
	w := c.world
	if c.evicted == nil {
		c.evicted = map[string]bool{}
	}
	if c.evicted[p.UID] {
		w.breaks("pod %s is evicted twice", p.Name)
	}
	c.evicted[p.UID] = true
	n := w.nodes[p.Node]
	switch {
	case p.Mirror || p.of.Kind == "DaemonSet":
		w.breaks("pod %s (%s) must not be evicted", p.Name, p.of.Kind)
	case n == nil || !n.Unschedulable:
		w.breaks("pod %s is evicted from %s, which is not cordoned", p.Name, p.Node)
	case !w.ClockJumps && p.of.Kind != "Job" && w.now.Sub(n.marked) < w.groups[n.pool].spec.Settings.Deregistration-200*time.Millisecond:
		w.breaks("pod %s is evicted %s after load balancers were told", p.Name, w.now.Sub(n.marked))
	}
	if p.Critical {
		for _, o := range w.on(n) {
			if !o.Critical && !o.Deleting && !o.Finished && !o.Mirror && o.of.Kind != "DaemonSet" {
				w.breaks("critical pod %s goes before %s", p.Name, o.Name)
			}
		}
	}
	if p.of.Kind == "StatefulSet" {
		up := 0
		for _, o := range w.pods {
			host := w.nodes[o.Node]
			if o.of == p.of && o != p && !o.Deleting && (o.Ready || host != nil && host.faulty) {
				up++
			}
		}
		if up < p.of.Replicas-1 {
			w.breaks("data service %s: %s is evicted while %d of the others are up, of %d", p.of.Name, p.Name, up, p.of.Replicas-1)
		}
	}
}

// refuses is checked when the API server refuses an eviction.
func (c *checker) refuses(p fairway.Pod, key string) {
	w := c.world
	if c.refused == nil || c.life != w.manager.life {
		c.refused, c.life = map[string]time.Time{}, w.manager.life
	}
	budgeted := !strings.HasPrefix(key, "pod ")
	interval := w.groups[w.nodes[p.Node].pool].spec.Settings.RetryRefused
	if at, ok := c.refused[key]; ok && budgeted && w.now.Sub(at) < interval-400*time.Millisecond && w.now.Sub(at) > 200*time.Millisecond {
		w.breaks("budget %s is asked again %s after it refused", key, w.now.Sub(at))
	}
	c.refused[key] = w.now
}

// terminates is checked when an instance is about to end.
func (c *checker) terminates(inst *instance, decrement bool) {
	w := c.world
	g := w.groups[inst.Pool]
	if decrement && g.Desired <= c.base[inst.Pool] {
		w.breaks("group %s shrinks below its size from before the roll", inst.Pool)
	}
	n := w.nodes[inst.NodeName]
	if n == nil || inst.bad {
		return
	}
	if len(n.attached) > 0 {
		w.breaks("instance of %s ends with volumes attached", n.Name)
	}
	for _, p := range w.on(n) {
		if !p.Mirror && p.of.Kind != "DaemonSet" && !p.Finished {
			w.breaks("instance of %s ends with pod %s on it", n.Name, p.Name)
		}
	}
	if !n.Unschedulable && n.Ready && !w.ClockJumps && w.now.Sub(n.ReadySince) > 500*time.Millisecond {
		w.breaks("instance of %s ends without a drain", n.Name)
	}
}

// resizes is checked when a group's size is about to change.
func (c *checker) resizes(g *group, desired int) {
	if desired > max(g.Max, c.base[g.Pool]) {
		c.world.breaks("group %s is set to %d above its maximum %d", g.Pool, desired, g.Max)
	}
}

// decides checks a decision against the snapshot that it was made from.
func (c *checker) decides(s roll.Snapshot, d roll.Decision, now time.Time) {
	w := c.world
	leaving := map[string]bool{}
	for _, i := range s.Instances {
		leaving[i.ID] = i.State == fairway.InstanceTerminating
	}
	braked := c.massUnready(s)
	seen := map[string]bool{}
	for _, a := range d.Actions {
		key := string(a.Kind) + a.Instance + a.Pod.UID + a.Pool
		if a.Kind != roll.ActionMark && seen[key] {
			w.breaks("the same %s twice in one decision", a.Kind)
		}
		seen[key] = true
		switch {
		case a.Kind == roll.ActionEvict && a.Pod.Deleting:
			w.breaks("pod %s is leaving already and evicted again", a.Pod.Name)
		case a.Kind == roll.ActionTerminate && leaving[a.Instance]:
			w.breaks("instance %s is shutting down already and ended again", a.Instance)
		case braked && (a.Kind == roll.ActionTerminate || a.Marks.Cordoned != nil && *a.Marks.Cordoned):
			w.breaks("too many nodes are not ready, and still: %s", a.Why)
		}
		if a.Why == "" {
			w.breaks("an action %s without a reason", a.Kind)
		}
	}
	if d.Sentence == "" {
		w.breaks("a decision without a sentence")
	}
	if len(d.Actions) == 0 && len(d.Waits) == 0 && !d.Done && d.Failed == "" {
		w.breaks("a decision that neither acts nor waits nor ends: %s", d.Sentence)
	}
}

// massUnready reports whether more than a fifth of the nodes, and two at
// least, are not ready though they were.
func (c *checker) massUnready(s roll.Snapshot) bool {
	w := c.world
	away, total := 0, 0
	for _, n := range s.Nodes {
		inst := slices.IndexFunc(s.Instances, func(i fairway.Instance) bool { return i.ProviderID == n.ProviderID })
		if inst < 0 || s.Instances[inst].State == fairway.InstanceTerminating {
			continue
		}
		// A node that was never Ready, or flapped in the seconds after it came, is a boot.
		if !n.Ready && n.ReadySince.Sub(n.CreatedAt) < 10*time.Second {
			continue
		}
		total++
		if !n.Ready {
			away++
		}
	}
	return away >= 2 && float64(away) > 0.2*float64(total)+float64(w.Zones) // a little slack for instances that this count cannot see
}

// ends is checked when the roll says that it is over.
func (c *checker) ends(d roll.Decision) {
	w := c.world
	blocked := map[string]bool{}
	for _, b := range d.Blocked {
		blocked[b.Node] = true
		if b.Reason == "" {
			w.breaks("%s is blocked without a reason", b.Node)
		}
	}
	for _, name := range w.names.nodes {
		n := w.nodes[name]
		if n == nil || w.instanceOf(n) == nil {
			continue
		}
		if a := n.Annotations[fairway.AnnotationMarks]; a != "" || len(n.Taints) > 0 || n.Labels[fairway.LabelLifecycleStatus] != fairway.LifecycleReady || n.Unschedulable && !n.foreign {
			w.breaks("the roll is over and %s still has marks: %s", n.Name, a)
		}
		if d.Failed != "" {
			continue
		}
		if !n.Ready && n.faulty {
			continue
		}
		if old := w.instanceOf(n).Generation != w.groups[n.pool].Generation; old && !blocked[n.Name] {
			w.breaks("the roll is over and %s is still outdated and not named", n.Name)
		} else if blocked[n.Name] && old && !c.excused(n) {
			w.breaks("%s is named as blocked, but nothing holds it", n.Name)
		}
	}
	if d.Failed != "" {
		if w.BadEvery == 0 && w.FlapEvery == 0 && !w.ClockJumps && w.MassUnready == 0 {
			w.breaks("the roll gave up: %s", d.Failed)
		}
		return
	}
	for _, p := range w.Pools {
		g := w.groups[p.Name]
		if g.Tags[fairway.TagRollBase] != "" {
			w.breaks("the roll is over and group %s still has its tag", p.Name)
		}
		if g.Desired != c.base[p.Name] && len(d.Blocked) == 0 {
			w.breaks("the roll is over and group %s has size %d, not %d", p.Name, g.Desired, c.base[p.Name])
		}
		for _, i := range w.attached(g) {
			if i.Protected && i.Generation == g.Generation {
				w.breaks("the roll is over and %s is still protected", i.ID)
			}
		}
	}
}

// excused reports whether something of the world may have held a node: a pod
// that no budget lets go, or faults.
func (c *checker) excused(n *node) bool {
	w := c.world
	if w.FlapEvery > 0 || w.KillEvery > 0 || w.Quota > 0 || w.ZoneOut != "" || w.MassUnready > 0 || w.BadEvery > 0 || w.ForeignCordon {
		return true
	}
	for _, p := range w.on(n) {
		if p.of.Blocked() || p.of.Leader {
			return true
		}
	}
	// Pods that wait for a place hold others under their budgets.
	for _, p := range w.pods {
		if p.Node == "" && !p.Finished {
			return true
		}
	}
	return w.groups[n.pool].Max < c.base[n.pool]+w.Zones
}
