package sim

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// Shrink makes a scenario that breaks an invariant smaller for as long as it
// still breaks the same one: fewer faults, workloads, pools, nodes and pods. The
// same scenario always gives the same result, unless ctx is cancelled: then it is
// as small as it had become. One that breaks nothing is returned as it is.
func Shrink(ctx context.Context, s Scenario, decide Policy) Scenario {
	rule := Run(s, decide).Rule
	if rule == "" {
		return s
	}
	for runs := 0; ; {
		smaller := false
		for _, t := range steps(s) {
			if runs++; runs > mostRuns || ctx.Err() != nil {
				return s
			}
			if Run(t, decide).Rule == rule {
				s, smaller = t, true
				break
			}
		}
		if !smaller {
			return s
		}
	}
}

// mostRuns is how many worlds are played to make one smaller.
const mostRuns = 3000

// steps are the scenarios that are a step smaller, the largest steps first.
func steps(s Scenario) []Scenario {
	var out []Scenario
	for i := range s.Pools {
		if len(s.Pools) > 1 {
			t := s.clone()
			name := t.Pools[i].Name
			t.Pools = slices.Delete(t.Pools, i, i+1)
			t.Workloads = slices.DeleteFunc(t.Workloads, func(w Workload) bool { return w.Pool == name })
			out = append(out, t)
		}
	}
	for _, size := range []int{len(s.Workloads) / 2, len(s.Workloads) / 4, 1} {
		for i := 0; size > 0 && i+size <= len(s.Workloads); i += size {
			t := s.clone()
			t.Workloads = slices.Delete(t.Workloads, i, i+size)
			out = append(out, t)
		}
	}
	for _, without := range calmer {
		t := s.clone()
		without(&t.Faults)
		if t.Faults != s.Faults {
			out = append(out, t)
		}
	}
	change := func(do func(*Scenario)) {
		t := s.clone()
		if do(&t); t.text() != s.text() {
			out = append(out, t)
		}
	}
	for i := range s.Pools {
		change(func(t *Scenario) { t.Pools[i].Nodes = (t.Pools[i].Nodes + 1) / 2 })
		change(func(t *Scenario) { t.Pools[i].Nodes = max(1, t.Pools[i].Nodes-1) })
		change(func(t *Scenario) { t.Pools[i].Current = 0 })
		for _, plain := range plainer {
			change(func(t *Scenario) { plain(&t.Pools[i].Settings) })
		}
	}
	for i := range s.Workloads {
		change(func(t *Scenario) { t.Workloads[i].Replicas = (t.Workloads[i].Replicas + 1) / 2 })
		change(func(t *Scenario) { t.Workloads[i].Zonal = false })
		change(func(t *Scenario) { t.Workloads[i].MinAvailable = -1 })
	}
	change(func(t *Scenario) { t.Zones = 1 })
	change(func(t *Scenario) { t.BootSpread, t.InServiceDelay, t.BudgetDelay = 0, 0, 0 })
	return out
}

// calmer takes one fault away.
var calmer = []func(*Faults){
	func(f *Faults) { *f = Faults{} },
	func(f *Faults) { f.ClockJumps = false },
	func(f *Faults) { f.KillEvery, f.ClockJumps = 0, false },
	func(f *Faults) { f.DoubleEvery = 0 },
	func(f *Faults) { f.Stale = 0 },
	func(f *Faults) { f.CloudDelay = 0 },
	func(f *Faults) { f.Errors = 0 },
	func(f *Faults) { f.PartitionEvery = 0 },
	func(f *Faults) { f.BadEvery = 0 },
	func(f *Faults) { f.FailedLaunches = 0 },
	func(f *Faults) { f.SlowDaemons = 0 },
	func(f *Faults) { f.Quota = 0 },
	func(f *Faults) { f.ZoneOut, f.ZoneOutFrom, f.ZoneOutTill = "", 0, 0 },
	func(f *Faults) { f.FlapEvery = 0 },
	func(f *Faults) { f.FailEvery = 0 },
	func(f *Faults) { f.MassUnready = 0 },
	func(f *Faults) { f.ForeignCordon = false },
	func(f *Faults) { f.AutoscaleEvery = 0 },
	func(f *Faults) { f.SpotEvery = 0 },
	func(f *Faults) { f.PauseAt, f.PauseFor = 0, 0 },
	func(f *Faults) { f.AbortAt = 0 },
	func(f *Faults) { f.Rotate = false },
}

// plainer makes one setting simpler.
var plainer = []func(*roll.Settings){
	func(s *roll.Settings) { s.Surge, s.SurgePercent = 1, 0 },
	func(s *roll.Settings) { s.Short, s.ShortPercent = 0, 0 },
	func(s *roll.Settings) { s.RaiseMax = false },
	func(s *roll.Settings) { s.Canary = false },
	func(s *roll.Settings) { s.Probe = false },
	func(s *roll.Settings) { s.Spot = false },
	func(s *roll.Settings) { s.Strategy = "" },
	func(s *roll.Settings) { s.Forcing = roll.Forcing{} },
	func(s *roll.Settings) { s.MaxAge = 0 },
	func(s *roll.Settings) { s.JobGrace = 0 },
	func(s *roll.Settings) { s.MinReady = 0 },
	func(s *roll.Settings) { s.Deregistration = 0 },
	func(s *roll.Settings) { s.NoScheduleTaint = false },
	func(s *roll.Settings) { s.RetryRefused = time.Second },
}

func (s Scenario) clone() Scenario {
	s.Pools, s.Workloads = slices.Clone(s.Pools), slices.Clone(s.Workloads)
	return s
}

// text is the scenario as JSON on one line.
func (s Scenario) text() string {
	text, _ := json.Marshal(s)
	return string(text)
}
