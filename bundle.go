package fairway

// Bundle is a revision rendered for one cluster: everything that an update of
// the cluster needs to know of the configuration.
type Bundle struct {
	ClusterID  string
	Revision   string
	Components []Component
	// PreApply and PostApply are the deletions before and after the manifests.
	PreApply, PostApply []Deletion
	Pools               []PoolSpec
	// Settings are the cluster's config items after defaults; the update reads
	// its own settings from them.
	Settings map[string]string
	// Acceptances are the preflight findings that the configuration accepts,
	// malformed entries among them.
	Acceptances []Acceptance
}

// Component is one folder of manifests, rendered and normalised.
type Component struct {
	Name    string
	Objects []Object
}

// PoolSpec is what a node pool should be: its registry entry and what its nodes
// are made from. Any change of UserData, InstanceType, Labels, Taints or Image
// is a new generation of nodes.
type PoolSpec struct {
	Pool NodePool
	// UserData is the rendered text that a node boots with.
	UserData string
	// Image is the config item node_image of the pool, "" when unset.
	Image string
	// Labels and Taints are from the config items labels and taints of the pool.
	Labels map[string]string
	Taints []Taint
}

// Taint is a mark on a node that keeps pods away.
type Taint struct {
	Key    string `json:"key"`
	Value  string `json:"value,omitempty"`
	Effect string `json:"effect"`
}
