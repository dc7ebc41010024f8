package sim

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// other returns the world of a seed, calm but for managers that are killed and
// doubled, with a second pool of which change says what becomes. What it draws comes
// from a stream of its own.
func other(seed uint64, change func(draw, *Scenario)) Scenario {
	r := draw{rand.New(rand.NewPCG(seed, 3))}
	s := Random(seed)
	f := s.Faults
	s = calm(s)
	s.KillEvery, s.DoubleEvery, s.Stale = f.KillEvery, f.DoubleEvery, f.Stale
	settings := s.Pools[0].Settings
	settings.OneAtATime, settings.Strategy, settings.MaxAge, settings.Spot = false, "", 0, false
	s.Pools = s.Pools[:1]
	s.Pools[0].Settings = settings
	s.Pools = append(s.Pools, PoolSpec{Name: "x", Nodes: r.between(2, 6), Max: 20, Settings: settings})
	s.Workloads = slices.DeleteFunc(s.Workloads, func(w Workload) bool {
		return w.Kind == "Mirror" || w.Pool != "" && w.Pool != s.Pools[0].Name || w.Blocked()
	})
	change(r, &s)
	return s
}

// removed makes the second pool one that leaves the configuration; its pods may
// stand anywhere, and the first pool has room for them.
func removed(r draw, s *Scenario) {
	s.Pools[1].Remove = true
	s.Workloads = append(s.Workloads,
		Workload{Name: "moving", Kind: "ReplicaSet", Replicas: r.between(2, 6), MinAvailable: 1, CPU: 100},
		Workload{Name: "single", Kind: "ReplicaSet", Replicas: 1, MinAvailable: -1, CPU: 100})
}

// others lets a controller in the cluster replace the nodes of the second pool.
func others(r draw, s *Scenario) {
	s.Pools[1].Settings.Strategy = roll.CLC
	s.Workloads = append(s.Workloads, Workload{Name: "x-app", Kind: "ReplicaSet", Pool: "x", Replicas: r.between(2, 6), MinAvailable: 1, CPU: 100})
}

// smaller makes new nodes smaller than those from before, with room for more of them.
// No manager is killed: one that takes over when the last node from before is gone
// cannot know any more what those had.
func smaller(r draw, s *Scenario) {
	for i := range s.Pools {
		s.Pools[i].Grown = r.between(50, 90)
		s.Pools[i].Max = 3*s.Pools[i].Nodes + 10
		s.Pools[i].Current = 0
	}
	s.KillEvery, s.DoubleEvery = 0, 0
}

// TestRoll_OtherPools: pools that are removed, that a controller in the cluster
// rolls, or whose new nodes are smaller.
func TestRoll_OtherPools(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(draw, *Scenario){"removed": removed, "rolled by others": others, "smaller nodes": smaller} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			done := 0
			for seed := uint64(1); seed <= 100; seed++ {
				r := Run(other(seed, change), roll.Decide)
				if r.Broken != "" {
					t.Errorf("seed %d: %s", seed, r.Broken)
				}
				if r.Outcome == "done" {
					done++
				}
			}
			if done < 75 {
				t.Errorf("only %d of 100 rolls are done", done)
			}
		})
	}
}

// TestRun_CatchesPoliciesThatAreWrongAboutOtherPools: each of those checks has a
// policy that it catches.
func TestRun_CatchesPoliciesThatAreWrongAboutOtherPools(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		policy Policy
		world  func(draw, *Scenario)
		want   string
	}{
		"replaces the nodes of a removed pool": {func(s roll.Snapshot, now time.Time) roll.Decision {
			return roll.Decide(with(s, func(p *roll.Pool) { p.Remove = false }), now)
		}, removed, Limits},
		"drains a removed pool at once": {drainsAll, removed, Floor},
		"drains where a controller does": {func(s roll.Snapshot, now time.Time) roll.Decision {
			return roll.Decide(with(s, func(p *roll.Pool) { p.Settings.Strategy = roll.Rolling }), now)
		}, others, Owner},
		"counts nodes and not what they have": {func(s roll.Snapshot, now time.Time) roll.Decision {
			s.Nodes = slices.Clone(s.Nodes)
			for i := range s.Nodes {
				s.Nodes[i].CPU, s.Nodes[i].Memory = 0, 0
			}
			return roll.Decide(s, now)
		}, smaller, Floor},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			last := ""
			for seed := range uint64(100) {
				s := other(seed, tt.world)
				s.Cap = 20 * time.Minute
				r := Run(s, tt.policy)
				if last = r.Broken; r.Rule == tt.want {
					return
				}
			}
			t.Errorf("100 seeds, and the invariant %q holds; the last said %q", tt.want, last)
		})
	}
}
