package deliver

import (
	"context"
	"fmt"
	"slices"

	"github.com/fairwayhq/fairway"
)

// Pause stops an update where it is until it is resumed.
func (d *Deliverer) Pause(ctx context.Context, update, by, reason string) (*fairway.Update, error) {
	word := wordOf(by, reason)
	return d.steer(ctx, update, "pause", fairway.Steering{Paused: &word}, func(before, now *fairway.Update) (kind, message string) {
		if before.Paused == now.Paused {
			return "", ""
		}
		return "update.paused", "paused by " + word
	})
}

// Resume lets a paused update go on; with ignoreBrakes also where the roll would
// wait because the cluster is not well.
func (d *Deliverer) Resume(ctx context.Context, update, by string, ignoreBrakes bool) (*fairway.Update, error) {
	say := fairway.Steering{Paused: new("")}
	if ignoreBrakes {
		say.IgnoreBrakes = new(true)
	}
	return d.steer(ctx, update, "resume", say, func(before, now *fairway.Update) (kind, message string) {
		switch {
		case now.IgnoreBrakes && !before.IgnoreBrakes:
			return "update.resumed", "resumed by " + by + ", brakes ignored"
		case before.Paused != "":
			return "update.resumed", fmt.Sprintf("resumed by %s (was paused by %s)", by, before.Paused)
		}
		return "", ""
	})
}

// Abort ends an update. Its process takes marks and surge away; a rollout that
// it belongs to halts. Wishes for rotations of the cluster end with it.
func (d *Deliverer) Abort(ctx context.Context, update, by, reason string) (*fairway.Update, error) {
	word := wordOf(by, reason)
	u, err := d.find(ctx, update)
	if err != nil {
		return nil, err
	}
	if u.Aborting != "" && !u.State.IsOver() {
		return u, d.Update(ctx, u.ID) // the first word stays
	}
	u, err = d.steer(ctx, u.ID, "abort", fairway.Steering{Aborting: &word}, func(before, now *fairway.Update) (kind, message string) {
		return "update.aborted", "aborted by " + word
	})
	if err != nil {
		return nil, err
	}
	wishes, err := d.Store.Rotations(ctx, u.ClusterID)
	if err != nil {
		return nil, err
	}
	nodes := make([]string, len(wishes))
	for i, w := range wishes {
		nodes[i] = w.Node
	}
	return u, d.Store.EndRotations(ctx, u.ClusterID, nodes)
}

// Approve records the word of a second person for the plan that an update waits
// with.
func (d *Deliverer) Approve(ctx context.Context, update string, who fairway.Principal, digest, reason string) (*fairway.Update, error) {
	u, err := d.find(ctx, update)
	if err != nil {
		return nil, err
	}
	if u.State.IsOver() {
		return nil, d.tooLate(ctx, u, "approve")
	}
	before, err := d.Store.Approvals(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	a, err := d.Store.ApprovePlan(ctx, u.ID, digest, who, reason)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(before, func(b fairway.Approval) bool { return b.Digest == a.Digest }) {
		d.event(ctx, fairway.Event{ClusterID: u.ClusterID, RolloutID: u.RolloutID, UpdateID: u.ID, Kind: "plan.approved",
			Message: "plan of the update of " + d.aliasOf(ctx, u.ClusterID) + " to " + u.Revision + " approved by " + wordOf(a.ByName, reason) + "; it " + a.What})
	}
	return u, d.Update(ctx, u.ID)
}

// steer writes what a person says and, when that changed something, the event
// that tell makes of it.
func (d *Deliverer) steer(ctx context.Context, name, verb string, say fairway.Steering, tell func(before, now *fairway.Update) (kind, message string)) (*fairway.Update, error) {
	before, err := d.find(ctx, name)
	if err != nil {
		return nil, err
	}
	now, err := d.Store.SteerUpdate(ctx, before.ID, say)
	if fairway.ErrorCode(err) == fairway.CodeConflict {
		return nil, d.tooLate(ctx, before, verb)
	}
	if err != nil {
		return nil, err
	}
	if kind, message := tell(before, now); kind != "" {
		d.event(ctx, fairway.Event{ClusterID: now.ClusterID, RolloutID: now.RolloutID, UpdateID: now.ID, Kind: kind,
			Message: "update of " + d.aliasOf(ctx, now.ClusterID) + " to " + now.Revision + " " + message})
	}
	return now, d.Update(ctx, now.ID)
}

// tooLate says why an update cannot be steered any more.
func (d *Deliverer) tooLate(ctx context.Context, u *fairway.Update, verb string) error {
	if now, err := d.Store.Update(ctx, u.ID); err == nil {
		u = now
	}
	alias := d.aliasOf(ctx, u.ClusterID)
	if !u.State.IsOver() {
		return fairway.Errorf(fairway.CodeConflict, "%s update %s of %s: it is being aborted (%s)", verb, u.ID, alias, u.Aborting).
			WithHint("`fairway update show %s` says how far that is", u.ID)
	}
	return fairway.Errorf(fairway.CodeConflict, "%s update %s of %s: it is over (%s)", verb, u.ID, alias, u.State).
		WithHint("`fairway update list --cluster %s --active` shows whether another is under way", alias)
}

// find returns the update with that id, or the newest one of the cluster that is
// named so.
func (d *Deliverer) find(ctx context.Context, name string) (*fairway.Update, error) {
	u, err := d.Store.Update(ctx, name)
	if fairway.ErrorCode(err) != fairway.CodeNotFound {
		return u, err
	}
	c, err := d.Store.FindCluster(ctx, name)
	if fairway.ErrorCode(err) == fairway.CodeNotFound {
		hint := fairway.ErrorHint(err)
		if hint == "" {
			hint = "`fairway update list --active` and `fairway cluster list` show what there is"
		}
		return nil, fairway.Errorf(fairway.CodeNotFound, "neither an update nor a cluster is called %q", name).WithHint("%s", hint)
	}
	if err != nil {
		return nil, err
	}
	newest, err := d.Store.Updates(ctx, fairway.UpdateFilter{ClusterID: c.ID, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(newest) == 0 {
		return nil, fairway.Errorf(fairway.CodeConflict, "cluster %s was never updated", c.Alias).
			WithHint("its first update starts by itself; `fairway cluster show %s` says what keeps it", c.Alias)
	}
	return &newest[0], nil
}

// aliasOf is what people call a cluster; its id when it is gone.
func (d *Deliverer) aliasOf(ctx context.Context, clusterID string) string {
	if c, err := d.Store.Cluster(ctx, clusterID); err == nil && c.Alias != "" {
		return c.Alias
	}
	return clusterID
}

// wordOf is who says something, and why.
func wordOf(by, reason string) string {
	if reason == "" {
		return by
	}
	return by + ": " + reason
}
