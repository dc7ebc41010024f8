package roll

import (
	"fmt"
	"time"

	"github.com/fairwayhq/fairway"
)

const (
	// brakeShare of the cluster's nodes may be not ready, and brakeFloor nodes
	// in any case less one, before the roll stops touching anything.
	brakeShare = 0.20
	brakeFloor = 2
)

const (
	// slowTimes as slow as before the roll, and slowFloor at least, is too slow
	// an answer of the API server.
	slowTimes = 5
	slowFloor = 2 * time.Second
	// errorShare of at least errorFloor requests may fail.
	errorShare = 0.20
	errorFloor = 10
)

// slowAPI says why the API server is not well, or "". How slow it was before
// the roll has to be known: a large cluster is looked at for longer.
func slowAPI(a API) string {
	switch {
	case a.Usual > 0 && a.Latency > max(slowTimes*a.Usual, slowFloor):
		return fmt.Sprintf("the API server answers in %s, in %s before the roll: nothing is drained or ended until it is faster", a.Latency.Round(time.Millisecond), a.Usual.Round(time.Millisecond))
	case a.Requests >= errorFloor && float64(a.Errors) > errorShare*float64(a.Requests):
		return fmt.Sprintf("%d of the newest %d requests to the API server failed: nothing is drained or ended until they succeed", a.Errors, a.Requests)
	}
	return ""
}

// braked says why nothing may be drained or ended now: too many nodes are not
// ready, over all reasons. New nodes that still have time to boot and those
// that are being terminated do not count; an instance in service whose node is
// missing does, since a list of nodes that came back too short must not look
// like nodes that can go.
func (v *view) braked(instances []fairway.Instance, node func(*fairway.Instance) *fairway.Node) string {
	total, away := 0, 0
	for k := range instances {
		i := &instances[k]
		if i.State == fairway.InstanceTerminating || i.State == fairway.InstanceTerminated {
			continue
		}
		n := node(i)
		if n != nil && n.Ready {
			total++
			continue
		}
		timeout := defaultNodeReadyTimeout
		if m := v.memberOf(i.ID); m != nil {
			timeout = m.pool.nodeReadyTimeout()
			if !m.old() && !m.wasReady() && m.late(v.now) {
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

// memberOf returns the member with an instance id, or nil.
func (v *view) memberOf(id string) *member {
	for k := range v.members {
		if m := &v.members[k]; m.ID == id {
			return m
		}
	}
	return nil
}
