package roll

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
)

// abort takes back what the roll has put on nodes and groups, and nothing else.
// Drains are given up: pods that have not left stay. What the group has beyond
// its size from before goes as far as it hurts nothing: launches that have not
// happened, instances that have not joined, and nodes without pods. The rest
// stays and is named; without marks and protections an autoscaler may take it.
func (v *view) abort() {
	v.aborted = true
	clean := !v.endProbes()
	for _, p := range v.marked {
		for _, m := range p.members {
			if m.kind != leaving && v.clean(m, "stays as it is") {
				clean = false
			}
		}
	}
	for _, p := range v.pools {
		clean = v.abortPool(p) && clean
	}
	if clean && (v.now.Sub(v.History.Began) < lateView/2 || slices.ContainsFunc(v.pools, v.asking)) {
		v.wait(Wait{Reason: "looks once more, since the view may be from before the newest marks and sizes"})
		clean = false
	}
	v.Done = clean
}

// abortPool does it for one pool, and reports whether nothing was left to do.
func (v *view) abortPool(p *pool) bool {
	clean, busy := true, p.tagged && v.giveBack(p)
	for _, m := range p.members {
		if m.kind == leaving || m.starts {
			continue
		}
		if m.ends {
			continue
		}
		const why = "stays as it is, because the roll is aborted"
		if busy {
			v.clean(m, why, fairway.MarkScaleDown) // the group may still shrink
			continue
		}
		if m.guarded() {
			v.unprotect(m)
			clean = false
			if m.old() {
				v.clean(m, why, fairway.MarkScaleDown) // it tells that the protection is ours
				continue
			}
		}
		clean = !v.clean(m, why) && clean
	}
	if busy || !clean {
		return false
	}
	if p.tagged {
		v.forget(p) // the tag tells which protections are ours: it goes last
	}
	return !p.tagged
}

// giveBack shrinks a group that is larger than before the roll, where that
// hurts nothing, and reports whether it is still at it.
func (v *view) giveBack(p *pool) bool {
	switch {
	case p.Desired < p.base:
		p.resized = true
		v.asks(p, p.base, p.base)
		v.act(p, Action{Kind: ActionSetDesired, Desired: p.base, Base: p.base, Why: fmt.Sprintf("brings %s back to its size of %d", p.Pool, p.base)})
		return true
	case v.recordsGrowth(p):
		return true
	case p.Desired == p.base:
		return false
	case v.brake != "":
		v.wait(Wait{Pool: p.Pool, Reason: v.brake, Actor: "whoever looks after the nodes"})
		return true
	case v.late(p):
		v.wait(Wait{Pool: p.Pool, Actor: "the cloud", Reason: fmt.Sprintf("waits for the cloud to show the newest size of %s", p.Pool)})
		return true
	}
	// Actions land in any order: what is still cordoned for its drain does not count yet.
	resumes := slices.ContainsFunc(p.members, func(m *member) bool {
		return m.old() && m.kind != leaving && m.node != nil && (v.justBegun(m) || m.node.Unschedulable && mine(m.node, fairway.MarkCordon))
	})
	busy, begun := false, 0
	for _, m := range v.spare(p) {
		if p.Desired-begun <= p.base {
			break
		}
		needed := m.schedulable() && p.schedulable()-1 < p.floor()
		if needed && p.count(booting) == 0 && p.launching() == 0 && !resumes {
			continue // it stands in for an old one that is gone
		}
		busy = true
		switch {
		case m.node != nil && m.kind != draining && p.attached()-begun <= p.base:
			busy = busy && p.launching() == 0 // what was never launched goes first
		case m.node == nil, m.kind == draining && m.node.Unschedulable:
			m.ends = true
			v.end(m, "is not needed any more, because the roll is aborted")
		case resumes || needed || p.OneAtATime && slices.ContainsFunc(p.members, func(o *member) bool {
			return o != m && (o.starts || o.kind == draining || o.kind == leaving || v.justBegun(o))
		}):
			v.wait(Wait{Pool: p.Pool, Node: m.nodeName(), Reason: fmt.Sprintf("%s goes once the others take pods again", m.name())})
		default:
			v.begin(candidate{member: m}, "it has no pods, and the aborted roll leaves the pool as large as before")
			begun++
		}
	}
	if busy {
		return true
	}
	if p.launching() > 0 {
		return v.forgoAll(p)
	}
	if p.count(leaving) > 0 {
		v.wait(Wait{Pool: p.Pool, Reason: fmt.Sprintf("waits for instances of %s to shut down", p.Pool)})
	}
	v.leftover = append(v.leftover, fmt.Sprintf("node pool %s keeps %d nodes more than before the roll, since pods are on all of them", p.Pool, p.Desired-p.base))
	return false
}

// spare returns the members that can end without hurting anybody: first those
// that are drained already, then those that have not joined, then empty ones.
func (v *view) spare(p *pool) []*member {
	rank := func(m *member) int {
		switch {
		case m.kind == leaving || v.justFreed(m) || len(m.pods) > 0 || m.node != nil && m.node.VolumesAttached > 0:
			return 0
		case m.kind == draining && m.node.Unschedulable && mine(m.node, fairway.MarkCordon):
			return 1
		case m.node == nil && !m.old() && v.now.Sub(m.LaunchedAt) < p.nodeReadyTimeout():
			return 2 // an older one without a node may be one that was not listed
		case m.node != nil && !m.old() && m.kind != good:
			return 3 // the pool may need those that are ready in place of old ones that are gone
		case m.node != nil && !m.old():
			return 4
		}
		return 0
	}
	out := slices.DeleteFunc(slices.Clone(p.members), func(m *member) bool { return rank(m) == 0 })
	slices.SortStableFunc(out, func(a, b *member) int { return cmp.Compare(rank(a), rank(b)) })
	return out
}

// forgoAll gives up the launches that the cloud still owes.
func (v *view) forgoAll(p *pool) bool {
	safe := true
	for _, m := range p.members {
		if m.kind != leaving {
			safe = v.guard(m, "protects %s while the group shrinks") && safe
		}
	}
	if safe {
		p.resized = true
		size := max(p.base, p.attached())
		v.asks(p, size, p.base)
		v.act(p, Action{Kind: ActionSetDesired, Desired: size, Base: p.base, Why: fmt.Sprintf("gives up %d instances that were not launched yet", p.Desired-size)})
	}
	return true
}

// abortedSentence says how far the abort has come.
func (v *view) abortedSentence() string {
	text := "aborted: takes marks and surge away"
	if v.Done {
		text = "aborted: no mark is left"
	}
	if len(v.leftover) > 0 {
		text += "; " + strings.Join(v.leftover, "; ")
	}
	return text
}
