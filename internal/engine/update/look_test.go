package update

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestRest pauses between two looks under a clock of its own.
func TestRest(t *testing.T) {
	t.Parallel()
	const never = time.Hour
	for name, test := range map[string]struct {
		spent, next time.Duration
		change      time.Duration // when the cluster says that something changed
		lists       bool          // it never says so
		want        time.Duration
	}{
		"a change ends the pause":               {time.Millisecond, 2 * time.Second, 250 * time.Millisecond, false, 250 * time.Millisecond},
		"a change comes too soon":               {time.Millisecond, 2 * time.Second, 0, false, lookSoon},
		"nothing changes":                       {time.Millisecond, 2 * time.Second, never, false, lookEvery},
		"the decision wants to look sooner":     {time.Millisecond, 150 * time.Millisecond, never, false, 150 * time.Millisecond},
		"much sooner":                           {time.Millisecond, time.Millisecond, never, false, lookSoon},
		"looking takes a while":                 {10 * time.Millisecond, 2 * time.Second, 0, false, 190 * time.Millisecond},
		"looking takes long":                    {time.Second, 2 * time.Second, 0, false, lookLate},
		"looking takes long, and it is by list": {time.Second, 2 * time.Second, never, true, lookLateLists},
		"by list":                               {time.Millisecond, 2 * time.Second, never, true, lookEvery},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				x := &rolling{run: &run{}, spent: test.spent}
				if !test.lists {
					changed := make(chan struct{})
					x.changed = changed
					timer := time.AfterFunc(test.change, func() { close(changed) })
					defer timer.Stop()
				}
				begin := time.Now()
				if err := x.rest(t.Context(), test.next); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(begin); took != test.want {
					t.Errorf("paused for %s, want %s", took, test.want)
				}
			})
		})
	}
}
