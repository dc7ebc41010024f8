package update

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

// leases is a cluster's API of which only the lease answers.
type leases struct {
	fairway.Kubernetes
	asked int
	err   error
}

func (l *leases) HoldLease(context.Context, string, time.Duration) error {
	l.asked++
	return l.err
}

// A write is allowed only on a fresh lease, whatever the clock does.
func TestOwner(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := &leases{}
	o := &owner{kube: l, holder: "me", now: func() time.Time { return now }}
	check := func(what string, wantAsked int, want error) {
		t.Helper()
		if err := o.check(t.Context()); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
		if l.asked != wantAsked {
			t.Errorf("%s: the lease was asked for %d times, want %d", what, l.asked, wantAsked)
		}
	}
	check("first", 1, nil)
	now = now.Add(leaseRenew - time.Second)
	check("fresh", 1, nil)
	now = now.Add(time.Second)
	check("old", 2, nil)
	now = now.Add(-time.Hour)
	check("the clock was set back", 3, nil)

	lost := fairway.Errorf(fairway.CodePrecondition, "another holds it")
	l.err = lost
	now = now.Add(time.Minute)
	check("lost", 4, lost)
	check("still lost", 5, lost)
	g := guardedKubernetes{Kubernetes: l, owner: o}
	if _, err := g.Apply(t.Context(), nil, nil); !errors.Is(err, lost) {
		t.Errorf("apply without the lease: %v", err)
	}
	if _, err := g.Delete(t.Context(), fairway.Deletion{}); !errors.Is(err, lost) {
		t.Errorf("delete without the lease: %v", err)
	}
	if err := g.Mark(t.Context(), "n", fairway.NodeMarks{}); !errors.Is(err, lost) {
		t.Errorf("mark without the lease: %v", err)
	}
	if _, _, err := g.Evict(t.Context(), fairway.Pod{}); !errors.Is(err, lost) {
		t.Errorf("evict without the lease: %v", err)
	}
	for what, err := range map[string]error{
		"delete pod": g.DeletePod(t.Context(), fairway.Pod{}), "start probe": g.StartProbe(t.Context(), "n", fairway.Probe{}),
		"record": g.Record(t.Context(), fairway.ObjectRef{}, "r", "m", true),
	} {
		if !errors.Is(err, lost) {
			t.Errorf("%s without the lease: %v", what, err)
		}
	}
	c := guardedCloud{nil, o}
	if _, err := c.EnsurePool(t.Context(), fairway.PoolSpec{}); !errors.Is(err, lost) {
		t.Errorf("ensure pool without the lease: %v", err)
	}
	for what, err := range map[string]error{
		"set desired": c.SetDesired(t.Context(), "p", 1, 1), "terminate": c.Terminate(t.Context(), "i", true), "protect": c.Protect(t.Context(), "i", true),
		"retire": c.RetirePool(t.Context(), "p"), "delete pool": c.DeletePool(t.Context(), "p"),
	} {
		if !errors.Is(err, lost) {
			t.Errorf("%s without the lease: %v", what, err)
		}
	}
}
