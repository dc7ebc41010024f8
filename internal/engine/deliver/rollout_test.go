package deliver_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

// TestFailingCanary: it halts the rollout with words, and the rollout goes on
// by itself once the cluster's registry entry has changed.
func TestFailingCanary(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		end  func(f *fleet, canary string)
		says string
	}{
		"failed":  {func(f *fleet, canary string) { f.fail(canary, "config item zone_id is not set") }, "config item zone_id is not set"},
		"partial": {func(f *fleet, canary string) { f.stick(canary, "node-7", "budget shop/web allows none") }, "node node-7: budget shop/web allows none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, settings(), readyIn(3, "north")...)
			f.refresh()
			r := f.only("dev")
			f.advance(r.ID)
			canary := r.Waves[0][0]
			tc.end(f, canary)
			got := f.advance(r.ID)
			if got.State != fairway.RolloutHalted {
				t.Fatalf("the rollout is %s: %s", got.State, got.Reason)
			}
			wantText(t, "the reason", got.Reason, canary, tc.says)
			wantText(t, "the hint", got.Hint, "fix the cause")
			if again, err := f.Advance(t.Context(), r.ID); err != nil || again >= 0 {
				t.Errorf("a halted rollout asks for a look after %s, %v", again, err)
			}
			halted := *got
			for range 5 {
				f.sleep(time.Hour)
				f.refresh()
				f.advance(r.ID)
			}
			f.wantActive("halted")
			if diff := cmp.Diff(halted, *f.only("dev")); diff != "" {
				t.Errorf("the halted rollout changed: %s", diff)
			}
			if got := f.events("rollout.halted"); len(got) != 1 {
				t.Errorf("said %d times: %v", len(got), got)
			}

			f.set(canary, "zone_id", "z1")
			f.rollouts = nil
			f.refresh()
			if !slices.Contains(f.rollouts, r.ID) {
				t.Fatal("the rollout was not asked for again")
			}
			f.advance(r.ID)
			f.wantActive("the canary again, alone", canary)
			f.finish(canary)
			f.watch(r.ID, soak)
			if got := f.rollout(r.ID); got.Wave != 1 || got.State != fairway.RolloutRunning || got.Hint != "" {
				t.Errorf("the rollout is %+v", got)
			}
			f.wantActive("the next wave", r.Waves[1]...)
		})
	}
}

// TestFailingClusters: of two that failed the reason names the one that is
// still to be put right.
func TestFailingClusters(t *testing.T) {
	t.Parallel()
	f := newFleet(t, settings(), readyIn(30, "north")...)
	f.refresh()
	r := f.only("dev")
	for _, wave := range r.Waves[:2] {
		f.advance(r.ID)
		f.finish(wave...)
		f.watch(r.ID, soak)
	}
	third := r.Waves[2]
	f.wantActive("the third wave", third...)
	f.fail(third[0], "down")
	if got := f.advance(r.ID); got.State != fairway.RolloutRunning {
		t.Fatalf("one failure is within the budget, and the rollout is %s: %s", got.State, got.Reason)
	}
	f.fail(third[1], "full")
	f.fail(third[2], "lost")
	got := f.advance(r.ID)
	if got.State != fairway.RolloutHalted {
		t.Fatalf("the rollout is %s: %s", got.State, got.Reason)
	}
	wantText(t, "the reason", got.Reason, third[0], "down", "3 of 5")
	f.set(third[0], "size", "large")
	f.refresh()
	got = f.rollout(r.ID)
	if got.State != fairway.RolloutHalted {
		t.Fatalf("the rollout is %s: %s", got.State, got.Reason)
	}
	wantText(t, "the reason", got.Reason, third[1], "full", "2 of 5")
	f.set(third[1], "size", "large")
	f.refresh()
	f.advance(r.ID)
	// Two were under way all the time, two try again, one stays failed.
	f.wantActive("the rollout goes on", third[0], third[1], third[3], third[4])
}

// TestNewerCommit: it ends the rollout under way and cancels its updates.
func TestNewerCommit(t *testing.T) {
	t.Parallel()
	f := newFleet(t, settings(), readyIn(30, "north")...)
	f.refresh()
	old := f.only("dev")
	f.advance(old.ID)
	f.finish(old.Waves[0][0])
	f.watch(old.ID, soak)
	f.wantActive("the second wave", old.Waves[1]...)
	f.begin(old.Waves[1][0])

	newer := f.change("dev", "newer")
	f.refresh()
	f.wantActive("the updates to the old revision are over")
	all := f.all("dev")
	if len(all) != 2 || all[0].Revision != newer || all[0].State != fairway.RolloutRunning || all[1].State != fairway.RolloutSuperseded || all[1].FinishedAt.IsZero() {
		t.Fatalf("rollouts %+v", all)
	}
	wantText(t, "the reason", all[1].Reason, newer)
	for _, id := range old.Waves[1] {
		u := f.journal(id)[0]
		if u.State != fairway.UpdateCanceled || u.FinishedAt.IsZero() {
			t.Errorf("update %+v", u)
		}
		wantText(t, "its end", u.Error, newer)
	}
	f.sleep(time.Hour)
	f.advance(old.ID)
	f.wantActive("the old rollout starts nothing")
	f.advance(all[0].ID)
	f.wantActive("the canary of the new rollout", all[0].Waves[0]...)
	if u := f.journal(all[0].Waves[0][0])[0]; u.Revision != newer {
		t.Errorf("update %+v", u)
	}
}

// TestNewerCommit_DuringALook: the commit comes while a look at the old rollout
// is under way; the look may not bring the old rollout back.
func TestNewerCommit_DuringALook(t *testing.T) {
	t.Parallel()
	f := newFleet(t, settings(), readyIn(3, "north")...)
	f.refresh()
	old := f.only("dev")
	f.advance(old.ID)
	f.finish(old.Waves[0][0])
	f.watch(old.ID, soak-time.Second)
	f.sleep(time.Second)
	f.change("dev", "newer")
	f.onHealth = func() {
		if _, err := f.Refresh(t.Context()); err != nil {
			t.Error(err)
		}
	}
	f.advance(old.ID)
	if got := f.rollout(old.ID); got.State != fairway.RolloutSuperseded {
		t.Errorf("the old rollout is %s: %s", got.State, got.Reason)
	}
	for _, u := range f.journal("") {
		if u.Revision == old.Revision && !u.State.IsOver() {
			t.Errorf("update to the old revision: %+v", u)
		}
	}
}

// TestNewerCommit_ClockBack: the newest rollout is the newest, also when the
// clock went back before it was made.
func TestNewerCommit_ClockBack(t *testing.T) {
	t.Parallel()
	f := newFleet(t, settings(), readyIn(3, "north", "south")...)
	f.refresh()
	f.advance(f.only("dev").ID)
	f.sleep(-time.Hour)
	newer := f.change("dev", "newer")
	for range 3 {
		f.refresh()
	}
	all := f.all("dev")
	if len(all) != 2 || all[0].Revision != newer || all[0].State != fairway.RolloutRunning || all[1].State != fairway.RolloutSuperseded {
		t.Fatalf("rollouts %+v", all)
	}
	f.advance(all[0].ID)
	canary := all[0].Waves[0][0]
	f.wantActive("the canary", canary)
	// A retry after the clock went back once more is seen as what is newest.
	f.fail(canary, "down")
	f.advance(all[0].ID)
	f.sleep(-time.Hour)
	f.set(canary, "size", "large")
	f.refresh()
	f.advance(all[0].ID)
	f.wantActive("the retry", canary)
	f.finish(canary)
	f.watch(all[0].ID, soak)
	if len(f.active()) == 0 {
		t.Errorf("the rollout is held up: %+v", f.rollout(all[0].ID))
	}
}

// TestVanishedCluster: a cluster that leaves the registry in mid-rollout is
// waited for no more.
func TestVanishedCluster(t *testing.T) {
	t.Parallel()
	f := newFleet(t, settings(), readyIn(4, "north")...)
	f.refresh()
	r := f.only("dev")
	f.advance(r.ID)
	canary := r.Waves[0][0]
	f.finish(canary)
	f.watch(r.ID, soak)
	second := f.active()
	if len(second) == 0 {
		t.Fatal("the second wave did not start")
	}
	var later string
	for _, c := range readyIn(4, "north") {
		if c.ID != canary && !slices.Contains(second, c.ID) {
			later = c.ID
		}
	}
	vanish := []string{second[0]}
	if later != "" {
		vanish = append(vanish, later)
	}
	for _, id := range vanish {
		gone := fairway.StatusDecommissioned
		if _, err := f.store.UpdateCluster(t.Context(), id, fairway.ClusterUpdate{LifecycleStatus: &gone}); err != nil {
			t.Fatal(err)
		}
		if err := f.store.DeleteCluster(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		if f.watch(r.ID, soak).State == fairway.RolloutDone {
			break
		}
		f.refresh()
		for _, id := range f.active() {
			if !slices.Contains(vanish, id) {
				f.finish(id)
			}
		}
	}
	if got := f.only("dev"); got.State != fairway.RolloutDone {
		t.Errorf("the rollout is %s: %s", got.State, got.Reason)
	}
	if later != "" && len(f.journal(later)) != 0 {
		t.Errorf("a cluster that is gone got an update: %+v", f.journal(later))
	}
}

// TestUnknownChannel: it is reported once for each of its clusters and holds up
// no other channel.
func TestUnknownChannel(t *testing.T) {
	t.Parallel()
	f := newFleet(t, settings(), on("dve", ready("a", "north"), ready("b", "north"))...)
	f.add(ready("c", "north"))
	for range 3 {
		f.refresh()
	}
	for _, id := range []string{"a", "b"} {
		problems := f.cluster(id).Status.Problems
		if len(problems) != 1 {
			t.Fatalf("cluster %s has the problems %+v", id, problems)
		}
		wantText(t, "the problem", problems[0].Title, `"dve"`)
		if got := f.cluster(id).Status.CurrentVersion; got == "" {
			t.Errorf("cluster %s lost its version", id)
		}
	}
	if got := f.events("cluster.problem"); len(got) != 2 {
		t.Errorf("said %d times: %v", len(got), got)
	}
	if got := f.all("dve"); len(got) != 0 {
		t.Errorf("rollouts on a channel that does not exist: %+v", got)
	}
	if got := f.only("dev"); len(got.Waves) != 1 || !slices.Equal(got.Waves[0], []string{"c"}) {
		t.Errorf("rollout %+v", got)
	}
	// The branch appears: its clusters are updated like all others.
	f.commit("dve", f.at("dev"), map[string]string{"cluster/a.yaml": "x"})
	f.refresh()
	f.only("dve")
}

// TestUnreachableRepository: it is an error, and nothing changes but what the
// registry asks for.
func TestUnreachableRepository(t *testing.T) {
	t.Parallel()
	f := newFleet(t, settings(), readyIn(3, "north")...)
	f.refresh()
	r := f.only("dev")
	f.advance(r.ID)
	state := func() any {
		clusters, err := f.store.Clusters(t.Context(), fairway.ClusterFilter{})
		if err != nil {
			t.Fatal(err)
		}
		return []any{clusters, f.journal(""), f.all(""), f.events("cluster.problem")}
	}
	before := state()
	f.change("dev", "newer") // which nobody can see
	if err := os.Rename(f.bare, f.bare+".gone"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		f.sleep(time.Hour)
		_, err := f.Refresh(t.Context())
		if fairway.ErrorCode(err) != fairway.CodeUnavailable {
			t.Fatalf("refresh: %v", err)
		}
		wantText(t, "the error", err.Error(), "main")
	}
	if diff := cmp.Diff(before, state()); diff != "" {
		t.Errorf("something changed: %s", diff)
	}
	f.finish(f.active()...)
	f.set("north-00", "size", "2")
	if _, err := f.Refresh(t.Context()); fairway.ErrorCode(err) != fairway.CodeUnavailable {
		t.Fatalf("refresh: %v", err)
	}
	f.wantActive("after a change of the registry", "north-00")
	f.finish("north-00")
	if err := os.Rename(f.bare+".gone", f.bare); err != nil {
		t.Fatal(err)
	}
	f.refresh()
	if got := f.all("dev"); len(got) != 2 || got[1].State != fairway.RolloutSuperseded || !strings.HasPrefix(got[0].Revision, f.at("dev")) {
		t.Errorf("rollouts %+v", got)
	}
}
