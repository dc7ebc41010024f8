package update

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// orphanedPools drains the nodes of the node pools that left the registry and
// deletes their groups.
func (r *run) orphanedPools(ctx context.Context) (string, error) {
	groups, instances, err := r.machines(ctx)
	if err != nil {
		return "", err
	}
	left := r.left(groups)
	if len(left) == 0 {
		return "every node pool is in the registry", nil
	}
	if err := r.mayLeave(ctx, groups, instances); err != nil {
		return "", err
	}
	x := r.newRolling(map[string]poolSettings{}, fairway.StepOrphans)
	for _, pool := range left {
		// The entry is gone and its items with it: the cluster's count.
		s, err := rollSettings(r.bundle.Settings, fairway.NodePool{Name: pool})
		if err != nil {
			return "", err
		}
		x.settings[pool] = poolSettings{Settings: s, remove: true}
		if err := r.cloud.RetirePool(ctx, pool); err != nil {
			return "", fmt.Errorf("node pool %s: %w", pool, err)
		}
	}
	r.say("removing node pools "+strings.Join(left, ", "), "", "")
	if _, err := x.loop(ctx); err != nil {
		return "", err
	}
	if len(x.blocked) > 0 {
		return fmt.Sprintf("node pools %s stay for now: %s cannot be drained", strings.Join(left, ", "), x.blocked[0].Node), nil
	}
	for _, pool := range left {
		if err := r.deletePool(ctx, pool); err != nil {
			return "", fmt.Errorf("node pool %s: %w", pool, err)
		}
	}
	return "removed " + strings.Join(left, ", "), nil
}

// left lists the pools of groups that are Fairway's and have no entry any more.
func (r *run) left(groups []fairway.Group) []string {
	var left []string
	for _, g := range groups {
		if g.Owned && !slices.ContainsFunc(r.bundle.Pools, func(s fairway.PoolSpec) bool { return s.Pool.Name == g.Pool }) {
			left = append(left, g.Pool)
		}
	}
	slices.Sort(left)
	return left
}

// mayLeave refuses an entry without any node pool for a cluster that has some:
// more likely the entry is incomplete than that the cluster shall have no nodes.
// And it refuses one without the pool that the control plane runs on.
func (r *run) mayLeave(ctx context.Context, groups []fairway.Group, instances []fairway.Instance) error {
	left := r.left(groups)
	switch {
	case len(left) == 0:
		return nil
	case len(r.bundle.Pools) == 0:
		return fairway.Errorf(fairway.CodeInvalid, "the registry entry of %s has no node pools, but the cluster has %s", r.cluster.Alias, strings.Join(left, ", ")).
			WithHint("put the node pools back into the entry; a cluster that is to go gets the lifecycle status decommission-requested instead")
	case slices.ContainsFunc(r.bundle.Pools, func(s fairway.PoolSpec) bool { return s.Pool.IsMaster() }):
		return nil
	}
	workloads, err := r.kube.Workloads(ctx)
	if err != nil {
		return err
	}
	for _, n := range workloads.Nodes {
		if !isControlPlane(n) {
			continue
		}
		for _, i := range instances {
			if (i.NodeName == n.Name || n.ProviderID != "" && i.ProviderID == n.ProviderID) && slices.Contains(left, i.Pool) {
				return fairway.Errorf(fairway.CodeInvalid, "node pool %s left the registry entry of %s, but the control plane runs on it", i.Pool, r.cluster.Alias).
					WithHint("put the pool back into the entry, or add another one for the control plane first")
			}
		}
	}
	return nil
}

// isControlPlane reports whether a node says that it is one of the control plane.
func isControlPlane(n fairway.Node) bool {
	for _, label := range []string{"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"} {
		if _, ok := n.Labels[label]; ok {
			return true
		}
	}
	return false
}

// deletePool deletes an empty group, once its last instances have ended.
func (r *run) deletePool(ctx context.Context, pool string) error {
	for {
		err := r.cloud.DeletePool(ctx, pool)
		if err == nil {
			r.event(ctx, "pool.removed", "node pool "+pool+" left the registry: its nodes are drained, its group is deleted")
			return nil
		}
		if fairway.ErrorCode(err) != fairway.CodeConflict {
			return err
		}
		r.say("removing node pool "+pool, "its last instances to end: "+err.Error(), "the cloud")
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

// awaited drops the instances that the update does not wait for: those of pools
// whose nodes are replaced when somebody asks for it.
func (r *run) awaited(instances []fairway.Instance) ([]fairway.Instance, error) {
	for _, spec := range r.bundle.Pools {
		s, err := rollSettings(r.bundle.Settings, spec.Pool)
		if err != nil {
			return nil, err
		}
		if s.Strategy == roll.OnDelete {
			instances = slices.DeleteFunc(instances, func(i fairway.Instance) bool { return i.Pool == spec.Pool.Name })
		}
	}
	return instances, nil
}
