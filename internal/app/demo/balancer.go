package demo

import (
	"slices"
	"strings"
	"time"
)

// The figures of the modelled load balancer. Its view is taken every second and
// shows how things stood one second before, so it is one to two seconds old.
const (
	balancerSync  = time.Second
	balancerDelay = time.Second
	// defaultDeregistration is how long a target stays in the view after the
	// balancer began to take it out, unless the options say otherwise.
	defaultDeregistration = 5 * time.Second
)

// target is a pod that a load balancer sends requests to.
type target struct {
	UID, Pod, Node string
}

// balancer models a load balancer: it learns late of what happens and lets go
// of targets later still. It is not safe for concurrent use.
type balancer struct {
	history  []endpointState // oldest first
	view     map[string]*registration
	nextSync time.Time
	// deregistration is how long a target stays in the view after the balancer
	// began to take it out.
	deregistration time.Duration
	// order holds the targets of the view by UID, so that a pick needs no sort.
	order []string
}

// endpointState is the set of healthy targets from a moment on.
type endpointState struct {
	at      time.Time
	targets map[string]target
}

// registration is a target in the view; leaves is zero while it is healthy.
type registration struct {
	target target
	leaves time.Time
}

func newBalancer(now time.Time) *balancer {
	return &balancer{view: map[string]*registration{}, nextSync: now.Add(balancerSync), deregistration: defaultDeregistration}
}

// observe tells which targets are healthy from now on, by UID.
func (b *balancer) observe(now time.Time, healthy map[string]target) {
	b.advance(now)
	b.history = append(b.history, endpointState{at: now, targets: healthy})
}

// advance carries out every sync that has come due.
func (b *balancer) advance(now time.Time) {
	for !b.nextSync.After(now) {
		b.sync(b.nextSync)
		b.nextSync = b.nextSync.Add(balancerSync)
	}
	before := len(b.view)
	for uid, r := range b.view {
		if !r.leaves.IsZero() && !r.leaves.After(now) {
			delete(b.view, uid)
		}
	}
	if len(b.view) != before {
		b.reorder()
	}
}

// sync takes over the newest state that is at least balancerDelay old.
func (b *balancer) sync(at time.Time) {
	seen := at.Add(-balancerDelay)
	newest := -1
	for i, s := range b.history {
		if s.at.After(seen) {
			break
		}
		newest = i
	}
	if newest < 0 {
		return
	}
	b.history = b.history[newest:]
	state := b.history[0].targets
	for uid, t := range state {
		// A target that comes back while it was being taken out stays.
		b.view[uid] = &registration{target: t}
	}
	for uid, r := range b.view {
		if _, healthy := state[uid]; !healthy && r.leaves.IsZero() {
			r.leaves = at.Add(b.deregistration)
		}
		if !r.leaves.IsZero() && !r.leaves.After(at) {
			delete(b.view, uid)
		}
	}
	b.reorder()
}

func (b *balancer) reorder() {
	b.order = b.order[:0]
	for uid := range b.view {
		b.order = append(b.order, uid)
	}
	slices.SortFunc(b.order, strings.Compare)
}

// pick returns the target of the n-th request; false when the view is empty.
func (b *balancer) pick(now time.Time, n uint64) (target, bool) {
	b.advance(now)
	if len(b.order) == 0 {
		return target{}, false
	}
	return b.view[b.order[n%uint64(len(b.order))]].target, true
}
