package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

// bareNode makes a Node object without a machine behind it and returns its name.
func bareNode(t *testing.T, c *Cluster) string {
	t.Helper()
	name := fmt.Sprintf("bare-%d", made.Add(1))
	apply(t, c, object("v1", "Node", "", name, nil))
	return name
}

// nodeNamed reads a node.
func nodeNamed(t *testing.T, c *Cluster, name string) fairway.Node {
	t.Helper()
	w, err := c.Workloads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range w.Nodes {
		if n.Name == name {
			return n
		}
	}
	t.Fatalf("node %s is gone", name)
	return fairway.Node{}
}

// marksOf returns the marks that a node shows.
func marksOf(n fairway.Node) map[string]any {
	all := map[string]any{}
	for _, key := range []string{fairway.LabelLifecycleStatus, fairway.LabelExcludeLB} {
		if v, ok := n.Labels[key]; ok {
			all[key] = v
		}
	}
	for k, v := range n.Annotations {
		all[k] = v
	}
	for _, taint := range n.Taints {
		if taint.Key == fairway.TaintDecommission {
			all["taint"] = taint.Value + ":" + taint.Effect
		}
	}
	if n.Unschedulable {
		all["cordoned"] = true
	}
	return all
}

func TestMarkSetsAndTakesAway(t *testing.T) {
	t.Parallel()
	c := connect(t)
	node := bareNode(t, c)
	started := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	all := fairway.NodeMarks{
		UpdateID: "u-1", Status: new(fairway.LifecycleDraining), TaintEffect: new("PreferNoSchedule"), Cordoned: new(true),
		DrainStart: &started, ExcludeLB: new(true), Quarantine: new("2026-11-22T10:00:00Z budget web/app"),
	}
	if err := c.Mark(t.Context(), node, all); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		fairway.LabelLifecycleStatus: "draining", fairway.LabelExcludeLB: "true", "cordoned": true, "taint": "rolling-upgrade:PreferNoSchedule",
		fairway.AnnotationDrainStart: "2026-11-22T10:00:00Z", fairway.AnnotationQuarantine: "2026-11-22T10:00:00Z budget web/app",
		fairway.AnnotationMarks: `{"cordon":"u-1","drain-start":"u-1","exclude-lb":"u-1","lifecycle-status":"u-1","quarantine":"u-1","taint":"u-1"}`,
	}
	if diff := cmp.Diff(want, marksOf(nodeNamed(t, c, node))); diff != "" {
		t.Errorf("marked (-want +got):\n%s", diff)
	}
	gone := fairway.NodeMarks{
		UpdateID: "u-2", Status: new(fairway.LifecycleReady), TaintEffect: new(""), Cordoned: new(false),
		DrainStart: new(time.Time{}), ExcludeLB: new(false), Quarantine: new(""),
	}
	if err := c.Mark(t.Context(), node, gone); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{fairway.LabelLifecycleStatus: "ready"}, marksOf(nodeNamed(t, c, node))); diff != "" {
		t.Errorf("after taking the marks away (-want +got):\n%s", diff)
	}
}

func TestMarkLeavesAPersonsCordon(t *testing.T) {
	t.Parallel()
	c := connect(t)
	node := bareNode(t, c)
	person, err := New(Options{Kubeconfig: kubeconfig(t), FieldManager: "person"})
	if err != nil {
		t.Fatal(err)
	}
	apply(t, person, object("v1", "Node", "", node, map[string]any{"spec": map[string]any{"unschedulable": true}}))
	for _, wished := range []bool{true, false} {
		if err := c.Mark(t.Context(), node, fairway.NodeMarks{UpdateID: "u-1", Cordoned: &wished}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]any{"cordoned": true}, marksOf(nodeNamed(t, c, node))); diff != "" {
			t.Errorf("after wishing %v (-want +got):\n%s", wished, diff)
		}
	}
}

func TestMarkWritesOnlyDifferences(t *testing.T) {
	t.Parallel()
	node := bareNode(t, connect(t))
	var writes atomic.Int32
	c := connectThrough(t, func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method != http.MethodGet {
				writes.Add(1)
			}
			return next.RoundTrip(r)
		})
	})
	wish := fairway.NodeMarks{UpdateID: "u-1", Cordoned: new(true), Status: new(fairway.LifecyclePending), DrainStart: new(time.Now())}
	for range 3 {
		if err := c.Mark(t.Context(), node, wish); err != nil {
			t.Fatal(err)
		}
		wish.DrainStart = new(wish.DrainStart.Add(time.Hour)) // the first one stays
	}
	// Conflicts with the node controller can repeat the first write.
	if after := writes.Load(); after < 1 || after > 5 {
		t.Errorf("%d writes", after)
	}
	before := writes.Load()
	if err := c.Mark(t.Context(), node, wish); err != nil {
		t.Fatal(err)
	}
	if writes.Load() != before {
		t.Error("a node that is marked already was written")
	}
}

// TestMarkLosesNothingInConflicts: many writers at once, each with a mark of
// its own; all marks stand in the end.
func TestMarkLosesNothingInConflicts(t *testing.T) {
	t.Parallel()
	c := connect(t)
	node := bareNode(t, c)
	wishes := []fairway.NodeMarks{
		{Cordoned: new(true)}, {ExcludeLB: new(true)}, {TaintEffect: new("NoSchedule")},
		{Status: new(fairway.LifecycleDraining)}, {DrainStart: new(time.Now())}, {Quarantine: new("x")},
	}
	var group sync.WaitGroup
	failed := make([]error, len(wishes))
	for i, wish := range wishes {
		wish.UpdateID = fmt.Sprint("u-", i)
		group.Go(func() { failed[i] = c.Mark(t.Context(), node, wish) })
	}
	group.Wait()
	if err := errors.Join(failed...); err != nil {
		t.Fatal(err)
	}
	want := `{"cordon":"u-0","drain-start":"u-4","exclude-lb":"u-1","lifecycle-status":"u-3","quarantine":"u-5","taint":"u-2"}`
	if got := nodeNamed(t, c, node).Annotations[fairway.AnnotationMarks]; got != want {
		t.Errorf("marks = %s, want %s", got, want)
	}
}

func TestMarkRepeatsConflictsWithinContext(t *testing.T) {
	t.Parallel()
	node := bareNode(t, connect(t))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var writes atomic.Int32
	c := connectThrough(t, func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPatch {
				if writes.Add(1) == 3 {
					cancel()
				}
				return respond(r, http.StatusConflict, "changed meanwhile"), nil
			}
			return next.RoundTrip(r)
		})
	})
	err := c.Mark(ctx, node, fairway.NodeMarks{UpdateID: "u-1", Cordoned: new(true)})
	if err == nil || writes.Load() != 3 {
		t.Errorf("error %v after %d writes, want it to end with the context after 3", err, writes.Load())
	}
}

func TestMarkNodeGone(t *testing.T) {
	t.Parallel()
	err := connect(t).Mark(t.Context(), "never-there", fairway.NodeMarks{UpdateID: "u-1", Cordoned: new(true)})
	if fairway.ErrorCode(err) != fairway.CodeNotFound {
		t.Errorf("error = %v (%s)", err, fairway.ErrorCode(err))
	}
}
