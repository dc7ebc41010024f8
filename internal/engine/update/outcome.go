package update

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/fairwayhq/fairway"
)

// saveEvery bounds how often mere progress is stored.
const saveEvery = 400 * time.Millisecond

// say records what the update does and what it waits for.
func (r *run) say(doing, waiting, actor string) {
	if doing != r.update.Doing || waiting != r.update.Waiting {
		r.update.Doing, r.update.Waiting, r.update.Actor, r.update.Since = doing, waiting, actor, r.Now()
	}
}

// save stores the update when it changed.
func (r *run) save(ctx context.Context) error {
	if sameUpdate(r.saved, *r.update) {
		return nil
	}
	if err := r.Store.SaveUpdate(ctx, r.update); err != nil {
		return r.overtaken(ctx, err)
	}
	r.saved, r.savedAt = *r.update, r.Now()
	return nil
}

// overtaken finds out whether a write was refused because the update was ended
// from outside meanwhile: what is over stays over.
func (r *run) overtaken(ctx context.Context, err error) error {
	if fairway.ErrorCode(err) != fairway.CodeConflict {
		return err
	}
	if stored, readErr := r.Store.Update(ctx, r.update.ID); readErr == nil && stored.State.IsOver() {
		r.update.State = stored.State
		return errSuperseded
	}
	return err
}

// saveProgress stores the update when it changed and was not stored just now.
func (r *run) saveProgress(ctx context.Context) error {
	if r.Now().Sub(r.savedAt) < saveEvery {
		return nil
	}
	return r.save(ctx)
}

func sameUpdate(a, b fairway.Update) bool {
	if len(a.Blocked) != len(b.Blocked) {
		return false
	}
	a.Blocked, b.Blocked = nil, nil
	return fmt.Sprint(a) == fmt.Sprint(b)
}

func (r *run) event(ctx context.Context, kind, message string) {
	e := &fairway.Event{At: r.Now(), ClusterID: r.update.ClusterID, RolloutID: r.update.RolloutID,
		UpdateID: r.update.ID, Kind: kind, Message: message}
	if err := r.Store.AppendEvent(ctx, e); err != nil {
		r.log.Warn("event not stored", "kind", kind, "error", err)
	}
	r.log.Info(message, "event", kind)
}

// finish ends an update whose steps are all done (contract 1.5).
func (r *run) finish(ctx context.Context) error {
	state := fairway.UpdateDone
	if len(r.update.Blocked) > 0 {
		state = fairway.UpdatePartial
	}
	if err := r.endWishes(ctx); err != nil {
		return err
	}
	c, err := r.Store.Cluster(ctx, r.cluster.ID)
	if err != nil {
		return err
	}
	change := fairway.ClusterUpdate{Status: &c.Status}
	if state == fairway.UpdateDone {
		version := r.update.Version
		if c.LifecycleStatus == fairway.StatusRequested {
			ready := *r.cluster
			ready.LifecycleStatus = fairway.StatusReady
			change.LifecycleStatus = &ready.LifecycleStatus
			groups, instances, err := r.machines(ctx)
			if err != nil {
				return err
			}
			// The nodes of a new cluster are made from this revision, so the
			// version is the one that the cluster has as "ready"; docs/adr/0004
			// says why no second run follows. Only when the configuration moved
			// while it was being provisioned, outdated nodes make one necessary.
			if len(outdated(groups, instances)) == 0 {
				version = ready.Version(r.update.Revision)
			}
		}
		last := c.Status.CurrentVersion
		if last == version { // a rotation
			last = c.Status.LastVersion
		}
		c.Status = fairway.ClusterStatus{CurrentVersion: version, LastVersion: last}
	} else {
		c.Status.AddProblem(fmt.Sprintf("%d nodes cannot be rolled; first %s: %s",
			len(r.update.Blocked), r.update.Blocked[0].Node, r.update.Blocked[0].Reason))
	}
	if _, err := r.Store.UpdateCluster(ctx, c.ID, change); err != nil {
		return err
	}
	r.update.State, r.update.FinishedAt, r.update.Error, r.update.Hint = state, r.Now(), "", ""
	r.say("", "", "")
	if err := r.save(ctx); errors.Is(err, errSuperseded) {
		return r.release(ctx)
	} else if err != nil {
		return err
	}
	r.event(ctx, "update."+string(state), fmt.Sprintf("update to %s %s in %s, %d nodes replaced", short(r.update.Revision), state,
		r.update.FinishedAt.Sub(r.update.StartedAt).Round(time.Second), r.update.NodesDone))
	return r.release(ctx)
}

// failed decides whether an error ends the update or only this piece of work.
func (r *run) failed(ctx context.Context, err error) (time.Duration, error) {
	r.update.Attempts++
	r.update.Error, r.update.Hint = err.Error(), fairway.ErrorHint(err)
	code := fairway.ErrorCode(err)
	most := maxAttempts
	switch {
	case code == fairway.CodeUnavailable || errors.Is(err, context.DeadlineExceeded):
		most = maxUnavailable
	case code == fairway.CodePrecondition:
		most = math.MaxInt // another manager holds the cluster; it is said, and nothing is written
	case !fairway.Retryable(err):
		most = 0
	}
	if r.update.Attempts < most {
		r.say(r.update.Doing, "trying again after: "+err.Error(), "")
		if saveErr := r.save(ctx); errors.Is(saveErr, errSuperseded) {
			return done, r.release(ctx)
		} else if saveErr != nil {
			err = errors.Join(err, saveErr)
		}
		return 0, err
	}
	r.update.State, r.update.FinishedAt = fairway.UpdateFailed, r.Now()
	r.say("", "", "")
	if c, cerr := r.Store.Cluster(ctx, r.update.ClusterID); cerr == nil {
		c.Status.AddProblem(err.Error())
		if _, cerr = r.Store.UpdateCluster(ctx, c.ID, fairway.ClusterUpdate{Status: &c.Status}); cerr != nil {
			return 0, cerr
		}
	}
	if saveErr := r.save(ctx); errors.Is(saveErr, errSuperseded) {
		return done, r.release(ctx)
	} else if saveErr != nil {
		return 0, saveErr
	}
	r.event(ctx, "update.failed", "update to "+short(r.update.Revision)+" failed: "+err.Error())
	if lerr := r.release(ctx); lerr != nil {
		r.log.Warn("lease not released", "error", lerr)
	}
	return done, nil
}

// cancel ends the update for a reason that is no failure; hint says what makes
// the cluster go on, "" when it does so by itself.
func (r *run) cancel(ctx context.Context, reason, hint string) error {
	r.update.State, r.update.FinishedAt, r.update.Error, r.update.Hint = fairway.UpdateCanceled, r.Now(), reason, hint
	r.say("", "", "")
	if err := r.save(ctx); err != nil {
		return err
	}
	r.event(ctx, "update.canceled", "update to "+short(r.update.Revision)+" canceled: "+reason)
	return errSuperseded
}

// release takes back the marks of an update that ended half way and gives the
// lease back.
func (r *run) release(ctx context.Context) error {
	if r.owner == nil {
		return nil
	}
	if r.update.State != fairway.UpdateDone {
		if _, err := r.sweep(ctx, r.kube); err != nil {
			r.log.Warn("marks not taken back yet, the sweep will", "error", err)
		}
	}
	return r.owner.kube.ReleaseLease(ctx, r.Holder)
}
