package update

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// Sweep takes back what the updates of a cluster that are over have left, and
// returns how many nodes, instances and groups it touched: marks on nodes, the
// protection of instances, and groups that are larger than before their roll. A
// cluster that is being updated is left to its update.
func (u *Updater) Sweep(ctx context.Context, clusterID string) (int, error) {
	c, err := u.Store.Cluster(ctx, clusterID)
	if fairway.ErrorCode(err) == fairway.CodeNotFound {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	active, err := u.Store.Updates(ctx, fairway.UpdateFilter{ClusterID: clusterID, Active: true, Limit: 1})
	if err != nil || len(active) > 0 {
		return 0, err
	}
	if _, busy := u.busy.LoadOrStore(clusterID, "sweep"); busy {
		return 0, nil
	}
	defer u.busy.Delete(clusterID)
	kube, cloud, err := u.connect(ctx, c)
	if err != nil {
		return 0, err
	}
	o := &owner{kube: kube, holder: u.Holder, now: u.Now}
	r := &run{Updater: u, log: u.Log.With("cluster", clusterID), cluster: c,
		update: &fairway.Update{ID: "sweep", ClusterID: clusterID, State: fairway.UpdateCanceled},
		owner:  o, kube: guardedKubernetes{kube, o}, cloud: guardedCloud{cloud, o}, until: u.Now().Add(u.Piece)}
	orphans, err := r.orphans(ctx, kube)
	if err != nil {
		return 0, err
	}
	groups, instances, err := r.machines(ctx)
	if err != nil {
		return 0, err
	}
	raised, kept := leftSizes(groups), leftProtections(groups, instances)
	// The lease is taken only when there is something to write.
	if len(orphans)+len(raised)+len(kept) == 0 {
		return 0, nil
	}
	n, err := r.clean(ctx, r.kube, orphans)
	if err == nil {
		err = r.unprotect(ctx, kept)
	}
	if err == nil && len(raised) > 0 {
		err = r.shrinkBack(ctx, raised)
	}
	return n + len(kept) + len(raised), errors.Join(err, kube.ReleaseLease(ctx, u.Holder))
}

// leftSizes lists the groups that still carry the size from before a roll.
func leftSizes(groups []fairway.Group) []fairway.Group {
	return slices.DeleteFunc(slices.Clone(groups), func(g fairway.Group) bool {
		_, tagged := g.Tags[fairway.TagRollBase]
		return !tagged
	})
}

// leftProtections lists the protected instances of groups that Fairway rolls and
// that do not carry a roll's tag (any more): while no update is under way, these
// protections are left over. Groups of others are not looked at.
func leftProtections(groups []fairway.Group, instances []fairway.Instance) []fairway.Instance {
	return slices.DeleteFunc(slices.Clone(instances), func(i fairway.Instance) bool {
		return !i.Protected || i.State == fairway.InstanceTerminating ||
			!slices.ContainsFunc(groups, func(g fairway.Group) bool { return g.Pool == i.Pool && g.Owned && g.Tags[fairway.TagRollBase] == "" })
	})
}

func (r *run) unprotect(ctx context.Context, instances []fairway.Instance) error {
	for _, i := range instances {
		if err := r.cloud.Protect(ctx, i.ID, false); err != nil && fairway.ErrorCode(err) != fairway.CodeNotFound {
			return err
		}
		r.log.Info("took back a protection", "instance", i.ID, "pool", i.Pool)
	}
	return nil
}

// shrinkBack brings groups back to their size from before a roll. A group that
// has that size, or less, only loses its tag; what is above it is drained as in
// a roll that was aborted, for at most one piece of work: the next sweep goes on.
func (r *run) shrinkBack(ctx context.Context, raised []fairway.Group) error {
	newest, err := r.Store.Updates(ctx, fairway.UpdateFilter{ClusterID: r.cluster.ID, Limit: 1})
	if err != nil {
		return err
	}
	if len(newest) > 0 {
		r.update = &newest[0] // which owns the marks of these drains
	}
	x := r.newRolling(map[string]poolSettings{}, "")
	x.aborted = true
	defer r.forget(r.update.ID)
	for _, g := range raised {
		if base, err := strconv.Atoi(g.Tags[fairway.TagRollBase]); err != nil || g.Desired <= base {
			if err := r.cloud.SetDesired(ctx, g.Pool, g.Desired, 0); err != nil {
				return err
			}
			continue
		}
		x.settings[g.Pool] = poolSettings{Settings: roll.Settings{}}
	}
	for len(x.settings) > 0 && r.Now().Before(r.until) {
		active, err := r.Store.Updates(ctx, fairway.UpdateFilter{ClusterID: r.cluster.ID, Active: true, Limit: 1})
		if err != nil || len(active) > 0 {
			return err // which goes on from here
		}
		over, next, err := x.tick(ctx)
		if err != nil || over != "" {
			return err
		}
		if err := x.rest(ctx, next); err != nil {
			return err
		}
	}
	return nil
}

// sweep removes marks that belong to no update that is under way.
func (r *run) sweep(ctx context.Context, kube fairway.Kubernetes) (int, error) {
	orphans, err := r.orphans(ctx, kube)
	if err != nil {
		return 0, err
	}
	return r.clean(ctx, kube, orphans)
}

func (r *run) orphans(ctx context.Context, kube fairway.Kubernetes) ([]roll.Action, error) {
	workloads, err := kube.Workloads(ctx)
	if err != nil {
		return nil, err
	}
	alive, err := r.Store.Updates(ctx, fairway.UpdateFilter{ClusterID: r.cluster.ID, Active: true})
	if err != nil {
		return nil, err
	}
	return roll.Orphans(workloads.Nodes, func(updateID string) bool {
		return slices.ContainsFunc(alive, func(u fairway.Update) bool { return u.ID == updateID })
	}), nil
}

func (r *run) clean(ctx context.Context, kube fairway.Kubernetes, orphans []roll.Action) (int, error) {
	n := 0
	for _, a := range orphans {
		err := kube.Mark(ctx, a.Node, a.Marks)
		if err != nil && fairway.ErrorCode(err) != fairway.CodeNotFound {
			return n, err
		}
		n++
		r.log.Info("took back marks", "node", a.Node, "why", a.Why)
	}
	return n, nil
}
