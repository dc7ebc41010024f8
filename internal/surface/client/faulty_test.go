package client_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/auth"
	"github.com/fairwayhq/fairway/internal/adapter/sqlstore"
	"github.com/fairwayhq/fairway/internal/surface/client"
	"github.com/fairwayhq/fairway/internal/surface/httpapi"
)

// fault is what goes wrong with one request.
type fault string

const (
	none   fault = "none"
	before fault = "connection lost before the request was handled"
	after  fault = "connection lost after the request was handled"
	busy   fault = "503 before the request was handled"
	late   fault = "502 after the request was handled"
	tooOft fault = "429"
)

// faulty stands between a client and a real server, and does the faults that are
// planned to the next requests.
type faulty struct {
	next http.Handler
	mu   sync.Mutex
	plan []fault
	seen int
}

func (f *faulty) then(plan ...fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan, f.seen = plan, 0
}

// requests is how many requests came since the plan was made.
func (f *faulty) requests() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen
}

func (f *faulty) take() fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen++
	if len(f.plan) == 0 {
		return none
	}
	first := f.plan[0]
	f.plan = f.plan[1:]
	return first
}

func (f *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch f.take() {
	case none:
		f.next.ServeHTTP(w, r)
	case before:
		panic(http.ErrAbortHandler)
	case after:
		f.next.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case busy:
		http.Error(w, "busy", http.StatusServiceUnavailable)
	case late:
		f.next.ServeHTTP(httptest.NewRecorder(), r)
		http.Error(w, "bad gateway", http.StatusBadGateway)
	case tooOft:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too many requests", http.StatusTooManyRequests)
	}
}

// registry is a real registry behind a faulty connection, with one cluster.
type registry struct {
	*client.Client
	faulty *faulty
	store  *sqlstore.Store
}

func newRegistry(t *testing.T) registry {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), filepath.Join(t.TempDir(), "fairway.db"), time.Now)
	must(t, err)
	t.Cleanup(func() { store.Close() })
	f := &faulty{next: httpapi.New(httpapi.Options{Store: store, Authenticator: auth.Static(auth.Token{Name: "ada", Role: fairway.RoleAdmin, Secret: token})})}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	c := client.New(s.URL, token)
	_, err = c.CreateCluster(t.Context(), example("one"))
	must(t, err)
	return registry{c, f, store}
}

func example(name string) fairway.Cluster {
	return fairway.Cluster{ID: "local:demo:eu:" + name, Alias: name, LocalID: name, InfrastructureAccount: "local:demo", APIServerURL: "https://" + name + ".example.org",
		Channel: "dev", Environment: "test", CriticalityLevel: 1, LifecycleStatus: fairway.StatusReady, Provider: "local", Region: "eu", ConfigItems: map[string]string{"key_a": "1"},
		NodePools: []fairway.NodePool{{Name: "worker", Profile: "worker-default", InstanceTypes: []string{"m"}, DiscountStrategy: "none", MinSize: 1, MaxSize: 2}}}
}

const one = "local:demo:eu:one"

// changes returns how many changes the record has.
func (r registry) changes(t *testing.T) int64 {
	t.Helper()
	_, newest, err := r.store.ChangeBounds(t.Context())
	must(t, err)
	return newest
}

// Whatever happens to a request or its answer, what it asks for is done exactly
// once, and the caller is told that it was.
func TestNothingTwice(t *testing.T) {
	t.Parallel()
	pool := fairway.NodePool{Name: "gpu", Profile: "worker-default", InstanceTypes: []string{"g"}, DiscountStrategy: "none", MaxSize: 1}
	calls := []struct {
		name string
		do   func(ctx context.Context, r registry) error
	}{
		{"create a cluster", func(ctx context.Context, r registry) error {
			c, err := r.CreateCluster(ctx, example("two"))
			if err == nil && c.Alias != "two" {
				return fmt.Errorf("created %+v", c)
			}
			return err
		}},
		{"set an item", func(ctx context.Context, r registry) error {
			_, err := r.PutItem(ctx, one, "", "key_b", "2")
			return err
		}},
		{"delete an item", func(ctx context.Context, r registry) error { return r.DeleteItem(ctx, one, "", "key_a") }},
		{"put a pool", func(ctx context.Context, r registry) error { _, err := r.PutPool(ctx, one, "", pool); return err }},
		{"delete a pool", func(ctx context.Context, r registry) error { return r.DeletePool(ctx, one, "", "worker") }},
		{"create an account", func(ctx context.Context, r registry) error {
			_, err := r.CreateAccount(ctx, fairway.InfrastructureAccount{ID: "local:demo", LifecycleStatus: "ready"})
			return err
		}},
		{"change fields", func(ctx context.Context, r registry) error {
			return r.change(ctx, func(c *fairway.Cluster) { c.Channel = "beta" })
		}},
		{"change a pool", func(ctx context.Context, r registry) error {
			return r.change(ctx, func(c *fairway.Cluster) { c.NodePools[0].MaxSize = 9 })
		}},
		{"remove a pool", func(ctx context.Context, r registry) error {
			return r.change(ctx, func(c *fairway.Cluster) { c.NodePools = nil })
		}},
		{"ask for the end", func(ctx context.Context, r registry) error {
			s, err := r.Decommission(ctx, one, one, "")
			if err == nil && s.State != "begun" {
				return fmt.Errorf("state %q", s.State)
			}
			return err
		}},
		{"restore", func(ctx context.Context, r registry) error {
			_, err := r.Restore(ctx, one, "", 1, false)
			return err
		}},
	}
	for _, call := range calls {
		for _, plan := range [][]fault{{before}, {after}, {busy}, {late, after}, {after, before}} {
			t.Run(fmt.Sprint(call.name, ", ", plan), func(t *testing.T) {
				t.Parallel()
				r := newRegistry(t)
				if call.name == "restore" {
					_, err := r.PutItem(t.Context(), one, "", "key_a", "3")
					must(t, err)
				}
				was := r.changes(t)
				write := registry{r.Client, r.faulty, r.store}
				r.faulty.then(append([]fault(nil), plan...)...)
				if err := call.do(t.Context(), write); err != nil {
					t.Fatal(err)
				}
				if n := r.changes(t) - was; n != 1 {
					t.Errorf("%d changes, want 1", n)
				}
			})
		}
	}
}

// change changes the cluster as it is now. The read takes no part in the plan
// of faults.
func (r registry) change(ctx context.Context, change func(c *fairway.Cluster)) error {
	plan := r.faulty.plan
	r.faulty.then()
	c, err := r.Entry(ctx, one)
	if err != nil {
		return err
	}
	r.faulty.then(plan...)
	to := c.Clone()
	change(to)
	now, err := r.ChangeCluster(ctx, c, to)
	if err != nil {
		return err
	}
	is, err := r.Entry(ctx, one)
	if err != nil {
		return err
	}
	if diff := cmp.Diff(is, now); diff != "" {
		return fmt.Errorf("the answer differs from what is stored:\n%s", diff)
	}
	return nil
}

// A long run of changes over a connection that breaks at random ends as if it
// had never broken.
func TestFaultyConnection(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	r := newRegistry(t)
	want := int64(r.changes(t))
	for i := range 40 {
		var plan []fault
		for range random.IntN(4) {
			plan = append(plan, []fault{none, before, after, busy, late}[random.IntN(5)])
		}
		r.faulty.then(plan...)
		value := fmt.Sprint(i)
		err := r.change(t.Context(), func(c *fairway.Cluster) { c.ConfigItems["key_a"] = value + "x"; c.NodePools[0].MaxSize = int64(i + 10) })
		if err != nil {
			t.Fatalf("seed %d, change %d, %v: %v", seed, i, plan, err)
		}
		want++ // the items and the pool are one change
	}
	if got := r.changes(t); got != want {
		t.Errorf("seed %d: %d changes, want %d", seed, got, want)
	}
}

// What could be done twice is not sent again.
func TestNotRepeated(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	r.faulty.then(after)
	_, err := r.PatchCluster(t.Context(), one, "", map[string]any{"channel": "beta"})
	if fairway.ErrorCode(err) != fairway.CodeUnavailable || r.faulty.requests() != 1 {
		t.Errorf("a PATCH without etag: %v after %d requests", err, r.faulty.requests())
	}
	r.faulty.then(tooOft) // surely not carried out
	began := time.Now()
	_, err = r.PatchCluster(t.Context(), one, "", map[string]any{"channel": "dev"})
	if err != nil || r.faulty.requests() != 2 || time.Since(began) < time.Second {
		t.Errorf("a PATCH that came too often: %v after %d requests and %s", err, r.faulty.requests(), time.Since(began))
	}
	r.faulty.then(before, before, before, before, before, before, before)
	_, err = r.PutItem(t.Context(), one, "", "key_b", "1")
	if fairway.ErrorCode(err) != fairway.CodeUnavailable {
		t.Errorf("a connection that never holds: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	r.faulty.then(tooOft)
	if _, err := r.PutItem(ctx, one, "", "key_b", "1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a wait that is ended: %v", err)
	}
}

// Two that change one cluster: nothing is lost, and the second one is told.
func TestConflicts(t *testing.T) {
	t.Parallel()
	r, ctx := newRegistry(t), t.Context()
	c, err := r.Entry(ctx, one)
	must(t, err)
	to := c.Clone()
	to.Channel, to.NodePools[0].MaxSize = "beta", 9

	// Only the manager has written: that is no conflict.
	_, err = r.PatchCluster(ctx, one, "", map[string]any{"status": map[string]any{"current_version": "a#b", "problems": []any{}}})
	must(t, err)
	now, err := r.ChangeCluster(ctx, c, to)
	must(t, err)
	if now.Channel != "beta" || now.NodePools[0].MaxSize != 9 {
		t.Errorf("changed to %+v", now)
	}
	// Somebody else has written.
	_, err = r.PutItem(ctx, one, "", "key_c", "3")
	must(t, err)
	again := now.Clone()
	again.Channel = "alpha"
	_, err = r.ChangeCluster(ctx, now, again)
	if fairway.ErrorCode(err) != fairway.CodePrecondition || !strings.Contains(fairway.ErrorHint(err), "cluster history") {
		t.Errorf("a change of what somebody else changed: %v (%s)", err, fairway.ErrorHint(err))
	}
	// A change of which a part is refused changes nothing.
	is, err := r.Entry(ctx, one)
	must(t, err)
	wrong := is.Clone()
	wrong.Channel, wrong.NodePools[0].MaxSize = "alpha", -1
	_, err = r.ChangeCluster(ctx, is, wrong)
	if fairway.ErrorCode(err) != fairway.CodeInvalid || !strings.Contains(err.Error(), "/node_pools/0/max_size") {
		t.Errorf("a change of which a part is refused: %v", err)
	}
	stored, err := r.Entry(ctx, one)
	must(t, err)
	if stored.Channel != "beta" || stored.NodePools[0].MaxSize != 9 {
		t.Errorf("stored is channel %s, at most %d nodes", stored.Channel, stored.NodePools[0].MaxSize)
	}
}

// The reason travels with every write.
func TestReason(t *testing.T) {
	t.Parallel()
	r, ctx := newRegistry(t), t.Context()
	_, err := r.WithReason("Größe\nwächst").PutItem(ctx, one, "", "key_b", "2")
	must(t, err)
	history, err := r.History(ctx, "one", 0, 1)
	must(t, err)
	if len(history) != 1 || history[0].Reason != "Größe wächst" {
		t.Errorf("history %+v", history)
	}
	entries, err := r.Audit(ctx, client.AuditFilter{Kind: fairway.KindCluster, Event: "updated", Since: time.Now().Add(-time.Hour), Limit: 5})
	must(t, err)
	v, err := r.VerifyAudit(ctx)
	must(t, err)
	if len(entries) != 1 || !v.Whole || v.Entries != 2 {
		t.Errorf("entries %+v, verified %+v", entries, v)
	}
}
