package sim

import (
	"flag"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairwayhq/fairway/internal/pure/roll"
)

var (
	seeds = flag.Int("seeds", 600, "how many seeds the roll is tried with")
	from  = flag.Uint64("from", 1, "the first seed")
)

// TestRoll_KeepsItsPromises plays random worlds; a failing seed is played again
// with: go test ./internal/pure/sim -run KeepsItsPromises -from SEED -seeds 1
func TestRoll_KeepsItsPromises(t *testing.T) {
	t.Parallel()
	debug.SetGCPercent(400) // many short lives
	var next, broken, decisions atomic.Uint64
	next.Store(*from)
	var mu sync.Mutex
	outcomes := map[string]int{}
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				seed := next.Add(1) - 1
				if seed >= *from+uint64(*seeds) || broken.Load() > 10 {
					return
				}
				result := Run(Random(seed), roll.Decide)
				decisions.Add(uint64(result.Decisions))
				mu.Lock()
				outcomes[result.Outcome]++
				mu.Unlock()
				if result.Broken != "" {
					broken.Add(1)
					t.Errorf("seed %d: %s", seed, result.Broken)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d seeds, %d decisions, outcomes %v", *seeds, decisions.Load(), outcomes)
}

var trace = flag.Bool("trace", false, "print what every decision does")

// TestTrace prints the run of one seed: -run Trace -trace -from SEED.
func TestTrace(t *testing.T) {
	t.Parallel()
	if !*trace {
		return
	}
	s := Random(*from)
	t.Logf("%+v", s)
	last := ""
	result := Run(s, func(s roll.Snapshot, now time.Time) roll.Decision {
		d := roll.Decide(s, now)
		text := d.Sentence
		for _, a := range d.Actions {
			text += "\n    " + string(a.Kind) + " " + a.Why
		}
		for _, w := range d.Waits {
			text += "\n    wait " + w.Reason
		}
		if text != last {
			t.Logf("%s %d/%d %s", now.Sub(epoch), d.Replaced, d.Total, text)
		}
		last = text
		return d
	})
	t.Logf("%+v", result)
}
