package rollbench

import (
	"slices"
	"testing"
	"time"
)

// standard returns the scenarios that come with the program.
func standard(t *testing.T) []Scenario {
	t.Helper()
	all, err := Parse(Standard)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// The definition of the world gives these medians of the seeds 1 to 3.
func TestLowerBound_IsThatOfTheDefinition(t *testing.T) {
	t.Parallel()
	want := map[string]float64{
		"s01-n10": 374, "s02-n30": 1139, "s03-n100": 3754, "s04-n300": 10996, "s05-n100-pdb1": 3754, "s06-n100-pdb1-s10": 1126,
		"s07-n300-pdb10-s10": 1100, "s08-n30-blocked": 759, "s09-n100-zonal": 3754, "s11-n30-max": 1139, "s12-n30-quota": 1439, "s14-n100-notready": 3743,
	}
	for _, s := range standard(t) {
		var bounds []float64
		for _, seed := range s.Seeds {
			bounds = append(bounds, s.LowerBound(seed).Seconds())
		}
		if got := median(bounds); time.Duration(got+0.5) != time.Duration(want[s.ID]) {
			t.Errorf("%s: lower bound %.1f s, want %.0f s", s.ID, got, want[s.ID])
		}
		delete(want, s.ID)
	}
	if len(want) > 0 {
		t.Errorf("no scenarios for %v", want)
	}
}

// A goal is what a scenario has to reach: the median ratio, and how it ends.
type goal struct {
	ratio    float64
	outcome  string
	blocked  int
	capacity float64
}

// The goals of the definition: within 0.005 of the list schedule where nothing
// else limits, and not above the plain reference policy elsewhere. The larger
// ones are played by `make bench-roll`.
func TestRun_ReachesTheGoals(t *testing.T) {
	t.Parallel()
	goals := map[string]goal{
		"s01-n10": {1.169 + .005, Done, 0, 1}, "s02-n30": {1.022 + .005, Done, 0, 1}, "s03-n100": {1.012 + .005, Done, 0, 1},
		"s05-n100-pdb1": {1.02, Done, 0, 1}, "s06-n100-pdb1-s10": {1.059 + .005, Done, 0, 1},
		"s08-n30-blocked": {1.1, Partial, 10, 1}, "s09-n100-zonal": {1.04, Done, 0, 1}, "s11-n30-max": {1.03, Done, 0, 1},
		"s12-n30-quota": {1.07, Done, 0, 0.9}, "s14-n100-notready": {1.07, Done, 0, 1},
	}
	for _, s := range standard(t) {
		want, ok := goals[s.ID]
		if !ok || s.N > 100 || testing.Short() && s.N > 30 {
			continue
		}
		t.Run(s.ID, func(t *testing.T) {
			t.Parallel()
			var ratios []float64
			for _, seed := range s.Seeds {
				r := Run(s, seed)
				holds(t, s, r)
				ratios = append(ratios, r.Ratio)
				if r.Outcome != want.outcome || len(r.Blocked) != want.blocked || r.OldLeft != want.blocked || r.MinSchedulableFraction < want.capacity {
					t.Errorf("seed %d: %+v, want %+v", seed, r, want)
				}
			}
			if got := median(ratios); got > want.ratio {
				t.Errorf("median of the ratios %v is %.4f, want at most %.4f", ratios, got, want.ratio)
			}
		})
	}
}

// Budgets that never let a pod go hold six nodes. Their grace passes at once, and
// one of two siblings is forced when the other has been ready for an hour.
func TestRun_ForcesAllHeldNodesAfterOneGracePeriod(t *testing.T) {
	t.Parallel()
	all, err := Parse([]byte(`{"scenarios": [{"id": "forcing", "n": 30, "pdb": "maxUnavailable:1", "blockedApps": 3, "replicas": 2, "forcing": true}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, seed := range all[0].Seeds {
		r := Run(all[0], seed)
		holds(t, all[0], r)
		if most := 7*time.Hour + 30*time.Minute; r.Outcome != Done || r.Seconds < (6*time.Hour).Seconds() || r.Seconds > most.Seconds() {
			t.Errorf("seed %d: %s after %.0f s, want done after more than 6 h and less than %s: %s", seed, r.Outcome, r.Seconds, most, r.Why)
		}
		if r.PDBViolations != 6 || r.MinAppAvailable < 0.5 {
			t.Errorf("seed %d: %d pods forced, %.0f %% of an application left, want 6 and 50 %%", seed, r.PDBViolations, 100*r.MinAppAvailable)
		}
	}
}

// holds checks what no scenario may break.
func holds(t *testing.T, s Scenario, r Result) {
	t.Helper()
	floor := 1.0
	if s.Quota == "N" {
		floor = part(s.N-max(1, share(10, s.N)), s.N)
	}
	blocked := 0
	if r.Outcome == Partial {
		blocked = len(r.Blocked)
	}
	switch {
	case r.Outcome == Stuck, r.OldLeft != blocked, r.LeftBehind != "":
		t.Errorf("%s seed %d: %s after %.0f s with %d old nodes left, %d blocked, and left behind %q: %s", s.ID, r.Seed, r.Outcome, r.Seconds, r.OldLeft, len(r.Blocked), r.LeftBehind, r.Why)
	case r.PDBViolations > 0 && !s.Forcing, r.UnsafeVolumes > 0, r.NewNotReady > 0:
		t.Errorf("%s seed %d: %d budgets broken, %d volumes lost, %d new nodes not ready", s.ID, r.Seed, r.PDBViolations, r.UnsafeVolumes, r.NewNotReady)
	case r.MinSchedulableFraction < floor:
		t.Errorf("%s seed %d: capacity fell to %.3f", s.ID, r.Seed, r.MinSchedulableFraction)
	}
	for _, b := range r.Blocked {
		if b.Node == "" || b.Pod == "" || b.Budget == "" {
			t.Errorf("%s seed %d: blocked node without its pod and budget: %+v", s.ID, r.Seed, b)
		}
	}
}

func TestRun_IsTheSameEachTime(t *testing.T) {
	t.Parallel()
	for _, s := range standard(t) {
		if s.N > 30 {
			continue
		}
		a, _ := Run(s, 5).JSON()
		b, _ := Run(s, 5).JSON()
		if string(a) != string(b) {
			t.Errorf("%s\nand then\n%s", a, b)
		}
	}
}

// An autoscaler that adds nodes all the while has them when the roll is over.
func TestRun_LeavesTheAutoscalerItsNodes(t *testing.T) {
	t.Parallel()
	for _, change := range []string{`"groupMax": "N+64"`, `"groupMax": "N"`, `"pdb": "maxUnavailable:1", "surge": "10%"`} {
		all, err := Parse([]byte(`{"scenarios": [{"id": "growth", "n": 30, "growthNodes": 8, "growthEveryS": 100, ` + change + `}]}`))
		if err != nil {
			t.Fatal(err)
		}
		for _, seed := range all[0].Seeds {
			r := Run(all[0], seed)
			holds(t, all[0], r)
			if r.Outcome != Done {
				t.Errorf("%s seed %d: %s, %s", change, seed, r.Outcome, r.Why)
			}
		}
	}
}
