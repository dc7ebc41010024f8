package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/localkubetest"
)

// sink keeps what it is told of one namespace.
type sink struct {
	namespace string

	mu        sync.Mutex
	lists     int                                    // guarded by mu, as all that follows
	state     fairway.WatchState                     // the last one
	lost      int                                    // times that changes did not arrive
	workloads map[string]*fairway.ReplicatedWorkload // told since the last list began, or before
	budgets   map[string]*fairway.DisruptionBudget   // as workloads
	listed    map[string]bool                        // told since the last list began
}

func newSink(namespace string) *sink {
	return &sink{namespace: namespace, workloads: map[string]*fairway.ReplicatedWorkload{}, budgets: map[string]*fairway.DisruptionBudget{},
		listed: map[string]bool{}}
}

func (s *sink) Begin(fairway.WorkloadKind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lists++
	s.listed = map[string]bool{}
}

func (s *sink) State(_ fairway.WorkloadKind, is fairway.WatchState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if is == fairway.WatchLost {
		s.lost++
	}
	if is == fairway.WatchCurrent && s.state != fairway.WatchCurrent && len(s.listed) > 0 {
		maps.DeleteFunc(s.workloads, func(name string, _ *fairway.ReplicatedWorkload) bool { return !s.listed[name] })
	}
	s.state = is
}

func (s *sink) Workload(w *fairway.ReplicatedWorkload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listed[w.Name] = true
	if w.Namespace == s.namespace {
		s.workloads[w.Name] = w
	}
}

func (s *sink) Budget(b *fairway.DisruptionBudget) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.Namespace == s.namespace {
		s.budgets[b.Name] = b
	}
}

func (s *sink) Gone(_ fairway.WorkloadKind, namespace, name, _ string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if namespace == s.namespace {
		delete(s.workloads, name)
		delete(s.budgets, name)
	}
}

// await waits until the sink fulfils what is asked.
func (s *sink) await(t *testing.T, ask func() bool) {
	t.Helper()
	localkubetest.Eventually(t, patience, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !ask() {
			return fmt.Errorf("workloads %v, budgets %v, state %q, %d lists", s.workloads, s.budgets, s.state, s.lists)
		}
		return nil
	})
}

// follow tells the sink of a kind until the test ends, through meet.
func follow(t *testing.T, s *sink, meet func(http.RoundTripper) http.RoundTripper, kind fairway.WorkloadKind) *Budgets {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig(t))
	if err != nil {
		t.Fatal(err)
	}
	if meet != nil {
		config.Wrap(meet)
	}
	b, err := NewBudgets(Options{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() { defer close(ended); b.Follow(ctx, []fairway.WorkloadKind{kind}, s) }()
	t.Cleanup(func() { cancel(); <-ended })
	s.await(t, func() bool { return s.state == fairway.WatchCurrent })
	return b
}

func replicatedObject(namespace, name string, replicas int) fairway.Object {
	labels := map[string]any{"app": name}
	return fairway.Object{"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": map[string]any{"namespace": namespace, "name": name, "labels": labels, "annotations": map[string]any{fairway.AnnotationNonReadyTTL: "5m", "other": "x"}},
		"spec": map[string]any{"replicas": int64(replicas), "selector": map[string]any{"matchLabels": labels}, "template": map[string]any{
			"metadata": map[string]any{"labels": labels},
			"spec":     map[string]any{"containers": []any{map[string]any{"name": "c", "image": "registry.example.org/app:1"}}}}}}
}

func TestFollowTellsEverything(t *testing.T) {
	t.Parallel()
	c := connect(t)
	in := namespace(t, c)
	apply(t, c, replicatedObject(in, "before", 2))
	s := newSink(in)
	follow(t, s, nil, fairway.KindDeployment)
	s.await(t, func() bool { return s.workloads["before"] != nil })
	apply(t, c, replicatedObject(in, "after", 3))
	s.await(t, func() bool { return s.workloads["after"] != nil })
	s.mu.Lock()
	got := *s.workloads["after"]
	s.mu.Unlock()
	if got.UID == "" || got.CreatedAt.IsZero() {
		t.Errorf("uid %q, created at %s", got.UID, got.CreatedAt)
	}
	want := fairway.ReplicatedWorkload{
		Kind: fairway.KindDeployment, Namespace: in, Name: "after", UID: got.UID, CreatedAt: got.CreatedAt, Labels: map[string]string{"app": "after"},
		NonReadyTTL: "5m", Replicas: 3, Selector: &fairway.LabelSelector{MatchLabels: map[string]string{"app": "after"}}, PodLabels: map[string]string{"app": "after"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("workload (-want +got):\n%s", diff)
	}
	apply(t, c, replicatedObject(in, "after", 5))
	s.await(t, func() bool { return s.workloads["after"].Replicas == 5 })
	if _, err := c.Delete(t.Context(), fairway.Deletion{Kind: "Deployment", Namespace: in, Name: "before"}); err != nil {
		t.Fatal(err)
	}
	s.await(t, func() bool { return s.workloads["before"] == nil })
}

// line is a connection that can be cut, and refuses watches while it is.
type line struct {
	http.RoundTripper
	mu      sync.Mutex
	refuse  int         // status of watches; 0 lets them pass
	streams []io.Closer // of watches
	watches []string    // resource versions that were asked for
}

func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Query().Get("watch") != "true" {
		return l.RoundTripper.RoundTrip(r)
	}
	l.mu.Lock()
	refuse := l.refuse
	if refuse == 0 {
		l.watches = append(l.watches, r.URL.Query().Get("resourceVersion"))
	}
	l.mu.Unlock()
	if refuse == http.StatusGone {
		l.pass()
		text := `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","message":"too old resource version","code":410}`
		return &http.Response{StatusCode: refuse, Status: "410 Gone", Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
	}
	if refuse != 0 {
		return nil, errors.New("the line is cut")
	}
	response, err := l.RoundTripper.RoundTrip(r)
	if err == nil {
		l.mu.Lock()
		l.streams = append(l.streams, response.Body)
		l.mu.Unlock()
	}
	return response, err
}

func (l *line) pass() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuse = 0
}

// cut ends all watches and refuses new ones with a status, or without answer.
func (l *line) cut(status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuse = status
	for _, s := range l.streams {
		s.Close()
	}
	l.streams = nil
}

func TestFollowGoesOnWhereItWasCut(t *testing.T) {
	t.Parallel()
	c := connect(t)
	in, l := namespace(t, c), &line{}
	s := newSink(in)
	follow(t, s, func(under http.RoundTripper) http.RoundTripper { l.RoundTripper = under; return l }, fairway.KindDeployment)
	apply(t, c, replicatedObject(in, "first", 2))
	s.await(t, func() bool { return s.workloads["first"] != nil })
	l.cut(-1)
	s.await(t, func() bool { return s.state == fairway.WatchLost })
	apply(t, c, replicatedObject(in, "second", 2))
	if _, err := c.Delete(t.Context(), fairway.Deletion{Kind: "Deployment", Namespace: in, Name: "first"}); err != nil {
		t.Fatal(err)
	}
	l.pass()
	s.await(t, func() bool {
		return s.state == fairway.WatchCurrent && s.workloads["second"] != nil && s.workloads["first"] == nil
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lists != 1 {
		t.Errorf("%d lists: the watch was not taken up where it was cut", s.lists)
	}
}

func TestFollowListsAgainWhenItIsTooLate(t *testing.T) {
	t.Parallel()
	c := connect(t)
	in, l := namespace(t, c), &line{}
	s := newSink(in)
	follow(t, s, func(under http.RoundTripper) http.RoundTripper { l.RoundTripper = under; return l }, fairway.KindDeployment)
	apply(t, c, replicatedObject(in, "first", 2))
	s.await(t, func() bool { return s.workloads["first"] != nil })
	l.cut(-1)
	s.await(t, func() bool { return s.state == fairway.WatchLost })
	if _, err := c.Delete(t.Context(), fairway.Deletion{Kind: "Deployment", Namespace: in, Name: "first"}); err != nil {
		t.Fatal(err)
	}
	apply(t, c, replicatedObject(in, "second", 2))
	l.cut(http.StatusGone)
	s.await(t, func() bool {
		return s.state == fairway.WatchCurrent && s.lists == 2 && s.workloads["second"] != nil && s.workloads["first"] == nil
	})
}

func TestFollowLooksForWhatIsNotThere(t *testing.T) {
	t.Parallel()
	b, err := NewBudgets(Options{Kubeconfig: kubeconfig(t)})
	if err != nil {
		t.Fatal(err)
	}
	s := newSink("none")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.Follow(ctx, []fairway.WorkloadKind{fairway.KindRollout}, s)
	}()
	s.await(t, func() bool { return s.state == fairway.WatchAbsent })
	cancel() // ends a long pause at once
	<-ended
}

func TestBudgetWrites(t *testing.T) {
	t.Parallel()
	c := connect(t)
	in := namespace(t, c)
	s := newSink(in)
	b := follow(t, s, nil, fairway.KindDisruptionBudget)
	apply(t, c, replicatedObject(in, "web", 2))
	owner := fairway.Owner{APIVersion: "apps/v1", Kind: "Deployment", Name: "web", UID: "00000000-0000-0000-0000-000000000001"}
	want := &fairway.DisruptionBudget{Namespace: in, Name: "web", Labels: map[string]string{"heritage": "pdb-controller"}, NonReadySince: "2026-03-01T12:00:00Z",
		MaxUnavailable: "25%", Selector: &fairway.LabelSelector{MatchLabels: map[string]string{"a": "1", "b": "2"},
			MatchExpressions: []fairway.LabelRequirement{{Key: "c", Operator: "In", Values: []string{"3"}}}}}
	made, err := b.CreateBudget(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	want.UID, want.Version = made.UID, made.Version
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	if _, err := b.CreateBudget(t.Context(), want); fairway.ErrorCode(err) != fairway.CodeConflict {
		t.Errorf("create again: %v", err)
	}

	next := *want
	next.Labels, next.NonReadySince, next.MaxUnavailable = map[string]string{"team": "shop"}, "", "1"
	next.Selector = &fairway.LabelSelector{MatchLabels: map[string]string{"b": "3"}}
	next.Owners = nil
	changed := change(t, b, s, want, &next)
	next.Labels = map[string]string{"heritage": "pdb-controller", "team": "shop"}
	next.Version = changed.Version
	if diff := cmp.Diff(&next, changed); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}

	// What was decided on an older state is refused.
	owned := next
	owned.Owners = []fairway.Owner{owner}
	if _, err := b.ChangeBudget(t.Context(), want, &owned); fairway.ErrorCode(err) != fairway.CodeConflict {
		t.Errorf("change of an old version: %v", err)
	}
	if err := b.DeleteBudget(t.Context(), want); fairway.ErrorCode(err) != fairway.CodeConflict {
		t.Errorf("delete of an old version: %v", err)
	}
	localkubetest.Eventually(t, patience, func() error { return b.DeleteBudget(t.Context(), s.newest("web", changed)) })
	if err := b.DeleteBudget(t.Context(), changed); err != nil {
		t.Errorf("delete what is gone: %v", err)
	}
}

// newest returns a budget as the watch last told of it, or else as it was.
func (s *sink) newest(name string, was *fairway.DisruptionBudget) *fairway.DisruptionBudget {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.budgets[name]; b != nil {
		return b
	}
	return was
}

// change changes a budget whose status its controller writes meanwhile.
func change(t *testing.T, b *Budgets, s *sink, is, want *fairway.DisruptionBudget) (changed *fairway.DisruptionBudget) {
	t.Helper()
	localkubetest.Eventually(t, patience, func() (err error) {
		changed, err = b.ChangeBudget(t.Context(), s.newest(is.Name, is), want)
		return err
	})
	return changed
}

func TestReadList(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, text    string
		version, next string
		items         int
		fails         bool
	}{
		{name: "complete", text: `{"kind":"L","metadata":{"resourceVersion":"7","continue":"c"},"items":[{"a":1},{"a":2}]}`, version: "7", next: "c", items: 2},
		{name: "items first", text: `{"items":[{}],"metadata":{"resourceVersion":"7"}}`, version: "7", items: 1},
		{name: "empty", text: `{"metadata":{"resourceVersion":"7"},"items":[]}`, version: "7"},
		{name: "no items", text: `{"metadata":{"resourceVersion":"7"}}`, fails: true},
		{name: "null items", text: `{"metadata":{"resourceVersion":"7"},"items":null}`, fails: true},
		{name: "no version", text: `{"items":[]}`, fails: true},
		{name: "cut off", text: `{"metadata":{"resourceVersion":"7"},"items":[{},{}`, fails: true},
		{name: "cut off at the end", text: `{"metadata":{"resourceVersion":"7"},"items":[{}]`, fails: true},
		{name: "no list", text: `[]`, fails: true},
		{name: "nothing", text: ``, fails: true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			items := 0
			version, next, err := readList(strings.NewReader(c.text), func(decode func(any) error) error { items++; return decode(&struct{}{}) })
			if (err != nil) != c.fails {
				t.Fatalf("error = %v", err)
			}
			if err == nil && (version != c.version || next != c.next || items != c.items) {
				t.Errorf("version %q, next %q, %d items", version, next, items)
			}
		})
	}
}

func TestParseSelector(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]*fairway.LabelSelector{
		"":                                      nil,
		"a=(":                                   nil,
		"app=web,rollouts-pod-template-hash=12": {MatchLabels: map[string]string{"app": "web"}},
		"app=web,tier in (x,y),!old": {MatchLabels: map[string]string{"app": "web"}, MatchExpressions: []fairway.LabelRequirement{
			{Key: "old", Operator: "DoesNotExist"}, {Key: "tier", Operator: "In", Values: []string{"x", "y"}}}},
	} {
		if diff := cmp.Diff(want, parseSelector(text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}
