package update

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
)

// healthInterval is the pause between two looks at objects that are not healthy
// yet.
const healthInterval = 500 * time.Millisecond

// waitHealthy waits until all items say that they are as they should be, and
// looks again only at those that did not say so yet. total is how many objects
// there are with those that are not waited for.
func (r *run) waitHealthy(ctx context.Context, items []fairway.InventoryItem, total int) error {
	if len(items) == 0 {
		return nil
	}
	timeout, err := healthTimeout(r.bundle.Settings)
	if err != nil {
		return err
	}
	deadline := r.deadline(timeout)
	doing := r.update.Doing
	for {
		late, waiting, err := r.unhealthy(ctx, items)
		if err != nil {
			return err
		}
		if items = late; len(items) == 0 {
			return nil
		}
		if r.Now().After(deadline) {
			return fairway.Errorf(fairway.CodeInvalid, "%d of %d objects are not healthy after %s; %s", len(waiting), total, timeout, strings.Join(waiting[:min(3, len(waiting))], "; ")).
				WithHint("look at the objects named; config item %s sets how long they may take", itemHealthTimeout)
		}
		r.say(doing, fmt.Sprintf("%d of %d objects to become healthy: %s", len(waiting), total, waiting[0]), "the owners of these objects")
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

// unhealthy asks for the health of the items and returns those that are not
// current, with a sentence for each.
func (r *run) unhealthy(ctx context.Context, items []fairway.InventoryItem) (late []fairway.InventoryItem, says []string, err error) {
	live, err := r.kube.Read(ctx, refsOf(items))
	if err != nil {
		return nil, nil, fmt.Errorf("health of %d objects: %w", len(items), err)
	}
	for i, item := range items {
		health := live[i].Health
		// A Job that has finished may have been removed by its own time to live.
		if health.State == fairway.HealthCurrent || health.State == fairway.HealthNotFound && item.Ref.Kind == "Job" {
			continue
		}
		late, says = append(late, item), append(says, fmt.Sprintf("%s is %s: %s", item.Ref, health.State, health.Message))
	}
	return late, says, nil
}
