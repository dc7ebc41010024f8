package deliver_test

import (
	"slices"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

// requested is a cluster that does not exist yet.
func requested(id string) fairway.Cluster {
	c := ready(id, "north")
	c.LifecycleStatus, c.Status = fairway.StatusRequested, fairway.ClusterStatus{}
	return c
}

// TestOwnUpdateDuringRollout: the rollout waits for it, and until then updates
// no cluster of another region.
func TestOwnUpdateDuringRollout(t *testing.T) {
	t.Parallel()
	south := requested("south-0")
	south.Region = "south"
	f := newFleet(t, settings(), requested("north-0"), requested("north-1"), south)
	f.refresh()
	f.finish("north-0", "north-1", "south-0")
	f.set("south-0", "size", "large")
	f.refresh()
	f.change("dev", "newer")
	f.refresh()
	r := f.only("dev")
	f.advance(r.ID)
	f.wantActive("the canary besides the own update", "north-0", "south-0")
	f.finish("north-0")
	f.watch(r.ID, 2*soak)
	f.wantActive("the own update goes on", "south-0")
	f.finish("south-0")
	f.advance(r.ID)
	f.wantActive("the other region", "north-1")
	f.finish("north-1")
	f.advance(r.ID)
	f.wantActive("its turn in the rollout", "south-0")
	if u := f.journal("south-0")[0]; u.Revision != f.at("dev") || u.RolloutID != r.ID {
		t.Errorf("update %+v", u)
	}
}

// current brings a fleet to the revision of its channel by updates of the
// clusters' own.
func current(t *testing.T, ids ...string) *fleet {
	t.Helper()
	f := newFleet(t, settings())
	for _, id := range ids {
		f.add(requested(id))
	}
	f.refresh()
	f.finish(ids...)
	f.updates = nil
	return f
}

func TestRequestedCluster(t *testing.T) {
	t.Parallel()
	f := newFleet(t, settings(), requested("new"))
	f.refresh()
	f.wantActive("the new cluster", "new")
	u := f.journal("new")[0]
	if u.RolloutID != "" || u.Version != f.cluster("new").Version(f.at("dev")) || !slices.Equal(f.updates, []string{u.ID}) {
		t.Errorf("update %+v, asked for %v", u, f.updates)
	}
	f.finish("new")
	f.sleep(time.Hour)
	f.refresh()
	f.wantActive("the new cluster is ready")
	if got := f.journal("new"); len(got) != 1 {
		t.Errorf("%d updates, want 1", len(got))
	}
	if got := f.all("dev"); len(got) != 0 {
		t.Errorf("a new cluster made rollouts: %+v", got)
	}
}

// TestRegistryChange: it becomes an update of that cluster alone, at once.
func TestRegistryChange(t *testing.T) {
	t.Parallel()
	f := current(t, "a", "b")
	f.refresh()
	f.wantActive("nothing changed")
	f.set("b", "size", "large")
	f.refresh()
	f.wantActive("b changed", "b")
	u := f.journal("b")[0]
	if u.RolloutID != "" || u.Version != f.cluster("b").Version(f.at("dev")) {
		t.Errorf("update %+v", u)
	}

	// The wish changes again while the update runs: it is cancelled, and the
	// newest wish is what the next one brings.
	f.begin("b")
	f.set("b", "size", "huge")
	f.refresh()
	f.refresh()
	f.wantActive("b changed again", "b")
	all := f.journal("b")
	if len(all) != 3 || all[1].State != fairway.UpdateCanceled || all[1].ID != u.ID || all[0].Version != f.cluster("b").Version(f.at("dev")) {
		t.Errorf("updates %+v", all)
	}
	f.finish("b")
	f.refresh()
	f.wantActive("b is as it should be")
	if got := f.all("dev"); len(got) != 0 {
		t.Errorf("registry changes made rollouts: %+v", got)
	}
}

// TestFinishedDuringALook: an update that ends between two reads of a look is
// not made again.
func TestFinishedDuringALook(t *testing.T) {
	t.Parallel()
	for _, status := range []fairway.LifecycleStatus{fairway.StatusReady, fairway.StatusRequested} {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			f := current(t)
			f.add(requested("a"))
			f.refresh()
			if status == fairway.StatusReady {
				f.finish("a")
				f.set("a", "size", "large")
				f.refresh()
			}
			before := len(f.journal("a"))
			f.onList = func() { f.finish("a") }
			f.refresh()
			f.refresh()
			if got := f.journal("a"); len(got) != before {
				t.Errorf("%d updates, want %d: %+v", len(got), before, got[0])
			}
		})
	}
}

// TestTakenBack: a change that was given up half way is undone once it is taken
// back, although the cluster's last complete version is the wanted one again.
func TestTakenBack(t *testing.T) {
	t.Parallel()
	t.Run("in the registry", func(t *testing.T) {
		t.Parallel()
		f := current(t, "a")
		f.set("a", "size", "large")
		f.refresh()
		f.fail("a", "object rejected")
		f.unset("a", "size")
		f.refresh()
		f.wantActive("the half of the change is undone", "a")
		f.finish("a")
		f.refresh()
		f.wantActive("it is undone")
	})
	t.Run("on the branch", func(t *testing.T) {
		t.Parallel()
		f := current(t, "a")
		before := f.at("dev")
		f.change("dev", "broken")
		f.refresh()
		f.advance(f.only("dev").ID)
		f.fail("a", "object rejected")
		f.git("", "--git-dir", f.bare, "update-ref", "refs/heads/dev", before)
		f.refresh()
		f.wantActive("the half of the change is undone", "a")
		if u := f.journal("a")[0]; u.Revision != before {
			t.Errorf("update %+v, want one to %s", u, before)
		}
		f.finish("a")
		f.refresh()
		f.wantActive("it is undone")
	})
}

// TestFailedOwnUpdate: it is retried after a minute, which doubles.
func TestFailedOwnUpdate(t *testing.T) {
	t.Parallel()
	f := current(t, "a")
	f.set("a", "size", "large")
	f.refresh()
	for i, wait := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute} {
		if i == 1 {
			f.stick("a", "node-1", "a budget of zero")
		} else {
			f.fail("a", "no capacity")
		}
		f.refresh()
		f.sleep(wait - time.Second)
		f.refresh()
		f.wantActive("before the back-off is over")
		f.sleep(time.Second)
		f.refresh()
		f.wantActive("the back-off is over", "a")
	}
	// Another wish has no failures behind it.
	f.fail("a", "no capacity")
	f.set("a", "size", "small")
	f.refresh()
	f.wantActive("another wish", "a")
	// And after a success the back-off is short again.
	f.finish("a")
	f.set("a", "size", "large")
	f.refresh()
	f.fail("a", "no capacity")
	f.sleep(time.Minute)
	f.refresh()
	f.wantActive("the first retry", "a")
}

// TestBlockedCluster: it is passed by, and gets the revision when it is unblocked.
func TestBlockedCluster(t *testing.T) {
	t.Parallel()
	blocked := ready("c", "north")
	blocked.ConfigItems = map[string]string{fairway.ItemUpdateBlock: "a sale"}
	blocked.Status.CurrentVersion = blocked.Version("0")
	f := newFleet(t, settings(), ready("a", "north"), ready("b", "north"), blocked)
	f.refresh()
	first := f.only("dev")
	f.advance(first.ID)
	// One of the rollout's own is blocked while it goes on.
	f.set("b", fairway.ItemUpdateBlock, "a launch")
	f.finish("a")
	f.watch(first.ID, 2*soak+time.Minute)
	if got := f.rollout(first.ID); got.State != fairway.RolloutDone {
		t.Fatalf("the rollout is %s: %s", got.State, got.Reason)
	}
	for range 3 {
		f.refresh()
	}
	f.only("dev")
	for _, id := range []string{"b", "c"} {
		if got := f.journal(id); len(got) != 0 {
			t.Fatalf("blocked cluster %s got %+v", id, got)
		}
	}

	f.unset("c", fairway.ItemUpdateBlock)
	f.refresh()
	f.refresh()
	all := f.all("dev")
	if len(all) != 2 || len(all[0].Waves) != 1 || !slices.Equal(all[0].Waves[0], []string{"c"}) || all[0].Revision != f.at("dev") {
		t.Fatalf("rollouts %+v", all)
	}
	// The new rollout is as careful as any: what runs the revision already soaks first.
	f.watch(all[0].ID, soak)
	f.wantActive("c is not blocked any more", "c")

	// And one that is unblocked while a rollout runs goes with it.
	f.finish("c")
	f.unset("b", fairway.ItemUpdateBlock)
	f.refresh()
	f.watch(all[0].ID, soak+time.Minute)
	f.wantActive("b goes with the rollout", "b")
	if u := f.journal("b")[0]; u.RolloutID != all[0].ID {
		t.Errorf("update %+v", u)
	}
	f.finish("b")
	f.watch(all[0].ID, 2*soak)
	f.refresh()
	if got := f.all("dev"); len(got) != 2 || got[0].State != fairway.RolloutDone {
		t.Errorf("rollouts %+v", got)
	}
}
