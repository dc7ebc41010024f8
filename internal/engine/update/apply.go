package update

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/manifest"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

const (
	// applyAtOnce is how many objects of one stage are applied in parallel.
	applyAtOnce = 8
	// applyBatch is after how many objects is looked whether to go on, and
	// remembered what was done.
	applyBatch = 500
	// mostSilent is how many objects may fail, each after half a minute of trying,
	// because the API server does not answer, until the others are not tried.
	mostSilent = 8
	// mostProblems is how many rejected objects an error names.
	mostProblems = 20
)

// errNotTried stands for an object that was not tried to be applied.
var errNotTried = errors.New("not tried")

// applying is what the step that applies the manifests knows while it goes on.
type applying struct {
	*run
	before []fairway.InventoryItem // as remembered from the last apply
	known  map[plan.Key]fairway.InventoryItem
	total  int

	items   []fairway.InventoryItem // what has been dealt with, in order
	counts  map[fairway.Action]int
	waiting []fairway.InventoryItem // of these, those that are not healthy yet
	drift   []fairway.DriftedObject
	saved   bool // whether all that was written is remembered
}

// manifests makes all objects as the configuration has them, in stages, and waits
// until they are healthy. Only what differs is written.
func (r *run) manifests(ctx context.Context) (string, error) {
	stages := manifest.Stages(r.bundle.Components)
	a, err := r.beginApply(ctx, stages)
	if err != nil {
		return "", err
	}
	for _, stage := range stages {
		if err := r.checkpoint(ctx); err != nil {
			return "", err
		}
		if err := a.stage(ctx, stage); err != nil {
			return "", a.half(err)
		}
		// Objects of a new kind need the definition to be established first.
		if err := r.waitHealthy(ctx, definitions(a.waiting), a.total); err != nil {
			return "", err
		}
	}
	left, err := a.leave(ctx)
	if err != nil {
		return "", err
	}
	if err := a.tellDrift(ctx); err != nil {
		return "", err
	}
	if err := r.waitHealthy(ctx, a.waiting, a.total); err != nil {
		return "", err
	}
	return a.detail(left), nil
}

func (r *run) beginApply(ctx context.Context, stages [][]manifest.Item) (*applying, error) {
	a := &applying{run: r, known: map[plan.Key]fairway.InventoryItem{}, counts: map[fairway.Action]int{}, saved: true}
	for _, stage := range stages {
		a.total += len(stage)
	}
	var err error
	if a.before, err = r.Store.Inventory(ctx, r.cluster.ID); err != nil {
		return nil, err
	}
	for _, item := range a.before {
		a.known[plan.KeyOf(item.Ref)] = item
	}
	return a, nil
}

// half says how far an apply came that cannot go on: nothing is done by halves
// without being said.
func (a *applying) half(err error) error {
	return fmt.Errorf("%d of %d objects are applied, and stay so: %w", len(a.items), a.total, err)
}

// detail is what the journal says of the step.
func (a *applying) detail(left []string) string {
	text := fmt.Sprintf("%d objects: %d created, %d changed, %d unchanged", a.total,
		a.counts[fairway.ActionCreated], a.counts[fairway.ActionChanged], a.counts[fairway.ActionUnchanged])
	if alone := leftAlone(a.drift); len(alone) > 0 {
		text += fmt.Sprintf("; changed by somebody else and left alone: %s", joinList(alone, 5))
	}
	if len(left) > 0 {
		text += fmt.Sprintf("; left the configuration but not deleted: %s", joinList(left, 5))
	}
	return text
}

// stage reads the objects of a stage, and applies in parallel those that are not
// as they should be; all of them even when one is rejected: a person then sees
// every problem at once.
func (a *applying) stage(ctx context.Context, stage []manifest.Item) error {
	refs := make([]fairway.ObjectRef, len(stage))
	for i, item := range stage {
		refs[i] = item.Object.Ref()
	}
	live, err := a.kube.Read(ctx, refs)
	if err != nil {
		return err
	}
	var problems []error
	for batch := range slices.Chunk(a.tasks(stage, live), applyBatch) {
		if len(a.items) > 0 {
			if err := a.checkpoint(ctx); err != nil {
				return errors.Join(mostTelling(problems), err)
			}
		}
		failed, down := a.batch(ctx, batch)
		problems = append(problems, failed...)
		if err := a.remember(ctx); err != nil || down {
			return errors.Join(mostTelling(problems), err)
		}
		a.say(fmt.Sprintf("applying manifests, %d of %d", len(a.items), a.total), "", "")
		if err := a.saveProgress(ctx); err != nil {
			return errors.Join(mostTelling(problems), err)
		}
	}
	return mostTelling(problems)
}

// batch applies objects in parallel and returns what was refused. down says that
// the API server does not answer any more: the rest was not tried.
func (a *applying) batch(ctx context.Context, tasks []task) (problems []error, down bool) {
	results, errs := make([]fairway.ApplyResult, len(tasks)), make([]error, len(tasks))
	var silent atomic.Int32
	var group errgroup.Group
	group.SetLimit(applyAtOnce)
	for i, t := range tasks {
		if t.why == "" {
			continue
		}
		group.Go(func() error {
			if silent.Load() >= mostSilent {
				errs[i] = errNotTried
				return nil
			}
			if results[i], errs[i] = a.kube.Apply(ctx, t.Object, t.live.Object); fairway.ErrorCode(errs[i]) == fairway.CodeUnavailable {
				silent.Add(1)
			}
			return nil
		})
	}
	_ = group.Wait() // the functions never return an error
	for i, t := range tasks {
		switch {
		case errs[i] == nil:
			a.note(t, results[i])
		case errs[i] != errNotTried:
			problems = append(problems, fmt.Errorf("component %s: %w", t.Component, errs[i]))
		}
	}
	return problems, silent.Load() >= mostSilent
}

// note takes over what became of an object.
func (a *applying) note(t task, result fairway.ApplyResult) {
	item, now := t.item, t.live
	action := fairway.ActionUnchanged
	if t.why != "" {
		item.Ref, now, action = result.Ref, result.Live, result.Action
		a.saved = false
	}
	if t.why != "" || !t.drifted {
		item.Owned = now.Owned // of what is left alone it stays, so that it is seen again
	}
	a.counts[action]++
	a.items = append(a.items, item)
	if now.Health.State != fairway.HealthCurrent {
		a.waiting = append(a.waiting, item)
	}
	if t.drifted {
		a.drift = append(a.drift, t.drift(a.Now(), t.why != ""))
	}
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
	all := append(fix, passing...)
	if more := len(all) - mostProblems; more > 0 {
		all = append(all[:mostProblems], fmt.Errorf("and %d more", more))
	}
	return errors.Join(all...)
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

// deletions carries out deletions and takes what went out of the inventory.
func (r *run) deletions(ctx context.Context, all []fairway.Deletion) (string, error) {
	gone := map[string]bool{}
	for _, d := range all {
		if d.Only != nil && len(d.Only) == 0 {
			continue // there is nothing of it, and whoever only looks needs no lease
		}
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
