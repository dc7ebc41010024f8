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
	// Policies say what is done with objects of a component that changed or left
	// without a change of the configuration, by component; "*" stands for all
	// that are not named.
	Policies map[string]ComponentPolicy
}

// Policy returns the policy of a component, also of one that left.
func (b *Bundle) Policy(component string) ComponentPolicy {
	if p, named := b.Policies[component]; named {
		return p
	}
	return b.Policies["*"]
}

// ComponentPolicy is what fairway.yaml says of a component; the zero value is
// that of a component that it does not name.
type ComponentPolicy struct {
	// Drift says what becomes of changes that somebody else made.
	Drift DriftPolicy
	// Prune says that objects are deleted when they leave the configuration.
	Prune bool
}

// DriftPolicy says what becomes of a change that somebody else made to an object
// that was applied. Whatever it says, an object is applied as a whole when its own
// configuration changes, and one that was deleted is made again by the next update.
type DriftPolicy string

// The policies. The zero value is in between: sweeps report, and the next update
// sets back.
const (
	// DriftReport: sweeps and updates name it and leave it alone.
	DriftReport DriftPolicy = "report"
	// DriftRepair: sweeps and updates set it back.
	DriftRepair DriftPolicy = "repair"
)

// Component is one folder of manifests, rendered and normalised. Its objects may
// be those of other bundles too: nobody changes them.
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
