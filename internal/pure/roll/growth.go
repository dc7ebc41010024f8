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
	set, err := strconv.Atoi(p.Tags[fairway.TagRollSize])
	if asked, ok := v.History.Asked[p.Pool]; ok {
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
