package deliver_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

// wantRefused checks an error's code and its words, hint included.
func wantRefused(t *testing.T, what string, err error, code fairway.Code, parts ...string) {
	t.Helper()
	if fairway.ErrorCode(err) != code {
		t.Fatalf("%s: got error %v of code %q, want %q", what, err, fairway.ErrorCode(err), code)
	}
	wantText(t, what, err.Error()+" | "+fairway.ErrorHint(err), parts...)
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	f := newFleet(t, settings(), ready("north-0", "north"))
	_, err := f.Pause(t.Context(), "north-0", "ada", "")
	wantRefused(t, "pause what was never updated", err, fairway.CodeConflict, "never updated", "fairway cluster show north-0")
	_, err = f.Pause(t.Context(), "nroth-0", "ada", "")
	wantRefused(t, "pause what does not exist", err, fairway.CodeNotFound, "nroth-0", `did you mean "north-0"?`)

	f.refresh()
	r := f.only("dev")
	f.advance(r.ID)
	u := f.begin("north-0")
	f.updates = nil
	for _, name := range []string{u.ID, "north-0", u.ID} {
		got, err := f.Pause(t.Context(), name, "ada", "a look first")
		if err != nil || got.Paused != "ada: a look first" {
			t.Fatalf("pause %s: %+v, error %v", name, got, err)
		}
	}
	wantText(t, "the one event", strings.Join(f.events("update.paused"), "\n"), "update of north-0", "paused by ada: a look first")
	if got := f.events("update.paused"); len(got) != 1 || len(f.updates) != 3 {
		t.Errorf("three pauses made events %v and asked for work on %v", got, f.updates)
	}
	if got := f.watch(r.ID, soak); got.State != fairway.RolloutRunning {
		t.Errorf("the rollout of a paused update is %s: %s", got.State, got.Reason)
	}
	got, err := f.Resume(t.Context(), "north-0", "bob", true)
	if err != nil || got.Paused != "" || !got.IgnoreBrakes {
		t.Fatalf("resume: %+v, error %v", got, err)
	}
	if _, err = f.Resume(t.Context(), "north-0", "bob", true); err != nil {
		t.Fatal(err)
	}
	if got := f.events("update.resumed"); len(got) != 1 {
		t.Errorf("two resumptions made events %v", got)
	}
	f.finish("north-0")
	for verb, say := range map[string]func() error{
		"pause":  func() error { _, err := f.Pause(t.Context(), u.ID, "ada", ""); return err },
		"resume": func() error { _, err := f.Resume(t.Context(), "north-0", "ada", false); return err },
		"abort":  func() error { _, err := f.Abort(t.Context(), "north-0", "ada", ""); return err },
	} {
		wantRefused(t, verb+" what is over", say(), fairway.CodeConflict, verb, "north-0", "it is over (done)", "--active")
	}
}

// TestPauseOutlivesItsUpdate: a newer revision takes the place of the paused
// update, and waits for the person as well.
func TestPauseOutlivesItsUpdate(t *testing.T) {
	t.Parallel()
	f := newFleet(t, settings(), ready("north-0", "north"))
	f.refresh()
	f.advance(f.only("dev").ID)
	f.begin("north-0")
	if _, err := f.Pause(t.Context(), "north-0", "ada", ""); err != nil {
		t.Fatal(err)
	}
	newer := f.change("dev", "newer")
	f.refresh()
	f.advance(f.all("dev")[0].ID)
	if u := f.journal("north-0")[0]; u.Revision != newer || u.Paused != "ada" || u.State != fairway.UpdatePending {
		t.Errorf("the next update is %+v, want it paused", u)
	}
	if _, err := f.Resume(t.Context(), "north-0", "ada", false); err != nil {
		t.Fatal(err)
	}
	f.finish("north-0")
	f.change("dev", "newest")
	f.refresh()
	f.advance(f.all("dev")[0].ID)
	if u := f.journal("north-0")[0]; u.Paused != "" {
		t.Errorf("the update after a resumed one is paused: %+v", u)
	}
}

// canceled is what the updater stores when it has taken back an aborted update.
func (f *fleet) canceled(cluster string) {
	f.t.Helper()
	u := f.begin(cluster)
	u.State, u.FinishedAt, u.Error = fairway.UpdateCanceled, f.clock(), "aborted by "+u.Aborting
	f.save(u, func(*fairway.Cluster) {})
}

// TestAbortHaltsTheRollout until a person changes something: no look starts it again.
func TestAbortHaltsTheRollout(t *testing.T) {
	t.Parallel()
	f := newFleet(t, settings(), readyIn(3, "north")...)
	f.refresh()
	r := f.only("dev")
	f.advance(r.ID)
	f.begin("north-00")
	u, err := f.Abort(t.Context(), "north-00", "ada", "wrong image")
	if err != nil || u.Aborting != "ada: wrong image" {
		t.Fatalf("abort: %+v, error %v", u, err)
	}
	if again, err := f.Abort(t.Context(), "north-00", "bob", ""); err != nil || again.Aborting != u.Aborting {
		t.Errorf("aborted again: %+v, error %v", again, err)
	}
	_, err = f.Pause(t.Context(), "north-00", "bob", "")
	wantRefused(t, "pause what is being aborted", err, fairway.CodeConflict, "being aborted (ada: wrong image)")
	if got := f.events("update.aborted"); len(got) != 1 {
		t.Errorf("two aborts made events %v", got)
	}
	f.canceled("north-00")
	for range 3 {
		f.refresh()
		r = f.watch(r.ID, time.Minute)
	}
	wantText(t, "the reason", r.Reason, "north-00", "aborted by ada: wrong image")
	if r.State != fairway.RolloutHalted || r.Hint == "" {
		t.Errorf("the rollout is %s, hint %q, want it halted with a hint", r.State, r.Hint)
	}
	f.wantActive("after an abort")

	f.set("north-00", "size", "large")
	f.refresh()
	f.advance(r.ID)
	f.wantActive("the registry entry was changed", "north-00")
	f.begin("north-00")
	if _, err := f.Abort(t.Context(), "north-00", "ada", ""); err != nil {
		t.Fatal(err)
	}
	f.canceled("north-00")
	f.advance(r.ID)
	f.change("dev", "the correction")
	f.refresh()
	f.advance(f.all("dev")[0].ID)
	if got := f.active(); len(got) != 1 {
		t.Errorf("a new commit starts %v, want one cluster", got)
	}
}

// TestAbortOfOwnUpdate: an update that belongs to no rollout stays aborted too.
func TestAbortOfOwnUpdate(t *testing.T) {
	t.Parallel()
	f := current(t, "north-0")
	f.set("north-0", "size", "large")
	f.refresh()
	f.begin("north-0")
	if _, err := f.Abort(t.Context(), "north-0", "ada", ""); err != nil {
		t.Fatal(err)
	}
	f.canceled("north-0")
	for range 3 {
		f.sleep(time.Hour)
		f.refresh()
	}
	f.wantActive("after an abort")
	f.set("north-0", "size", "small")
	f.refresh()
	f.wantActive("the registry entry was changed again", "north-0")
}

func (f *fleet) has(nodes ...string) {
	for i, n := range nodes {
		pool, name, _ := strings.Cut(n, "/")
		f.nodes = append(f.nodes, fairway.RotationNode{Node: name, Pool: pool, CreatedAt: f.clock().Add(-time.Duration(i) * 24 * time.Hour)})
	}
}

// withPools is a cluster with two node pools that runs the revision of dev.
func withPools(t *testing.T) *fleet {
	t.Helper()
	f := newFleet(t, settings())
	c := requested("north-0")
	c.NodePools = []fairway.NodePool{{Name: "control-plane", Profile: "master-default"}, {Name: "workers", Profile: "worker-default"}}
	f.add(c)
	f.refresh()
	f.finish("north-0")
	f.has("control-plane/m", "workers/a", "workers/b", "workers/c")
	f.updates = nil
	return f
}

func TestRotateChooses(t *testing.T) {
	t.Parallel()
	f := withPools(t)
	for _, c := range []struct {
		name    string
		request fairway.RotationRequest
		want    string
	}{
		{"all", fairway.RotationRequest{}, "m a b c"},
		{"by name", fairway.RotationRequest{Nodes: []string{"c", "a", "c"}}, "a c"},
		{"a pool", fairway.RotationRequest{Pool: "workers"}, "a b c"},
		{"by age", fairway.RotationRequest{OlderThan: 48 * time.Hour}, "b c"},
		{"all together", fairway.RotationRequest{Nodes: []string{"a", "m", "c"}, Pool: "workers", OlderThan: 25 * time.Hour}, "c"},
		{"none", fairway.RotationRequest{OlderThan: 1000 * time.Hour}, ""},
	} {
		c.request.Cluster, c.request.DryRun = "north-0", true
		answer, err := f.Rotate(t.Context(), c.request)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var names []string
		for _, n := range answer.Nodes {
			names = append(names, n.Node)
		}
		if got := strings.Join(names, " "); got != c.want || answer.UpdateID != "" {
			t.Errorf("%s: %q and update %q, want %q and none", c.name, got, answer.UpdateID, c.want)
		}
	}
	f.refresh()
	f.wantActive("after dry runs")
	for what, c := range map[string]struct {
		request fairway.RotationRequest
		hint    string
	}{
		"cluster": {fairway.RotationRequest{Cluster: "north-00"}, `"north-0"`},
		"node":    {fairway.RotationRequest{Cluster: "north-0", Nodes: []string{"a", "bb"}}, `"b"`},
		"pool":    {fairway.RotationRequest{Cluster: "north-0", Pool: "wrokers"}, `"workers"`},
	} {
		_, err := f.Rotate(t.Context(), c.request)
		wantRefused(t, "a wrong "+what, err, fairway.CodeNotFound, c.hint)
	}
	if wishes, err := f.store.Rotations(t.Context(), ""); err != nil || len(wishes) > 0 {
		t.Errorf("wishes are left: %v, error %v", wishes, err)
	}
}

func TestRotate(t *testing.T) {
	t.Parallel()
	f := withPools(t)
	request := fairway.RotationRequest{Cluster: "north-0", Nodes: []string{"a"}, By: "ada", Reason: "a bad disk"}
	answer, err := f.Rotate(t.Context(), request)
	if err != nil || answer.UpdateID == "" || answer.Waiting != "" {
		t.Fatalf("rotate: %+v, error %v", answer, err)
	}
	u := f.journal("north-0")[0]
	if u.ID != answer.UpdateID || u.Version != f.cluster("north-0").Status.CurrentVersion || u.Reason != "rotation: requested by ada: a bad disk" || u.RolloutID != "" {
		t.Errorf("the update is %+v", u)
	}
	wantText(t, "the event", strings.Join(f.events("cluster.rotation-requested"), "\n"), "north-0", "ada: a bad disk", "nodes: a")
	if again, err := f.Rotate(t.Context(), request); err != nil || again.UpdateID != u.ID {
		t.Errorf("asked again: %+v, error %v", again, err)
	}
	if got := f.events("cluster.rotation-requested"); len(got) != 1 {
		t.Errorf("the same wish twice made events %v", got)
	}
	request.Nodes = []string{"b"}
	if joined, err := f.Rotate(t.Context(), request); err != nil || joined.UpdateID != u.ID {
		t.Errorf("another node while it runs: %+v, error %v", joined, err)
	}
	// The updater replaced a, but b came too late: the next look starts another.
	if err := f.store.EndRotations(t.Context(), u.ClusterID, []string{"a"}); err != nil {
		t.Fatal(err)
	}
	f.finish("north-0")
	f.refresh()
	f.wantActive("right after an update that did not do it all")
	f.sleep(2 * time.Minute)
	f.refresh()
	f.wantActive("a while later", "north-0")
	if err := f.store.EndRotations(t.Context(), u.ClusterID, []string{"b"}); err != nil {
		t.Fatal(err)
	}
	f.finish("north-0")
	f.sleep(time.Hour)
	f.refresh()
	f.wantActive("when all is done")

	f.set("north-0", fairway.ItemUpdateBlock, "an audit")
	if blocked, err := f.Rotate(t.Context(), request); err != nil || blocked.UpdateID != "" || !strings.Contains(blocked.Waiting, "an audit") {
		t.Errorf("a blocked cluster: %+v, error %v", blocked, err)
	}
	f.refresh()
	f.wantActive("while blocked")
	f.unset("north-0", fairway.ItemUpdateBlock)
	f.refresh()
	f.wantActive("the block is gone", "north-0")
	f.begin("north-0")
	if _, err := f.Abort(t.Context(), "north-0", "ada", ""); err != nil {
		t.Fatal(err)
	}
	f.canceled("north-0")
	f.sleep(time.Hour)
	f.refresh()
	f.wantActive("an abort ends the wish")
}

// TestRotateHalfWay: a wish neither takes back what an aborted update has done
// nor starts that again; the next update carries it out.
func TestRotateHalfWay(t *testing.T) {
	t.Parallel()
	for _, begun := range []bool{true, false} {
		f := current(t, "north-0")
		f.has("workers/a")
		f.change("dev", "newer")
		f.refresh()
		r := f.all("dev")[0]
		f.advance(r.ID)
		if begun {
			f.begin("north-0")
		}
		u, err := f.Abort(t.Context(), "north-0", "ada", "")
		if err != nil {
			t.Fatal(err)
		}
		request := fairway.RotationRequest{Cluster: "north-0", Nodes: []string{"a"}, By: "ada"}
		answer, err := f.Rotate(t.Context(), request)
		if err != nil || answer.UpdateID != "" || !strings.Contains(answer.Waiting, u.ID+" is being aborted") {
			t.Errorf("during an abort (begun: %t): %+v, error %v", begun, answer, err)
		}
		u.State, u.FinishedAt = fairway.UpdateCanceled, f.clock()
		f.save(u, func(*fairway.Cluster) {})
		answer, err = f.Rotate(t.Context(), request)
		if err != nil || answer.UpdateID != "" || !strings.Contains(answer.Waiting, r.Revision) {
			t.Errorf("after an abort (begun: %t): %+v, error %v", begun, answer, err)
		}
		for range 3 {
			f.sleep(time.Hour)
			f.refresh()
			f.advance(r.ID)
		}
		f.wantActive("after an abort")
		f.set("north-0", "size", "large")
		f.refresh()
		f.advance(r.ID)
		f.wantActive("the registry entry was changed", "north-0")
		if answer, err := f.Rotate(t.Context(), request); err != nil || answer.UpdateID == "" {
			t.Errorf("with the next update (begun: %t): %+v, error %v", begun, answer, err)
		}
	}
}

// TestRotateIsTriedLessAndLessOften also when the cluster's own updates try it in between.
func TestRotateIsTriedLessAndLessOften(t *testing.T) {
	t.Parallel()
	f := withPools(t)
	if _, err := f.Rotate(t.Context(), fairway.RotationRequest{Cluster: "north-0", Nodes: []string{"a"}, By: "ada"}); err != nil {
		t.Fatal(err)
	}
	tries := 1
	for range 60 {
		if len(f.active()) > 0 {
			u := f.begin("north-0")
			u.State, u.FinishedAt = fairway.UpdatePartial, f.clock()
			f.save(u, func(*fairway.Cluster) {})
		}
		f.sleep(time.Minute)
		if f.refresh(); len(f.active()) > 0 {
			tries++
		}
	}
	if tries < 4 || tries > 8 { // after 1, 2, 4, 8 and 16 minutes
		t.Errorf("%d tries in an hour, want ever longer pauses", tries)
	}
}

// TestTooOldNodes: age is looked at once an hour, and only where nothing else goes on.
func TestTooOldNodes(t *testing.T) {
	t.Parallel()
	f := current(t, "north-0", "north-1", "north-2")
	f.old = map[string]string{"north-0": "2 nodes of pool workers are older than 720h0m0s"}
	f.set("north-2", fairway.ItemUpdateBlock, "an audit")
	f.refresh()
	if len(f.ages) > 0 {
		t.Errorf("%v were looked at right after the start", f.ages)
	}
	f.sleep(10 * time.Minute)
	for range 10 {
		f.refresh()
	}
	slices.Sort(f.ages)
	if !slices.Equal(f.ages, []string{"north-0", "north-1"}) {
		t.Errorf("%v were looked at, want each that is not blocked once", f.ages)
	}
	f.wantActive("nodes are too old", "north-0")
	if u := f.journal("north-0")[0]; u.Reason != "rotation: 2 nodes of pool workers are older than 720h0m0s" || u.Version != f.cluster("north-0").Status.CurrentVersion {
		t.Errorf("the update is %+v", u)
	}
	f.finish("north-0")
	f.ages, f.old = nil, nil
	f.sleep(59 * time.Minute)
	f.refresh()
	if len(f.ages) > 0 {
		t.Errorf("%v were looked at again within the hour", f.ages)
	}
	f.change("dev", "newer")
	f.sleep(time.Hour)
	f.refresh()
	if len(f.ages) > 0 {
		t.Errorf("%v were looked at in the middle of a rollout", f.ages)
	}
}
