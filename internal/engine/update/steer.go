package update

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// pausedAgain is how soon to look again at an update that is paused.
const pausedAgain = time.Second

// errPaused ends a piece of work on an update that a person paused.
var errPaused = errors.New("the update is paused")

// errEnding ends the steps of an update that ends early; undo is what is left.
var errEnding = errors.New("the update ends early")

// said returns what the newest word of a person asks of the update: errPaused, or nil.
func (r *run) said() error {
	if r.update.Paused != "" && r.update.Aborting == "" {
		return errPaused
	}
	return nil
}

// ends reports whether the update ends early, and finds out why: a person
// aborted it, or blocked updates of the cluster.
func (r *run) ends(c *fairway.Cluster) bool {
	if r.update.Aborting != "" {
		r.ending = "aborted by " + r.update.Aborting
		r.onward = "the next commit on its channel, or a change of its registry entry, starts an update again"
	} else if reason, blocked := c.IsBlocked(); blocked {
		r.ending = "updates of the cluster are blocked: " + reason
		r.onward = "`fairway cluster unblock " + c.Alias + "` lets it go on"
	}
	return r.ending != ""
}

// wanted is asked before every single write: a pause or an abort takes effect
// between two writes, not only between two looks. Undoing is always wanted. It is
// called by several goroutines, and changes nothing.
func (r *run) wanted(ctx context.Context) error {
	if r.ending != "" {
		return nil
	}
	stored, err := r.Store.Update(ctx, r.update.ID)
	switch {
	case err != nil:
		return err
	case r.update.State.IsOver():
		return nil // marks are taken back
	case stored.State.IsOver():
		return errSuperseded // and nobody here knows yet
	case stored.Aborting != "":
		return errEnding
	case stored.Paused != "":
		return errPaused
	}
	return nil
}

// steered puts what people said into what the roll decides from, as the
// checkpoint before the look has read it.
func (r *run) steered(s *roll.Snapshot) {
	s.Paused, s.IgnoreBrakes, s.Aborted = r.update.Paused, r.update.IgnoreBrakes, r.ending != ""
}

// hold says that the update is paused and gives the cluster back: whoever paused
// has it for himself. Marks and new nodes stay as they are.
func (r *run) hold(ctx context.Context) (time.Duration, error) {
	if stored, err := r.Store.Update(ctx, r.update.ID); err != nil {
		return 0, err
	} else if stored.Paused == "" || stored.Aborting != "" {
		return 0, r.save(ctx) // it goes on already
	} else {
		r.update.Paused = stored.Paused
	}
	r.say(r.update.Doing, "paused by "+r.update.Paused, "whoever runs `fairway update resume "+r.update.ID+"`")
	return r.standBack(ctx, pausedAgain)
}

// standBack stores what an update waits for and gives the cluster back until it
// is looked at again.
func (r *run) standBack(ctx context.Context, again time.Duration) (time.Duration, error) {
	if err := r.save(ctx); errors.Is(err, errSuperseded) {
		return done, r.release(ctx)
	} else if err != nil {
		return 0, err
	}
	// What a roll remembers counts from when it was looked at without a break.
	r.forget(r.update.ID)
	if r.owner != nil {
		if err := r.owner.kube.ReleaseLease(ctx, r.Holder); err != nil {
			r.log.Warn("lease not released, it runs out by itself", "error", err)
		}
	}
	return again, nil
}

// startUndo takes the cluster over to undo what the update began; one that has
// not begun is over at once.
func (r *run) startUndo(ctx context.Context) error {
	if r.update.State == fairway.UpdatePending {
		return r.cancel(ctx, r.ending, r.onward)
	}
	if err := r.take(ctx); err != nil {
		return err
	}
	return errEnding
}

// undo takes marks, surge and protections of a roll back by the roll's own way,
// then the update is over. It goes on in the next piece of work.
func (r *run) undo(ctx context.Context) error {
	// A write that was refused tells that the update ends, but not why.
	if err := r.checkpoint(ctx); err == nil {
		return errAgain
	} else if !errors.Is(err, errEnding) {
		return err
	}
	r.say("ending early ("+r.ending+"): taking marks and additional nodes away", "", "")
	if err := r.save(ctx); err != nil {
		return err
	}
	r.forget(r.update.ID)
	groups, err := r.cloud.Groups(ctx)
	if err != nil {
		return err
	}
	x := r.newRolling(map[string]poolSettings{}, "")
	for _, g := range groups {
		x.settings[g.Pool] = poolSettings{}
	}
	for over := ""; over == ""; {
		if r.Now().After(r.until) {
			return errAgain
		}
		var next time.Duration
		if over, next, err = x.tick(ctx); err != nil {
			return fmt.Errorf("take back what the update began: %w", err)
		}
		if over == "" {
			if err := r.pause(ctx, min(next, lookEvery)); err != nil {
				return err
			}
		}
	}
	if err := r.closeSteps(ctx); err != nil {
		return err
	}
	if err := r.standsAsBefore(ctx); err != nil {
		return err
	}
	after, err := r.cloud.Groups(ctx)
	if err != nil {
		return err
	}
	return r.cancel(ctx, r.ending+keepsMore(groups, after), r.onward)
}

// keepsMore says which node pools stay larger than before their roll, "" when
// none does: nobody is evicted only to make a pool smaller.
func keepsMore(before, after []fairway.Group) string {
	text := ""
	for _, g := range before {
		base, err := strconv.Atoi(g.Tags[fairway.TagRollBase])
		i := slices.IndexFunc(after, func(now fairway.Group) bool { return now.Pool == g.Pool })
		if err != nil || i < 0 || after[i].Desired <= base {
			continue
		}
		text += fmt.Sprintf("; node pool %s has %d nodes and had %d: pods are on all of them, an autoscaler or a person may take some", g.Pool, after[i].Desired, base)
	}
	return text
}

// standsAsBefore takes back the announcement of a version that the cluster has
// already: a rotation that ends early leaves it half way to nothing.
func (r *run) standsAsBefore(ctx context.Context) error {
	c, err := r.Store.Cluster(ctx, r.update.ClusterID)
	if err != nil || c.Status.CurrentVersion != r.update.Version || c.Status.NextVersion == "" {
		return err
	}
	c.Status.NextVersion = ""
	_, err = r.Store.UpdateCluster(ctx, c.ID, fairway.ClusterUpdate{Status: &c.Status})
	return err
}

// closeSteps journals that the steps under way are not carried out to the end.
func (r *run) closeSteps(ctx context.Context) error {
	steps, err := r.Store.Steps(ctx, r.update.ID)
	if err != nil {
		return err
	}
	for _, s := range steps {
		if s.State != fairway.StepRunning {
			continue
		}
		s.State, s.Detail, s.FinishedAt = fairway.StepSkipped, "ended early: "+r.ending, r.Now()
		if err := r.Store.SaveStep(ctx, &s); err != nil {
			return err
		}
	}
	return nil
}
