package roll

import (
	"fmt"
	"strconv"

	"github.com/fairwayhq/fairway"
)

// grows takes what somebody else has added to the desired size since the roll
// last set it into the size that the pool has when the roll is over: an
// autoscaler's nodes come up current and are no surge. What was set stands in
// the history, or else in the tag on the group.
func (v *view) grows(p *pool) {
	if !p.tagged || p.Remove {
		return
	}
	p.added = v.History.ScaledUp[p.Pool]
	set, err := strconv.Atoi(p.Tags[fairway.TagRollSize])
	if asked, ok := v.History.Asked[p.Pool]; ok {
		if asked.Desired == p.Desired {
			asked.Seen = p.Desired // it has happened
			put(&v.History.Asked, p.Pool, asked)
		}
		if v.now.Sub(asked.At) < lateView {
			return // the view may be from before
		}
		set, err = max(asked.Desired, asked.Seen), nil // what was asked for may not have happened
	}
	if err != nil || p.Desired <= set {
		return
	}
	p.base += p.Desired - set
	p.scaledUp = p.Desired - set
	p.added += p.scaledUp // remembered once it is written down: a brake or a pause may come first
}

// recalls takes the size from before the roll from memory where the tag that
// is seen says less: the view may be late, or the call that raised it may have
// failed. Then it is made again.
func (v *view) recalls(p *pool) {
	asked, ok := v.History.Asked[p.Pool]
	if !ok || p.Remove || asked.Base <= p.base {
		return
	}
	recent := v.now.Sub(asked.At) < lateView
	if p.tagged || recent {
		p.base = asked.Base
		p.unrecorded = p.tagged && !recent
	}
}

// arriving is how many of the nodes that an autoscaler has added may still be
// on their way: until they are ready the pool cannot have them.
func (p *pool) arriving() int {
	if p.added == 0 {
		return 0
	}
	return min(p.added, p.count(booting, broken)+p.launching())
}

// recordGrowth writes the new sizes down before anything else changes them.
func (v *view) recordGrowth() {
	for _, p := range v.pools {
		v.recordsGrowth(p)
	}
}

// recordsGrowth writes the new size of a pool down, and reports whether it had to.
func (v *view) recordsGrowth(p *pool) bool {
	why := ""
	switch {
	case p.scaledUp > 0:
		why = fmt.Sprintf("%s was scaled up by %d meanwhile and has a size of %d when the roll is over", p.Pool, p.scaledUp, p.base)
	case p.unrecorded && !v.late(p):
		why = fmt.Sprintf("writes down again that %s has a size of %d when the roll is over", p.Pool, p.base)
	default:
		return false
	}
	p.resized = true
	put(&v.History.ScaledUp, p.Pool, p.added)
	v.asks(p, p.Desired, p.base)
	v.act(p, Action{Kind: ActionSetDesired, Desired: p.Desired, Base: p.base, Why: why})
	return true
}

// asking reports whether the tag was asked for so lately that the view need not
// show it: a pool without it has not ended then.
func (v *view) asking(p *pool) bool {
	asked, ok := v.History.Asked[p.Pool]
	return ok && asked.Base > 0 && !p.tagged && v.now.Sub(asked.At) < lateView
}
