package kube

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/localkubetest"
)

// seam stands between a client and the API server. It counts lists of nodes
// and pods, and can hold back what watches say, or end them.
type seam struct {
	lists, watches atomic.Int32
	refuse         atomic.Bool // new watches are answered with 410

	mu      sync.Mutex
	silence chan struct{} // closed to let held-back watches speak; nil while they do
	breaks  []func()
}

func (s *seam) meet(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		followed := r.URL.Path == "/api/v1/nodes" || r.URL.Path == "/api/v1/pods"
		switch {
		case r.Method != http.MethodGet || !followed:
			return next.RoundTrip(r)
		case r.URL.Query().Get("watch") == "":
			s.lists.Add(1)
			return next.RoundTrip(r)
		}
		s.watches.Add(1)
		if s.refuse.Load() {
			return respond(r, http.StatusGone, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410,"message":"too old resource version"}`,
				"Content-Type", "application/json"), nil
		}
		answer, err := next.RoundTrip(r)
		if err == nil {
			b := &heldBody{ReadCloser: answer.Body, seam: s, broken: make(chan struct{})}
			s.mu.Lock()
			s.breaks = append(s.breaks, sync.OnceFunc(func() { close(b.broken); b.Close() }))
			s.mu.Unlock()
			answer.Body = b
		}
		return answer, err
	})
}

// hold keeps back everything that watches say from now on, until release.
func (s *seam) hold() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silence = make(chan struct{})
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		close(s.silence)
		s.silence = nil
	})
}

// breakWatches ends all watches that were begun so far.
func (s *seam) breakWatches() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, end := range s.breaks {
		end()
	}
	s.breaks = nil
}

// heldBody is the stream of a watch.
type heldBody struct {
	io.ReadCloser
	seam   *seam
	broken chan struct{}
}

func (b *heldBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.seam.mu.Lock()
	silence := b.seam.silence
	b.seam.mu.Unlock()
	if silence != nil {
		select {
		case <-silence:
		case <-b.broken:
			return 0, errors.New("broken by the test")
		}
	}
	return n, err
}

// watched looks until the answers come from watches.
func watched(t *testing.T, c *Cluster) *fairway.Workloads {
	t.Helper()
	var w *fairway.Workloads
	localkubetest.Eventually(t, patience, func() (err error) {
		w, err = c.Workloads(t.Context())
		if err == nil && w.Changed == nil {
			err = errors.New("the answer is from lists")
		}
		return err
	})
	return w
}

// statusOf is the lifecycle-status of a node in an answer.
func statusOf(w *fairway.Workloads, node string) string {
	for _, n := range w.Nodes {
		if n.Name == node {
			return n.Labels[fairway.LabelLifecycleStatus]
		}
	}
	return "no such node"
}

// mark sets lifecycle-status and has it taken away at the end of the test.
func mark(t *testing.T, c *Cluster, node, status string) {
	t.Helper()
	if err := c.Mark(t.Context(), node, fairway.NodeMarks{UpdateID: "u-look", Status: &status}); err != nil {
		t.Fatal(err)
	}
}

// TestLooksFromWatches looks again and again: no list is made, every write of
// the same client is in the next answer, and a change wakes who waits for it.
func TestLooksFromWatches(t *testing.T) {
	t.Parallel()
	var s seam
	c := connectThrough(t, s.meet)
	node := bareNode(t, c)
	w := watched(t, c)
	before := s.lists.Load()
	began := time.Now()
	for _, status := range []string{fairway.LifecyclePending, fairway.LifecycleDraining, fairway.LifecyclePending, fairway.LifecycleReady} {
		changed := w.Changed
		mark(t, c, node, status)
		var err error
		if w, err = c.Workloads(t.Context()); err != nil || statusOf(w, node) != status {
			t.Fatalf("after the mark %s the node has %q, %v", status, statusOf(w, node), err)
		}
		select {
		case <-changed:
		case <-time.After(patience):
			t.Fatal("a change woke nobody")
		}
	}
	if lists := s.lists.Load() - before; lists > 0 && time.Since(began) < relistEvery/2 {
		t.Errorf("%d lists were made although watches run", lists)
	}
}

// TestLooksWhileWatchesAreSilent: an answer never lacks an own write, even when
// the watches say nothing any more and nobody notices.
func TestLooksWhileWatchesAreSilent(t *testing.T) {
	t.Parallel()
	var s seam
	c := connectThrough(t, s.meet)
	node := bareNode(t, c)
	watched(t, c)
	release := s.hold()
	defer release()
	for _, status := range []string{fairway.LifecyclePending, fairway.LifecycleReady} {
		mark(t, c, node, status)
		// Many looks: also those while the watches begin anew.
		for until := time.Now().Add(time.Second); time.Now().Before(until); {
			w, err := c.Workloads(t.Context())
			if err != nil || statusOf(w, node) != status {
				t.Fatalf("after the mark %s the node has %q, %v", status, statusOf(w, node), err)
			}
		}
	}
	release()
	watched(t, c)
}

// TestListsDoNotVouchForWatches: an own write that a list has shown must still
// be shown by the watches before they are believed again.
func TestListsDoNotVouchForWatches(t *testing.T) {
	t.Parallel()
	c := connect(t)
	node := bareNode(t, c)
	watched(t, c)
	c.lookout.mu.Lock()
	clear(c.lookout.until) // nothing is trusted until the next list in the background
	c.lookout.mu.Unlock()
	mark(t, c, node, fairway.LifecyclePending)
	if w, err := c.Workloads(t.Context()); err != nil || w.Changed != nil || statusOf(w, node) != fairway.LifecyclePending {
		t.Fatalf("not a list with the mark: %q, %v", statusOf(w, node), err)
	}
	if c.written.shownBy(&seen{nodes: items[seenNode]{byKey: map[string]*item[seenNode]{node: {version: "1"}}}}) {
		t.Error("the write is forgotten, so that watches which do not know it would be believed")
	}
	mark(t, c, node, fairway.LifecycleReady)
}

// TestLooksWhileWatchesBreak: what happens while watches are broken or refused
// is seen by lists, and watches come back.
func TestLooksWhileWatchesBreak(t *testing.T) {
	t.Parallel()
	var s seam
	c, other := connectThrough(t, s.meet), connect(t)
	node := bareNode(t, c)
	watched(t, c)
	s.refuse.Store(true)
	s.breakWatches()
	localkubetest.Eventually(t, patience, func() error {
		w, err := c.Workloads(t.Context())
		if err == nil && w.Changed != nil {
			err = errors.New("the watches are broken and still trusted")
		}
		return err
	})
	for _, status := range []string{fairway.LifecyclePending, fairway.LifecycleReady} {
		mark(t, other, node, status)
		w, err := c.Workloads(t.Context())
		if err != nil || statusOf(w, node) != status {
			t.Fatalf("after somebody's mark %s the node has %q, %v", status, statusOf(w, node), err)
		}
	}
	before := s.watches.Load()
	s.refuse.Store(false)
	watched(t, c)
	if s.watches.Load() == before {
		t.Error("no watch was begun again")
	}
}

// TestEvictionsAreSeen: a pod that was evicted is on its way or gone in the
// next answer.
func TestEvictionsAreSeen(t *testing.T) {
	t.Parallel()
	c := connect(t)
	machines(t, c)
	ns := namespace(t, c)
	app := deployment(ns, "app", "app:1", 3, nil)
	apply(t, c, app)
	waitHealthy(t, c, app.Ref())
	watched(t, c)
	for _, pod := range podsOf(t, c, ns, "app") {
		if result, reason, err := c.Evict(t.Context(), pod); err != nil || result != fairway.Evicted {
			t.Fatalf("evict %s: %s %s %v", pod.Name, result, reason, err)
		}
		for _, p := range podsOf(t, c, ns, "app") {
			if p.UID == pod.UID {
				t.Errorf("the evicted pod %s is still there", pod.Name)
			}
		}
	}
}

// TestLookoutEnds: watches that nobody needs any more end.
func TestLookoutEnds(t *testing.T) {
	t.Parallel()
	c := connect(t)
	watched(t, c)
	c.mu.Lock()
	l := c.lookout
	c.lookedAt = time.Now().Add(-followIdle)
	l.idle.Reset(0)
	c.mu.Unlock()
	localkubetest.Eventually(t, patience, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.lookout != nil {
			return errors.New("the watches go on")
		}
		return nil
	})
	w, err := c.Workloads(t.Context())
	if err != nil || w.Changed != nil {
		t.Errorf("the first look after a pause is not from lists: %v", err)
	}
}

func TestNotOlder(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"10", "9", true}, {"9", "10", false}, {"9", "9", true}, {"x", "x", true}, {"x", "y", false}, {"10", "x", false}, {"", "1", false},
	} {
		if got := notOlder(test.a, test.b); got != test.want {
			t.Errorf("notOlder(%q, %q) = %t", test.a, test.b, got)
		}
	}
}
