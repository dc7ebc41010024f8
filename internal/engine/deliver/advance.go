package deliver

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/render"
	"github.com/fairwayhq/fairway/internal/pure/wave"
)

const (
	// advanceEvery is the longest pause between two looks at a rollout.
	advanceEvery = time.Second
	// soon is the pause before a look that was overtaken is repeated.
	soon = 100 * time.Millisecond
	// longestGap is the longest time between two looks that counts as watched.
	longestGap = time.Minute
	over       = -1 * time.Nanosecond
)

// Advance takes a rollout one step further. It returns after how long to look
// again, or a negative duration when the rollout needs no further look.
func (d *Deliverer) Advance(ctx context.Context, rolloutID string) (time.Duration, error) {
	r, err := d.Store.Rollout(ctx, rolloutID)
	if fairway.ErrorCode(err) == fairway.CodeNotFound {
		return over, nil
	}
	if err != nil {
		return 0, err
	}
	if r.State.IsOver() || r.State == fairway.RolloutHalted {
		return over, nil
	}
	settings, err := d.settings(ctx, r.Revision)
	if err != nil {
		return 0, err
	}
	clusters, members, err := d.look(ctx, r)
	if err != nil {
		return 0, err
	}
	// The look took its time, without the turn; what it saw counts only when
	// nobody moved the rollout meanwhile.
	free, err := d.turn(ctx, r.Channel)
	if err != nil {
		return 0, err
	}
	defer free()
	if moved, err := d.moved(ctx, r); err != nil || moved {
		return soon, err
	}
	now := d.Now()
	seen := *r
	seen.SoakSince = d.watched(r, now)
	decision := d.decide(seen, members, settings, now)
	for _, id := range decision.Start {
		c := clusters[id]
		if _, err := d.start(ctx, &c, r.Revision, r.ID, ""); err != nil {
			return 0, fmt.Errorf("start update of %s: %w", c.Alias, err)
		}
	}
	if decision.State == fairway.RolloutDone {
		// Before the rollout is stored as done: a process that dies in between
		// promotes again, which changes nothing.
		if err := d.promote(ctx, r, &decision); err != nil {
			return 0, err
		}
		if decision.State == fairway.RolloutHalted {
			d.event(ctx, fairway.Event{RolloutID: r.ID, Kind: "promotion.halted", Message: decision.Reason})
		}
	}
	if err := d.follow(ctx, r, decision); err != nil {
		return 0, err
	}
	if decision.State.IsOver() || decision.State == fairway.RolloutHalted {
		return over, nil
	}
	return min(max(decision.Next, soon), advanceEvery), nil
}

// decide asks for the next step. A rollout whose clusters are all blocked, failed
// or gone has shown nothing, and is neither done nor promoted.
func (d *Deliverer) decide(r fairway.Rollout, members []wave.Cluster, settings render.Settings, now time.Time) wave.Decision {
	decision := wave.Next(wave.Snapshot{Rollout: r, Clusters: members, Settings: d.waveSettings(settings.Soak)}, now)
	shown := slices.ContainsFunc(members, func(m wave.Cluster) bool { return m.State == wave.Converged })
	if decision.State != fairway.RolloutDone || shown {
		return decision
	}
	return wave.Decision{State: fairway.RolloutRunning, Wave: r.Wave, Next: advanceEvery,
		Reason: "no cluster of the channel has shown the revision: all are blocked, failed or gone",
		Hint:   "remove config item " + fairway.ItemUpdateBlock + " of a cluster, or merge another revision"}
}

// moved reports whether a rollout is not what it was when it was read.
func (d *Deliverer) moved(ctx context.Context, r *fairway.Rollout) (bool, error) {
	now, err := d.Store.Rollout(ctx, r.ID)
	if err != nil {
		return false, err
	}
	return now.State != r.State || now.Wave != r.Wave || !now.SoakSince.Equal(r.SoakSince), nil
}

// watched returns since when the rollout soaks with the time left out that
// nobody watched: a pause of this process, or a jump of the clock, which looks
// the same. A soak can then take longer, and never ends early.
func (d *Deliverer) watched(r *fairway.Rollout, now time.Time) time.Time {
	now = now.Round(0) // the monotonic reading would hide the jump
	d.mu.Lock()
	defer d.mu.Unlock()
	last, known := d.looked[r.ID]
	d.looked[r.ID] = now
	gap := now.Sub(last)
	if !known || r.SoakSince.IsZero() || gap >= 0 && gap <= longestGap {
		return r.SoakSince
	}
	return r.SoakSince.Add(gap)
}

// resume lets a halted rollout go on once what halted it is gone: the registry
// entry of the cluster that failed was changed, or the next branch can be moved
// again. As long as it is not, nothing happens, but for the reason when another
// one remains.
func (d *Deliverer) resume(ctx context.Context, r *fairway.Rollout) error {
	settings, err := d.settings(ctx, r.Revision)
	if err != nil {
		return err
	}
	_, members, err := d.look(ctx, r)
	if err != nil {
		return err
	}
	again := *r
	again.State = fairway.RolloutRunning
	decision := d.decide(again, members, settings, d.Now())
	if decision.State == fairway.RolloutDone {
		if err := d.promote(ctx, r, &decision); err != nil {
			return err
		}
	}
	if decision.State == fairway.RolloutHalted {
		return d.follow(ctx, r, decision)
	}
	// What it starts is started by the next look, once this is stored.
	decision.Start = nil
	if err := d.follow(ctx, r, decision); err != nil {
		return err
	}
	return d.Rollout(ctx, r.ID)
}

// follow stores what the decision changed.
func (d *Deliverer) follow(ctx context.Context, r *fairway.Rollout, decision wave.Decision) error {
	before := *r
	r.State, r.Wave, r.SoakSince, r.Reason, r.Hint = decision.State, decision.Wave, decision.SoakSince, decision.Reason, decision.Hint
	if r.State.IsOver() {
		r.FinishedAt = d.Now()
		d.forget(r.ID)
	}
	if before.State == r.State && before.Wave == r.Wave && before.SoakSince.Equal(r.SoakSince) && before.Reason == r.Reason {
		return nil
	}
	if err := d.Store.SaveRollout(ctx, r); err != nil {
		return err
	}
	if before.State != r.State || before.Wave != r.Wave {
		d.event(ctx, fairway.Event{RolloutID: r.ID, Kind: "rollout." + string(r.State),
			Message: fmt.Sprintf("rollout on channel %s, wave %d of %d, is %s: %s", r.Channel, r.Wave+1, len(r.Waves), r.State, r.Reason)})
	}
	return nil
}

// forget drops what is remembered of a rollout that is over.
func (d *Deliverer) forget(rolloutID string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.looked, rolloutID)
}

// look gathers the state of the rollout's clusters: from the registry and the
// journal, and by a look from outside for those that have converged.
func (d *Deliverer) look(ctx context.Context, r *fairway.Rollout) (map[string]fairway.Cluster, []wave.Cluster, error) {
	all, err := d.following(ctx, r.Channel)
	if err != nil {
		return nil, nil, err
	}
	updates, err := d.newest(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	clusters := map[string]fairway.Cluster{}
	var members []wave.Cluster
	for _, c := range all {
		if c.LifecycleStatus != fairway.StatusReady {
			continue
		}
		clusters[c.ID] = c
		members = append(members, member(c, r, updates[c.ID]))
	}
	d.watchHealth(ctx, r, members)
	return clusters, members, nil
}

// newest returns the newest update of each cluster that this rollout or
// anything after its start began.
func (d *Deliverer) newest(ctx context.Context, r *fairway.Rollout) (map[string]fairway.Update, error) {
	out := map[string]fairway.Update{}
	for _, filter := range []fairway.UpdateFilter{{RolloutID: r.ID, Limit: 10000}, {Active: true, Limit: 10000}} {
		updates, err := d.Store.Updates(ctx, filter)
		if err != nil {
			return nil, err
		}
		for _, u := range updates {
			if known, ok := out[u.ClusterID]; !ok || u.CreatedAt.After(known.CreatedAt) {
				out[u.ClusterID] = u
			}
		}
	}
	return out, nil
}

// member is a cluster as the wave decision sees it.
func member(c fairway.Cluster, r *fairway.Rollout, u fairway.Update) wave.Cluster {
	m := wave.Cluster{ID: c.ID, Region: c.Region, Account: c.InfrastructureAccount, State: wave.Waiting}
	current := fairway.ParseVersion(c.Status.CurrentVersion)
	_, blocked := c.IsBlocked()
	switch {
	case u.ID != "" && !u.State.IsOver():
		m.State = wave.Updating
		if strings.HasPrefix(u.Waiting, fairway.WaitingForApproval) {
			m.Message = u.Waiting + "; `fairway update approve " + u.ID + "`"
		}
	case current.Revision == r.Revision:
		m.State = wave.Converged
		if u.Revision == r.Revision {
			m.ConvergedAt = u.FinishedAt
		}
	case blocked:
		m.State, m.Message = wave.Blocked, c.ConfigItems[fairway.ItemUpdateBlock]
	case u.Version != c.Version(r.Revision):
		// None yet, or the registry entry changed since: that is worth a try.
	case u.RolloutID == r.ID && aborted(u):
		m.State, m.Message = wave.Aborted, u.Aborting
	case u.RolloutID == r.ID && u.State == fairway.UpdateFailed:
		m.State, m.Message = wave.Failed, u.Error
	case u.RolloutID == r.ID && u.State == fairway.UpdatePartial:
		m.State = wave.Partial
		if len(u.Blocked) > 0 {
			m.Message = fmt.Sprintf("node %s: %s", u.Blocked[0].Node, u.Blocked[0].Reason)
		}
	}
	return m
}

// watchHealth looks at the converged clusters of the waves up to the one under
// way, in parallel. Clusters of no wave came after the rollout was planned and
// count with the last.
func (d *Deliverer) watchHealth(ctx context.Context, r *fairway.Rollout, members []wave.Cluster) {
	later := map[string]bool{}
	for _, ids := range r.Waves[min(r.Wave+1, len(r.Waves)):] {
		for _, id := range ids {
			later[id] = true
		}
	}
	var seen sync.WaitGroup
	for i := range members {
		m := &members[i]
		if m.State != wave.Converged || later[m.ID] {
			continue
		}
		seen.Go(func() {
			var message string
			m.Healthy, m.HealthAt, message = d.Health(ctx, m.ID)
			if !m.Healthy {
				m.Message = message
			}
		})
	}
	seen.Wait()
}

// newID returns an id that sorts by time: a letter, the milliseconds, and
// 40 random bits.
func newID(kind string, now time.Time) string {
	random := make([]byte, 5)
	rand.Read(random) // never fails, by its documentation
	return fmt.Sprintf("%s-%011x-%s", kind, now.UnixMilli(), hex.EncodeToString(random))
}
