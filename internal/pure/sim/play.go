package sim

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Played is what playing many worlds has shown.
type Played struct {
	// Seeds is how many worlds were played, Broken which broke an invariant, in
	// the order of their seeds.
	Seeds  int
	Broken []Failure
	// Outcomes are how many worlds ended how.
	Outcomes map[string]int
	// Nodes and Pods are the medians at the start, Seconds that of the virtual time.
	Nodes, Pods, Seconds int
	// Decisions and Events were made and happened in all; evictions were
	// accepted, refused, and replaced by force.
	Decisions, Events, Evictions, Refused, Forced int
	// LeaderMoves is the greatest number of moves of one leader.
	LeaderMoves int
	// Requests reached load balancers; Failed of them nobody answered because
	// of a roll.
	Requests, Failed float64
}

// Failure is a world that broke an invariant.
type Failure struct {
	Seed         uint64
	Rule, Broken string
}

// Play plays the worlds of the seeds from..from+n-1 on all cores, until most of
// them broke an invariant (0 means no limit) or ctx is cancelled: what was played
// by then is returned. Progress, unless nil, is called after every world, by
// several goroutines, with how many have been played.
func Play(ctx context.Context, from uint64, n, most int, decide Policy, progress func(played int)) Played {
	var next, broken atomic.Int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	all := Played{Outcomes: map[string]int{}}
	var nodes, pods, seconds []int
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for ctx.Err() == nil && (most == 0 || int(broken.Load()) < most) {
				i := next.Add(1) - 1
				if i >= int64(n) {
					return
				}
				seed := from + uint64(i)
				r := Run(Random(seed), decide)
				mu.Lock()
				all.add(r)
				nodes, pods, seconds = append(nodes, r.Nodes), append(pods, r.Pods), append(seconds, int(r.Seconds))
				if r.Broken != "" {
					broken.Add(1)
					all.Broken = append(all.Broken, Failure{seed, r.Rule, r.Broken})
				}
				played := all.Seeds
				mu.Unlock()
				if progress != nil {
					progress(played)
				}
			}
		})
	}
	wg.Wait()
	all.Nodes, all.Pods, all.Seconds = median(nodes), median(pods), median(seconds)
	slices.SortFunc(all.Broken, func(a, b Failure) int { return int(int64(a.Seed - b.Seed)) })
	return all
}

func (p *Played) add(r Result) {
	p.Seeds++
	outcome := r.Outcome
	if r.Broken != "" {
		outcome = "broken"
	}
	p.Outcomes[outcome]++
	p.Decisions += r.Decisions
	p.Events += r.Events
	p.Evictions += r.Evictions
	p.Refused += r.Refused
	p.Forced += r.Forced
	p.Requests += r.Requests
	p.Failed += r.Failed
	p.LeaderMoves = max(p.LeaderMoves, r.LeaderMoves)
}

func median(all []int) int {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}
