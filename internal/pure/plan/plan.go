package plan

import (
	"time"

	"github.com/fairwayhq/fairway"
)

// Schema names the form of a Plan as JSON. Fields are added under the same name;
// one that changes its meaning or goes gets another.
const Schema = "fairway.dev/plan/v1"

// Basis is what a bundle was compared with.
type Basis string

// The bases of a plan.
const (
	// BasisLive: the objects that the cluster's API server has.
	BasisLive Basis = "live"
	// BasisRecorded: the cluster as somebody recorded it.
	BasisRecorded Basis = "recorded"
	// BasisApplied: the objects of the last applied revision, rendered again.
	BasisApplied Basis = "last-applied"
	// BasisNothing: an empty cluster.
	BasisNothing Basis = "nothing"
)

// Method is how live objects are compared.
type Method string

// The methods.
const (
	// ByFields: by managed fields, with get and list alone.
	ByFields Method = "managed-fields"
	// ByDryRun: those that differ by what a dry run makes of them.
	ByDryRun Method = "dry-run"
)

// Plan is what an update would do to one cluster. It holds no secrets.
type Plan struct {
	Schema   string `json:"schema"`
	Cluster  string `json:"cluster"`
	Alias    string `json:"alias"`
	Channel  string `json:"channel"`
	Revision string `json:"revision"`
	Basis    Basis  `json:"basis"`
	// By is how live objects were compared; "" offline.
	By Method `json:"compared_by,omitempty"`
	// RecordedAt is when the cluster was recorded that the plan is of; nil for
	// any other basis.
	RecordedAt *time.Time `json:"recorded_at,omitempty"`
	At         time.Time  `json:"at"`
	// Verdict is the plan in one line.
	Verdict string `json:"verdict"`
	// Changes says that carrying it out changes anything: an object or a node.
	Changes bool `json:"changes"`
	// Blocked says that a finding forbids to carry it out.
	Blocked bool    `json:"blocked"`
	Summary Summary `json:"summary"`
	// Objects are those that are created or changed, in the order of an apply.
	Objects []Object `json:"objects"`
	// Drift are managed fields that somebody else changed; an update sets them back.
	Drift []Object `json:"drift"`
	// LeftAlone is what somebody else changed of components with `drift: report`.
	LeftAlone []Object `json:"left_alone"`
	// Deletions are what deletions.yaml selects of the observed objects.
	Deletions []Deletion `json:"deletions"`
	// Departed objects left the configuration; they are reported and stay.
	Departed []fairway.ObjectRef `json:"departed"`
	Pools    []PoolImpact        `json:"pools"`
	// Stacks are those of the cloud that change.
	Stacks   []StackImpact `json:"stacks"`
	Findings []Finding     `json:"findings"`
	// Unused are the acceptances that concern the cluster and match no finding;
	// only a plan against the live cluster tells them.
	Unused []string `json:"unused_acceptances"`
}

// Summary counts what a plan holds.
type Summary struct {
	Create    int `json:"create"`
	Change    int `json:"change"`
	Unchanged int `json:"unchanged"`
	Drift     int `json:"drift"`
	LeftAlone int `json:"left_alone"`
	Delete    int `json:"delete"`
	Departed  int `json:"departed"`
	// Stacks are those that are made, changed or deleted, Replaced the resources
	// of them that surely become others.
	Stacks   int `json:"stacks"`
	Replaced int `json:"replaced"`
	// Pools are those that lose nodes, Nodes the nodes that are replaced or removed.
	Pools int `json:"pools"`
	Nodes int `json:"nodes"`
	// Seconds is how long the roll of the nodes takes, NodeHours what it costs
	// beyond the nodes that are there anyway. Both are estimates.
	Seconds   int     `json:"seconds"`
	NodeHours float64 `json:"node_hours"`
}

// Action is what an update does with one object.
type Action string

// The actions on an object.
const (
	Create Action = "create"
	Change Action = "change"
)

// Object is one object that an update creates or changes.
type Object struct {
	Component string            `json:"component"`
	Ref       fairway.ObjectRef `json:"ref"`
	Action    Action            `json:"action"`
	// Adopts says that the object exists and Fairway has not applied it before.
	Adopts bool `json:"adopts,omitempty"`
	// Fields are what changes; a created object has none, it is new as a whole.
	Fields []Field `json:"fields,omitempty"`
}

// FieldOp is what happens to a field.
type FieldOp string

// What happens to a field.
const (
	FieldAdd    FieldOp = "add"
	FieldSet    FieldOp = "set"
	FieldRemove FieldOp = "remove"
	// FieldOwn: the value stays, and becomes Fairway's.
	FieldOwn FieldOp = "own"
	// FieldRelease: the value stays, and is no longer Fairway's but another's.
	FieldRelease FieldOp = "release"
)

// Field is one changed field of an object.
type Field struct {
	// Path names the field, with items of lists by their key:
	// "spec.template.spec.containers[name=main].image".
	Path string  `json:"path"`
	Op   FieldOp `json:"op"`
	// From and To are the values, masked where they are secrets; nil for none.
	From any `json:"from,omitempty"`
	To   any `json:"to,omitempty"`
	// By and Since say who changed a drifted field, and when that manager last wrote.
	By    string `json:"by,omitempty"`
	Since string `json:"since,omitempty"`
}

// Deletion is one object that deletions.yaml deletes.
type Deletion struct {
	Ref fairway.ObjectRef `json:"ref"`
	// Phase is "before" or "after" the manifests.
	Phase string `json:"phase"`
	// Entry is the entry of deletions.yaml.
	Entry string `json:"entry"`
	// Contents says what goes with the object: "12 objects" of a Namespace, "3
	// objects of the kind", "bound to shop/data"; "" for nothing.
	Contents string `json:"contents,omitempty"`
}

// Input is everything that a plan depends on.
type Input struct {
	Cluster *fairway.Cluster
	Bundle  *fairway.Bundle
	// Observed is the cluster as it is; the zero value is an empty cluster.
	Observed Observed
	// Pools say what becomes of the nodes; nil where that is not known.
	Pools []Pool
	// Stacks are those of the cloud before and after; nil where there are none,
	// or nobody knows.
	Stacks []Stack
	// Limits are what the cloud has only so much of; empty where it does not tell.
	Limits []fairway.Limit
	// Target is the Kubernetes version that the cluster is to run, such as
	// "1.33"; "" means the observed one.
	Target string
	// NoOp says that the author of the change meant it to change nothing.
	NoOp bool
	Now  time.Time
}

// Observed is a cluster as it is.
type Observed struct {
	Basis Basis
	// RecordedAt and Salt are those of a recorded cluster: in the place of its
	// secrets stand digests.
	RecordedAt time.Time
	Salt       string
	// Version is the API server's version, "v1.36.3"; "" when it is not known.
	Version string
	// Manager is Fairway's field manager; "" means "fairway".
	Manager string
	// Live are the live objects by the Key of the object of the bundle; those
	// that do not exist are missing.
	Live map[Key]fairway.Object
	// By is how they were compared; Dry are the objects as a dry run of their
	// apply returned them, Refused why the API server refuses an apply.
	By      Method
	Dry     map[Key]fairway.Object
	Refused map[Key]string
	// Unserved are the "apiVersion/Kind" of the bundle that the API server does
	// not know.
	Unserved map[string]bool
	// Deleted are the objects that the deletions select, with their contents.
	Deleted []Deletion
	// Left are the objects of the inventory that still exist although the bundle
	// does not have them.
	Left []fairway.ObjectRef
	// Applied are the digests of the objects as last applied; nil when nobody
	// remembers them.
	Applied map[Key]string
	// Others are further live objects that preflight looks at: workloads, custom
	// objects, webhooks, quotas.
	Others []fairway.Object
	// Endpoints says of the services that webhooks call ("namespace/name")
	// whether any ready endpoint stands behind them.
	Endpoints map[string]bool
	// Unread says in words what could not be read for Others.
	Unread    []string
	Workloads *fairway.Workloads
	// PodNetwork are the ranges that nodes get those of their pods from, as the
	// cluster says; empty when it does not.
	PodNetwork []string
	// Peaks are how much memory containers were seen to use.
	Peaks []Peak
	// Backup is the newest backup; nil when nobody looked for one.
	Backup *Backup
}

// Key identifies an object in a plan: the version of its API does not count, and
// the namespace "default" is the same as none.
type Key struct{ Group, Kind, Namespace, Name string }

// KeyOf returns the key of a reference.
func KeyOf(ref fairway.ObjectRef) Key {
	k := Key{ref.Group(), ref.Kind, ref.Namespace, ref.Name}
	if k.Namespace == "default" {
		k.Namespace = ""
	}
	return k
}
