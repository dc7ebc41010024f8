package update

import (
	"context"
	"slices"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/manifest"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

// remember stores what was applied so far, before what is not dealt with yet or
// left the configuration, so that an attempt that goes on from here knows it.
func (a *applying) remember(ctx context.Context) error {
	if a.saved {
		return nil
	}
	return a.store(ctx, slices.Concat(a.items, a.others()))
}

// leave remembers the objects that left the configuration, and returns them:
// they stay in the inventory until they are deleted. Absence deletes nothing.
func (a *applying) leave(ctx context.Context) (left []string, err error) {
	gone := a.others()
	live, err := a.kube.Read(ctx, refsOf(gone))
	if err != nil {
		return nil, err
	}
	all := slices.Clone(a.items)
	for i, item := range gone {
		if live[i].Object == nil {
			continue // somebody deleted it
		}
		item.Left = true
		all, left = append(all, item), append(left, item.Ref.String())
	}
	return left, a.store(ctx, all)
}

// others is what is remembered beside the objects that were dealt with.
func (a *applying) others() []fairway.InventoryItem {
	have := map[plan.Key]bool{}
	for _, item := range a.items {
		have[plan.KeyOf(item.Ref)] = true
	}
	return slices.DeleteFunc(slices.Clone(a.before), func(i fairway.InventoryItem) bool { return have[plan.KeyOf(i.Ref)] })
}

// store replaces the inventory when it is another one.
func (a *applying) store(ctx context.Context, all []fairway.InventoryItem) error {
	if !slices.Equal(all, a.before) {
		if err := a.Store.SetInventory(ctx, a.cluster.ID, all); err != nil {
			return err
		}
	}
	a.before, a.saved = all, true
	return nil
}

func refsOf(items []fairway.InventoryItem) []fairway.ObjectRef {
	refs := make([]fairway.ObjectRef, len(items))
	for i, item := range items {
		refs[i] = item.Ref
	}
	return refs
}

// prune adds the deletions of objects that left components with `prune: true` to
// those after the manifests: they are planned, counted and agreed to with them.
func (r *run) prune(ctx context.Context) error {
	inventory, err := r.Store.Inventory(ctx, r.cluster.ID)
	if err != nil {
		return err
	}
	r.bundle.PostApply = append(r.bundle.PostApply, manifest.Pruning(r.bundle, inventory)...)
	return nil
}
