package kube

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/fairwayhq/fairway"
)

// Workloads reads nodes, pods and budgets, and the volumes that tie them to
// zones and nodes. The kinds are consistent each for itself, not with each
// other: a pod can name a node that is not in the answer. The maps and slices
// inside the answer must not be changed.
//
// Whoever asks again and again is answered from watches (lookout), which know
// every write that this Cluster made; whoever asks now and then, and everyone
// while the watches are not to be trusted, by lists.
func (c *Cluster) Workloads(ctx context.Context) (*fairway.Workloads, error) {
	if l := c.follow(); l != nil {
		if w := l.look(ctx); w != nil {
			return w, nil
		}
	}
	before := c.written.before()
	s, err := c.readSeen(ctx)
	if err != nil {
		return nil, err
	}
	if !c.followed() {
		// Watches that are beginning may not have come as far as this list.
		c.written.forget(before)
	}
	return s.workloads(), nil
}

// readSeen lists everything, all kinds at the same time.
func (c *Cluster) readSeen(ctx context.Context) (*seen, error) {
	var s seen
	group, ctx := errgroup.WithContext(ctx)
	for _, k := range kinds {
		group.Go(func() error {
			put, _, err := k.read(ctx, c)
			if err == nil {
				put(&s) // each kind has a field of its own
			}
			return translate(err, "list "+k.name)
		})
	}
	return &s, group.Wait()
}
