package rollbench

import (
	_ "embed" // the scenarios that come with the program
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Standard are the scenarios that come with the program, as a file.
//
//go:embed scenarios.json
var Standard []byte

// Scenario is a world and how its pool is rolled. Times are in seconds. The
// fields have the names of the scenario file, where their meaning is defined.
type Scenario struct {
	ID, Why string
	N       int // nodes at the start
	Zones   int

	BootBaseS, BootSpreadS    float64
	PodTermS, PodStartS       float64
	GracePeriodS              float64
	VolDetachS, VolAttachS    float64
	InstanceShutdownS         float64
	LaunchHookTimeoutS        float64
	PodsPerNode, SlotsPerNode int
	Replicas                  int
	// PDB, Surge, Volumes, GroupMax and Quota are in the words of the file.
	PDB, Surge, Volumes, GroupMax, Quota string
	BadEvery                             int
	BadKind                              string
	GrowthNodes                          int
	GrowthEveryS                         float64
	BlockedApps                          int
	// MinReadyS, Canary and Forcing are settings of the roll, not of the world.
	MinReadyS       float64
	Canary, Forcing bool
	CapS            float64
	Seeds           []uint64
}

// base returns the values that a file need not give.
func base() Scenario {
	return Scenario{
		Zones: 3, BootBaseS: 90, BootSpreadS: 30, PodTermS: 20, PodStartS: 30, GracePeriodS: 30, VolDetachS: 10, VolAttachS: 10,
		InstanceShutdownS: 30, LaunchHookTimeoutS: 600, PodsPerNode: 10, SlotsPerNode: 12, Replicas: 10,
		PDB: "none", Surge: "3", Volumes: "none", GroupMax: "N+64", Quota: "none", GrowthEveryS: 180, CapS: 86400, Seeds: []uint64{1, 2, 3},
	}
}

// WithDefaults returns the scenario rolled with the settings that the product
// has unless they are changed.
func (s Scenario) WithDefaults() Scenario {
	s.MinReadyS, s.Canary, s.Forcing = 30, true, true
	return s
}

// surge is how many instances may be above the pool's size, as a number and a
// percentage; one of them is 0.
func (s Scenario) surge() (number, percent int) {
	text, isPercent := strings.CutSuffix(s.Surge, "%")
	n, _ := strconv.Atoi(text)
	if isPercent {
		return 0, n
	}
	return n, 0
}

// slots is how many nodes may be in transition at once.
func (s Scenario) slots() int {
	number, percent := s.surge()
	return max(1, number, share(percent, s.N))
}

// maxUnavailable is how many of an app's pods its budget lets be down, false
// when it has no budget.
func (s Scenario) maxUnavailable(replicas int) (int, bool) {
	text, has := strings.CutPrefix(s.PDB, "maxUnavailable:")
	if !has {
		return 0, false
	}
	text, isPercent := strings.CutSuffix(text, "%")
	n, _ := strconv.Atoi(text)
	if isPercent {
		n = share(n, replicas)
	}
	return min(n, replicas), true
}

// share is a percentage of a number, rounded up.
func share(percent, of int) int { return (percent*of + 99) / 100 }

// groupMax is the greatest size of the cloud group.
func (s Scenario) groupMax() int {
	k, _ := strconv.Atoi(strings.TrimPrefix(s.GroupMax, "N+"))
	return s.N + k
}

// quota is how many instances the cloud has; 0 is no limit.
func (s Scenario) quota() int {
	if s.Quota == "N" {
		return s.N
	}
	return 0
}

// drain is how long the pods of a node take to go.
func (s Scenario) drain() time.Duration { return seconds(min(s.PodTermS, s.GracePeriodS)) }

// apps returns how many replicas each app has: all have Replicas, but for a
// last one that has what remains.
func (s Scenario) apps() []int {
	var apps []int
	for left := s.N * s.PodsPerNode; left > 0; left -= s.Replicas {
		apps = append(apps, min(left, s.Replicas))
	}
	return apps
}

// placement returns the node of every replica of every app. Where the rule of
// the world would fill a node with more than its share, which it does only when
// the numbers do not divide, the next node in the order of the shuffle is taken.
func (s Scenario) placement(seed uint64) [][]int {
	perm := permutation(seed, s.N)
	step := max(1, s.N/s.Replicas)
	load := make([]int, s.N)
	apps := s.apps()
	out := make([][]int, len(apps))
	for a, replicas := range apps {
		here := map[int]bool{}
		for r := range replicas {
			at := (a + r*step) % s.N
			for pass, tried := 0, 0; load[perm[at]] >= s.PodsPerNode || pass == 0 && here[perm[at]]; {
				at = (at + 1) % s.N
				if tried++; tried == s.N {
					pass, tried = 1, 0 // more replicas than nodes: some share one
				}
			}
			load[perm[at]]++
			here[perm[at]] = true
			out[a] = append(out[a], perm[at])
		}
	}
	return out
}

// volumeNodes returns the nodes that have a volume.
func (s Scenario) volumeNodes() map[int]bool {
	out := map[int]bool{}
	text, kind, has := strings.Cut(s.Volumes, "%-")
	if !has {
		return out
	}
	percent, _ := strconv.Atoi(text)
	if kind == "spread" {
		for i := range s.N {
			if i*percent%100 < percent {
				out[i] = true
			}
		}
		return out
	}
	for i := 0; i < s.N && len(out) < s.N*percent/100; i += s.Zones {
		out[i] = true
	}
	return out
}

// blockedNodes returns the nodes with a pod that no budget ever lets go.
func (s Scenario) blockedNodes(placement [][]int) map[int]bool {
	out := map[int]bool{}
	for a, nodes := range placement {
		m, has := s.maxUnavailable(len(nodes))
		if a < s.BlockedApps || has && m == 0 {
			for _, n := range nodes {
				out[n] = true
			}
		}
	}
	return out
}

// String returns the name of the scenario.
func (s Scenario) String() string { return fmt.Sprintf("%s (%d nodes)", s.ID, s.N) }
