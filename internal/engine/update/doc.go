// Package update brings one cluster to one version, step by step.
//
// Each step is journaled and can be killed and taken up again by another
// process: a step observes, does what is missing, and observes again. Which
// node is touched when is decided by internal/pure/roll; this room only
// carries it out.
//
//	updater := update.New(update.Options{...})
//	again, err := updater.Run(ctx, updateID) // one bounded piece of work
package update

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/render"
)

// Options are what an Updater works with; all fields but Now are required.
type Options struct {
	Store fairway.Store
	// Source is where configuration comes from.
	Source fairway.Configuration
	// Providers gives access to clusters, by provider name.
	Providers map[string]fairway.Provider
	// Holder names this installation in leases. It stays the same over
	// restarts of one data folder, so that a restarted manager goes on at once.
	Holder string
	Log    *slog.Logger
	Now    fairway.Clock // nil means time.Now
	// Piece bounds one piece of work on an update; 0 means two minutes. A longer
	// step goes on in the next piece.
	Piece time.Duration
}

// Updater carries out updates. It is safe for concurrent use; each update is
// run by one goroutine at a time.
type Updater struct {
	Options
	// busy has the clusters that something works on in this process, by id: an
	// update that was overtaken ends before the next one begins.
	busy sync.Map
	// histories has what rolls remember, by update and step, over pieces of
	// work. Losing it costs time and nothing else.
	histories sync.Map
	// renders has what the renderings of all clusters have in common.
	renders *render.Cache
}

// New returns an Updater.
func New(o Options) *Updater {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Piece == 0 {
		o.Piece = 2 * time.Minute
	}
	return &Updater{Options: o, renders: render.NewCache(render.DefaultCacheBytes)}
}

// connect returns the APIs of a cluster through its provider.
func (u *Updater) connect(ctx context.Context, c *fairway.Cluster) (fairway.Kubernetes, fairway.Cloud, error) {
	provider, ok := u.Providers[c.Provider]
	if !ok {
		return nil, nil, fairway.Errorf(fairway.CodeInvalid, "connect to %s: provider %q is not supported", c.Alias, c.Provider).
			WithHint("providers local and kubeconfig work in this version; change the cluster's provider, or take it out of this server's registry")
	}
	return provider.Connect(ctx, c)
}
