package update

import (
	"context"
	"errors"
	"fmt"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/manifest"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

// SweepDrift looks at every object that was applied to a cluster for changes that
// somebody else made, with a few reads; nothing is written but what components
// with `drift: repair` say. It returns what it stored. CodeConflict when the
// cluster is being updated, which looks itself, and CodeNotFound when there is no
// such cluster.
func (u *Updater) SweepDrift(ctx context.Context, clusterID string) (*fairway.Drift, error) {
	c, err := u.Store.Cluster(ctx, clusterID)
	if err != nil {
		return nil, err
	}
	active, err := u.Store.Updates(ctx, fairway.UpdateFilter{ClusterID: clusterID, Active: true, Limit: 1})
	if err != nil {
		return nil, err
	}
	_, busy := u.busy.LoadOrStore(clusterID, "drift")
	if !busy {
		defer u.busy.Delete(clusterID)
	}
	if busy || len(active) > 0 {
		return nil, fairway.Errorf(fairway.CodeConflict, "look for drift in %s: the cluster is being worked on", c.Alias).
			WithHint("an update looks for drift itself; try again when it is over")
	}
	before, err := u.Store.Drift(ctx, clusterID)
	if err != nil {
		return nil, err
	}
	s := &sweeping{run: &run{Updater: u, log: u.Log.With("cluster", clusterID), cluster: c,
		update: &fairway.Update{ClusterID: clusterID, Revision: fairway.ParseVersion(c.Status.CurrentVersion).Revision}}, before: before}
	now, err := s.look(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		blind := *before
		blind.At, blind.Error = u.Now(), err.Error()
		return nil, errors.Join(err, u.Store.SaveDrift(ctx, &blind))
	}
	if now.Objects == 0 && before.At.IsZero() {
		return now, nil // nothing was applied yet
	}
	now = merged(before, now, u.Now())
	s.tellNews(ctx, before, now)
	return now, u.Store.SaveDrift(ctx, now)
}

// sweeping is one look for drift.
type sweeping struct {
	*run
	before *fairway.Drift
}

// look compares what is live with what was applied. As long as nothing differs,
// that takes neither a render nor a look at the configuration.
func (s *sweeping) look(ctx context.Context) (*fairway.Drift, error) {
	inventory, err := s.Store.Inventory(ctx, s.cluster.ID)
	if err != nil {
		return nil, err
	}
	d := &fairway.Drift{ClusterID: s.cluster.ID, At: s.Now()}
	var items []fairway.InventoryItem
	for _, item := range inventory {
		if !item.Left {
			items = append(items, item)
		}
	}
	d.Objects = len(items)
	if len(items) == 0 {
		return d, nil
	}
	kube, _, err := s.connect(ctx, s.cluster)
	if err != nil {
		return nil, err
	}
	s.owner = &owner{kube: kube, holder: s.Holder, now: s.Now}
	s.kube = guardedKubernetes{Kubernetes: kube, owner: s.owner}
	live, err := s.kube.Read(ctx, refsOf(items))
	if err != nil {
		return nil, err
	}
	suspects := map[plan.Key]*task{}
	for i, item := range items {
		if item.Owned != "" && item.Owned == live[i].Owned || live[i].Object == nil && item.Ref.Kind == "Job" {
			continue
		}
		suspects[plan.KeyOf(item.Ref)] = &task{live: live[i], item: item, applied: item.Digest, deleted: live[i].Object == nil}
	}
	if len(suspects) == 0 {
		return d, nil
	}
	drifted, err := s.judge(ctx, suspects)
	if err != nil {
		return nil, err
	}
	for _, t := range drifted {
		d.Found = append(d.Found, s.settle(ctx, t))
	}
	return d, s.owner.kube.ReleaseLease(ctx, s.Holder)
}

// judge renders what the cluster runs and finds out which suspects differ from
// it. Objects whose configuration is another one by now are the next update's.
func (s *sweeping) judge(ctx context.Context, suspects map[plan.Key]*task) ([]*task, error) {
	if _, err := s.render(ctx); err != nil {
		return nil, fmt.Errorf("render what %s runs: %w", s.cluster.Alias, err)
	}
	var compared, drifted []*task
	for _, component := range s.bundle.Components {
		for _, o := range component.Objects {
			t := suspects[plan.KeyOf(o.Ref())]
			if t == nil || t.item.Digest != manifest.Digest(o) {
				continue
			}
			t.Item = manifest.Item{Component: component.Name, Object: o}
			if t.deleted {
				drifted = append(drifted, t)
			} else {
				compared = append(compared, t)
			}
		}
	}
	judgeTasks(s.cluster, s.bundle, compared)
	for _, t := range compared {
		if t.drifted {
			drifted = append(drifted, t)
		}
	}
	return drifted, nil
}

// settle does what the component's policy says about a drifted object. What a
// repair fails at is the object's affair: the others are looked at all the same.
func (s *sweeping) settle(ctx context.Context, t *task) fairway.DriftedObject {
	found := t.drift(s.Now(), false)
	if s.bundle.Policy(t.Component).Drift != fairway.DriftRepair {
		return found
	}
	if s.contested(t) {
		found.State = fairway.DriftContested
		return found
	}
	result, err := s.kube.Apply(ctx, t.Object, t.live.Object)
	if err == nil {
		t.item.Ref, t.item.Owned = result.Ref, result.Live.Owned
		err = s.repaired(ctx, t)
	}
	if err != nil {
		s.log.Warn("drift not repaired", "object", found.Ref.String(), "error", err)
		s.event(ctx, "drift.unrepaired", fmt.Sprintf("%s (component %s) could not be set back: %v", found.Ref, found.Component, err))
		return found
	}
	return t.drift(s.Now(), true)
}

// contested reports whether somebody keeps changing an object that is set back.
func (s *sweeping) contested(t *task) bool {
	for _, o := range s.before.Found {
		if plan.KeyOf(o.Ref) == plan.KeyOf(t.item.Ref) {
			return o.Repairs >= fairway.MostRepairs && s.Now().Sub(o.RepairedAt) < fairway.RepairMemory
		}
	}
	return false
}

// repaired remembers what the repair made of the object, and records who did it.
func (s *sweeping) repaired(ctx context.Context, t *task) error {
	inventory, err := s.Store.Inventory(ctx, s.cluster.ID)
	if err != nil {
		return err
	}
	for i := range inventory {
		if plan.KeyOf(inventory[i].Ref) == plan.KeyOf(t.item.Ref) {
			inventory[i] = t.item
		}
	}
	if err := s.Store.SetInventory(ctx, s.cluster.ID, inventory); err != nil {
		return err
	}
	why := fmt.Sprintf("set back %s: %s", t.item.Ref, whatDrifted(t.drift(s.Now(), true)))
	return s.Store.Record(fairway.WithOrigin(ctx, fairway.Origin{Reason: why}),
		fairway.Change{Kind: fairway.KindCluster, ID: s.cluster.ID, Event: fairway.ChangeDriftRepaired})
}
