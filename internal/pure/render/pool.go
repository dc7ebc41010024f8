package render

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v2"

	"github.com/fairwayhq/fairway"
)

// poolView is .NodePool and an element of .Cluster.NodePools: exactly the
// fields and methods of contract 3.4. Instance types are plain strings.
type poolView struct {
	DiscountStrategy string
	InstanceTypes    []string
	Name             string
	Profile          string
	MinSize          int64
	MaxSize          int64
	ConfigItems      map[string]string
	InstanceType     string
}

// taintView is an element of .NodePool.Taints.
type taintView struct{ Key, Value, Effect string }

// requirement is an element of .NodePool.KarpenterRequirements.
type requirement struct {
	Key      *string  `yaml:"key"`
	Operator *string  `yaml:"operator"`
	Values   []string `yaml:"values"`
}

func newPoolView(p fairway.NodePool) *poolView {
	v := &poolView{
		DiscountStrategy: p.DiscountStrategy, InstanceTypes: slices.Clone(p.InstanceTypes), Name: p.Name, Profile: p.Profile,
		MinSize: p.MinSize, MaxSize: p.MaxSize, ConfigItems: maps.Clone(p.ConfigItems),
	}
	if v.ConfigItems == nil {
		v.ConfigItems = map[string]string{}
	}
	if len(v.InstanceTypes) > 0 {
		v.InstanceType = v.InstanceTypes[0]
	}
	return v
}

func (p *poolView) pool() fairway.NodePool {
	return fairway.NodePool{Profile: p.Profile, DiscountStrategy: p.DiscountStrategy}
}

// IsSpot reports whether the pool runs on spare capacity.
func (p *poolView) IsSpot() bool { return p.pool().IsSpot() }

// IsMaster reports whether the pool holds control-plane nodes.
func (p *poolView) IsMaster() bool { return p.pool().IsMaster() }

// IsKarpenter reports whether Karpenter makes the nodes of the pool.
func (p *poolView) IsKarpenter() bool { return p.pool().IsKarpenter() }

// Taints are those of the item taints; malformed ones are dropped. An item
// that is present but empty gives one taint without a key, as the ecosystem's
// templates expect.
func (p *poolView) Taints() []*taintView {
	item, ok := p.ConfigItems["taints"]
	if !ok {
		return nil
	}
	var taints []*taintView
	for text := range strings.SplitSeq(item, ",") {
		if t, ok := parseTaint(text); ok {
			taints = append(taints, &t)
		}
	}
	return taints
}

// parseTaint reads key[=value]:Effect, or a bare key.
func parseTaint(text string) (taintView, bool) {
	parts := strings.Split(text, ":")
	pair := strings.Split(parts[0], "=")
	switch {
	case len(parts) == 1 && len(pair) == 1:
		return taintView{Key: text}, true
	case len(parts) != 2 || len(pair) > 2:
		return taintView{}, false
	}
	switch parts[1] {
	case "NoSchedule", "NoExecute", "PreferNoSchedule":
	default:
		return taintView{}, false
	}
	t := taintView{Key: pair[0], Effect: parts[1]}
	if len(pair) == 2 {
		t.Value = pair[1]
	}
	return t, true
}

// KarpenterRequirements are those of the item requirements; what cannot be
// read is left out.
func (p *poolView) KarpenterRequirements() []requirement {
	item, ok := p.ConfigItems["requirements"]
	if !ok {
		return nil
	}
	var list []requirement
	_ = yaml.Unmarshal([]byte(item), &list) // bad YAML gives what was read so far (contract 3.4)
	return list
}

// KarpenterInstanceTypeStrategy is not-specified, default-for-karpenter or
// custom; an empty list is not-specified (contract 8).
func (p *poolView) KarpenterInstanceTypeStrategy() string {
	switch {
	case len(p.InstanceTypes) == 0:
		return "not-specified"
	case len(p.InstanceTypes) == 1 && (p.InstanceTypes[0] == "not-specified" || p.InstanceTypes[0] == "default-for-karpenter"):
		return p.InstanceTypes[0]
	}
	return "custom"
}

// labels are those of the item labels, a list of k=v with commas.
func (p *poolView) labels() map[string]string {
	labels := map[string]string{}
	for text := range strings.SplitSeq(p.ConfigItems["labels"], ",") {
		if k, v, found := strings.Cut(text, "="); found && k != "" {
			labels[k] = v
		}
	}
	return labels
}

// pools renders the user data of every pool.
func (r *renderer) pools(values map[string]any) []fairway.PoolSpec {
	var specs []fairway.PoolSpec
	for i, pool := range r.cluster.NodePools {
		spec := fairway.PoolSpec{Pool: r.in.Cluster.NodePools[i], Image: pool.ConfigItems["node_image"], Labels: nodeLabels(pool), Taints: nodeTaints(pool)}
		spec.Pool.ConfigItems = maps.Clone(pool.ConfigItems)
		text, err := r.userData(pool, values)
		if err != nil {
			r.errs.add(err)
			continue
		}
		spec.UserData = text
		specs = append(specs, spec)
	}
	return specs
}

// userData renders the user data of a pool: node pools come from the first
// source only (contract 2.2).
func (r *renderer) userData(pool *poolView, values map[string]any) (string, error) {
	src := r.in.Sources[0]
	name := path.Join(poolsDir, pool.Profile, "userdata.yaml")
	if pool.Profile == "" || strings.Contains(pool.Profile, "/") || !validPath(name) {
		return "", fairway.Errorf(fairway.CodeInvalid, "node pool %s: profile %q is not the name of a folder", pool.Name, pool.Profile)
	}
	text, found, err := readOptional(src, name)
	if err != nil {
		return "", err
	}
	if !found {
		return "", fairway.Errorf(fairway.CodeInvalid, "%s: file not found; node pool %s has profile %q and needs it", src.file(name), pool.Name, pool.Profile).
			WithHint("%s", profileHint(src, pool.Profile))
	}
	out, err := r.engine.render(job{file: src.file(name), text: text, data: data{Cluster: r.cluster, Values: values, NodePool: pool}})
	if err != nil {
		return "", fmt.Errorf("node pool %s: %w", pool.Name, err)
	}
	return out, nil
}

// nodeLabels are the pool's labels as a node can carry them.
func nodeLabels(p *poolView) map[string]string {
	labels := map[string]string{}
	for k, v := range p.labels() {
		if k = strings.TrimSpace(k); k != "" {
			labels[k] = strings.TrimSpace(v)
		}
	}
	return labels
}

// nodeTaints are the pool's taints as a node can carry them: a taint without
// key or effect is none.
func nodeTaints(p *poolView) []fairway.Taint {
	var taints []fairway.Taint
	for _, t := range p.Taints() {
		if key := strings.TrimSpace(t.Key); key != "" && t.Effect != "" {
			taints = append(taints, fairway.Taint{Key: key, Value: t.Value, Effect: t.Effect})
		}
	}
	return taints
}
