package deliver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/wave"
)

// retryFailed is after how long a cluster's own update that failed is tried
// again with nothing changed; doubled for each failure in a row, at most 32 times.
const retryFailed = time.Minute

// Refresh looks at the source and the registry once and starts what is due.
// One channel's trouble does not hold up another.
func (d *Deliverer) Refresh(ctx context.Context) (time.Duration, error) {
	// Before anything can fail: work that the queue lost is asked for again.
	if err := d.remind(ctx); err != nil {
		return 0, err
	}
	var problems []error
	// A source that cannot be read stays as it was seen last, so that changes of
	// the registry and of other sources go on.
	if err := d.Source.Refresh(ctx); err != nil {
		problems = append(problems, err)
	}
	clusters, err := d.Store.Clusters(ctx, fairway.ClusterFilter{})
	if err != nil {
		return 0, err
	}
	channels, err := d.channels(ctx, clusters)
	if err != nil {
		return 0, err
	}
	for _, channel := range channels {
		if err := d.channel(ctx, channel); err != nil {
			problems = append(problems, fmt.Errorf("channel %s: %w", channel, err))
		}
	}
	if err := d.rotations(ctx, clusters); err != nil {
		problems = append(problems, err)
	}
	return d.Poll, errors.Join(problems...)
}

// everything is a limit that no fleet reaches.
const everything = 100_000

// remind asks for work on every update that is not over; the queue knows most of
// them already.
func (d *Deliverer) remind(ctx context.Context) error {
	updates, err := d.Store.Updates(ctx, fairway.UpdateFilter{Active: true, Limit: everything})
	if err != nil {
		return err
	}
	for _, u := range updates {
		if err := d.Update(ctx, u.ID); err != nil {
			return err
		}
	}
	return nil
}

// channels returns the channels of the order in fairway.yaml, then those that
// only clusters follow. The order is that of the newest revision on any channel
// that has the file; without the file there is none.
func (d *Deliverer) channels(ctx context.Context, clusters []fairway.Cluster) ([]string, error) {
	var names []string
	for _, c := range clusters {
		channel, err := d.channelOf(&c)
		if err != nil {
			if c.LifecycleStatus != fairway.StatusDecommissioned {
				if err := d.report(ctx, []fairway.Cluster{c}, err); err != nil {
					return nil, err
				}
			}
			continue
		}
		if !slices.Contains(names, channel) {
			names = append(names, channel)
		}
	}
	slices.Sort(names)
	for _, channel := range names {
		revision, err := d.Source.Resolve(ctx, channel)
		if err != nil {
			continue // reported for each cluster of the channel
		}
		settings, err := d.settings(ctx, revision)
		if err != nil {
			continue
		}
		for i, channel := range settings.Channels {
			if j := slices.Index(names, channel); j >= 0 {
				names = slices.Delete(names, j, j+1)
			}
			names = slices.Insert(names, i, channel)
		}
		break
	}
	return names, nil
}

// channel starts what is due on one channel.
func (d *Deliverer) channel(ctx context.Context, channel string) error {
	free, err := d.turn(ctx, channel)
	if err != nil {
		return err
	}
	defer free()
	clusters, err := d.following(ctx, channel)
	if err != nil {
		return err
	}
	clusters = slices.DeleteFunc(clusters, func(c fairway.Cluster) bool { return c.LifecycleStatus == fairway.StatusDecommissioned })
	id, err := d.Source.Resolve(ctx, channel)
	if err != nil {
		return d.report(ctx, clusters, err)
	}
	known, err := d.Store.Revision(ctx, channel)
	if err != nil && fairway.ErrorCode(err) != fairway.CodeNotFound {
		return err
	}
	if known == nil || known.ID != id {
		if err := d.Store.SaveRevision(ctx, fairway.Revision{Channel: channel, ID: id, SeenAt: d.Now()}); err != nil {
			return err
		}
		d.event(ctx, fairway.Event{Kind: "channel.moved", Message: fmt.Sprintf("channel %s is at revision %s", channel, id)})
	}
	var behind []fairway.Cluster
	for _, c := range clusters {
		if _, blocked := c.IsBlocked(); blocked {
			continue
		}
		current := fairway.ParseVersion(c.Status.CurrentVersion)
		due := false
		switch {
		case c.LifecycleStatus == fairway.StatusRequested:
			due = true
		case c.LifecycleStatus != fairway.StatusReady:
		case current.Revision != id:
			behind = append(behind, c)
		default:
			// An update that began and did not end leaves its version as the
			// next one: the cluster is half way to it.
			due = current.Hash != c.Hash() || c.Status.NextVersion != ""
		}
		if !due {
			continue
		}
		if err := d.own(ctx, &c, id); err != nil {
			return err
		}
	}
	return d.ensureRollout(ctx, channel, id, behind, clusters)
}

// report keeps an error in the status of the clusters that it keeps from
// being updated; the status is written only when that changes it.
func (d *Deliverer) report(ctx context.Context, clusters []fairway.Cluster, cause error) error {
	for _, c := range clusters {
		status := c.Status
		status.Problems = slices.Clone(status.Problems)
		status.AddProblem(cause.Error())
		if slices.Equal(status.Problems, c.Status.Problems) {
			continue
		}
		if _, err := d.Store.UpdateCluster(ctx, c.ID, fairway.ClusterUpdate{Status: &status}); err != nil {
			return err
		}
		d.event(ctx, fairway.Event{ClusterID: c.ID, Kind: "cluster.problem", Message: fmt.Sprintf("cluster %s cannot be updated: %v", c.Alias, cause)})
	}
	return nil
}

// own starts an update that belongs to no rollout: a new cluster, or a change
// of one cluster's registry entry.
func (d *Deliverer) own(ctx context.Context, c *fairway.Cluster, revision string) error {
	version := c.Version(revision)
	newest, err := d.Store.Updates(ctx, fairway.UpdateFilter{ClusterID: c.ID, Limit: 8})
	if err != nil {
		return err
	}
	if len(newest) > 0 && aborted(newest[0]) && newest[0].Version == version {
		return nil // a person wanted no more of it; another version is another matter
	}
	failures := 0
	for _, u := range newest {
		if !u.State.IsOver() {
			if u.Version == version {
				return nil // under way
			}
			return d.cancel(ctx, &u, "the registry entry of the cluster changed")
		}
		if u.Version != version || u.State != fairway.UpdateFailed && u.State != fairway.UpdatePartial {
			break
		}
		failures++
	}
	if failures > 0 {
		wait := retryFailed << min(failures-1, 5)
		if d.Now().Sub(newest[0].FinishedAt) < wait {
			return nil
		}
	}
	// An update that ended after the cluster was read makes another one
	// needless; the cluster is stored before the end of its update.
	now, err := d.Store.Cluster(ctx, c.ID)
	if err != nil || now.Version(revision) != version || now.Status.CurrentVersion != c.Status.CurrentVersion {
		return err // the next look decides
	}
	_, err = d.start(ctx, c, revision, "", "")
	return err
}

// start makes an update and asks for work on it; it returns "" when the cluster
// has one already.
func (d *Deliverer) start(ctx context.Context, c *fairway.Cluster, revision, rolloutID, reason string) (string, error) {
	now := d.Now()
	before, err := d.Store.Updates(ctx, fairway.UpdateFilter{ClusterID: c.ID, Limit: 1})
	if err != nil {
		return "", err
	}
	channel, err := d.channelOf(c)
	if err != nil {
		return "", err
	}
	u := &fairway.Update{ClusterID: c.ID, RolloutID: rolloutID, Channel: channel, Reason: reason,
		Revision: revision, Version: c.Version(revision), State: fairway.UpdatePending}
	if len(before) > 0 {
		now = after(now, before[0].CreatedAt)
		if before[0].State == fairway.UpdateCanceled {
			// Overtaken while it was paused: only a person lets the cluster go on.
			u.Paused = before[0].Paused
		}
	}
	u.ID, u.CreatedAt = newID("u", now), now
	if err := d.Store.CreateUpdate(ctx, u); err != nil {
		if fairway.ErrorCode(err) == fairway.CodeConflict {
			return "", nil // it already has one; the next look decides about it
		}
		return "", err
	}
	return u.ID, d.Update(ctx, u.ID)
}

// aborted reports whether a person ended the update, also when taking back what
// it began failed.
func aborted(u fairway.Update) bool {
	return u.Aborting != "" && (u.State == fairway.UpdateCanceled || u.State == fairway.UpdateFailed)
}

// after returns now, or the moment after the one before when the clock went
// back: the journal tells by the time which of two is the newer.
func after(now, before time.Time) time.Time {
	if now.After(before) {
		return now
	}
	return before.Add(time.Millisecond)
}

// cancel ends an update that a newer wish has overtaken. Its process notices
// at its next checkpoint and takes its marks back.
func (d *Deliverer) cancel(ctx context.Context, u *fairway.Update, reason string) error {
	u.State, u.FinishedAt, u.Error = fairway.UpdateCanceled, d.Now(), reason
	if err := d.Store.SaveUpdate(ctx, u); err != nil {
		if fairway.ErrorCode(err) == fairway.CodeConflict {
			return nil // it ended by itself meanwhile
		}
		return err
	}
	d.event(ctx, fairway.Event{ClusterID: u.ClusterID, RolloutID: u.RolloutID, UpdateID: u.ID, Kind: "update.canceled", Message: "update to " + u.Revision + " cancelled: " + reason})
	return nil
}

// ensureRollout makes the rollout of a revision when clusters are behind, and
// ends the one of an older revision. Clusters that a finished rollout passed by,
// because their updates were blocked or because they are new, get another.
func (d *Deliverer) ensureRollout(ctx context.Context, channel, revision string, behind, all []fairway.Cluster) error {
	rollouts, err := d.Store.Rollouts(ctx, channel, 1)
	if err != nil {
		return err
	}
	var newest *fairway.Rollout
	if len(rollouts) > 0 {
		newest = &rollouts[0]
	}
	if newest != nil && newest.Revision == revision && !newest.State.IsOver() {
		if newest.State == fairway.RolloutHalted {
			return d.resume(ctx, newest)
		}
		return d.Rollout(ctx, newest.ID) // again, should the queue have lost it
	}
	if newest != nil && !newest.State.IsOver() {
		if err := d.supersede(ctx, newest, revision); err != nil {
			return err
		}
	}
	settings, err := d.settings(ctx, revision)
	if err != nil {
		return d.report(ctx, all, err)
	}
	carried := behind
	if len(carried) == 0 && (newest == nil || newest.Revision != revision) && d.unshown(ctx, channel, revision) {
		carried = current(all)
	}
	if len(carried) == 0 {
		return nil
	}
	members := make([]wave.Cluster, len(carried))
	for i, c := range carried {
		members[i] = wave.Cluster{ID: c.ID, Region: c.Region, Account: c.InfrastructureAccount}
	}
	now := d.Now()
	if newest != nil {
		now = after(now, newest.CreatedAt)
	}
	r := &fairway.Rollout{
		ID: newID("r", now), Channel: channel, Revision: revision, State: fairway.RolloutRunning,
		Waves: wave.Plan(members, d.waveSettings(settings.Soak)), CreatedAt: now,
	}
	if err := d.Store.CreateRollout(ctx, r); err != nil {
		return err
	}
	d.event(ctx, fairway.Event{RolloutID: r.ID, Kind: "rollout.started",
		Message: fmt.Sprintf("rollout of %s on channel %s over %d clusters in %d waves started", revision, channel, len(carried), len(r.Waves))})
	return d.Rollout(ctx, r.ID)
}

// current are the clusters that have been provisioned.
func current(all []fairway.Cluster) []fairway.Cluster {
	var out []fairway.Cluster
	for _, c := range all {
		if c.LifecycleStatus == fairway.StatusReady {
			out = append(out, c)
		}
	}
	return out
}

// supersede ends a rollout whose revision is not the channel's any more.
func (d *Deliverer) supersede(ctx context.Context, r *fairway.Rollout, by string) error {
	active, err := d.Store.Updates(ctx, fairway.UpdateFilter{RolloutID: r.ID, Active: true})
	if err != nil {
		return err
	}
	for _, u := range active {
		if err := d.cancel(ctx, &u, "the channel moved on to "+by); err != nil {
			return err
		}
	}
	r.State, r.Reason, r.Hint, r.FinishedAt = fairway.RolloutSuperseded, "the channel moved on to "+by, "", d.Now()
	d.forget(r.ID)
	if err := d.Store.SaveRollout(ctx, r); err != nil {
		return err
	}
	d.event(ctx, fairway.Event{RolloutID: r.ID, Kind: "rollout.superseded", Message: "rollout of " + r.Revision + " on channel " + r.Channel + " ended: " + r.Reason})
	return nil
}
