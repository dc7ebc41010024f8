package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/kube"
	"github.com/fairwayhq/fairway/internal/adapter/kubeconfig"
	"github.com/fairwayhq/fairway/internal/adapter/local"
	"github.com/fairwayhq/fairway/internal/engine/update"
	"github.com/fairwayhq/fairway/internal/pure/plan"
	"github.com/fairwayhq/fairway/internal/pure/registryfile"
	"github.com/fairwayhq/fairway/internal/pure/render"
	"github.com/fairwayhq/fairway/internal/surface/cli"
)

// plansAtOnce is how many clusters are read side by side.
const plansAtOnce = 8

// planner is one run of `fairway plan`.
type planner struct {
	cli.PlanOptions
	base     *subject
	sources  []*steady
	clusters []fairway.Cluster
	// rejected is what is wrong with entries of the registry file that were left out.
	rejected []registryfile.Finding
	now      time.Time

	// turns has room for as many renderings as there are processors: more at
	// once would only take more memory.
	turns chan struct{}

	mu     sync.Mutex
	stderr io.Writer // guarded by mu
	// recorded are the clusters of --state, and those that --record adds to;
	// guarded by mu.
	recorded *plan.States
	// accepted are the acceptances of all bundles by their place; guarded by mu.
	accepted map[string]fairway.Acceptance
}

// planClusters is `fairway plan`.
func planClusters(ctx context.Context, o cli.PlanOptions, stderr io.Writer) (*plan.Fleet, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, renderTime, fmt.Errorf("it took longer than %s", renderTime))
	defer cancel()
	p := &planner{PlanOptions: o, base: &subject{}, now: time.Now(), stderr: stderr, accepted: map[string]fairway.Acceptance{}}
	p.base.input.Cache, p.turns = render.NewCache(render.DefaultCacheBytes), make(chan struct{}, runtime.GOMAXPROCS(0))
	defer p.base.close()
	err := p.base.lookups(o.Lookups, stderr)
	if err != nil {
		return nil, err
	}
	if p.sources, err = p.base.open(ctx, o.SubjectOptions); err != nil {
		return nil, err
	}
	if p.clusters, p.rejected, err = registryClusters(ctx, o.SubjectOptions, p.sources, stderr); err != nil {
		return nil, err
	}
	if err := p.openStates(); err != nil {
		return nil, err
	}
	fleet, err := p.fleet(ctx)
	if err != nil || o.Record == "" {
		return fleet, err
	}
	return fleet, p.writeStates()
}

// fleet plans the cluster, or the clusters, that are asked for.
func (p *planner) fleet(ctx context.Context) (*plan.Fleet, error) {
	if p.Cluster != "" {
		c, err := choose(p.clusters, p.rejected, p.Cluster)
		if err != nil {
			return nil, err
		}
		one, err := p.one(ctx, c)
		if err != nil {
			return nil, err
		}
		return plan.Together([]*plan.Plan{one}, nil), nil
	}
	return p.several(ctx)
}

// several plans all clusters that are asked for; one that cannot be planned does
// not keep the others from it.
func (p *planner) several(ctx context.Context) (*plan.Fleet, error) {
	var chosen []*fairway.Cluster
	for i := range p.clusters {
		c := &p.clusters[i]
		leaves := c.LifecycleStatus == fairway.StatusDecommissionRequested || c.LifecycleStatus == fairway.StatusDecommissioned
		if !leaves && (p.Channel == "" || c.Channel == p.Channel) {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		return nil, fairway.Errorf(fairway.CodeNotFound, "no cluster to plan among %d", len(p.clusters)).WithHint("check --channel, and the registry")
	}
	plans, failed := make([]*plan.Plan, len(chosen)), make([]plan.Fault, len(chosen))
	var group errgroup.Group
	group.SetLimit(plansAtOnce)
	for i, c := range chosen {
		group.Go(func() error {
			var err error
			if plans[i], err = p.one(ctx, c); err != nil {
				failed[i] = plan.Fault{Cluster: c.ID, Error: err.Error(), Hint: fairway.ErrorHint(err)}
			}
			return nil
		})
	}
	_ = group.Wait() // the functions return no errors
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	failed = slices.DeleteFunc(failed, func(f plan.Fault) bool { return f.Cluster == "" })
	for _, f := range p.rejected {
		// Which channel it is of cannot always be told.
		failed = append(failed, plan.Fault{Cluster: cmp.Or(f.Cluster, "registry file"), Error: f.String(), Hint: f.Hint})
	}
	fleet := plan.Together(slices.DeleteFunc(plans, func(one *plan.Plan) bool { return one == nil }), failed)
	entries := slices.SortedFunc(maps.Values(p.accepted), func(a, b fairway.Acceptance) int { return strings.Compare(a.Where, b.Where) })
	fleet.Unused = append(fleet.Unused, plan.Strangers(entries, p.clusters)...)
	return fleet, nil
}

// say writes a line of progress.
func (p *planner) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.stderr, format+"\n", args...)
}

// one plans one cluster.
func (p *planner) one(ctx context.Context, c *fairway.Cluster) (*plan.Plan, error) {
	p.say("%s: rendering", c.Alias)
	bundle, err := p.render(ctx, c, "")
	if err != nil {
		return nil, err
	}
	p.accepts(bundle)
	in := plan.Input{Cluster: c, Bundle: bundle, Target: p.Target, Now: p.now}
	past, err := combined(p.sources)
	if err != nil {
		return nil, err
	}
	if in.NoOp, err = update.IsNoOp(ctx, past, fairway.ParseVersion(c.Status.CurrentVersion).Revision, bundle.Revision); err != nil {
		return nil, err
	}
	switch {
	case p.Offline && p.State != "":
		err = p.fromState(&in)
	case p.Offline:
		err = p.offline(ctx, &in)
	default:
		if err = p.live(ctx, &in); err == nil {
			p.record(&in)
		}
	}
	if err == nil {
		err = p.stacks(ctx, &in)
	}
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", c.ID, err)
	}
	return plan.Build(in), nil
}

// accepts remembers the acceptances of a bundle.
func (p *planner) accepts(b *fairway.Bundle) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range b.Acceptances {
		p.accepted[a.Where] = a
	}
}

// render makes the bundle of a cluster at a revision; "" is that of its channel.
func (p *planner) render(ctx context.Context, c *fairway.Cluster, revision string) (*fairway.Bundle, error) {
	var bundle *fairway.Bundle
	err := p.at(ctx, c, revision, func(in render.Input) (err error) {
		bundle, err = render.Bundle(ctx, in)
		return err
	})
	return bundle, err
}

// at hands over what a cluster is rendered from at a revision; "" is that of its
// channel.
func (p *planner) at(ctx context.Context, c *fairway.Cluster, revision string, with func(render.Input) error) error {
	select {
	case p.turns <- struct{}{}:
		defer func() { <-p.turns }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	s := &subject{input: p.base.input, to: p.To}
	defer s.close()
	s.input.Cluster, s.input.Siblings = c, p.clusters
	if revision == "" {
		if err := s.resolve(ctx, p.sources); err != nil {
			return err
		}
		return with(s.input)
	}
	configuration, err := combined(p.sources)
	if err != nil {
		return err
	}
	files, err := configuration.Open(ctx, revision)
	if err != nil {
		return err
	}
	s.input.Sources, s.input.Revision = render.From(files), revision
	return with(s.input)
}

// live observes the cluster itself.
func (p *planner) live(ctx context.Context, in *plan.Input) error {
	api, cloud, err := p.connect(ctx, in.Cluster)
	if err != nil {
		return err
	}
	p.say("%s: reading the cluster", in.Cluster.Alias)
	observed, err := api.Observe(ctx, in.Bundle, nil)
	if err != nil {
		return err
	}
	in.Observed = *observed
	if cloud != nil {
		if in.Pools, err = update.Pools(ctx, in, cloud, p.History); err != nil {
			return err
		}
		if teller, ok := cloud.(fairway.Surveyor); ok {
			in.Limits, err = teller.Room(ctx)
		}
	}
	return err
}

// connect returns the API of a cluster, and its cloud where nodes are Fairway's.
func (p *planner) connect(ctx context.Context, c *fairway.Cluster) (api *kube.Cluster, cloud fairway.Cloud, err error) {
	kubes := func(path string, _ *fairway.Cluster) (_ fairway.Kubernetes, err error) {
		api, err = kube.New(kube.Options{Kubeconfig: path, Log: slog.New(slog.DiscardHandler)})
		return api, err
	}
	if p.Kubeconfig == "" && p.Data == "" {
		return nil, nil, fairway.Errorf(fairway.CodeInvalid, "there is no way to the cluster").
			WithHint("give its --kubeconfig, or the --data folder of a server on this machine; --offline needs no cluster")
	}
	data, err := filepath.Abs(p.Data)
	if err != nil {
		return nil, nil, err
	}
	var provider fairway.Provider = kubeconfig.New(kubeconfig.Options{DataDir: data, Path: p.Kubeconfig, NewKubernetes: kubes})
	if ready := filepath.Join(data, "clusters", c.LocalID, "ready.json"); p.Kubeconfig == "" && c.Provider == fairway.ProviderLocal && exists(ready) {
		provider = local.New(local.Options{DataDir: data, NewKubernetes: kubes})
		_, cloud, err = provider.Connect(ctx, c)
		return api, cloud, err
	}
	_, _, err = provider.Connect(ctx, c)
	return api, nil, err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
