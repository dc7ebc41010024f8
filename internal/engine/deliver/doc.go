// Package deliver carries revisions over the fleet: it sees what moved in the
// configuration and the registry, starts updates and rollouts, and promotes
// what has soaked to the next channel. Which cluster is next, or whether to
// halt, is decided by internal/pure/wave.
//
//	d := deliver.New(deliver.Options{...})
//	again, err := d.Refresh(ctx)             // what moved?
//	again, err = d.Advance(ctx, rolloutID)   // one step further
package deliver

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/wave"
)

// Options are what a Deliverer works with; required unless a default is named.
type Options struct {
	Store fairway.Store
	// Source is where configuration comes from; nil where nothing is refreshed or
	// advanced and updates are only steered.
	Source fairway.Configuration
	// Health looks at a cluster from outside; ok is false when it is not well
	// or cannot be seen.
	Health func(ctx context.Context, clusterID string) (ok bool, at time.Time, message string)
	// Update and Rollout ask for work on an update or a rollout.
	Update  func(ctx context.Context, updateID string) error
	Rollout func(ctx context.Context, rolloutID string) error
	// Nodes returns the nodes of a cluster that can be rotated, by name.
	Nodes func(ctx context.Context, clusterID string) ([]fairway.RotationNode, error)
	// TooOld says which nodes of a cluster are older than its configuration
	// allows; "" when none are. Nil means that age never matters.
	TooOld func(ctx context.Context, clusterID string) (string, error)
	// Soak overrides the soak of fairway.yaml; 0 does not.
	Soak time.Duration
	// Poll is how often Refresh looks; 0 means 10 s.
	Poll time.Duration
	Log  *slog.Logger
	Now  fairway.Clock // nil means time.Now
}

// Deliverer decides what to start. It is safe for concurrent use.
type Deliverer struct {
	Options

	mu     sync.Mutex
	turns  map[string]chan struct{} // by channel, held by who decides about it; guarded by mu
	looked map[string]time.Time     // by rollout, when Advance last looked at it; guarded by mu
	aged   map[string]time.Time     // by cluster, when to look at the age of its nodes; guarded by mu
}

var _ fairway.Steerer = (*Deliverer)(nil)

// DefaultSoak is how long a wave must stay healthy when nothing else is said:
// longer than the longest usual cache, DNS included (field.md D5).
const DefaultSoak = 30 * time.Minute

// New returns a Deliverer.
func New(o Options) *Deliverer {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Poll == 0 {
		o.Poll = 10 * time.Second
	}
	return &Deliverer{Options: o, turns: map[string]chan struct{}{}, looked: map[string]time.Time{}, aged: map[string]time.Time{}}
}

// turn waits until nobody else decides about a channel: Refresh may not end a
// rollout while Advance stores the next step of it.
func (d *Deliverer) turn(ctx context.Context, channel string) (free func(), err error) {
	d.mu.Lock()
	turn, ok := d.turns[channel]
	if !ok {
		turn = make(chan struct{}, 1)
		d.turns[channel] = turn
	}
	d.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (d *Deliverer) event(ctx context.Context, e fairway.Event) {
	e.At = d.Now()
	if err := d.Store.AppendEvent(ctx, &e); err != nil {
		d.Log.Warn("event not stored", "kind", e.Kind, "error", err)
	}
	d.Log.Info(e.Message, "event", e.Kind, "cluster", e.ClusterID, "rollout", e.RolloutID)
}

// waveSettings are the settings of a rollout's waves.
func (d *Deliverer) waveSettings(soak time.Duration) wave.Settings {
	if d.Soak > 0 {
		soak = d.Soak
	}
	if soak <= 0 {
		soak = DefaultSoak
	}
	return wave.Settings{Soak: soak}
}
