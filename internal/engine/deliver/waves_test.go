package deliver_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

// TestWaves: nothing of a wave starts before the wave before it has converged,
// is healthy with fresh evidence, and has soaked.
func TestWaves(t *testing.T) {
	t.Parallel()
	f := newFleet(t, settings(), readyIn(30, "north")...)
	f.refresh()
	r := f.only("dev")
	if r.Revision != f.at("dev") {
		t.Errorf("the rollout is of %s, want %s", r.Revision, f.at("dev"))
	}
	sizes := make([]int, len(r.Waves))
	for i, w := range r.Waves {
		sizes[i] = len(w)
	}
	// Of 30: one, 10 %, 25 % (rounded up), all.
	if diff := cmp.Diff([]int{1, 2, 5, 22}, sizes); diff != "" {
		t.Fatal(diff)
	}
	f.wantActive("a refresh starts a rollout, no update")
	for i, wave := range r.Waves {
		name := fmt.Sprintf("wave %d", i+1)
		wave = slices.Sorted(slices.Values(wave))
		last, rest := wave[len(wave)-1], wave[:len(wave)-1]
		f.advance(r.ID)
		f.wantActive(name+" starts", wave...)
		f.finish(rest...)
		f.watch(r.ID, 2*soak)
		f.wantActive(name+", its last cluster has not converged", last)

		f.sick[last] = "2 pods crash"
		f.finish(last)
		got := f.watch(r.ID, 2*soak)
		f.wantActive(name + " is not healthy")
		wantText(t, name+": the reason", got.Reason, last, "2 pods crash")

		delete(f.sick, last)
		f.evidence[last] = f.clock().Add(-3 * soak)
		f.watch(r.ID, 2*soak)
		f.wantActive(name + ", the evidence of its health is older than its update")

		delete(f.evidence, last)
		if got := f.watch(r.ID, soak-time.Second); got.State != fairway.RolloutSoaking || got.Wave != i {
			t.Fatalf("%s: the rollout is %s in wave %d: %s", name, got.State, got.Wave+1, got.Reason)
		}
		f.wantActive(name + " soaks")
		f.evidence[last] = f.clock()
		got = f.watch(r.ID, time.Minute)
		f.wantActive(name + " has soaked, without evidence from after the soak")
		wantText(t, name+": the reason", got.Reason, "has soaked", last)
		delete(f.evidence, last)
	}
	got := f.advance(r.ID)
	if got.State != fairway.RolloutDone || got.FinishedAt.IsZero() {
		t.Errorf("the rollout is %s: %s", got.State, got.Reason)
	}
	if again, err := f.Advance(t.Context(), r.ID); err != nil || again >= 0 {
		t.Errorf("a finished rollout asks for a look after %s, %v", again, err)
	}
	for _, c := range readyIn(30, "north") {
		if got := f.journal(c.ID); len(got) != 1 || got[0].RolloutID != r.ID {
			t.Errorf("cluster %s got %d updates: %+v", c.ID, len(got), got)
		}
	}
	f.refresh()
	f.only("dev")
}

// TestWaves_IllDuringSoak: a soak counts only without a break.
func TestWaves_IllDuringSoak(t *testing.T) {
	t.Parallel()
	f := newFleet(t, settings(), readyIn(2, "north")...)
	f.refresh()
	r := f.only("dev")
	f.advance(r.ID)
	canary := r.Waves[0][0]
	f.finish(canary)
	f.watch(r.ID, soak-time.Minute)
	f.sick[canary] = "down"
	f.watch(r.ID, 30*time.Second)
	delete(f.sick, canary)
	f.watch(r.ID, soak-time.Second)
	f.wantActive("the soak began anew")
	f.watch(r.ID, time.Second)
	f.wantActive("the soak is over", r.Waves[1]...)
}

// TestWaves_TwoRegions plays a whole rollout in a random order, with looks
// repeated and jobs lost at will: never are two regions under way, no cluster
// starts before the waves before its own are through, none is updated twice.
func TestWaves_TwoRegions(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	random := rand.New(rand.NewPCG(seed, 0))
	f := newFleet(t, settings(), readyIn(15, "north", "south")...)
	f.refresh()
	r := f.only("dev")
	waveOf := map[string]int{}
	for i, w := range r.Waves {
		for _, id := range w {
			waveOf[id] = i
		}
	}
	finishedAt := make([]time.Time, len(r.Waves))
	left := make([]int, len(r.Waves))
	for i, w := range r.Waves {
		left[i] = len(w)
	}
	both := false
	for step := 0; ; step++ {
		if step > 2000 {
			t.Fatalf("the rollout does not end: %+v", f.rollout(r.ID))
		}
		for range 1 + random.IntN(2) {
			f.advance(r.ID)
		}
		if random.IntN(8) == 0 {
			f.refresh()
		}
		if f.rollout(r.ID).State == fairway.RolloutDone {
			break
		}
		active := f.active()
		regions := map[string]bool{}
		for _, id := range active {
			regions[id[:5]] = true
			if w := waveOf[id]; w > 0 && (left[w-1] > 0 || f.clock().Before(finishedAt[w-1].Add(soak))) {
				t.Fatalf("cluster %s of wave %d is updated, %d clusters of the wave before are left, it ended %s ago", id, w+1, left[w-1], f.clock().Sub(finishedAt[w-1]))
			}
		}
		if len(regions) > 1 {
			t.Fatalf("two regions at once: %v", active)
		}
		for _, id := range active {
			both = both || regions["north"] && waveOf[id] > 0 && slices.ContainsFunc(r.Waves[waveOf[id]], func(o string) bool { return o[:5] == "south" })
			if random.IntN(2) == 0 {
				continue
			}
			f.finish(id)
			if left[waveOf[id]]--; left[waveOf[id]] == 0 {
				finishedAt[waveOf[id]] = f.clock()
			}
		}
		f.sleep(time.Duration(1+random.IntN(30)) * time.Second)
	}
	if !both {
		t.Error("no wave had clusters of both regions")
	}
	if got := f.journal(""); len(got) != 30 {
		t.Errorf("%d updates of 30 clusters", len(got))
	}
	slices.Sort(f.updates)
	if asked := slices.Compact(f.updates); len(asked) != 30 {
		t.Errorf("%d updates were asked for", len(asked))
	}
}

// TestAgain: looking again starts nothing twice, and work that the queue lost
// is asked for again.
func TestAgain(t *testing.T) {
	t.Parallel()
	asked := ready("north-90", "north")
	asked.LifecycleStatus, asked.Status = fairway.StatusRequested, fairway.ClusterStatus{}
	f := newFleet(t, settings(), append(readyIn(30, "north"), asked)...)
	for range 3 {
		f.refresh()
	}
	r := f.only("dev")
	if want := []string{r.ID, r.ID, r.ID}; !slices.Equal(f.rollouts, want) {
		t.Errorf("asked for the rollouts %v, want %v", f.rollouts, want)
	}
	own := f.journal(asked.ID)[0].ID
	if want := []string{own, own, own}; !slices.Equal(f.updates, want) {
		t.Errorf("asked for the updates %v, want %v", f.updates, want)
	}
	for range 3 {
		f.advance(r.ID)
		f.refresh()
	}
	f.wantActive("the canary and the new cluster", r.Waves[0][0], asked.ID)
	if got := f.journal(""); len(got) != 2 {
		t.Errorf("%d updates, want 2: %+v", len(got), got)
	}
	f.only("dev")
	if got := len(f.events("rollout.started")); got != 1 {
		t.Errorf("%d times a rollout started", got)
	}
}

// TestClockJumps: a clock that jumps during the soak, in whatever direction and
// order, never ends it early.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		before time.Duration // since the canary converged, until it is healthy
		jumps  []time.Duration
	}{
		"forth":                        {0, []time.Duration{time.Hour}},
		"back":                         {0, []time.Duration{-time.Hour}},
		"forth and back":               {0, []time.Duration{time.Hour, -time.Hour}},
		"back and forth":               {0, []time.Duration{-time.Hour, time.Hour}},
		"back and forth, long after":   {2 * time.Hour, []time.Duration{-time.Hour, time.Hour}},
		"forth, back and back, long":   {3 * time.Hour, []time.Duration{time.Hour, -time.Hour, -time.Hour}},
		"a little back, a little more": {0, []time.Duration{-2 * time.Second, -2 * time.Second, 4 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, settings(), readyIn(2, "north")...)
			f.refresh()
			r := f.only("dev")
			f.advance(r.ID)
			canary := r.Waves[0][0]
			f.sick[canary] = "not yet"
			f.finish(canary)
			f.watch(r.ID, tc.before)
			delete(f.sick, canary)
			// True time passes in steps of 30 s; the clock jumps between some of them.
			f.advance(r.ID)
			jumps := tc.jumps
			for passed := time.Duration(0); passed < soak; passed += 30 * time.Second {
				if got := f.active(); len(got) > 0 {
					t.Fatalf("the soak of %s ended after %s", soak, passed)
				}
				if passed >= time.Minute && len(jumps) > 0 && passed%time.Minute == 0 {
					f.sleep(jumps[0])
					jumps = jumps[1:]
				}
				f.sleep(30 * time.Second)
				if passed+30*time.Second < soak {
					f.advance(r.ID)
				}
			}
			f.watch(r.ID, 3*time.Hour)
			f.wantActive("the soak ends in the end", r.Waves[1]...)
		})
	}
}

// TestClockBack: a soak whose clusters converged long ago goes on where it was.
func TestClockBack(t *testing.T) {
	t.Parallel()
	f := newFleet(t, settings(), readyIn(2, "north")...)
	f.refresh()
	r := f.only("dev")
	f.advance(r.ID)
	canary := r.Waves[0][0]
	f.sick[canary] = "not yet"
	f.finish(canary)
	f.watch(r.ID, 2*time.Hour)
	delete(f.sick, canary)
	f.watch(r.ID, soak/2)
	f.sleep(-time.Hour)
	f.watch(r.ID, soak/2-time.Second)
	f.wantActive("the soak goes on")
	f.watch(r.ID, time.Second)
	f.wantActive("the soak is over", r.Waves[1]...)
}
