package update

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/sqlstore"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// recorder is a cluster's API and cloud of which the writes are remembered.
type recorder struct {
	fairway.Kubernetes
	fairway.Cloud
	writes   []string
	nodes    []fairway.Node
	released int
}

func (r *recorder) HoldLease(context.Context, string, time.Duration) error { return nil }
func (r *recorder) ReleaseLease(context.Context, string) error             { r.released++; return nil }
func (r *recorder) Apply(context.Context, fairway.Object, fairway.Object) (fairway.ApplyResult, error) {
	r.writes = append(r.writes, "apply")
	return fairway.ApplyResult{}, nil
}
func (r *recorder) Evict(context.Context, fairway.Pod) (fairway.EvictResult, string, error) {
	r.writes = append(r.writes, "evict")
	return fairway.Evicted, "", nil
}
func (r *recorder) Terminate(context.Context, string, bool) error {
	r.writes = append(r.writes, "terminate")
	return nil
}
func (r *recorder) Mark(_ context.Context, node string, m fairway.NodeMarks) error {
	r.writes = append(r.writes, "mark "+node+" "+*m.Rotate)
	return nil
}
func (r *recorder) Healthy(context.Context) error                         { return nil }
func (r *recorder) Groups(context.Context) ([]fairway.Group, error)       { return nil, nil }
func (r *recorder) Instances(context.Context) ([]fairway.Instance, error) { return nil, nil }
func (r *recorder) Workloads(context.Context) (*fairway.Workloads, error) {
	return &fairway.Workloads{Nodes: r.nodes}, nil
}

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// newRun is a run on an update of a real store.
func newRun(t *testing.T) (*run, *recorder) {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), filepath.Join(t.TempDir(), "fairway.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	c := &fairway.Cluster{ID: "c", Alias: "c", LocalID: "c"}
	if err := store.CreateCluster(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	u := &fairway.Update{ID: "u", ClusterID: "c", State: fairway.UpdateRunning, Doing: "rolling"}
	if err := store.CreateUpdate(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	r := &run{Updater: New(Options{Store: store, Log: slog.New(slog.DiscardHandler), Holder: "me"}), log: slog.New(slog.DiscardHandler),
		update: u, saved: *u, cluster: c, until: time.Now().Add(time.Hour), rotated: map[string]bool{}}
	api := &recorder{}
	r.owner = &owner{kube: api, holder: "me", now: time.Now, wanted: r.wanted}
	r.kube, r.cloud = guardedKubernetes{Kubernetes: api, owner: r.owner}, guardedCloud{api, r.owner}
	return r, api
}

func (r *run) steerTest(t testing.TB, s fairway.Steering) {
	t.Helper()
	if _, err := r.Store.SteerUpdate(t.Context(), "u", s); err != nil {
		t.Fatal(err)
	}
}

// What a person says takes effect before the very next write, whatever is under way.
func TestSteerBetweenWrites(t *testing.T) {
	t.Parallel()
	r, api := newRun(t)
	write := func(when string, want error) {
		t.Helper()
		_, applied := r.kube.Apply(t.Context(), nil, nil)
		_, _, evicted := r.kube.Evict(t.Context(), fairway.Pod{})
		ended := r.cloud.Terminate(t.Context(), "i", true)
		for what, err := range map[string]error{"apply": applied, "evict": evicted, "terminate": ended} {
			if !errors.Is(err, want) {
				t.Errorf("%s, %s: %v, want %v", when, what, err, want)
			}
		}
	}
	write("nothing was said", nil)
	r.steerTest(t, fairway.Steering{Paused: new("ada")})
	write("paused", errPaused)
	if err := r.checkpoint(t.Context()); !errors.Is(err, errPaused) {
		t.Errorf("the checkpoint of a paused update: %v", err)
	}
	r.steerTest(t, fairway.Steering{Paused: new(""), IgnoreBrakes: new(true)})
	write("resumed", nil)
	if err := r.checkpoint(t.Context()); err != nil {
		t.Errorf("the checkpoint of a resumed update: %v", err)
	}
	var s roll.Snapshot
	if r.steered(&s); s.Paused != "" || !s.IgnoreBrakes || s.Aborted {
		t.Errorf("the roll decides from %+v", s)
	}
	r.steerTest(t, fairway.Steering{Aborting: new("ada")})
	write("aborting", errEnding)
	if err := r.checkpoint(t.Context()); !errors.Is(err, errEnding) {
		t.Errorf("the checkpoint of an aborted update: %v", err)
	}
	write("undoing", nil)
	if r.steered(&s); !s.Aborted || r.ending != "aborted by ada" {
		t.Errorf("the roll decides from %+v, because %q", s, r.ending)
	}
	if got := len(api.writes); got != 9 {
		t.Errorf("%d writes came through, want 9: %v", got, api.writes)
	}
}

// An abort that is noticed by a write, not between two looks, is undone as one.
func TestUndo_NoticedByAWrite(t *testing.T) {
	t.Parallel()
	r, _ := newRun(t)
	r.steerTest(t, fairway.Steering{Aborting: new("ada")})
	_, err := r.kube.Apply(t.Context(), nil, nil)
	if !errors.Is(err, errEnding) {
		t.Fatalf("the write: %v, want it refused", err)
	}
	if err := r.undo(t.Context()); !errors.Is(err, errSuperseded) {
		t.Errorf("undo: %v", err)
	}
	u, err := r.Store.Update(t.Context(), "u")
	if err != nil || u.State != fairway.UpdateCanceled || u.Error != "aborted by ada" || u.Hint == "" {
		t.Errorf("the update is %s because %q, hint %q, error %v", u.State, u.Error, u.Hint, err)
	}
}

// What a newer wish has overtaken writes nothing more, but takes its marks back.
func TestOvertaken_BetweenWrites(t *testing.T) {
	t.Parallel()
	r, api := newRun(t)
	ended := *r.update
	ended.State = fairway.UpdateCanceled
	if err := r.Store.SaveUpdate(t.Context(), &ended); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.kube.Evict(t.Context(), fairway.Pod{}); !errors.Is(err, errSuperseded) || len(api.writes) > 0 {
		t.Errorf("an eviction of an update that is over: %v, writes %v", err, api.writes)
	}
	if err := r.checkpoint(t.Context()); !errors.Is(err, errSuperseded) {
		t.Errorf("the checkpoint: %v", err)
	}
	if err := r.kube.Mark(t.Context(), "n", fairway.NodeMarks{Rotate: new("")}); err != nil {
		t.Errorf("taking a mark back: %v", err)
	}
}

// A block of the cluster ends an update by the same way as an abort.
func TestBlockEndsLikeAnAbort(t *testing.T) {
	t.Parallel()
	r, _ := newRun(t)
	block := func(c *fairway.Cluster) error {
		c.ConfigItems = map[string]string{fairway.ItemUpdateBlock: "an audit"}
		return nil
	}
	if _, err := r.Store.ChangeCluster(t.Context(), "c", block); err != nil {
		t.Fatal(err)
	}
	if err := r.checkpoint(t.Context()); !errors.Is(err, errEnding) || r.ending != "updates of the cluster are blocked: an audit" {
		t.Errorf("the checkpoint: %v, because %q", err, r.ending)
	}
	if err := r.cancel(t.Context(), r.ending, r.onward); !errors.Is(err, errSuperseded) {
		t.Fatal(err)
	}
	u, err := r.Store.Update(t.Context(), "u")
	if err != nil || u.State != fairway.UpdateCanceled || !strings.Contains(u.Hint, "fairway cluster unblock c") {
		t.Errorf("the update is %s with hint %q, want it canceled and the way on; error %v", u.State, u.Hint, err)
	}
}

// What an abort leaves larger than it was is said, since nothing else remembers it.
func TestKeepsMore(t *testing.T) {
	t.Parallel()
	group := func(pool, base string, desired int) fairway.Group {
		return fairway.Group{Pool: pool, Desired: desired, Tags: map[string]string{fairway.TagRollBase: base}}
	}
	before := []fairway.Group{group("larger", "6", 9), group("back", "3", 5), group("smaller", "3", 2), group("not rolled", "", 4), group("gone", "1", 2)}
	after := []fairway.Group{{Pool: "not rolled", Desired: 5}, {Pool: "smaller", Desired: 2}, {Pool: "back", Desired: 3}, {Pool: "larger", Desired: 8}}
	want := "; node pool larger has 8 nodes and had 6: pods are on all of them, an autoscaler or a person may take some"
	if got := keepsMore(before, after); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A paused update says so, keeps what it was doing, counts no attempt, and gives the lease back.
func TestHold(t *testing.T) {
	t.Parallel()
	r, api := newRun(t)
	r.steerTest(t, fairway.Steering{Paused: new("ada: a look first")})
	r.histories.Store(historyKey{"u", fairway.StepWorkers}, remembered{})
	for range 2 {
		if again, err := r.hold(t.Context()); err != nil || again != pausedAgain {
			t.Fatalf("hold: again in %s, error %v", again, err)
		}
	}
	u, err := r.Store.Update(t.Context(), "u")
	if err != nil || u.Doing != "rolling" || u.Waiting != "paused by ada: a look first" || u.Actor != "whoever runs `fairway update resume u`" || u.Attempts != 0 || u.Since.IsZero() {
		t.Errorf("the update says %+v, error %v", u, err)
	}
	if api.released != 2 {
		t.Errorf("the lease was given back %d times, want 2", api.released)
	}
	if _, known := r.histories.Load(historyKey{"u", fairway.StepWorkers}); known {
		t.Error("a drain's clock goes on over the pause")
	}
	r.steerTest(t, fairway.Steering{Paused: new("")})
	if again, err := r.hold(t.Context()); err != nil || again != 0 {
		t.Errorf("resumed meanwhile: again in %s, error %v", again, err)
	}
}

// Each wish is marked once; one whose node is gone, or newer than the wish, is over.
func TestAskedFor(t *testing.T) {
	t.Parallel()
	r, api := newRun(t)
	api.nodes = []fairway.Node{{Name: "old", CreatedAt: noon.Add(-time.Hour)}, {Name: "reborn", CreatedAt: noon.Add(time.Hour)}}
	wish := func(node string) fairway.Rotation {
		return fairway.Rotation{ClusterID: "c", Node: node, Reason: "why", RequestedAt: noon}
	}
	if _, err := r.Store.RequestRotations(t.Context(), []fairway.Rotation{wish("old"), wish("reborn"), wish("gone")}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.askedFor(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"mark old why"}, api.writes); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
	left, err := r.Store.Rotations(t.Context(), "c")
	if diff := cmp.Diff([]fairway.Rotation{wish("old")}, left); diff != "" || err != nil {
		t.Errorf("wishes left (-want +got), error %v:\n%s", err, diff)
	}
	api.nodes = nil
	if err := r.endWishes(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, err := r.Store.Rotations(t.Context(), "c"); err != nil || len(left) > 0 {
		t.Errorf("wishes left: %v, error %v", left, err)
	}
}

func TestTooOld(t *testing.T) {
	t.Parallel()
	node := func(pool string, age time.Duration) fairway.RotationNode {
		return fairway.RotationNode{Node: pool, Pool: pool, CreatedAt: noon.Add(-age)}
	}
	limits := map[string]time.Duration{"a": time.Hour, "b": 2 * time.Hour}
	for _, c := range []struct {
		name  string
		nodes []fairway.RotationNode
		want  string
	}{
		{"none", nil, ""},
		{"young", []fairway.RotationNode{node("a", time.Hour-time.Second)}, ""},
		{"exactly", []fairway.RotationNode{node("a", time.Hour)}, "1 node of pool a is older than 1h0m0s"},
		{"no limit", []fairway.RotationNode{node("c", 1000*time.Hour)}, ""},
		{"several", []fairway.RotationNode{node("b", 3*time.Hour), node("a", 3*time.Hour), node("a", 2*time.Hour)},
			"1 node of pool b is older than 2h0m0s, 2 nodes of pool a are older than 1h0m0s"},
	} {
		if got := tooOld(c.nodes, limits, noon); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
