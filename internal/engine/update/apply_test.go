package update

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/manifest"
)

// shelf is a cluster's API that keeps objects as they are applied.
type shelf struct {
	*recorder
	mu      sync.Mutex
	live    map[string]fairway.Object
	reads   int
	applies int
	inside  int // applies under way
	most    int
	// answer may refuse an apply; it is told how many there were.
	answer func(n int, ref fairway.ObjectRef) error
}

func (s *shelf) Read(_ context.Context, refs []fairway.ObjectRef) ([]fairway.LiveObject, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	out := make([]fairway.LiveObject, len(refs))
	for i, ref := range refs {
		out[i].Health.State = fairway.HealthNotFound
		if o := s.live[ref.String()]; o != nil {
			out[i] = keptAs(o)
		}
	}
	return out, nil
}

func keptAs(o fairway.Object) fairway.LiveObject {
	return fairway.LiveObject{Object: o, Owned: manifest.Digest(o), Health: fairway.ObjectHealth{State: fairway.HealthCurrent}}
}

func (s *shelf) Apply(ctx context.Context, o, before fairway.Object) (fairway.ApplyResult, error) {
	s.mu.Lock()
	s.applies++
	s.inside++
	s.most = max(s.most, s.inside)
	n := s.applies
	s.mu.Unlock()
	var err error
	if s.answer != nil {
		err = s.answer(n, o.Ref())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inside--
	if err != nil {
		return fairway.ApplyResult{Ref: o.Ref()}, err
	}
	s.live[o.Ref().String()] = o
	action := fairway.ActionChanged
	if before == nil {
		action = fairway.ActionCreated
	}
	return fairway.ApplyResult{Ref: o.Ref(), Action: action, Live: keptAs(o)}, nil
}

// newShelf is a run whose bundle has a component with so many ConfigMaps.
func newShelf(t *testing.T, objects int) (*run, *shelf) {
	t.Helper()
	r, api := newRun(t)
	s := &shelf{recorder: api, live: map[string]fairway.Object{}}
	r.owner.kube = s
	r.kube = guardedKubernetes{Kubernetes: s, owner: r.owner}
	component := fairway.Component{Name: "large"}
	for i := range objects {
		component.Objects = append(component.Objects, fairway.Object{"apiVersion": "v1", "kind": "ConfigMap",
			"metadata": map[string]any{"name": fmt.Sprintf("m-%05d", i), "namespace": "n"}, "data": map[string]any{"a": "b"}})
	}
	r.bundle = &fairway.Bundle{Components: []fairway.Component{component}}
	return r, s
}

// A component with 10,000 objects is applied a few at a time, can be paused on the
// way, goes on where it was, and is not written again.
func TestManifests_TenThousandObjects(t *testing.T) {
	t.Parallel()
	r, s := newShelf(t, 10_000)
	s.answer = func(n int, _ fairway.ObjectRef) error {
		if n == 3000 {
			r.steerTest(t, fairway.Steering{Paused: new("ada")})
		}
		return nil
	}
	_, err := r.manifests(t.Context())
	if err == nil || !strings.Contains(err.Error(), "of 10000 objects are applied, and stay so") || s.applies > 3000+applyAtOnce {
		t.Errorf("paused after %d applies: %v", s.applies, err)
	}
	if text := err.Error(); len(text) > 10_000 {
		t.Errorf("the error has %d characters", len(text))
	}
	known, err := r.Store.Inventory(t.Context(), "c")
	if err != nil || len(known) != len(s.live) {
		t.Errorf("%d objects are remembered of %d that were applied: %v", len(known), len(s.live), err)
	}
	r.steerTest(t, fairway.Steering{Paused: new("")})
	before := len(s.live)
	detail, err := r.manifests(t.Context())
	if want := fmt.Sprintf("10000 objects: %d created, 0 changed, %d unchanged", 10_000-before, before); err != nil || detail != want {
		t.Errorf("%q, %v, want %q", detail, err, want)
	}
	if s.most > applyAtOnce {
		t.Errorf("%d objects were applied at once", s.most)
	}
	s.applies, s.reads = 0, 0
	if detail, err := r.manifests(t.Context()); err != nil || s.applies != 0 || s.reads > 2 {
		t.Errorf("again: %q, %v; %d applies, %d reads", detail, err, s.applies, s.reads)
	}
}

// What is rejected does not keep the rest from being applied, and the error says
// how far it came, and not everything when everything is rejected.
func TestManifests_ByHalves(t *testing.T) {
	t.Parallel()
	r, s := newShelf(t, 100)
	rejected := func(i int) bool { return i%2 == 1 }
	s.answer = func(_ int, ref fairway.ObjectRef) error {
		var i int
		fmt.Sscanf(ref.Name, "m-%d", &i)
		if rejected(i) {
			return fairway.Errorf(fairway.CodeInvalid, "apply %s: no", ref)
		}
		return nil
	}
	_, err := r.manifests(t.Context())
	if fairway.ErrorCode(err) != fairway.CodeInvalid || !strings.HasPrefix(fmt.Sprint(err), "50 of 100 objects are applied, and stay so: component large: apply ConfigMap/n/m-00001: no") ||
		!strings.HasSuffix(fmt.Sprint(err), "and 30 more") {
		t.Errorf("%v", err)
	}
	if known, err := r.Store.Inventory(t.Context(), "c"); err != nil || len(known) != 50 {
		t.Errorf("%d are remembered, %v", len(known), err)
	}
}

// An API server that goes silent on the way is not asked for each of the rest.
func TestManifests_SilentOnTheWay(t *testing.T) {
	t.Parallel()
	r, s := newShelf(t, 2000)
	s.answer = func(n int, ref fairway.ObjectRef) error {
		if n > 100 {
			return fairway.Errorf(fairway.CodeUnavailable, "apply %s: no answer", ref)
		}
		return nil
	}
	_, err := r.manifests(t.Context())
	if fairway.ErrorCode(err) != fairway.CodeUnavailable || !strings.HasPrefix(fmt.Sprint(err), "100 of 2000 objects are applied, and stay so") {
		t.Errorf("%v", err)
	}
	if s.applies > 100+mostSilent+applyAtOnce {
		t.Errorf("%d applies were tried", s.applies)
	}
}
