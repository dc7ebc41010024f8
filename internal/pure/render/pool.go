package render

import (
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v2"

	"github.com/fairwayhq/fairway"
)

// poolView is .NodePool and an element of .Cluster.NodePools: exactly the
// fields and methods of contract 3.4. Instance types are plain strings.
type poolView struct {
	DiscountStrategy string
	InstanceTypes    any // []string, or []typeNamed for the engine that has a type of its own
	Name             string
	Profile          string
	MinSize          int64
	MaxSize          int64
	ConfigItems      map[string]string
	InstanceType     any // string or typeNamed
	engine           Engine
}

// typeNamed is the type that the newest engine has for instance types: it can
// be printed and compared, but is not accepted where a string is wanted.
type typeNamed string

// setEngine makes pools look as the templates of an engine see them.
func (c *clusterView) setEngine(e Engine) {
	for _, view := range append([]*clusterView{c}, c.AccountClusters...) {
		view.engine = e
		for _, p := range view.NodePools {
			p.engine = e
			if e != EngineHead {
				continue
			}
			named := make([]typeNamed, 0, len(p.typeNames()))
			for _, name := range p.typeNames() {
				named = append(named, typeNamed(name))
			}
			first, _ := p.InstanceType.(string)
			p.InstanceTypes, p.InstanceType = named, typeNamed(first)
		}
	}
}

// typeNames are the instance types as plain texts.
func (p *poolView) typeNames() []string {
	if named, ok := p.InstanceTypes.([]typeNamed); ok {
		names := make([]string, len(named))
		for i := range named {
			names[i] = string(named[i])
		}
		return names
	}
	names, _ := p.InstanceTypes.([]string)
	return names
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
		DiscountStrategy: p.DiscountStrategy, InstanceTypes: slices.Clone(p.InstanceTypes), InstanceType: "", Name: p.Name, Profile: p.Profile,
		MinSize: p.MinSize, MaxSize: p.MaxSize, ConfigItems: maps.Clone(p.ConfigItems),
	}
	if v.ConfigItems == nil {
		v.ConfigItems = map[string]string{}
	}
	if len(p.InstanceTypes) > 0 {
		v.InstanceType = p.InstanceTypes[0]
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
// custom. An empty list is not-specified, except for the newest engine, which
// wants that word in the list (contract 8).
func (p *poolView) KarpenterInstanceTypeStrategy() string {
	names := p.typeNames()
	switch {
	case len(names) == 0 && p.engine != EngineHead:
		return "not-specified"
	case len(names) == 1 && names[0] == "default-for-karpenter",
		len(names) == 1 && names[0] == "not-specified" && p.engine != Engine2024:
		return names[0]
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
