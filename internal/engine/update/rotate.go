package update

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// Nodes returns the nodes of a cluster that belong to a node pool, by name.
func (u *Updater) Nodes(ctx context.Context, clusterID string) ([]fairway.RotationNode, error) {
	c, err := u.Store.Cluster(ctx, clusterID)
	if err != nil {
		return nil, err
	}
	kube, cloud, err := u.connect(ctx, c)
	if err != nil {
		return nil, err
	}
	workloads, err := kube.Workloads(ctx)
	if err != nil {
		return nil, err
	}
	instances, err := cloud.Instances(ctx)
	if err != nil {
		return nil, err
	}
	machine := map[string]fairway.Instance{} // by node name and by provider id
	for _, i := range instances {
		machine[i.NodeName], machine[i.ProviderID] = i, i
	}
	nodes := []fairway.RotationNode{}
	for _, n := range workloads.Nodes {
		i, known := machine[n.Name]
		if !known && n.ProviderID != "" {
			i, known = machine[n.ProviderID]
		}
		if !known {
			continue
		}
		node := fairway.RotationNode{Node: n.Name, Pool: i.Pool, CreatedAt: i.LaunchedAt}
		if node.CreatedAt.IsZero() {
			node.CreatedAt = n.CreatedAt
		}
		nodes = append(nodes, node)
	}
	slices.SortFunc(nodes, func(a, b fairway.RotationNode) int { return strings.Compare(a.Node, b.Node) })
	return nodes, nil
}

// TooOld says in a sentence which nodes of a cluster are older than config item
// node_max_age allows, at the version that the cluster has; "" when none are, or
// the item is not set.
func (u *Updater) TooOld(ctx context.Context, clusterID string) (string, error) {
	c, err := u.Store.Cluster(ctx, clusterID)
	if err != nil {
		return "", err
	}
	r := &run{Updater: u, cluster: c, update: &fairway.Update{ClusterID: c.ID, Revision: fairway.ParseVersion(c.Status.CurrentVersion).Revision}}
	if _, err := r.render(ctx); err != nil {
		return "", err
	}
	limits := map[string]time.Duration{}
	for _, spec := range r.bundle.Pools {
		s, err := rollSettings(r.bundle.Settings, spec.Pool)
		if err != nil {
			return "", err
		}
		// An update replaces no nodes of these, however old they are.
		if spec.Pool.IsKarpenter() || s.Strategy == roll.OnDelete {
			continue
		}
		if s.MaxAge > 0 {
			limits[spec.Pool.Name] = s.MaxAge
		}
	}
	if len(limits) == 0 {
		return "", nil
	}
	nodes, err := u.Nodes(ctx, clusterID)
	if err != nil {
		return "", err
	}
	return tooOld(nodes, limits, u.Now()), nil
}

// tooOld is the sentence of TooOld.
func tooOld(nodes []fairway.RotationNode, limits map[string]time.Duration, now time.Time) string {
	var parts []string
	count := map[string]int{}
	for _, n := range nodes {
		if limit, ok := limits[n.Pool]; ok && now.Sub(n.CreatedAt) >= limit {
			count[n.Pool]++
		}
	}
	for pool, n := range count {
		what := fmt.Sprintf("%d nodes of pool %s are", n, pool)
		if n == 1 {
			what = fmt.Sprintf("1 node of pool %s is", pool)
		}
		parts = append(parts, fmt.Sprintf("%s older than %s", what, limits[pool]))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// askedFor marks the nodes that people want to be replaced, so that the roll
// takes them for outdated. A wish whose node is gone, or was made since under the
// same name, is fulfilled.
func (r *run) askedFor(ctx context.Context) error {
	wishes, err := r.Store.Rotations(ctx, r.update.ClusterID)
	if err != nil {
		return err
	}
	wishes = slices.DeleteFunc(wishes, func(w fairway.Rotation) bool { return r.rotated[w.Node] })
	if len(wishes) == 0 {
		return nil
	}
	open, err := r.fulfilled(ctx, wishes)
	if err != nil {
		return err
	}
	for _, w := range open {
		err := r.kube.Mark(ctx, w.Node, fairway.NodeMarks{UpdateID: r.update.ID, Rotate: &w.Reason})
		if err != nil && fairway.ErrorCode(err) != fairway.CodeNotFound {
			return fmt.Errorf("mark node %s for rotation: %w", w.Node, err)
		}
		r.rotated[w.Node] = true
	}
	return nil
}

// fulfilled forgets the wishes whose nodes are gone and returns the others.
func (r *run) fulfilled(ctx context.Context, wishes []fairway.Rotation) (open []fairway.Rotation, err error) {
	if len(wishes) == 0 {
		return nil, nil
	}
	workloads, err := r.kube.Workloads(ctx)
	if err != nil {
		return nil, err
	}
	var gone []string
	for _, w := range wishes {
		if slices.ContainsFunc(workloads.Nodes, func(n fairway.Node) bool { return n.Name == w.Node && !n.CreatedAt.After(w.RequestedAt) }) {
			open = append(open, w)
		} else {
			gone = append(gone, w.Node)
		}
	}
	return open, r.Store.EndRotations(ctx, r.update.ClusterID, gone)
}

// endWishes forgets what the update has fulfilled.
func (r *run) endWishes(ctx context.Context) error {
	wishes, err := r.Store.Rotations(ctx, r.update.ClusterID)
	if err != nil {
		return err
	}
	_, err = r.fulfilled(ctx, wishes)
	return err
}
