package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// calm takes the faults from a scenario and gives the cloud room for a node in
// every zone.
func calm(s Scenario) Scenario {
	for i := range s.Pools {
		s.Pools[i].Max = max(s.Pools[i].Max, s.Pools[i].Nodes+s.Zones)
	}
	for i := range s.Workloads {
		s.Workloads[i].RoleGap = 0 // a leader that moves slowly may outlast the roll
	}
	s.Faults = Faults{}
	return s
}

// TestRoll_ReplacesEveryNodeWhereTheCloudHasRoom: with room, and budgets that
// can be met, nothing is left behind, and leaders hardly move.
func TestRoll_ReplacesEveryNodeWhereTheCloudHasRoom(t *testing.T) {
	t.Parallel()
	played := 0
	for seed := range uint64(300) {
		s := calm(Random(seed + 100_000))
		if slices.ContainsFunc(s.Workloads, Workload.Blocked) {
			continue
		}
		played++
		r := Run(s, roll.Decide)
		if r.Broken != "" || r.Outcome != "done" {
			t.Errorf("seed %d: outcome %s, broken %q, blocked %v", s.Seed, r.Outcome, r.Broken, r.Blocked)
		}
		if r.LeaderMoves > 2 {
			t.Errorf("seed %d: a leader moved %d times", s.Seed, r.LeaderMoves)
		}
	}
	if played < 200 {
		t.Errorf("only %d seeds are worlds without blocked workloads", played)
	}
}

// TestRoll_SurgeOfOneWithVolumesInEveryZone: the cloud launches where the fewest
// instances are, ties by name, so that a surge of one alone always comes up in
// the first zone. The roll must not get stuck, and must give back what it took.
func TestRoll_SurgeOfOneWithVolumesInEveryZone(t *testing.T) {
	t.Parallel()
	for _, nodes := range []int{3, 4, 5, 6, 9} {
		for _, room := range []int{1, 2, 3, 6} {
			t.Run(fmt.Sprintf("%d nodes, room for %d more", nodes, room), func(t *testing.T) {
				t.Parallel()
				settings := roll.Settings{Surge: 1, MinReady: time.Second, Deregistration: time.Second, NodeReadyTimeout: time.Minute, BlockedAfter: 5 * time.Minute, RetryRefused: time.Second}
				s := Scenario{
					Seed: uint64(nodes), Zones: 3, Slots: 8, Boot: 10 * time.Second, Shutdown: 5 * time.Second, Cap: time.Hour, Look: time.Second,
					PodStart: time.Second, PodStop: time.Second, Attach: time.Second, Detach: time.Second, BudgetDelay: time.Second,
					Pools: []PoolSpec{{Name: "a", Nodes: nodes, Max: nodes + room, Settings: settings}},
				}
				// As many volumes as nodes: the scheduler spreads a workload.
				for i := range (nodes + 2) / 3 {
					s.Workloads = append(s.Workloads, Workload{Name: fmt.Sprintf("db%d", i), Kind: "StatefulSet", Pool: "a", Replicas: 3, Zonal: true, MinAvailable: 2})
				}
				r := Run(s, roll.Decide)
				if r.Broken != "" || r.Outcome != "done" {
					t.Errorf("outcome %s, broken %q, blocked %v", r.Outcome, r.Broken, r.Blocked)
				}
			})
		}
	}
}

// TestRoll_GivesUpWhenNewNodesDoNotJoin: after three in a row, with the old
// nodes as they were.
func TestRoll_GivesUpWhenNewNodesDoNotJoin(t *testing.T) {
	t.Parallel()
	s := calm(Random(7))
	s.BadEvery = 1
	r := Run(s, roll.Decide)
	if r.Broken != "" || r.Outcome != "failed" {
		t.Errorf("outcome %s, broken %q", r.Outcome, r.Broken)
	}
	if r.Evictions > 0 {
		t.Errorf("%d pods were evicted for nodes that never came", r.Evictions)
	}
}
