package fairway

import (
	"context"
	"io/fs"
	"time"
)

// Configuration is what clusters are made of: the config sources of a fleet,
// in the order of their precedence, as one. Its revisions are those of its only
// source, or name=revision of each with semicolons (contract 2.3).
// Implementations are safe for concurrent use.
type Configuration interface {
	// Sources are the names of the config sources in order.
	Sources() []string
	// Refresh brings the local copies up to date, each as far as its remote
	// lets it.
	Refresh(ctx context.Context) error
	// Resolve returns the revision that a channel stands at. The channel may
	// hold overrides for single sources, see ChannelOf.
	Resolve(ctx context.Context, channel string) (string, error)
	// Open returns the files of a revision, of each source that it names.
	// CodeNotFound when a source does not have it, or is not there any more.
	Open(ctx context.Context, revision string) ([]SourceFiles, error)
	// Promote moves a channel of one source forward to a revision of that
	// source. CodeConflict when the channel is not an ancestor of it.
	Promote(ctx context.Context, source, channel, revision string) error
}

// SourceFiles are the files of a config source at one of its revisions, from
// the root of the repository on.
type SourceFiles struct {
	Name, Revision string
	FS             fs.FS
}

// ConfigSource is one place that configuration comes from.
// Implementations are safe for concurrent use.
type ConfigSource interface {
	// Name is the name that the source was configured with.
	Name() string
	// Refresh brings the local copy up to date.
	Refresh(ctx context.Context) error
	// Resolve returns the revision that a channel stands at. CodeNotFound with
	// a hint that names the nearest channel when there is none.
	Resolve(ctx context.Context, channel string) (string, error)
	// Open returns the files of a revision. The file system reads from the
	// local copy and stays valid after later refreshes.
	Open(ctx context.Context, revision string) (fs.FS, error)
	// Promote moves a channel forward to a revision. CodeConflict when the
	// channel is not an ancestor of the revision.
	Promote(ctx context.Context, channel, revision string) error
}

// LiveObject is an object of a cluster as it is.
type LiveObject struct {
	// Object is nil when it does not exist, or the API server has no such kind.
	Object Object
	// Owned is a digest of the fields that Fairway owns by apply and of their
	// values: it stays the same until somebody changes one of them. "" when
	// Fairway owns none.
	Owned  string
	Health ObjectHealth
}

// ApplyResult is what applying one object did.
type ApplyResult struct {
	Ref    ObjectRef
	Action Action
	// Live is the object as the API server answered.
	Live LiveObject
}

// EvictResult is the API server's answer to an eviction.
type EvictResult string

// The answers to an eviction.
const (
	// Evicted: the pod is going away.
	Evicted EvictResult = "evicted"
	// EvictGone: the pod was gone already, or another of the same name is there (404, 409).
	EvictGone EvictResult = "gone"
	// EvictRefused: a budget does not allow it now (429, or two budgets on one pod).
	EvictRefused EvictResult = "refused"
)

// Workloads is what runs in a cluster as far as rolling nodes is concerned. It
// shows every write to nodes and pods that the same Kubernetes made before. The
// maps and slices inside its elements may be shared: do not change them.
type Workloads struct {
	Nodes   []Node
	Pods    []Pod
	Budgets []Budget
	// DaemonSets are the critical ones: of a priority class system-*-critical.
	DaemonSets []DaemonSet
	// Changed is closed as soon as the next look would differ; nil when that is
	// not known beforehand.
	Changed <-chan struct{}
}

// Probe is a pod that shows that a new node works: it is Ready once its
// command succeeds.
type Probe struct {
	Namespace string // "" means kube-system
	Image     string
	// Command is run inside the pod again and again until it succeeds; empty
	// means that the pod only has to become Ready.
	Command []string
}

// Kubernetes is the API of one cluster. Errors carry CodeUnavailable when the
// API server cannot be reached or asks to slow down, CodeInvalid when it
// rejects an object, CodeForbidden, CodeConflict and CodeNotFound as it says.
// Implementations are safe for concurrent use.
type Kubernetes interface {
	// Healthy returns nil when the API server says that it is ready.
	Healthy(ctx context.Context) error
	// ServerVersion returns the API server's git version, "v1.36.3".
	ServerVersion(ctx context.Context) (string, error)
	// Read returns objects as they are, each judged for its newest generation, in
	// the order of the references; several of one kind are read together.
	Read(ctx context.Context, refs []ObjectRef) ([]LiveObject, error)
	// Apply makes an object so by server-side apply. before is the object as it was
	// read a moment ago, nil for one that was not there; it only serves to say
	// what the apply did.
	Apply(ctx context.Context, o, before Object) (ApplyResult, error)
	// Delete carries out one deletion and returns what was deleted; not found is success.
	Delete(ctx context.Context, d Deletion) ([]ObjectRef, error)
	// Workloads reads nodes, pods and budgets.
	Workloads(ctx context.Context) (*Workloads, error)
	// Mark changes the marks on a node and writes only when something differs.
	// CodeNotFound when the node is gone.
	Mark(ctx context.Context, node string, m NodeMarks) error
	// Evict asks for the eviction of the pod with exactly that UID. The text
	// is the API server's reason when it refuses.
	Evict(ctx context.Context, p Pod) (EvictResult, string, error)
	// DeletePod deletes the pod with exactly that UID without asking its
	// budgets, with its own grace period. Not found is success.
	DeletePod(ctx context.Context, p Pod) error
	// StartProbe makes the probe pod of a node (LabelProbe), unless it is there.
	StartProbe(ctx context.Context, node string, probe Probe) error
	// Record writes an event about an object into the cluster, for its owners
	// to read. Warning events are of type Warning.
	Record(ctx context.Context, about ObjectRef, reason, message string, warning bool) error
	// HoldLease takes or renews the lease that makes holder the only manager
	// of the cluster for ttl. CodePrecondition when another holds it.
	HoldLease(ctx context.Context, holder string, ttl time.Duration) error
	// ReleaseLease gives the lease back when holder has it.
	ReleaseLease(ctx context.Context, holder string) error
}

// Cloud makes and ends the machines of one cluster. Errors carry
// CodeUnavailable when throttled or out of reach. Implementations are safe for
// concurrent use; all calls can be repeated.
type Cloud interface {
	// EnsurePool makes group and launch template of a pool so and replaces
	// nothing. The desired size of a group that exists is only moved into
	// min..max.
	EnsurePool(ctx context.Context, spec PoolSpec) (*Group, error)
	Groups(ctx context.Context) ([]Group, error)
	// Instances returns all but the terminated ones.
	Instances(ctx context.Context) ([]Instance, error)
	// SetDesired sets the desired size and, when base > 0, the tags TagRollBase
	// (base) and TagRollSize (desired) with it in the same call; base 0 removes
	// the tags. A size outside the group's limits widens them for as long as it
	// lasts; the next size inside brings them back.
	SetDesired(ctx context.Context, pool string, desired, base int) error
	// Terminate ends an instance; with decrement the group shrinks by one,
	// otherwise the cloud launches another.
	Terminate(ctx context.Context, instanceID string, decrement bool) error
	Protect(ctx context.Context, instanceID string, protected bool) error
	// RetirePool prepares the group of a pool that left the registry for its
	// end: its minimum becomes zero, and no autoscaler looks after it any more.
	// Nothing is ended.
	RetirePool(ctx context.Context, pool string) error
	// DeletePool deletes an empty group. Not found is success, CodeConflict
	// while an instance of it is not terminated.
	DeletePool(ctx context.Context, pool string) error
}

// Forecaster is what a Cloud may be beside: it tells what EnsurePool would do,
// without a write.
type Forecaster interface {
	// Forecast returns the generation that a pool's new instances would be made
	// from, "" when it does not exist yet, and says in words what is new in it.
	// No group yet is no error.
	Forecast(ctx context.Context, spec PoolSpec) (generation string, differs []string, err error)
}

// Limit is something that the cloud has only so much of.
type Limit struct {
	// Name says what it is: "vCPUs of Standard instances", "addresses of subnet-1".
	Name string
	// Zone is where it holds; "" means everywhere.
	Zone string
	// Left is how much there is left, Each how much of it one more node of a
	// pool takes, by the pool's name; others take nothing. Each nil: one, by
	// nodes of all pools.
	Left int
	Each map[string]int
}

// Surveyor is what a Cloud may be beside: it tells how many more instances fit.
type Surveyor interface {
	// Room returns what limits further instances, as far as the cloud tells.
	Room(ctx context.Context) ([]Limit, error)
}

// Provider gives access to clusters of one kind.
type Provider interface {
	// Connect returns the APIs of a cluster. CodeUnavailable while the
	// cluster cannot be reached yet.
	Connect(ctx context.Context, c *Cluster) (Kubernetes, Cloud, error)
}
