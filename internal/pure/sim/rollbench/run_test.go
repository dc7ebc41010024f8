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
