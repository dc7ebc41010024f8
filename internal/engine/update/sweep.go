package update

import (
	"context"
	"errors"
	"slices"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// Sweep removes the marks of updates that are not under way any more from the
// nodes of a cluster, and returns how many nodes it touched. A cluster that is
// being updated is left to its update.
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
	kube, _, err := u.connect(ctx, c)
	if err != nil {
		return 0, err
	}
	r := &run{Updater: u, log: u.Log.With("cluster", clusterID), cluster: c, update: &fairway.Update{}}
	orphans, err := r.orphans(ctx, kube)
	if err != nil || len(orphans) == 0 {
		return 0, err
	}
	// The lease is taken only when there is something to write.
	o := &owner{kube: kube, holder: u.Holder, now: u.Now}
	n, err := r.clean(ctx, guardedKubernetes{kube, o}, orphans)
	return n, errors.Join(err, kube.ReleaseLease(ctx, u.Holder))
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
