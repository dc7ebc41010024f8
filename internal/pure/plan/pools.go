package plan

import (
	"fmt"
	"math"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// What a node's replacement takes where the fleet's history does not say.
const (
	// assumedBoot is from the launch of an instance to its node being Ready,
	// assumedDrain from the first eviction to the last pod gone.
	assumedBoot  = 90 * time.Second
	assumedDrain = 60 * time.Second
)

// Pool is a node pool as it is and as it shall be.
type Pool struct {
	// Spec is what the pool shall be; for a pool that left the registry only its
	// name is given, and Leaves is set.
	Spec     fairway.PoolSpec
	Settings roll.Settings
	Leaves   bool
	// Group is the cloud's group; nil for a pool that does not exist yet.
	Group     *fairway.Group
	Instances []fairway.Instance
	// Generation is what EnsurePool would make new instances from; "" when that
	// does not exist yet.
	Generation string
	// Differs says in words what is new in it.
	Differs []string
	// PerNode is how long the replacement of one node took in the past; 0 when
	// nobody knows.
	PerNode time.Duration
}

// PoolImpact is what happens to the nodes of a pool.
type PoolImpact struct {
	Pool         string `json:"pool"`
	ControlPlane bool   `json:"control_plane,omitempty"`
	// Nodes are there now, Replaced of them get replaced, Removed go for good.
	Nodes    int `json:"nodes"`
	Replaced int `json:"replaced"`
	Removed  int `json:"removed,omitempty"`
	// New says that the pool is made, with so many nodes at first.
	New int `json:"new,omitempty"`
	// Why says what differs.
	Why []string `json:"why,omitempty"`
	// Surge is how many nodes the pool has beyond its size during the roll.
	Surge     int     `json:"surge,omitempty"`
	Strategy  string  `json:"strategy,omitempty"`
	Seconds   int     `json:"seconds,omitempty"`
	NodeHours float64 `json:"node_hours,omitempty"`
	// Measured says that the estimate is from the past of the cluster.
	Measured bool `json:"measured,omitempty"`
}

// impacts says of every pool what happens to its nodes.
func impacts(pools []Pool) []PoolImpact {
	var out []PoolImpact
	for _, p := range pools {
		out = append(out, p.impact())
	}
	return out
}

func (p Pool) impact() PoolImpact {
	i := PoolImpact{Pool: p.Spec.Pool.Name, ControlPlane: p.Spec.Pool.IsMaster(), Strategy: string(p.Settings.Strategy)}
	if p.Group == nil {
		i.New, i.Why = int(p.Spec.Pool.MinSize), []string{"the pool does not exist yet"}
		return i
	}
	for _, one := range p.Instances {
		if one.State == fairway.InstanceTerminating || one.State == fairway.InstanceTerminated {
			continue
		}
		i.Nodes++
		switch {
		case p.Leaves:
			i.Removed++
		case one.Generation != p.Generation || one.Outdated != "":
			i.Replaced++
			if one.Outdated != "" {
				i.why(one.Outdated)
			}
		}
	}
	if p.Leaves {
		i.Why = []string{"the pool left the registry"}
	}
	if i.Replaced > 0 {
		for _, why := range p.Differs {
			i.why(why)
		}
		if len(i.Why) == 0 {
			i.why("nodes are left from an earlier roll")
		}
	}
	p.estimate(&i)
	return i
}

func (i *PoolImpact) why(text string) {
	for _, w := range i.Why {
		if w == text {
			return
		}
	}
	i.Why = append(i.Why, text)
}

// surge is how many instances a roll of the pool adds.
func (p Pool) surge(nodes int) int {
	s := max(1, p.Settings.Surge)
	if p.Settings.SurgePercent > 0 {
		s = max(1, (nodes*p.Settings.SurgePercent+99)/100)
	}
	if p.Settings.OneAtATime {
		s = 1
	}
	if p.Group != nil && !p.Settings.RaiseMax {
		s = min(s, max(0, p.Group.Max-nodes))
	}
	return s
}

// estimate fills in how long a roll takes and what it costs. One node takes a
// boot, the time that it must stay Ready, the deregistration and a drain. So
// many at once as the surge allows go through that side by side, the canary
// alone before them; each slot keeps one instance more than the pool needs.
func (p Pool) estimate(i *PoolImpact) {
	n := i.Replaced + i.Removed
	if n == 0 || p.Settings.Strategy == roll.OnDelete || p.Settings.Strategy == roll.CLC {
		return
	}
	each := p.PerNode
	i.Measured = each > 0
	if each == 0 {
		each = assumedBoot + p.Settings.MinReady + p.Settings.Deregistration + assumedDrain
	}
	if p.Leaves {
		// Nothing is launched for a pool that goes.
		i.Seconds = int((p.Settings.Deregistration + assumedDrain).Seconds()) * n
		return
	}
	i.Surge = p.surge(i.Nodes)
	slots := max(1, i.Surge)
	rounds := float64(n) / float64(slots)
	if p.Settings.Canary && n > 1 {
		rounds = 1 + float64(n-1)/float64(slots)
	}
	total := time.Duration(math.Ceil(rounds)) * each
	i.Seconds = int(total.Seconds())
	i.NodeHours = math.Round(float64(i.Surge)*total.Hours()*100) / 100
}

// duration says how long something takes, for people.
func duration(seconds int) string {
	d := time.Duration(seconds) * time.Second
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", seconds)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(math.Round(d.Minutes())))
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}
