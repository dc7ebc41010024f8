package local

import (
	"maps"

	"github.com/fairwayhq/fairway"
)

// The labels that every node of a pool gets besides those of its spec.
const (
	labelNodePool     = "node.kubernetes.io/node-pool"
	labelControlPlane = "node-role.kubernetes.io/control-plane"
)

// capacities are the sizes of common instance types. What is not here is
// defaultCapacity.
var (
	capacities = map[string]capacity{
		"m5.large":    {"2", "8Gi", "110"},
		"m5.xlarge":   {"4", "16Gi", "110"},
		"m5.2xlarge":  {"8", "32Gi", "110"},
		"m5.4xlarge":  {"16", "64Gi", "110"},
		"m6g.large":   {"2", "8Gi", "110"},
		"m6g.xlarge":  {"4", "16Gi", "110"},
		"m6g.2xlarge": {"8", "32Gi", "110"},
		"m6i.large":   {"2", "8Gi", "110"},
		"m6i.xlarge":  {"4", "16Gi", "110"},
		"m6i.2xlarge": {"8", "32Gi", "110"},
		"c5.large":    {"2", "4Gi", "110"},
		"c5.xlarge":   {"4", "8Gi", "110"},
		"r5.large":    {"2", "16Gi", "110"},
		"r5.xlarge":   {"4", "32Gi", "110"},
		"t3.medium":   {"2", "4Gi", "110"},
		"t3.large":    {"2", "8Gi", "110"},
	}
	defaultCapacity = capacity{"4", "16Gi", "110"}
)

// templateOf returns what nodes of the pool are made from. Equal specs give
// equal templates, and with them the same generation.
func templateOf(spec fairway.PoolSpec) template {
	t := template{
		Image:    spec.Image,
		UserData: spec.UserData,
		Labels:   map[string]string{fairway.LabelLifecycleStatus: fairway.LifecycleReady},
		Taints:   []taint{},
		Capacity: defaultCapacity,
		Spot:     spec.Pool.IsSpot(),
	}
	if len(spec.Pool.InstanceTypes) > 0 {
		// The first is the one that is wanted; the others stand in for it
		// where a cloud has none left, which a simulated one always has.
		t.InstanceType = spec.Pool.InstanceTypes[0]
	}
	if known, ok := capacities[t.InstanceType]; ok {
		t.Capacity = known
	}
	maps.Copy(t.Labels, spec.Labels)
	t.Labels[labelNodePool] = spec.Pool.Name
	if spec.Pool.IsMaster() {
		t.Labels[labelControlPlane] = ""
	}
	for _, s := range spec.Taints {
		t.Taints = append(t.Taints, taint(s))
	}
	return t
}
