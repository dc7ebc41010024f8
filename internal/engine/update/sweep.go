package update

import (
	"context"
	"errors"
	"slices"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// Sweep takes back what the updates of a cluster that are over have left: marks
// on nodes, the protection of instances, and groups that are larger than before
// their roll. It returns how many nodes had marks left. A cluster that is being
// updated is left to its update.
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
		owner:  o, kube: guardedKubernetes{Kubernetes: kube, owner: o}, cloud: guardedCloud{cloud, o}, until: u.Now().Add(u.Piece)}
	orphans, err := r.orphans(ctx, kube)
	if err != nil {
		return 0, err
	}
	groups, _, err := r.machines(ctx)
	if err != nil {
		return 0, err
	}
	tagged := slices.ContainsFunc(groups, isTagged)
	// The lease is taken only when there is something to write.
	if len(orphans) == 0 && !tagged {
		return 0, nil
	}
	if tagged {
		err = r.shrinkBack(ctx, groups)
	}
	n := 0
	if err == nil {
		n, err = r.sweep(ctx, r.kube)
	}
	return max(n, len(orphans)), errors.Join(err, kube.ReleaseLease(ctx, u.Holder))
}

// isTagged reports whether a group still carries the size from before a roll.
func isTagged(g fairway.Group) bool { return g.Tags[fairway.TagRollBase] != "" }

// shrinkBack takes back what rolls left on tagged groups, as the roll of an
// update that was aborted does: marks, protections, nodes that nobody needs, the
// tag. It ends after one piece of work, and when an update begins, which goes on
// from there; the next sweep does the rest.
func (r *run) shrinkBack(ctx context.Context, groups []fairway.Group) error {
	newest, err := r.Store.Updates(ctx, fairway.UpdateFilter{ClusterID: r.cluster.ID, Limit: 1})
	if err != nil {
		return err
	}
	if len(newest) > 0 {
		r.update = &newest[0] // which owns the marks that are set meanwhile
	}
	x := r.newRolling(map[string]poolSettings{}, "")
	x.aborted = true
	defer r.forget(r.update.ID)
	for _, g := range groups {
		if isTagged(g) {
			x.settings[g.Pool] = poolSettings{}
		}
	}
	for r.Now().Before(r.until) {
		active, err := r.Store.Updates(ctx, fairway.UpdateFilter{ClusterID: r.cluster.ID, Active: true, Limit: 1})
		if err != nil || len(active) > 0 {
			return err
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

// clean takes marks away, and with the mark that keeps an autoscaler from a node
// also the protection of its instance: the mark tells whose that is.
func (r *run) clean(ctx context.Context, kube fairway.Kubernetes, orphans []roll.Action) (int, error) {
	instances, err := r.protectedBy(ctx, orphans)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, a := range orphans {
		if id := instances[a.Node]; id != "" {
			if err := r.cloud.Protect(ctx, id, false); err != nil && fairway.ErrorCode(err) != fairway.CodeNotFound {
				return n, err
			}
		}
		err := kube.Mark(ctx, a.Node, a.Marks)
		if err != nil && fairway.ErrorCode(err) != fairway.CodeNotFound {
			return n, err
		}
		n++
		r.log.Info("took back marks", "node", a.Node, "why", a.Why)
	}
	return n, nil
}

// protectedBy returns the protected instances of the nodes that lose the mark
// that says so, by node name.
func (r *run) protectedBy(ctx context.Context, orphans []roll.Action) (map[string]string, error) {
	marked := func(a roll.Action) bool { return a.Marks.ScaleDownDisabled != nil }
	if !slices.ContainsFunc(orphans, marked) {
		return nil, nil
	}
	instances, err := r.cloud.Instances(ctx)
	if err != nil {
		return nil, err
	}
	byNode := map[string]string{}
	for _, a := range orphans {
		for _, i := range instances {
			if marked(a) && i.NodeName == a.Node && i.Protected {
				byNode[a.Node] = i.ID
			}
		}
	}
	return byNode, nil
}
