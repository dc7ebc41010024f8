package app

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/engine/update"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

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
		one, err := update.Pool(in, spec, p.History)
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
