package rollbench

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMedian_TakesEachFigureForItself: the seed with the middle ratio need not
// have the middle bound.
func TestMedian_TakesEachFigureForItself(t *testing.T) {
	t.Parallel()
	got := Median([]Result{
		{Seed: 1, Outcome: Done, Seconds: 100, LowerBoundSeconds: 90, Ratio: 1.1, MinSchedulableFraction: 1},
		{Seed: 2, Outcome: Partial, Seconds: 130, LowerBoundSeconds: 100, Ratio: 1.3, MinSchedulableFraction: 0.9, PDBViolations: 2},
		{Seed: 3, Outcome: Done, Seconds: 144, LowerBoundSeconds: 120, Ratio: 1.2, MinSchedulableFraction: 1},
	})
	want := Result{Seed: 3, Outcome: Partial, Seconds: 130, LowerBoundSeconds: 100, Ratio: 1.2, MinSchedulableFraction: 0.9, PDBViolations: 2}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("median (-want +got):\n%s", diff)
	}
}
