package sim

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/fairwayhq/fairway/internal/pure/roll"
)

var (
	seeds = flag.Int("seeds", 0, "how many seeds the roll is tried with; 0 is 20,000, 2,000 with -short")
	from  = flag.Uint64("from", 1, "the first seed")
)

// TestRoll_KeepsItsPromises plays random worlds. A failing one is played again,
// and made smaller, with: fairway sim seeds --seed SEED
func TestRoll_KeepsItsPromises(t *testing.T) {
	debug.SetGCPercent(2400) // many short lives
	defer debug.SetGCPercent(100)
	n := *seeds
	switch {
	case n > 0:
	case testing.Short():
		n = 2000
	default:
		n = 20_000
	}
	p := Play(t.Context(), *from, n, 10, roll.Decide, nil)
	for i, f := range p.Broken {
		t.Errorf("seed %d: %s", f.Seed, f.Broken)
		if i == 0 {
			small := Shrink(t.Context(), Random(f.Seed), roll.Decide)
			t.Errorf("made smaller: %s\n%s", Run(small, roll.Decide).Broken, indented(t, small))
		}
	}
	if p.Failed > 1e-6*p.Requests {
		t.Errorf("%.0f of %.0f requests failed", p.Failed, p.Requests)
	}
	if p.Seeds >= 1000 && (p.Nodes < 11 || p.Nodes > 13 || p.Pods < 90 || p.Pods > 110) {
		t.Errorf("the median world has %d nodes and %d pods, not 12 and 100", p.Nodes, p.Pods)
	}
	t.Logf("%d seeds, medians %d nodes, %d pods and %d s, %d decisions, %d events, %.3g requests, outcomes %v",
		p.Seeds, p.Nodes, p.Pods, p.Seconds, p.Decisions, p.Events, p.Requests, p.Outcomes)
}

// TestRoll_KeepsItsPromisesInKeptCases plays the worlds that once broke one.
func TestRoll_KeepsItsPromisesInKeptCases(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/*.json")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no kept cases: %v", err)
	}
	for _, path := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var s Scenario
			if err := json.Unmarshal(text, &s); err != nil {
				t.Fatal(err)
			}
			if r := Run(s, roll.Decide); r.Broken != "" {
				t.Error(r.Broken)
			}
		})
	}
}

// TestRun_IsTheSameEveryTime: a seed that fails must fail again.
func TestRun_IsTheSameEveryTime(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		a, b := Run(Random(seed), roll.Decide), Run(Random(seed), roll.Decide)
		if a.Events != b.Events || a.Seconds != b.Seconds || a.Evictions != b.Evictions || a.Decisions != b.Decisions {
			t.Errorf("seed %d: %+v, then %+v", seed, a, b)
		}
	}
}

func indented(t *testing.T, s Scenario) string {
	t.Helper()
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var trace = flag.Bool("trace", false, "print what every decision does")

// TestTrace prints the run of one seed: -run Trace -trace -from SEED.
func TestTrace(t *testing.T) {
	t.Parallel()
	if !*trace {
		return
	}
	s := Random(*from)
	t.Log(indented(t, s))
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
