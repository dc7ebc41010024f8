package kube

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

// clock is a time that the test sets.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// managerWith returns a client whose leases are judged by the clock.
func managerWith(t *testing.T, now fairway.Clock) *Cluster {
	t.Helper()
	c, err := New(Options{Kubeconfig: kubeconfig(t), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestLease is one test because there is one lease in the cluster.
func TestLease(t *testing.T) {
	t.Parallel()
	const ttl = 15 * time.Second
	// The clocks of the two managers are an hour apart.
	ours := &clock{now: time.Now()}
	theirs := &clock{now: time.Now().Add(-time.Hour)}
	a, b := managerWith(t, ours.Now), managerWith(t, theirs.Now)
	held := func(by *Cluster, holder string) {
		t.Helper()
		if err := by.HoldLease(t.Context(), holder, ttl); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(by *Cluster, holder, owner string) {
		t.Helper()
		err := by.HoldLease(t.Context(), holder, ttl)
		if fairway.ErrorCode(err) != fairway.CodePrecondition || !strings.Contains(err.Error(), owner+" manages the cluster until ") || fairway.ErrorHint(err) == "" {
			t.Fatalf("error = %v, want a refusal that names %s", err, owner)
		}
	}
	forward := func(d time.Duration) { ours.advance(d); theirs.advance(d) }

	held(a, "a")
	held(a, "a") // its own is renewed
	refused(b, "b", "a")
	forward(ttl - time.Second)
	held(a, "a")
	forward(ttl - time.Second)
	// 28 s after b first looked, but a has renewed since.
	refused(b, "b", "a")
	forward(ttl - time.Second)
	refused(b, "b", "a")
	forward(time.Second)
	held(b, "b") // seen unchanged for its whole duration
	refused(a, "a", "b")

	// A process that never saw the lease before does not trust its own clock.
	stranger := managerWith(t, func() time.Time { return theirs.Now().Add(time.Hour) })
	refused(stranger, "c", "b")
	// But nobody's clock is half a day wrong.
	later := managerWith(t, func() time.Time { return theirs.Now().Add(12 * time.Hour) })
	held(later, "c")

	// Only the holder gives it back.
	if err := b.ReleaseLease(t.Context(), "b"); err != nil {
		t.Error(err)
	}
	refused(b, "b", "c")
	if err := later.ReleaseLease(t.Context(), "c"); err != nil {
		t.Error(err)
	}
	held(b, "b")

	// The same holder in a new process goes on at once.
	held(managerWith(t, theirs.Now), "b")
	if err := b.ReleaseLease(t.Context(), "b"); err != nil {
		t.Error(err)
	}
	raceForLease(t)
}

// raceForLease lets many reach for a free lease at once: exactly one gets it.
func raceForLease(t *testing.T) {
	t.Helper()
	const managers = 8
	results := make([]error, managers)
	clients := make([]*Cluster, managers)
	for i := range managers {
		clients[i] = managerWith(t, nil)
	}
	var group sync.WaitGroup
	for i := range managers {
		group.Go(func() { results[i] = clients[i].HoldLease(t.Context(), string(rune('p'+i)), time.Minute) })
	}
	group.Wait()
	winners := 0
	for i, err := range results {
		switch code := fairway.ErrorCode(err); {
		case err == nil:
			winners++
			if err := clients[i].ReleaseLease(t.Context(), string(rune('p'+i))); err != nil {
				t.Error(err)
			}
		case code != fairway.CodePrecondition:
			t.Errorf("manager %d: %v (%s)", i, err, code)
		}
	}
	if winners != 1 {
		t.Errorf("%d managers hold the lease: %v", winners, errors.Join(results...))
	}
}
