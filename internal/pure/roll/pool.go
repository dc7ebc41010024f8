package roll

import (
	"slices"
	"strconv"
	"time"

	"github.com/fairwayhq/fairway"
)

// pool is a cloud group with its members.
type pool struct {
	fairway.Group
	Settings
	Remove bool // see Pool
	// base is the size from before the roll.
	base int
	// scaledUp is what an autoscaler has added to it that is not recorded yet.
	scaledUp int
	// unrecorded says that the tag on the group says less than base.
	unrecorded bool
	// added is all that autoscalers have added since the roll began.
	added int
	// bootTimeout is when a new instance is late, as learnt; 0 when not known.
	bootTimeout time.Duration
	// counted, readyNow and floorNow keep what capacity has counted.
	counted, readyNow, floorNow int
	// seen is the desired size that the cloud shows.
	seen int
	// tagged says that the group carries the tag with the base.
	tagged  bool
	members []*member // in order of their names
	inZones []string  // see zones; nil until it is found out
	// driverNames are the storage drivers that new nodes need, once known.
	driverNames  []string
	driversKnown bool
	// was and is are what a node could allocate before the roll, and can now;
	// capped says that the group's maximum is too low for the difference.
	was, is Unit
	capped  bool
	// still says that no drain may begin now for a reason that passes.
	still bool
	// acted says that something was asked of the cloud or a node in this decision.
	acted bool
	// frees says that a drain is given up in this decision.
	frees bool
	// resized says that the desired size is changed in this decision.
	resized bool
	idle    []Wait // what the pool waits for when nothing can be done
	// keeps says that the pool has been unable to shrink for so long that it
	// stays larger than before.
	keeps bool
}

// base returns the size of the group from before the roll, and whether a roll
// has recorded it.
func base(g fairway.Group) (int, bool) {
	size, tagged := g.Desired, false
	if n, err := strconv.Atoi(g.Tags[fairway.TagRollBase]); err == nil && n >= 0 {
		size, tagged = n, true
	}
	return min(max(size, g.Min), max(g.Max, g.Min)), tagged
}

// count returns how many members are of one of the kinds.
func (p *pool) count(kinds ...kind) int {
	n := 0
	for _, m := range p.members {
		if slices.Contains(kinds, m.kind) {
			n++
		}
	}
	return n
}

// of returns the members of one of the kinds.
func (p *pool) of(kinds ...kind) []*member {
	var out []*member
	for _, m := range p.members {
		if slices.Contains(kinds, m.kind) {
			out = append(out, m)
		}
	}
	return out
}

// attached is how many instances the cloud counts towards the desired size.
func (p *pool) attached() int { return len(p.members) - p.count(leaving) }

// launching is how many instances the cloud still owes.
func (p *pool) launching() int { return max(0, p.Desired-p.attached()) }

// current is how many instances of the newest generation there are or will be.
func (p *pool) current() int {
	n := p.launching()
	for _, m := range p.members {
		if !m.old() && m.kind != leaving {
			n++
		}
	}
	return n
}

// outdated returns the old members that are not leaving.
func (p *pool) outdated() []*member {
	return slices.DeleteFunc(slices.Clone(p.members), func(m *member) bool { return !m.old() || m.kind == leaving })
}

// stuck is how many old members stay: quarantined, or kept until a person asks.
func (p *pool) stuck() int {
	n := 0
	for _, m := range p.members {
		if m.old() && (m.kind == quarantined || m.kind == kept) && !m.starts {
			n++
		}
	}
	return n
}

// rolling reports whether nodes of the pool are being replaced, or were a
// moment ago.
func (p *pool) rolling() bool { return p.tagged || p.active() > 0 }

// active is how many old members are still to be replaced.
func (p *pool) active() int {
	n := 0
	for _, m := range p.members {
		if m.old() && m.kind != leaving && (m.starts || m.kind != quarantined && m.kind != kept) {
			n++
		}
	}
	return n
}

// countOutdated is how many outdated returns.
func (p *pool) countOutdated() int {
	n := 0
	for _, m := range p.members {
		if m.old() && m.kind != leaving {
			n++
		}
	}
	return n
}

// schedulable is the capacity of the pool.
func (p *pool) schedulable() int {
	n := 0
	for _, m := range p.members {
		if m.schedulable() {
			n++
		}
	}
	return n
}

// floor is the capacity that the pool keeps: its size from before the roll but
// for outdated nodes that a person had cordoned.
func (p *pool) floor() int {
	n := p.base - p.arriving()
	for _, m := range p.members {
		if m.old() && m.node != nil && m.node.Unschedulable && m.kind != leaving && m.kind != draining && !m.starts && !mine(m.node, fairway.MarkCordon) {
			n--
		}
	}
	return n
}

// moving is how many members or launches are on their way somewhere.
func (p *pool) moving() int {
	n := p.count(leaving, booting, broken, draining)
	for _, m := range p.members {
		if m.starts && m.kind != draining {
			n++
		}
	}
	return n
}

// needed is how many current instances the pool has when the roll is over.
func (p *pool) needed() int {
	n := p.base - p.stuck()
	return n + p.more(n)
}

// limit is the greatest size that the surge allows.
func (p *pool) limit() int { return p.within(p.base + p.surgeNow() + p.extra()) }

// within is a size, or the greatest that the group may have.
func (p *pool) within(size int) int {
	if p.RaiseMax {
		return size
	}
	return min(p.Max, size)
}

// surgeNow is the surge in force; control planes go one by one.
func (p *pool) surgeNow() int {
	if p.OneAtATime {
		return 1
	}
	if p.SurgePercent > 0 {
		return max(1, share(p.SurgePercent, p.base))
	}
	return p.surge()
}

// share is a percentage of a number, rounded up.
func share(percent, of int) int { return (percent*of + 99) / 100 }

// short is how many nodes the pool may lack where the cloud has no room.
func (p *pool) short() int {
	switch {
	case p.OneAtATime:
		return 1
	case p.ShortPercent > 0:
		return max(1, p.ShortPercent*p.base/100)
	case p.Short > 0:
		return p.Short
	}
	return max(1, min(p.surgeNow(), share(10, p.base)))
}

// zones returns the zones of the pool in order.
func (p *pool) zones() []string {
	if p.inZones == nil {
		zones := append(make([]string, 0, 8), p.Group.Zones...)
		for _, m := range p.members {
			if z := m.zone(); z != "" && !slices.Contains(zones, z) {
				zones = append(zones, z)
			}
		}
		slices.Sort(zones)
		p.inZones = slices.Compact(zones)
	}
	return p.inZones
}
