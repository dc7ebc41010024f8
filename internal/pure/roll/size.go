package roll

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// noRoomPatience is how long the cloud may refuse to launch before the roll
// goes on without.
const noRoomPatience = 10 * time.Second

// noRoom reports whether the cloud owes instances and has refused for long
// enough not to wait for them.
func (v *view) noRoom(p *pool) bool {
	since, refused := v.History.NoRoomSince[p.Pool]
	if !refused || p.launching() == 0 {
		return false
	}
	patience := p.nodeReadyTimeout()
	if len(p.Refusals) > 0 {
		patience = min(patience, noRoomPatience)
	}
	return v.now.Sub(since) >= patience
}

// full reports whether no more instances can be had.
func (v *view) full(p *pool) bool {
	return v.noRoom(p) || p.launching() == 0 && p.Desired >= p.most()
}

// most is the greatest size that the pool may ever have: with an instance in
// every zone beyond the surge, any volume finds a node.
func (p *pool) most() int {
	return p.within(p.base + p.surgeNow() + p.extra() + max(0, len(p.zones())-1))
}

// lateView is how old the cloud's answers may be.
const lateView = 10 * time.Second

// late reports whether the view of a group may be older than what was asked of
// it last. A size computed from such a view could be too small, and the cloud
// would choose instances to end.
func (v *view) late(p *pool) bool {
	if asked, ok := v.History.Asked[p.Pool]; ok {
		return asked.Desired != p.Desired && v.now.Sub(asked.At) < lateView
	}
	return v.tookOver(p)
}

// tookOver reports whether this manager has only just begun to look at a pool
// that another was rolling: what that one did last may not show yet, or land only
// now.
func (v *view) tookOver(p *pool) bool {
	if v.now.Sub(v.History.Began) >= lateView/2 {
		return false
	}
	return p.tagged || slices.ContainsFunc(p.members, func(m *member) bool {
		return m.old() && m.kind != leaving && m.node != nil && len(owned(*m.node)) > 0
	})
}

// asks notes the sizes of a group that a decision asks for.
func (v *view) asks(p *pool, desired, base int) {
	put(&v.History.Asked, p.Pool, Size{Desired: desired, Seen: p.seen, Base: base, At: v.now})
}

// resize asks for the surge, and for one more when nothing else can go on.
func (v *view) resize(p *pool) {
	if p.resized || p.Remove || v.late(p) || v.enlarge(p) {
		return
	}
	active := v.rollable(p)
	target := p.Desired
	why := ""
	switch {
	case p.Desired < p.base && (active > 0 || p.tagged):
		target, why = p.base, "brings %s back to its size of %d"
	case active == 0:
		return
	case p.OneAtATime && p.Desired < p.limit() && v.anotherSurges(p):
		return
	case p.Desired < min(p.limit(), p.base+active+p.extra()):
		target, why = min(p.limit(), p.base+active+p.extra()), "launches replacements: %s grows to %d"
	case v.mayStretch(p):
		target, why = p.Desired+1, "launches one more, since nothing can go on without: %s grows to %d"
	case v.placeFreed(p):
		why = "asks the cloud again, since a place has become free: %s stays at %d"
	case !p.tagged:
		why = "remembers the size of %s, %d"
	default:
		return
	}
	p.resized = true
	v.asks(p, target, p.base)
	v.act(p, Action{Kind: ActionSetDesired, Desired: target, Base: p.base, Why: fmt.Sprintf(why, p.Pool, target)})
}

// placeFreed reports whether an instance has gone since the cloud refused to
// launch another: it retries by itself only after a while.
func (v *view) placeFreed(p *pool) bool {
	if p.launching() == 0 || len(p.Refusals) == 0 {
		delete(v.History.Places, p.Pool)
		return false
	}
	if n := v.History.Places[p.Pool]; n <= len(p.members) {
		put(&v.History.Places, p.Pool, len(p.members))
		return false
	}
	if v.now.Sub(v.History.Asked[p.Pool].At) < askAgain {
		return false
	}
	put(&v.History.Places, p.Pool, len(p.members)) // once for each place
	return true
}

// askAgain is the least time between two requests for the same size.
const askAgain = 2 * time.Second

// anotherSurges reports whether another pool of those that go one at a time has
// its turn.
func (v *view) anotherSurges(p *pool) bool {
	for _, o := range v.pools {
		if o == p {
			break
		}
		if o.OneAtATime && o.active() > 0 {
			return true
		}
	}
	return slices.ContainsFunc(v.pools, func(o *pool) bool { return o != p && o.OneAtATime && o.moving() > 0 })
}

// mayStretch reports whether the pool can grow beyond its surge: nothing is on
// its way, nothing could be begun, and there is room.
func (v *view) mayStretch(p *pool) bool {
	return p.tagged && !p.still && !p.acted && p.moving() == 0 && p.launching() == 0 && p.Desired < p.most()
}

// shrink gives back what the pool has beyond its size from before, once all
// outdated nodes are gone: instances without pods first, then one node at a
// time, drained like any other.
func (v *view) shrink(p *pool) {
	if p.resized || !p.tagged || p.active() > 0 || p.Desired <= p.base+p.more(p.base-p.stuck()) {
		return
	}
	for _, m := range p.of(booting) {
		if p.Desired > p.base && m.node == nil {
			v.end(m, "is not needed any more")
		}
	}
	if p.resized {
		return
	}
	unseen := slices.ContainsFunc(p.members, func(m *member) bool { return m.kind == good && v.justBegun(m) })
	if p.moving() > 0 || p.frees || unseen || v.tookOver(p) {
		v.wait(Wait{Pool: p.Pool, Reason: fmt.Sprintf("%s is larger than before the roll by %d; waits for others to come or go first", p.Pool, p.Desired-p.base)})
		return
	}
	if p.launching() > 0 {
		v.forgo(p)
		return
	}
	var free []*member
	for _, m := range p.of(good) {
		if m.schedulable() && p.schedulable()-1 >= p.floor() && (!m.zonal() || v.matched(m, isGood)) && v.deprives(m) == "" {
			free = append(free, m)
		}
	}
	if len(free) == 0 {
		w := Wait{Pool: p.Pool, Reason: fmt.Sprintf("%s has %d nodes, %d more than before the roll, and none of the new ones can go", p.Pool, p.Desired, p.Desired-p.base)}
		p.idle = append(p.idle, w)
		v.wait(w)
		return
	}
	slices.SortStableFunc(free, func(a, b *member) int {
		// Where pods are forced, one that a budget holds for good would cost hours; a
		// leader that has moved to a new node would move a second time.
		return cmp.Or(first(p.Forcing.Enabled && v.held(a), p.Forcing.Enabled && v.held(b)), first(a.leads(), b.leads()), first(a.zonal(), b.zonal()), len(a.pods)-len(b.pods))
	})
	v.begin(candidate{member: free[0]}, "the pool has one node more than it needs")
}

// held reports whether a budget that can never be met holds a pod of a member.
func (v *view) held(m *member) bool {
	if v.anyImpossible() {
		for i := range m.pods {
			if v.never(&m.pods[i]) {
				return true
			}
		}
	}
	return false
}

// forgo gives up instances that the cloud cannot launch. A size below what is
// attached would make the cloud choose a victim, so all are protected first.
func (v *view) forgo(p *pool) {
	if !v.noRoom(p) || v.late(p) {
		v.wait(Wait{Pool: p.Pool, Actor: "the cloud", Reason: fmt.Sprintf("waits for the cloud to launch %d instances in %s, or to show its newest size", p.launching(), p.Pool)})
		return
	}
	safe := true
	for _, m := range p.members {
		if m.kind != leaving {
			safe = v.guard(m, "protects %s while the group shrinks") && safe
		}
	}
	if !safe {
		return
	}
	p.resized = true
	size := max(p.base, p.attached())
	v.asks(p, size, p.base)
	v.act(p, Action{Kind: ActionSetDesired, Desired: size, Base: p.base, Why: fmt.Sprintf("gives up %d instances that the cloud does not launch", p.Desired-size)})
}
