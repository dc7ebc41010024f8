package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/engine/update"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

// pools asks the cloud what becomes of the nodes.
func (p *planner) pools(ctx context.Context, in *plan.Input, cloud fairway.Cloud) ([]plan.Pool, error) {
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
		one, err := p.pool(in, spec)
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
			one, err := p.pool(in, fairway.PoolSpec{Pool: fairway.NodePool{Name: g.Pool}})
			if err != nil {
				return nil, err
			}
			one.Leaves = true
			pools, at = append(pools, one), len(pools)
		}
		pools[at].Group = &g
		for _, i := range instances {
			if i.Pool == g.Pool {
				pools[at].Instances = append(pools[at].Instances, p.judged(i, pools[at], in.Observed.Workloads))
			}
		}
	}
	return pools, nil
}

// pool is a pool with the way that it is rolled.
func (p *planner) pool(in *plan.Input, spec fairway.PoolSpec) (plan.Pool, error) {
	settings, err := update.RollSettings(in.Bundle.Settings, spec.Pool)
	if err != nil {
		return plan.Pool{}, err
	}
	return plan.Pool{Spec: spec, Settings: settings, PerNode: plan.Measured(p.History, in.Cluster.ID, max(1, settings.Surge))}, nil
}

// judged says of an instance whether it is outdated for another reason than its
// generation: it is too old, or somebody asked for its replacement.
func (p *planner) judged(i fairway.Instance, pool plan.Pool, w *fairway.Workloads) fairway.Instance {
	if age := pool.Settings.MaxAge; age > 0 && p.now.Sub(i.LaunchedAt) > age {
		i.Outdated = "older than node_max_age"
	}
	for _, n := range w.Nodes {
		if n.Name == i.NodeName && n.Annotations[fairway.AnnotationRotate] != "" {
			i.Outdated = "somebody asked for it"
		}
	}
	return i
}

// offline compares with the revision that was applied last.
func (p *planner) offline(ctx context.Context, in *plan.Input) error {
	revision := fairway.ParseVersion(in.Cluster.Status.CurrentVersion).Revision
	if revision == "" {
		p.say("%s: nothing was applied yet as far as the registry knows; compared with nothing", in.Cluster.Alias)
		return nil
	}
	before, err := p.render(ctx, in.Cluster, revision)
	if err != nil {
		return fairway.Errorf(fairway.ErrorCode(err), "render the last applied revision %s: %w", revision, err).
			WithHint("a git source keeps its past, a folder does not: give --config-source NAME:git:PATH, or the --kubeconfig of the cluster")
	}
	in.Observed = plan.Applied(before, in.Bundle)
	for _, spec := range in.Bundle.Pools {
		one, err := p.pool(in, spec)
		if err != nil {
			return err
		}
		was := slices.IndexFunc(before.Pools, func(s fairway.PoolSpec) bool { return s.Pool.Name == spec.Pool.Name })
		if was >= 0 {
			one.Group = &fairway.Group{Pool: spec.Pool.Name, Max: int(spec.Pool.MaxSize)}
			one.Generation = "wanted"
			one.Differs = specDiffers(before.Pools[was], spec)
			generation := one.Generation
			if len(one.Differs) > 0 {
				generation, one.Differs = "applied", append(one.Differs, "counted by min_size")
			}
			for range spec.Pool.MinSize {
				one.Instances = append(one.Instances, fairway.Instance{Pool: spec.Pool.Name, Generation: generation, State: fairway.InstanceInService})
			}
		}
		in.Pools = append(in.Pools, one)
	}
	return nil
}

// specDiffers says in words what makes new nodes of a pool others.
func specDiffers(was, is fairway.PoolSpec) []string {
	var out []string
	for _, part := range []struct {
		same bool
		text string
	}{
		{was.Image == is.Image, "image " + was.Image + " becomes " + is.Image},
		{slices.Equal(was.Pool.InstanceTypes, is.Pool.InstanceTypes), "instance types become " + strings.Join(is.Pool.InstanceTypes, ", ")},
		{was.UserData == is.UserData, "user data changes"},
		{maps.Equal(was.Labels, is.Labels), "labels change"},
		{slices.Equal(was.Taints, is.Taints), "taints change"},
	} {
		if !part.same {
			out = append(out, part.text)
		}
	}
	return out
}
