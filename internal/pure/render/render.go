package render

import (
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
}

// Source is one config source at one revision.
type Source struct {
	// Name stands before the path of a file in errors and names.
	Name string
	// FS holds the files from the root of the repository on. Symlinked files
	// are read through.
	FS fs.FS
}

// Render renders all that a cluster's update needs. The error is CodeInvalid
// and holds the errors of all files, see Errors; there is no partial bundle.
func Render(in Input) (*fairway.Bundle, error) {
	r := &renderer{in: in, engine: newEngine(in.Cluster.Provider)}
	bundle := r.bundle()
	if len(r.errs) > 0 {
		return nil, r.errs.join("render cluster %s at revision %s", in.Cluster.ID, in.Revision)
	}
	return bundle, nil
}

// renderer carries one render and collects its errors.
type renderer struct {
	in     Input
	engine *engine
	errs   Errors
	// cluster is what templates see as .Cluster: items with defaults, pools
	// with propagated items.
	cluster *clusterView
}

func (r *renderer) bundle() *fairway.Bundle {
	if len(r.in.Sources) == 0 {
		r.errs.add(fairway.Errorf(fairway.CodeInvalid, "there is no config source to render from").
			WithHint("give one with --config-source NAME:git:URL or NAME:dir:PATH"))
		return nil
	}
	// 1. The view and the defaults; the rest would only repeat their errors.
	view, err := newClusterView(r.in.Cluster, r.in.Siblings)
	if err != nil {
		r.errs.add(err)
		return nil
	}
	r.cluster = view
	defaults := r.defaults()
	if len(r.errs) > 0 {
		r.parseAll()
		return nil
	}
	setDefaults(r.cluster, defaults)
	// 2. Everything that is rendered with them.
	values := map[string]any{"ClusterStackOutputs": map[string]string{}}
	if zone, err := hostedZone(r.in.Cluster.APIServerURL); err == nil {
		values["hosted_zone"] = zone
	}
	b := &fairway.Bundle{ClusterID: r.in.Cluster.ID, Revision: r.in.Revision, Settings: maps.Clone(r.cluster.ConfigItems)}
	b.PreApply, b.PostApply = r.deletions(without(values, "ClusterStackOutputs"))
	b.Components = r.components(values)
	b.Pools = r.pools(values)
	if len(r.errs) == 0 {
		r.errs.add(manifest.Check(b.Components))
	}
	return b
}

// without returns a copy of m that lacks a key.
func without(m map[string]any, key string) map[string]any {
	c := maps.Clone(m)
	delete(c, key)
	return c
}
