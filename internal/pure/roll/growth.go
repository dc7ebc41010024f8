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
	defer func() { p.added = v.History.ScaledUp[p.Pool] }()
	set, err := strconv.Atoi(p.Tags[fairway.TagRollSize])
	if asked, ok := v.History.Asked[p.Pool]; ok {
		if asked.Desired == p.Desired {
			asked.Seen = p.Desired // it has happened
			v.History.Asked[p.Pool] = asked
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
	v.History.ScaledUp[p.Pool] += p.scaledUp
}

// arriving is how many of the nodes that an autoscaler has added may still be
// on their way: until they are ready the pool cannot have them.
func (p *pool) arriving() int {
	if p.added == 0 {
		return 0
	}
	return min(p.added, p.count(booting, broken)+p.launching())
}

// recordGrowth writes the new size down before anything else changes the size.
func (v *view) recordGrowth() {
	for _, p := range v.pools {
		if p.scaledUp == 0 {
			continue
		}
		p.resized = true
		v.asks(p, p.Desired)
		v.act(p, Action{Kind: ActionSetDesired, Desired: p.Desired, Base: p.base,
			Why: fmt.Sprintf("%s was scaled up by %d meanwhile and has a size of %d when the roll is over", p.Pool, p.scaledUp, p.base)})
	}
}
