package update

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/manifest"
)

const (
	// applyAtOnce is how many objects of one stage are applied in parallel.
	applyAtOnce = 8
	// healthInterval is the pause between two looks at objects that are not healthy yet.
	healthInterval = 500 * time.Millisecond
)

// manifests applies all objects in stages and waits until they are healthy.
func (r *run) manifests(ctx context.Context) (string, error) {
	stages := manifest.Stages(r.bundle.Components)
	total := 0
	for _, stage := range stages {
		total += len(stage)
	}
	counts := map[fairway.Action]int{}
	applied := 0
	var inventory []fairway.InventoryItem
	for _, stage := range stages {
		if err := r.checkpoint(ctx); err != nil {
			return "", err
		}
		items, err := r.applyStage(ctx, stage, counts)
		if err != nil {
			return "", err
		}
		inventory = append(inventory, items...)
		applied += len(stage)
		r.say(fmt.Sprintf("applying manifests, %d of %d", applied, total), "", "")
		if err := r.saveProgress(ctx); err != nil {
			return "", err
		}
		// Objects of a new kind need the definition to be established first.
		if err := r.waitHealthy(ctx, definitions(items)); err != nil {
			return "", err
		}
	}
	left, err := r.storeInventory(ctx, inventory)
	if err != nil {
		return "", err
	}
	if err := r.waitHealthy(ctx, inventory); err != nil {
		return "", err
	}
	detail := fmt.Sprintf("%d objects: %d created, %d changed, %d unchanged", total,
		counts[fairway.ActionCreated], counts[fairway.ActionChanged], counts[fairway.ActionUnchanged])
	if len(left) > 0 {
		detail += fmt.Sprintf("; left the configuration but not deleted: %s", joinList(left, 5))
	}
	return detail, nil
}

// applyStage applies the objects of a stage in parallel, and all of them even
// when one is rejected: a person then sees every problem at once.
func (r *run) applyStage(ctx context.Context, stage []manifest.Item, counts map[fairway.Action]int) ([]fairway.InventoryItem, error) {
	var mu sync.Mutex // guards items, problems and counts
	var items []fairway.InventoryItem
	var problems []error
	var group errgroup.Group
	group.SetLimit(applyAtOnce)
	for _, item := range stage {
		group.Go(func() error {
			result, err := r.kube.Apply(ctx, item.Object)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				problems = append(problems, fmt.Errorf("component %s: %w", item.Component, err))
				return nil
			}
			counts[result.Action]++
			items = append(items, fairway.InventoryItem{Ref: result.Ref, Component: item.Component, Digest: manifest.Digest(item.Object)})
			return nil
		})
	}
	_ = group.Wait() // the functions never return an error
	if len(problems) > 0 {
		return nil, mostTelling(problems)
	}
	return items, nil
}

// mostTelling joins errors, those first that a person must fix: the code of
// the whole is the code of the first.
func mostTelling(problems []error) error {
	var fix, passing []error
	for _, err := range problems {
		if fairway.Retryable(err) {
			passing = append(passing, err)
		} else {
			fix = append(fix, err)
		}
	}
	return errors.Join(append(fix, passing...)...)
}

// definitions are the items that other items may need to exist.
func definitions(items []fairway.InventoryItem) []fairway.InventoryItem {
	var out []fairway.InventoryItem
	for _, item := range items {
		if item.Ref.Kind == "CustomResourceDefinition" {
			out = append(out, item)
		}
	}
	return out
}

// storeInventory remembers what was applied. Objects that left the render stay
// in the inventory, and are returned, until they are deleted: absence deletes
// nothing.
func (r *run) storeInventory(ctx context.Context, now []fairway.InventoryItem) (left []string, err error) {
	before, err := r.Store.Inventory(ctx, r.cluster.ID)
	if err != nil {
		return nil, err
	}
	have := map[fairway.ObjectRef]bool{}
	for _, item := range now {
		have[identity(item.Ref)] = true
	}
	all := now
	for _, item := range before {
		if have[identity(item.Ref)] {
			continue
		}
		health, err := r.kube.Health(ctx, item.Ref)
		if err == nil && health.State == fairway.HealthNotFound {
			continue // somebody deleted it
		}
		item.Left = true
		all = append(all, item)
		left = append(left, item.Ref.String())
	}
	return left, r.Store.SetInventory(ctx, r.cluster.ID, all)
}

// identity is a reference without the version: an object is the same under each.
func identity(ref fairway.ObjectRef) fairway.ObjectRef {
	ref.APIVersion = ref.Group()
	return ref
}

// waitHealthy waits until all items say that they are as they should be.
func (r *run) waitHealthy(ctx context.Context, items []fairway.InventoryItem) error {
	timeout, err := healthTimeout(r.bundle.Settings)
	if err != nil {
		return err
	}
	deadline := r.deadline(timeout)
	doing := r.update.Doing
	for {
		waiting, err := r.unhealthy(ctx, items)
		if err != nil {
			return err
		}
		if len(waiting) == 0 {
			return nil
		}
		if r.Now().After(deadline) {
			return fairway.Errorf(fairway.CodeInvalid, "%d of %d objects are not healthy after %s; %s", len(waiting), len(items), timeout, strings.Join(waiting[:min(3, len(waiting))], "; ")).
				WithHint("look at the objects named; config item %s sets how long they may take", itemHealthTimeout)
		}
		r.say(doing, fmt.Sprintf("%d of %d objects to become healthy: %s", len(waiting), len(items), waiting[0]), "the owners of these objects")
		if err := r.saveProgress(ctx); err != nil {
			return err
		}
		if err := r.pause(ctx, healthInterval); err != nil {
			return err
		}
		if err := r.checkpoint(ctx); err != nil {
			return err
		}
	}
}

// deadline is when what the step waits for must have happened: counted from the
// begin of the step, over pieces of work and restarts, but never sooner than half
// a piece from now, so that a manager that was away looks before it judges.
func (r *run) deadline(timeout time.Duration) time.Time {
	end, soonest := r.begun.Add(timeout), r.Now().Add(min(timeout, r.Piece/2))
	if soonest.After(end) {
		return soonest
	}
	return end
}

// unhealthy asks for the health of the items and returns a sentence for each
// that is not current.
func (r *run) unhealthy(ctx context.Context, items []fairway.InventoryItem) ([]string, error) {
	answers := make([]string, len(items))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(applyAtOnce)
	for i, item := range items {
		group.Go(func() error {
			health, err := r.kube.Health(ctx, item.Ref)
			if err != nil {
				return fmt.Errorf("health of %s: %w", item.Ref, err)
			}
			// A Job that has finished may have been removed by its own time to live.
			if health.State == fairway.HealthNotFound && item.Ref.Kind == "Job" {
				return nil
			}
			if health.State != fairway.HealthCurrent {
				answers[i] = fmt.Sprintf("%s is %s: %s", item.Ref, health.State, health.Message)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var waiting []string
	for _, a := range answers {
		if a != "" {
			waiting = append(waiting, a)
		}
	}
	return waiting, nil
}

// deletions carries out deletions and takes what went out of the inventory.
func (r *run) deletions(ctx context.Context, all []fairway.Deletion) (string, error) {
	gone := map[string]bool{}
	for _, d := range all {
		refs, err := r.kube.Delete(ctx, d)
		if err != nil {
			return "", fmt.Errorf("delete %s: %w", d, err)
		}
		for _, ref := range refs {
			r.event(ctx, "object.deleted", "deleted "+ref.String())
		}
		// What was named is gone now, whoever deleted it.
		if d.Name != "" {
			gone[strings.ToLower(fairway.ObjectRef{Kind: d.Kind, Namespace: d.Namespace, Name: d.Name}.String())] = true
		}
		for _, ref := range refs {
			gone[strings.ToLower(ref.String())] = true
		}
	}
	if len(gone) == 0 {
		return "nothing to delete", nil
	}
	inventory, err := r.Store.Inventory(ctx, r.cluster.ID)
	if err != nil {
		return "", err
	}
	kept := inventory[:0:0]
	for _, item := range inventory {
		if !gone[strings.ToLower(item.Ref.String())] {
			kept = append(kept, item)
		}
	}
	if err := r.Store.SetInventory(ctx, r.cluster.ID, kept); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d deletions", len(all)), nil
}

// pause waits, or ends with the context.
func (r *run) pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
