package sim

import "time"

// capacity of a pool as the roll leaves it: nodes that are not ready or cordoned
// for other reasons count, and so does what something else has only just taken.
type capacity struct {
	nodes       int
	cpu, memory int64
}

func (c *checker) capacity(g *group, but *node) capacity {
	var have capacity
	for _, i := range g.members {
		n := i.node
		if n == nil || n == but || n.leaving() || !n.Ready && !n.faulty || n.Unschedulable && (!n.foreign || n.drained >= 0) {
			continue
		}
		if !n.old() && !c.world.counts(n) {
			continue
		}
		have.nodes++
		have.cpu += n.CPU
		have.memory += n.Memory
	}
	return have
}

// worth is what so many nodes from before the roll could allocate, where the
// group may grow as much as smaller nodes need.
func (c *checker) worth(g *group, nodes int) capacity {
	size := g.spec.Grown
	if size <= 0 || size >= 100 || g.spec.Max*size < (g.base+c.surge(g))*100 {
		return capacity{}
	}
	slots := int64(nodes * c.world.Slots)
	return capacity{nodes: nodes, cpu: slots * slotCPU * 95 / 100, memory: slots * slotMemory / 100 * 95}
}

// unproven is how many new nodes take pods that the roll may not build on yet.
func (c *checker) unproven(g *group, but *node) int {
	count := 0
	for _, i := range g.members {
		if n := i.node; n != nil && n != but && !n.leaving() && n.Ready && !n.Unschedulable && !n.old() && !c.world.counts(n) {
			count++
		}
	}
	return count
}

// full reports whether the cloud has no room for another instance of the group.
func (c *checker) full(g *group) bool {
	most := g.base + c.surge(g) + c.world.Zones - 1
	if !g.spec.Settings.RaiseMax {
		most = min(most, g.spec.Max)
	}
	return g.Desired >= most || g.attached < g.Desired || g.fullAt > 0 && c.world.now-g.fullAt < c.settles()+5*time.Second
}

// cordons is checked when a node is about to be cordoned.
func (c *checker) cordons(n *node) {
	w, g := c.world, n.inst.of
	if n.leaving() {
		return // on its way out already
	}
	if g.spec.Remove {
		c.removes(n)
		return
	}
	have := c.capacity(g, n)
	least := g.base
	if c.full(g) {
		least -= c.short(g)
	}
	least -= g.scaledIn
	if !n.Ready && !n.faulty {
		least--
	}
	for _, at := range g.losses {
		if w.now-at < c.settles() {
			least-- // the roll could not see it yet
		}
	}
	if have.nodes < least && !g.spec.Settings.Spot && (n.old() || w.counts(n)) {
		if have.nodes+c.unproven(g, n) >= least {
			w.breaks(Readiness, "%s is cordoned for a replacement that has not been ready for %s", n.Name, g.spec.Settings.MinReady)
		}
		w.breaks(Floor, "cordoning %s leaves %d ready nodes in pool %s, %d before the roll", n.Name, have.nodes, g.Pool, g.base)
	}
	if floor := c.worth(g, least); !c.full(g) && !g.spec.Settings.Spot && (n.old() || w.counts(n)) && have.nodes >= least && (have.cpu < floor.cpu || have.memory < floor.memory) {
		w.breaks(Floor, "cordoning %s leaves %d millicores and %d MiB in pool %s, %d and %d before the roll", n.Name, have.cpu, have.memory>>20, g.Pool, floor.cpu, floor.memory>>20)
	}
	if n.old() && c.zonal(n) && !c.full(g) && !c.replacement(n) && !w.lostOf() {
		w.breaks(Zones, "%s in %s is cordoned with volumes and no ready new node with room there", n.Name, n.Zone)
	}
	if g.spec.Settings.OneAtATime {
		for _, o := range w.nodes {
			if o != n && o.inst.of.spec.Settings.OneAtATime && o.drained >= 0 {
				w.breaks(Order, "%s of the control plane is cordoned while %s drains", n.Name, o.Name)
			}
		}
	}
	if at := w.PauseAt; at > 0 && w.paused() != "" && !w.aborted() && w.now > at+c.settles() {
		w.breaks(Pauses, "%s is cordoned while the roll is paused", n.Name)
	}
	if w.AbortAt > 0 && w.now > w.AbortAt+c.settles() && n.old() {
		w.breaks(Pauses, "%s is cordoned after the roll was aborted", n.Name)
	}
}

func (c *checker) zonal(n *node) bool {
	for _, p := range n.pods {
		if p.volume != nil && !p.Finished {
			return true
		}
	}
	return len(n.volumes) > 0
}

// replacement reports whether a new node with a free place is ready in the zone.
func (c *checker) replacement(n *node) bool {
	w := c.world
	for _, i := range n.inst.of.members {
		if o := i.node; o != nil && o != n && !o.leaving() && o.Zone == n.Zone && (o.Ready || o.faulty) && !o.Unschedulable && !o.old() && o.load() < w.Slots {
			return true
		}
	}
	return false
}

// excludes is checked when load balancers are about to be told to forget a
// node: while another leaves, half of every application must stay.
func (c *checker) excludes(n *node) {
	w := c.world
	others, before := false, false
	for _, o := range w.nodes {
		if o != n && o.drained >= 0 && !o.leaving() && !o.empty() && !o.faulty {
			others = true
			before = before || w.now-o.drained > actsWithin
		}
	}
	if w.lostOf() || w.time().Sub(n.ReadySince) < c.settles() {
		return // who answers now was gone before the roll could see of what
	}
	if !others || n.leaving() || n.inst.of.spec.Settings.Deregistration == 0 {
		return
	}
	for _, wl := range w.workloads {
		if wl.Kind != "ReplicaSet" && wl.Kind != "StatefulSet" || c.kills > 0 && wl.Kind == "StatefulSet" && wl.MinAvailable < 0 {
			continue // of the last one, a new manager cannot know that a pod is missing
		}
		if w.Stale > 0 && wl.left > 0 && w.now-wl.left < c.settles() {
			continue // the list of pods may be from before
		}
		in, here, all := 0, 0, wl.Replicas
		for _, p := range wl.pods {
			if p.on == nil || p.Deleting || p.on.excluded && p.on != n || p.broken || !p.started {
				continue
			}
			if !p.Ready && !p.on.faulty {
				continue
			}
			in++
			if p.on == n {
				here++
			}
		}
		if here > 0 && here < all && 2*(in-here) < all {
			if decision := w.result.Decisions; !before && c.first != decision {
				c.first = decision // one node can always go; in which order these two do is chance
				return
			}
			w.breaks(Halves, "%d of %d pods of %s stay behind load balancers without %s", in-here, all, wl.Name, n.Name)
		}
	}
}

// lostOf reports whether something else has taken nodes so lately that the roll
// could not see yet whose pods went with them.
func (w *world) lostOf() bool {
	for _, g := range w.groups {
		if g.lost > 0 && w.now-g.lost < w.checker.settles() {
			return true
		}
	}
	return false
}

// empty reports whether the node has nothing left to lose.
func (n *node) empty() bool { return len(n.volumes) == 0 && (len(n.pods) == 0 || n.pods[0].stays()) }

// terminates is checked when an instance is about to end.
func (c *checker) terminates(inst *instance, decrement bool) {
	w, g := c.world, inst.of
	if decrement && g.Desired <= g.base {
		w.breaks(Limits, "group %s shrinks below its size from before the roll", inst.Pool)
	}
	n := inst.node
	if n == nil || inst.bad != sound || w.ClockJumps && !n.Ready || w.time().Sub(n.CreatedAt) < c.settles() || !n.Ready && n.ReadySince.Sub(n.CreatedAt) < 10*time.Second {
		return // a node that has only just joined, or was gone again at once, has pods that the roll cannot know of
	}
	if len(n.volumes) > 0 && !c.dead(n) {
		w.breaks(Ends, "instance of %s ends with volumes attached", n.Name)
	}
	for _, p := range n.pods {
		if !p.stays() && !(p.Deleting && c.dead(n)) {
			w.breaks(Ends, "instance of %s ends with pod %s on it", n.Name, p.Name)
		}
	}
	if !n.Unschedulable && n.Ready && !w.ClockJumps && w.time().Sub(n.ReadySince) > c.settles() {
		w.breaks(Ends, "instance of %s ends without a drain", n.Name)
	}
	if n.proven && !n.old() && !n.original && n.Ready && g.Desired <= g.base {
		w.breaks(Truce, "new node %s is ended by the roll", n.Name)
	}
}

// dead reports whether the node has been away for so long that its pods cannot
// be waited for.
func (c *checker) dead(n *node) bool {
	return !n.Ready && w0(c.world, n) >= n.inst.of.spec.Settings.NodeReadyTimeout-slack
}

func w0(w *world, n *node) time.Duration { return w.time().Sub(n.ReadySince) }
