package roll

import (
	"fmt"

	"github.com/fairwayhq/fairway"
)

const (
	// brakeShare of the cluster's nodes may be not ready, and brakeFloor nodes
	// in any case less one, before the roll stops touching anything.
	brakeShare = 0.20
	brakeFloor = 2
)

// braked says why nothing may be drained or ended now: too many nodes are not
// ready, over all reasons. New nodes that still have time to boot and those
// that are being terminated do not count; an instance in service whose node is
// missing does, since a list of nodes that came back too short must not look
// like nodes that can go.
func (v *view) braked(instances []fairway.Instance, node func(fairway.Instance) *fairway.Node) string {
	pools := map[string]*pool{}
	for _, p := range v.pools {
		pools[p.Pool] = p
	}
	total, away := 0, 0
	for _, i := range instances {
		if i.State == fairway.InstanceTerminating || i.State == fairway.InstanceTerminated {
			continue
		}
		n := node(i)
		if n != nil && n.Ready {
			total++
			continue
		}
		timeout := defaultNodeReadyTimeout
		if p := pools[i.Pool]; p != nil {
			timeout = p.nodeReadyTimeout()
			if m := (&member{Instance: i, pool: p, node: n}); !m.old() && !m.wasReady() && m.late(v.now) {
				continue // never joined: the machine is at fault, not the cluster
			}
		}
		if v.now.Sub(i.LaunchedAt) < timeout && (n == nil || n.ReadySince.Before(n.CreatedAt.Add(neverReady))) {
			continue
		}
		total++
		away++
	}
	if away < brakeFloor || float64(away) <= brakeShare*float64(total) {
		return ""
	}
	return fmt.Sprintf("%d of %d nodes are not ready, more than %d %%: nothing is drained or ended until they are", away, total, int(brakeShare*100))
}
