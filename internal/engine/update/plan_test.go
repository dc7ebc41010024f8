package update

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

// world is a cluster that is observed to be as the test says.
type world struct {
	*recorder
	deleted   []plan.Deletion
	removed   []fairway.Deletion
	groups    []fairway.Group
	instances []fairway.Instance
}

func (w *world) Observe(_ context.Context, b *fairway.Bundle, _ []fairway.InventoryItem) (*plan.Observed, error) {
	deleted := slices.DeleteFunc(slices.Clone(w.deleted), func(d plan.Deletion) bool { return d.Phase == "before" && len(b.PreApply) == 0 })
	return &plan.Observed{Basis: plan.BasisLive, Deleted: deleted}, nil
}

func (w *world) Deletable(context.Context, *fairway.Bundle) ([]plan.Deletion, error) {
	return slices.Clone(w.deleted), nil
}

func (w *world) Delete(_ context.Context, d fairway.Deletion) ([]fairway.ObjectRef, error) {
	w.removed = append(w.removed, d)
	return nil, nil
}

func (w *world) Groups(context.Context) ([]fairway.Group, error) { return w.groups, nil }
func (w *world) Instances(context.Context) ([]fairway.Instance, error) {
	return w.instances, nil
}

func (w *world) Forecast(_ context.Context, spec fairway.PoolSpec) (string, []string, error) {
	for _, g := range w.groups {
		if g.Pool == spec.Pool.Name {
			return g.Generation, nil, nil
		}
	}
	return "", nil, nil
}

// newWorld is a run on an update of such a cluster, with one entry of deletions.
func newWorld(t *testing.T) (*run, *world, *time.Time) {
	t.Helper()
	r, api := newRun(t)
	now := noon
	r.Now = func() time.Time { return now }
	r.until, r.owner.now = now.Add(time.Hour), r.Now
	w := &world{recorder: api}
	r.reader, r.machinery, r.did = w, w, &deeds{}
	r.kube, r.cloud = guardedKubernetes{Kubernetes: w, owner: r.owner, did: r.did}, guardedCloud{w, r.owner}
	r.bundle = &fairway.Bundle{PreApply: []fairway.Deletion{{Kind: "ConfigMap", Namespace: "a", Labels: map[string]string{"x": "y"}}}}
	return r, w, &now
}

// configMaps are deletions of so many of them.
func configMaps(n int) []plan.Deletion {
	var all []plan.Deletion
	for i := range n {
		all = append(all, plan.Deletion{Ref: fairway.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Namespace: "a", Name: fmt.Sprint("c", i)}, Phase: "before", Entry: "ConfigMap/a/(by labels)"})
	}
	return all
}

// told are the kinds of the events of the update.
func (r *run) told(t *testing.T) []string {
	t.Helper()
	events, err := r.Store.Events(t.Context(), "", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func (r *run) approve(t *testing.T) {
	t.Helper()
	if _, err := r.Store.ApprovePlan(t.Context(), r.update.ID, "", fairway.Principal{Name: "token:ada"}, ""); err != nil {
		t.Fatal(err)
	}
}

// A large deletion waits for somebody's word, which is for that deletion; the next
// update to the same version has it, too.
func TestPlan_WaitsForApproval(t *testing.T) {
	t.Parallel()
	r, w, _ := newWorld(t)
	w.deleted = configMaps(4)
	if _, err := r.plan(t.Context()); !errors.Is(err, errApproval) {
		t.Fatalf("four of four objects: %v", err)
	}
	if waits, err := r.awaits(t.Context()); !waits || err != nil {
		t.Errorf("it does not wait: %v", err)
	}
	if again, err := r.await(t.Context()); again != approvalAgain || err != nil || r.update.Waiting != "approval: deletes 4 of 4 objects" {
		t.Errorf("%s, %v, waits for %q", again, err, r.update.Waiting)
	}
	if _, err := r.plan(t.Context()); !errors.Is(err, errApproval) {
		t.Errorf("planned again: %v", err)
	}
	r.approve(t)
	if waits, err := r.awaits(t.Context()); waits || err != nil {
		t.Errorf("it still waits: %v", err)
	}
	if _, err := r.plan(t.Context()); err != nil {
		t.Errorf("after the approval: %v", err)
	}
	w.deleted = configMaps(5)
	if _, err := r.plan(t.Context()); !errors.Is(err, errApproval) {
		t.Errorf("another plan: %v", err)
	}
	want := []string{"update.planned", "approval.needed", "update.planned", "approval.needed"}
	if diff := cmp.Diff(want, r.told(t)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}

	w.deleted = configMaps(4)
	r.update.State = fairway.UpdateFailed
	if err := r.Store.SaveUpdate(t.Context(), r.update); err != nil {
		t.Fatal(err)
	}
	next := &fairway.Update{ID: "u2", ClusterID: "c", State: fairway.UpdateRunning, CreatedAt: time.Now().Add(time.Hour)}
	if err := r.Store.CreateUpdate(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	r.update = next
	if _, err := r.plan(t.Context()); err != nil {
		t.Errorf("the next update of the version: %v", err)
	}
	r.update.Version = "another"
	if _, err := r.plan(t.Context()); !errors.Is(err, errApproval) {
		t.Errorf("an update of another version: %v", err)
	}
}

// Only what was planned is deleted. What a deletion selects since then makes a new
// plan, and stops the update when that one is too large with what is gone already.
func TestRemove_WhatWasPlanned(t *testing.T) {
	t.Parallel()
	r, w, now := newWorld(t)
	w.deleted = configMaps(1)
	if _, err := r.plan(t.Context()); err != nil {
		t.Fatal(err)
	}
	remove := func() ([]string, error) {
		w.removed = nil
		_, err := r.remove(t.Context(), "before", r.bundle.PreApply)
		if len(w.removed) == 0 {
			return nil, err
		}
		return w.removed[0].Only, err
	}
	w.deleted = configMaps(2)
	if only, err := remove(); err != nil || !slices.Equal(only, []string{"c0"}) {
		t.Errorf("right after the plan %v goes, error %v", only, err)
	}
	*now = now.Add(2 * planFresh)
	if only, err := remove(); err != nil || !slices.Equal(only, []string{"c0", "c1"}) {
		t.Errorf("later %v goes, error %v", only, err)
	}
	if told := r.told(t); !slices.Equal(told, []string{"update.planned", "update.replanned"}) {
		t.Errorf("events %v", told)
	}
	// Both are gone, and there are two others.
	w.deleted = configMaps(4)[2:]
	*now = now.Add(2 * planFresh)
	r.planned = planned{} // another process
	if only, err := remove(); !errors.Is(err, errApproval) || only != nil {
		t.Errorf("four in all: %v goes, error %v", only, err)
	}
	r.approve(t)
	r.planned = planned{}
	if only, err := remove(); err != nil || !slices.Equal(only, []string{"c2", "c3"}) {
		t.Errorf("approved: %v goes, error %v", only, err)
	}
	if _, err := r.remove(t.Context(), "after", nil); err != nil {
		t.Error(err)
	}
}

// What was deleted before the manifests and came with them again is not planned
// away once more; and what they brought into being may be selected after them.
func TestRemove_AfterTheManifests(t *testing.T) {
	t.Parallel()
	r, w, _ := newWorld(t)
	r.bundle.PostApply = []fairway.Deletion{{Kind: "Secret", Namespace: "a", Name: "s"}}
	w.deleted = configMaps(1)
	if _, err := r.plan(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.at = fairway.StepPostApply
	w.deleted = append(configMaps(1), plan.Deletion{Ref: fairway.ObjectRef{APIVersion: "v1", Kind: "Secret", Namespace: "a", Name: "s"}, Phase: "after", Entry: "Secret/a/s"})
	if _, err := r.remove(t.Context(), "after", r.bundle.PostApply); err != nil || len(w.removed) != 1 || !slices.Equal(w.removed[0].Only, []string{"s"}) {
		t.Errorf("removed %+v, error %v", w.removed, err)
	}
	p, err := r.stored(t.Context())
	if err != nil || len(p.Deletions) != 2 || p.Deletions[0].Ref.Kind != "Secret" || !p.Deletions[1].Done {
		t.Errorf("the plan is %+v, error %v", p, err)
	}
}

// More nodes than planned are not replaced without a word; those that an
// autoscaler launched since come with the others.
func TestMayRoll_MoreNodes(t *testing.T) {
	t.Parallel()
	r, w, now := newWorld(t)
	r.cluster.LifecycleStatus = fairway.StatusReady
	r.bundle = &fairway.Bundle{Pools: []fairway.PoolSpec{{Pool: fairway.NodePool{Name: "workers"}}}}
	w.groups = []fairway.Group{{Pool: "workers", Generation: "new", Owned: true}, {Pool: "others", Generation: "x"}}
	launch := func(generation string, at time.Time) {
		w.instances = append(w.instances, fairway.Instance{ID: fmt.Sprint("i", len(w.instances)), Pool: "workers", Generation: generation, LaunchedAt: at, State: fairway.InstanceInService})
	}
	launch("old", now.Add(-time.Hour))
	launch("new", now.Add(-time.Hour))
	w.instances = append(w.instances, fairway.Instance{ID: "other", Pool: "others", LaunchedAt: now.Add(-time.Hour)})
	if _, err := r.plan(t.Context()); err != nil {
		t.Fatal(err)
	}
	launch("old", now.Add(time.Minute))
	if err := r.mayRoll(t.Context()); err != nil {
		t.Errorf("one that came since: %v", err)
	}
	w.groups[0].Generation = "newer"
	if err := r.mayRoll(t.Context()); !errors.Is(err, errApproval) {
		t.Errorf("all of them: %v", err)
	}
	p, err := r.stored(t.Context())
	if err != nil || !strings.Contains(p.Approval, "replaces 3 nodes of pool workers, 2 more than planned") {
		t.Errorf("the plan needs %q, error %v", p.Approval, err)
	}
	if err := r.replan(t.Context(), ""); !errors.Is(err, errApproval) {
		t.Errorf("planned again while it waits: %v", err)
	}
	r.approve(t)
	r.planned = planned{}
	if err := r.mayRoll(t.Context()); err != nil {
		t.Errorf("approved: %v", err)
	}
}

// What was done otherwise than planned is named.
func TestDeeds_Otherwise(t *testing.T) {
	t.Parallel()
	ref := func(name string) fairway.ObjectRef {
		return fairway.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Namespace: "a", Name: name}
	}
	d := &deeds{}
	d.note(fairway.ApplyResult{Ref: ref("before"), Action: fairway.ActionCreated})
	d.forget()
	for name, action := range map[string]fairway.Action{"created": fairway.ActionCreated, "changed": fairway.ActionChanged, "same": fairway.ActionUnchanged, "more": fairway.ActionChanged, "made": fairway.ActionCreated} {
		d.note(fairway.ApplyResult{Ref: ref(name), Action: action})
	}
	p := &plan.Plan{
		Objects: []plan.Object{{Ref: ref("created"), Action: plan.Create}, {Ref: ref("made"), Action: plan.Change}, {Ref: ref("less"), Action: plan.Change}},
		Drift:   []plan.Object{{Ref: ref("changed"), Action: plan.Change}},
	}
	want := []string{"ConfigMap/a/less is unchanged, not changed", "ConfigMap/a/made is created, not changed", "ConfigMap/a/more is changed, not unchanged"}
	if diff := cmp.Diff(want, d.otherwise(p)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Which findings stop an update.
func TestSeverity(t *testing.T) {
	t.Parallel()
	object := func(apiVersion, kind, name string) fairway.Object {
		return fairway.Object{"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"name": name}}
	}
	definition := object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "things.example.org")
	definition["spec"] = map[string]any{"names": map[string]any{"kind": "Thing", "plural": "things"}}
	b := &fairway.Bundle{
		Components: []fairway.Component{{Name: "c", Objects: []fairway.Object{object("example.org/v1", "Other", "custom"), object("apps/v1", "Deploymnt", "typo"), definition}}},
		PostApply:  []fairway.Deletion{{Kind: "things.example.org", Name: "a"}, {Kind: "Nothing", Name: "a"}},
		PreApply:   []fairway.Deletion{{Kind: "Thing", Name: "b"}},
	}
	for name, c := range map[string]struct {
		finding plan.Finding
		want    plan.Severity
	}{
		"a warning":                        {plan.Finding{Check: plan.CheckImmutable, Severity: plan.Warn}, plan.Warn},
		"a field that cannot be changed":   {plan.Finding{Check: plan.CheckImmutable, Severity: plan.Block, Component: "c"}, plan.Block},
		"a budget":                         {plan.Finding{Check: plan.CheckBudget, Severity: plan.Block}, plan.Warn},
		"a webhook":                        {plan.Finding{Check: plan.CheckWebhook, Severity: plan.Block, Component: "c"}, plan.Warn},
		"a large deletion":                 {plan.Finding{Check: plan.CheckLargeDeletion, Severity: plan.Block}, forApproval},
		"a removed API in a manifest":      {plan.Finding{Check: plan.CheckRemovedAPI, Severity: plan.Block, Component: "c"}, plan.Block},
		"a removed API of somebody":        {plan.Finding{Check: plan.CheckRemovedAPI, Severity: plan.Block}, plan.Warn},
		"a kind that an operator may make": {plan.Finding{Check: plan.CheckKind, Severity: plan.Block, Component: "c", Object: "Other/custom"}, plan.Warn},
		"a kind that nobody can make":      {plan.Finding{Check: plan.CheckKind, Severity: plan.Block, Component: "c", Object: "Deploymnt/typo"}, plan.Block},
		"a deletion of a kind that comes":  {plan.Finding{Check: plan.CheckKind, Severity: plan.Block, Object: "things.example.org/a"}, plan.Warn},
		"a deletion of one not yet there":  {plan.Finding{Check: plan.CheckKind, Severity: plan.Block, Object: "Thing/b"}, plan.Block},
		"a deletion of an unknown kind":    {plan.Finding{Check: plan.CheckKind, Severity: plan.Block, Object: "Nothing/a"}, plan.Block},
		"a check that is new":              {plan.Finding{Check: "another", Severity: plan.Block}, plan.Block},
	} {
		if got := severity(c.finding, b); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
