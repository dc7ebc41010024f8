package render

import (
	"context"
	"io/fs"
	"maps"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/manifest"
)

// Input is everything that a render depends on.
type Input struct {
	// Cluster is the registry entry, without defaults; it is not changed.
	Cluster *fairway.Cluster
	// Siblings are the clusters of the registry in its order, oldest first.
	// Only those of the same infrastructure account are looked at; whether the
	// cluster itself is among them makes no difference.
	Siblings []fairway.Cluster
	// Sources are the config sources in order of their configuration; at
	// least one. With several, components are named <source>/<component>.
	Sources []Source
	// Revision is written into the bundle and into errors.
	Revision string
	// Lookups answers what is asked of the cloud; nil means that nobody does:
	// templates that ask fail, and values that depend on answers are missing.
	Lookups Lookups
	// ManageEtcdStack says that the etcd stack belongs to the cluster.
	ManageEtcdStack bool
	// Engine says whose bytes are wanted where engines differ.
	Engine Engine
	// Cache remembers what renders have in common; nil means that nothing is
	// remembered. It changes no byte. The objects of the bundle are shared then.
	Cache *Cache
}

// Source is one config source at one revision.
type Source struct {
	// Name stands before the path of a file in errors and names.
	Name string
	// FS holds the files from the root of the repository on. Symlinked files
	// are read through.
	FS fs.FS
}

// From are the sources of a configuration that was opened.
func From(files []fairway.SourceFiles) []Source {
	all := make([]Source, len(files))
	for i, f := range files {
		all[i] = Source{Name: f.Name, FS: f.FS}
	}
	return all
}

// Render renders all that a cluster's update needs. The error is CodeInvalid
// and holds the errors of all files, see Errors; there is no partial bundle.
func Render(in Input) (*fairway.Bundle, error) { return Bundle(context.Background(), in) }

// Bundle is Render with a context: its end ends the render with CodeUnavailable.
func Bundle(ctx context.Context, in Input) (*fairway.Bundle, error) {
	r := newRenderer(ctx, in)
	bundle := r.bundle()
	if len(r.errs) > 0 {
		return nil, r.errs.join("render cluster %s at revision %s", in.Cluster.ID, in.Revision)
	}
	return bundle, nil
}

// renderer carries one render and collects its errors.
type renderer struct {
	in      Input
	answers *answers
	engine  *engine
	errs    Errors
	// cluster is what templates see as .Cluster: items with defaults, pools
	// with propagated items. start is .Values at the start.
	cluster *clusterView
	items   items
	zones   zones
	start   map[string]any
	// lenient says that values which nobody can tell are missing and no error;
	// unanswered says why.
	lenient    bool
	unanswered Errors
	// out collects files; nil when only the bundle is wanted. masks says that
	// secrets are masked in them, secretItems which items are secrets.
	out         *output
	masks       bool
	secretItems map[string]bool
}

func newRenderer(ctx context.Context, in Input) *renderer {
	a := newAnswers(ctx, in.Lookups, in.Cluster.Provider, in.Engine)
	return &renderer{in: in, answers: a, engine: newEngine(ctx, a, in.Cache), secretItems: map[string]bool{}}
}

// prepare makes what all templates see: the cluster with its items, and the
// values. It returns false when the rest would only repeat its errors.
func (r *renderer) prepare() bool {
	if len(r.in.Sources) == 0 {
		r.errs.add(fairway.Errorf(fairway.CodeInvalid, "there is no config source to render from").
			WithHint("give one with --config-source NAME:git:URL or NAME:dir:PATH"))
		return false
	}
	view, err := newClusterView(r.in.Cluster, r.in.Siblings)
	if err != nil {
		r.errs.add(err)
		return false
	}
	r.cluster = view
	view.setEngine(r.in.Engine)
	defaults := r.defaults()
	if len(r.errs) == 0 {
		r.items = r.setItems(defaults)
	}
	if len(r.errs) == 0 {
		r.start = r.values()
		if r.lenient {
			r.unanswered, r.errs = r.errs, nil
		}
	}
	if len(r.errs) > 0 && !r.lenient {
		r.parseAll()
	}
	return len(r.errs) == 0
}

func (r *renderer) bundle() *fairway.Bundle {
	if !r.prepare() {
		return nil
	}
	values := r.start
	b := &fairway.Bundle{ClusterID: r.in.Cluster.ID, Revision: r.in.Revision, Settings: maps.Clone(r.cluster.ConfigItems)}
	b.PreApply, b.PostApply = r.deletions(values)
	if r.managesEtcd() {
		r.errs.add(r.etcdValues(values))
	}
	outputs := r.outputs(values)
	r.afterMainStack()
	b.Components = r.components(values)
	b.Pools = r.pools(values, outputs)
	b.Acceptances = r.acceptances()
	b.Policies = r.policies()
	if len(r.errs) == 0 {
		r.errs.add(manifest.Check(b.Components))
	}
	return b
}
