package rollbench

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	worlds = flag.Int("worlds", 60, "how many random scenarios are played")
	from   = flag.Uint64("from", 1, "the first of them")
)

// random returns the scenario of a number.
func random(number uint64) Scenario {
	r := rand.New(rand.NewPCG(number, 3))
	chance := func(p float64) bool { return r.Float64() < p }
	between := func(a, b int) int { return a + r.IntN(b-a+1) }
	s := base()
	s.ID, s.N, s.Zones = fmt.Sprintf("random-%d", number), between(1, 40), between(1, 4)
	s.PodsPerNode = between(1, 12)
	s.SlotsPerNode = s.PodsPerNode + between(1, 4)
	s.Replicas = between(1, 25)
	s.Surge = fmt.Sprint(between(1, 6))
	if chance(0.3) {
		s.Surge = fmt.Sprintf("%d%%", between(1, 40))
	}
	s.PDB = []string{"none", "maxUnavailable:1", "maxUnavailable:10%", "maxUnavailable:2"}[r.IntN(4)]
	if chance(0.3) {
		s.BootBaseS, s.BootSpreadS = float64(between(5, 200)), float64(between(0, 5))
		s.PodStartS, s.PodTermS = float64(between(0, 90)), float64(between(0, 60))
		s.InstanceShutdownS = float64(between(0, 200))
	}
	if chance(0.3) {
		s.Volumes = []string{"10%-spread", "10%-zone0", "30%-spread"}[r.IntN(3)]
	}
	if chance(0.3) {
		s.GroupMax = []string{"N", "N+1", "N+5"}[r.IntN(3)]
	}
	if chance(0.15) {
		s.Quota = "N"
	}
	if chance(0.2) {
		s.BadEvery, s.BadKind = between(4, 60), []string{"notready", "nojoin"}[r.IntN(2)]
	}
	if chance(0.15) && s.Quota == "none" {
		s.GrowthNodes, s.GrowthEveryS = between(1, 10), float64(between(20, 300))
	}
	if chance(0.15) && s.Replicas > 1 {
		s.BlockedApps = 1
	}
	if chance(0.3) {
		s.MinReadyS = float64(between(0, 60))
	}
	s.Canary = chance(0.2)
	s.CapS = 4 * 3600
	return s
}

// TestRun_HoldsInEveryScenario plays random scenarios; a failing one is played
// again with: go test ./internal/pure/sim/rollbench -run EveryScenario -from NUMBER -worlds 1
func TestRun_HoldsInEveryScenario(t *testing.T) {
	t.Parallel()
	var next atomic.Uint64
	next.Store(*from)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				number := next.Add(1) - 1
				if number >= *from+uint64(*worlds) || t.Failed() && *worlds < 200 {
					return
				}
				s := random(number)
				if err := s.validate(s.ID); err != nil {
					t.Errorf("%s: %v", s.ID, err)
					continue
				}
				holds(t, s, Run(s, number))
				if t.Failed() {
					t.Logf("%+v", s)
				}
			}
		})
	}
	wg.Wait()
}
