package kube

import (
	"context"
	"slices"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

// Deletable finds what the deletions of a bundle select now, with get and list
// alone: the part of Observe that is asked for again right before something is
// deleted.
func (c *Cluster) Deletable(ctx context.Context, b *fairway.Bundle) ([]plan.Deletion, error) {
	o := &observation{Cluster: c, out: &plan.Observed{Unserved: map[string]bool{}}}
	err := o.deletions(ctx, b)
	return o.out.Deleted, err
}

// meant drops the targets that a plan did not find.
func meant(d fairway.Deletion, targets []target) []target {
	if d.Only == nil {
		return targets
	}
	return slices.DeleteFunc(targets, func(t target) bool { return !slices.Contains(d.Only, t.ref.Name) })
}
