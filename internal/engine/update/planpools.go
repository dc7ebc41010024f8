package update

import (
	"context"
	"fmt"
	"slices"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

// Pools asks a cloud what becomes of the nodes, for a plan that knows everything
// else already; nil when the cloud cannot tell beforehand. history is what
// estimates are made from.
func Pools(ctx context.Context, in *plan.Input, cloud fairway.Cloud, history []fairway.Update) ([]plan.Pool, error) {
	teller, ok := cloud.(fairway.Forecaster)
	if !ok {
		return nil, nil
	}
	groups, err := cloud.Groups(ctx)
	if err != nil {
		return nil, err
	}
	instances, err := cloud.Instances(ctx)
	if err != nil {
		return nil, err
	}
	var pools []plan.Pool
	for _, spec := range in.Bundle.Pools {
		one, err := Pool(in, spec, history)
		if err != nil {
			return nil, err
		}
		if one.Generation, one.Differs, err = teller.Forecast(ctx, spec); err != nil {
			return nil, fmt.Errorf("node pool %s: %w", spec.Pool.Name, err)
		}
		pools = append(pools, one)
	}
	for _, g := range groups {
		at := slices.IndexFunc(pools, func(one plan.Pool) bool { return one.Spec.Pool.Name == g.Pool })
		if at < 0 {
			if !g.Owned {
				continue
			}
			one, err := Pool(in, fairway.PoolSpec{Pool: fairway.NodePool{Name: g.Pool}}, history)
			if err != nil {
				return nil, err
			}
			one.Leaves = true
			pools, at = append(pools, one), len(pools)
		}
		pools[at].Group = &g
		for _, i := range instances {
			if i.Pool == g.Pool {
				pools[at].Instances = append(pools[at].Instances, judged(i, pools[at], in))
			}
		}
	}
	return pools, nil
}

// Pool is a pool with the way that it is rolled.
func Pool(in *plan.Input, spec fairway.PoolSpec, history []fairway.Update) (plan.Pool, error) {
	settings, err := RollSettings(in.Bundle.Settings, spec.Pool)
	if err != nil {
		return plan.Pool{}, err
	}
	return plan.Pool{Spec: spec, Settings: settings, PerNode: plan.Measured(history, in.Cluster.ID, max(1, settings.Surge))}, nil
}

// judged says of an instance whether it is outdated for another reason than its
// generation: it is too old, or somebody asked for its replacement.
func judged(i fairway.Instance, pool plan.Pool, in *plan.Input) fairway.Instance {
	if age := pool.Settings.MaxAge; age > 0 && in.Now.Sub(i.LaunchedAt) > age {
		i.Outdated = "older than node_max_age"
	}
	if in.Observed.Workloads == nil {
		return i
	}
	for _, n := range in.Observed.Workloads.Nodes {
		if n.Name == i.NodeName && n.Annotations[fairway.AnnotationRotate] != "" {
			i.Outdated = "somebody asked for it"
		}
	}
	return i
}
