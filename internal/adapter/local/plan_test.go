package local

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

// What is forecast is what EnsurePool then does, and asking makes nothing.
func TestForecast(t *testing.T) {
	t.Parallel()
	c := realCloud(t)
	teller := c.(fairway.Forecaster)
	spec := workers("forecast", 0, 2)
	ask := func(spec fairway.PoolSpec, generation string, differs ...string) {
		t.Helper()
		got, why, err := teller.Forecast(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(differs, why); got != generation || diff != "" {
			t.Errorf("forecast %q, want %q; %s", got, generation, diff)
		}
	}
	ask(spec, "")
	first := ensure(t, c, spec)
	ask(spec, first.Generation)
	changed := spec
	changed.UserData, changed.Image = "#cloud-config\n# new\n", "image-2"
	ask(changed, "", "image image-1 becomes image-2", "user data changes")
	ask(spec, first.Generation)
	second := ensure(t, c, changed)
	ask(changed, second.Generation)
	// Back to what was there before: the older version is found.
	ask(spec, first.Generation, "image image-2 becomes image-1", "user data changes")
}

// roomIs checks how many instances the cloud says that there is room for.
func roomIs(t *testing.T, c fairway.Cloud, want ...int) {
	t.Helper()
	limits, err := c.(fairway.Surveyor).Room(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var left []int
	for _, l := range limits {
		left = append(left, l.Left)
	}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("room: %s", diff)
	}
}
