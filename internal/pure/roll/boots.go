package roll

import (
	"time"

	"github.com/fairwayhq/fairway"
)

const (
	// learntFrom new instances of a pool have to be Ready before their boot times
	// say anything about the next one.
	learntFrom = 3
	// lateTimes the longest boot time learnt, and lateFloor at least, is late.
	lateTimes = 2
	lateFloor = 2 * time.Minute
)

// Boot is how long a new instance took from its launch until it was Ready and
// in service.
type Boot struct {
	Pool string
	Took time.Duration
}

// learn takes down how long the new instances took to boot. The instances
// themselves carry the times, so a manager that starts anew knows them as well.
func (v *view) learn() {
	for _, p := range v.everyPool() {
		for _, m := range p.members {
			if m.old() || m.node == nil || !m.node.Ready || m.State != fairway.InstanceInService || m.LaunchedAt.IsZero() {
				continue
			}
			took := latest(m.node.ReadySince, m.InServiceAt).Sub(m.LaunchedAt)
			// A node that was not ready for a while says less than it did at first.
			if b, known := v.History.Boots[m.ID]; took > 0 && (!known || took < b.Took) {
				put(&v.History.Boots, m.ID, Boot{Pool: p.Pool, Took: took})
			}
		}
	}
	for _, p := range v.pools {
		n, longest := 0, time.Duration(0)
		for _, b := range v.History.Boots {
			if b.Pool == p.Pool {
				n++
				longest = max(longest, b.Took)
			}
		}
		if n >= learntFrom {
			// Each one in a row that was late doubles the patience with the next: if
			// the cloud has become slow, ending instances early does not help.
			p.bootTimeout = min(p.nodeReadyTimeout(), max(lateFloor, lateTimes*longest)<<min(v.notJoined(p), 4))
		}
	}
}

// lateAfter is how long after its launch a new instance that is not Ready is
// given up: Settings.NodeReadyTimeout, or less once boot times are learnt.
func (p *pool) lateAfter() time.Duration {
	if p.bootTimeout > 0 {
		return p.bootTimeout
	}
	return p.nodeReadyTimeout()
}
