package roll

import (
	"fmt"
	"slices"

	"github.com/fairwayhq/fairway"
)

// finish ends the roll when nothing is left to replace: sizes back to what they
// were, no protection and no mark left. Nodes that cannot be rolled keep their
// marks until all other pools are through, and are then named.
func (v *view) finish() {
	clean := true
	var blocked []fairway.BlockedNode
	if v.watchMarked() {
		clean = false
	}
	for _, p := range v.pools {
		if !v.ends(p) {
			clean = false
			continue
		}
		for _, m := range p.members {
			if m.kind == leaving {
				continue
			}
			if m.guarded() && p.count(quarantined) == 0 { // otherwise tidyUp does, when all pools are through
				v.unprotect(m)
				clean = false
			}
			switch {
			case m.kind == quarantined && m.old() && v.soonRelieved(m):
				clean = false
				v.wait(Wait{Pool: p.Pool, Node: m.nodeName(), Reason: fmt.Sprintf("waits for a member of a data service that the leader on %s can hand over to", m.name())})
			case m.kind == quarantined:
				blocked = append(blocked, v.whyBlocked(m))
			case m.kind == kept:
				v.keep(m)
				if !v.leavesBehind() {
					clean = !v.clean(m, "waits for somebody to ask for its replacement") && clean
				}
			case !m.old() && p.count(quarantined) == 0 && v.clean(m, "is up to date"):
				clean = false
			}
		}
		if p.keeps && p.count(quarantined) == 0 {
			blocked = append(blocked, fairway.BlockedNode{Node: p.of(good)[0].name(), Reason: p.idle[0].Reason})
		}
		if clean && p.tagged && len(blocked) == 0 {
			v.forget(p)
			clean = false
		}
	}
	if !clean {
		return
	}
	if len(blocked) == 0 {
		v.Done = true
		return
	}
	v.History.Blocked = blocked
	v.tidyUp()
}

// leavesBehind reports whether outdated nodes stay because they cannot be rolled: they
// keep their marks to the end, and leaders on them must not move to nodes that
// lose theirs before.
func (v *view) leavesBehind() bool {
	return slices.ContainsFunc(v.pools, func(p *pool) bool {
		return slices.ContainsFunc(p.members, func(m *member) bool { return m.old() && m.kind == quarantined })
	})
}

// ends reports whether nothing is left to do in a pool but to clean up; where
// it is not, the waits say why. An instance that shuts down takes its node and
// its marks with it: nobody waits for that.
func (v *view) ends(p *pool) bool {
	if p.active() > 0 || p.acted || p.resized {
		return false
	}
	if p.Remove {
		return v.endsRemoved(p)
	}
	if v.asking(p) {
		v.wait(Wait{Pool: p.Pool, Actor: "the cloud", Reason: fmt.Sprintf("waits for the cloud to show the newest size of %s", p.Pool)})
		return false
	}
	if !p.tagged && p.count(quarantined) == 0 {
		return true // no roll, or one that was cleaned up after
	}
	for _, m := range p.members {
		switch m.kind {
		case booting:
			v.wait(Wait{Pool: p.Pool, Node: m.nodeName(), Since: m.LaunchedAt, Reason: m.waitsReady()})
			return false
		case broken, draining:
			return false
		}
	}
	if p.launching() > 0 && !(p.Spot && v.noRoom(p)) {
		v.wait(Wait{Pool: p.Pool, Actor: "the cloud", Reason: fmt.Sprintf("waits for the cloud to launch %d instances in %s%s", p.launching(), p.Pool, refusals(p))})
		return false
	}
	return p.Desired <= p.base+p.more(p.base-p.stuck()) || p.keeps
}

func refusals(p *pool) string {
	if len(p.Refusals) == 0 {
		return ""
	}
	return ": " + p.Refusals[0]
}

func (v *view) whyBlocked(m *member) fairway.BlockedNode {
	b, _ := v.blocker(m)
	_, b.Reason = quarantine(*m.node)
	switch {
	case m.old():
	case m.unfit(v.now):
		b.Reason = fmt.Sprintf("is new and not fit (%s), and cannot go: %s", m.missing, b.Reason)
	default:
		b.Reason = "is one node more than before the roll and cannot go: " + b.Reason
	}
	return b
}

// forget removes the tag with the size from before the roll, and reports whether
// it could: the call sets the size too, and with one from a late view it would
// take back what was asked for last.
func (v *view) forget(p *pool) bool {
	if v.late(p) {
		v.wait(Wait{Pool: p.Pool, Actor: "the cloud", Reason: fmt.Sprintf("waits for the cloud to show the newest size of %s", p.Pool)})
		return false
	}
	p.resized = true
	v.asks(p, p.Desired, 0)
	v.act(p, Action{Kind: ActionSetDesired, Desired: p.Desired, Base: 0, Why: fmt.Sprintf("%s is back at its size of %d", p.Pool, p.Desired)})
	return true
}

// tidyUp is the end of a roll that leaves nodes behind: their marks and the
// tags go, and the nodes are named. Protections go first: marks and tags tell
// which of them are the roll's.
func (v *view) tidyUp() {
	busy := v.endProbes()
	for _, p := range v.everyPool() {
		for _, m := range p.members {
			if m.kind != leaving && m.guarded() {
				v.unprotect(m)
				busy = true
			}
		}
	}
	for _, p := range v.everyPool() {
		for _, m := range p.members {
			switch {
			case m.kind == leaving:
			case busy:
				v.clean(m, "stays as it is", fairway.MarkScaleDown)
			default:
				v.clean(m, "stays as it is")
			}
		}
		if p.tagged && !busy && !v.forget(p) {
			return
		}
	}
	v.Done, v.Blocked = true, v.History.Blocked
}
