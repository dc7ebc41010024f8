package fairway

import "time"

// Update brings one cluster to one version.
type Update struct {
	ID        string `json:"id"`
	ClusterID string `json:"cluster_id"`
	RolloutID string `json:"rollout_id,omitempty"` // "" for a change of the registry entry
	Channel   string `json:"channel"`
	Revision  string `json:"revision"`
	// Version is what the cluster runs when the update is done.
	Version string `json:"version"`
	// Reason says what the update was started for when nothing else is to
	// change ("rotation: ..."); "" for a new revision or registry entry.
	Reason string      `json:"reason,omitempty"`
	State  UpdateState `json:"state"`
	// Doing and Waiting say in a sentence what happens now and what it waits
	// for; Since is when Waiting (or else Doing) began, Actor who can act.
	Doing   string    `json:"doing,omitempty"`
	Waiting string    `json:"waiting,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Actor   string    `json:"actor,omitempty"`
	// NodesDone of NodesTotal outdated nodes are replaced.
	NodesDone  int `json:"nodes_done"`
	NodesTotal int `json:"nodes_total"`
	// Evictions were accepted, EvictionsRefused answered 429.
	Evictions        int `json:"evictions"`
	EvictionsRefused int `json:"evictions_refused"`
	// EvictionsForced pods were deleted although a budget held them.
	EvictionsForced int `json:"evictions_forced,omitempty"`
	// Paused says who paused the update and why; "" while it goes on. Paused,
	// Aborting and IgnoreBrakes are written by SteerUpdate alone.
	Paused string `json:"paused,omitempty"`
	// Aborting says that a person asked for the end of the update: marks and
	// surge are taken away, then it is canceled.
	Aborting string `json:"aborting,omitempty"`
	// IgnoreBrakes is a person's word that nodes are replaced although the
	// cluster is not well.
	IgnoreBrakes bool `json:"ignore_brakes,omitempty"`
	// Attempts counts starts after an error; Error is the last one, "" after success.
	Attempts int    `json:"attempts"`
	Error    string `json:"error,omitempty"`
	Hint     string `json:"hint,omitempty"`
	// Blocked names what could not be rolled (state partial).
	Blocked    []BlockedNode `json:"blocked,omitempty"`
	CreatedAt  time.Time     `json:"created_at"`
	StartedAt  time.Time     `json:"started_at,omitzero"`
	FinishedAt time.Time     `json:"finished_at,omitzero"`
}

// UpdateState is where an update stands.
type UpdateState string

// The states of an update.
const (
	UpdatePending  UpdateState = "pending"
	UpdateRunning  UpdateState = "running"
	UpdateDone     UpdateState = "done"
	UpdatePartial  UpdateState = "partial" // done but for nodes that cannot be rolled
	UpdateFailed   UpdateState = "failed"
	UpdateCanceled UpdateState = "canceled" // superseded, or blocked by a person
)

// IsOver reports whether the state is final.
func (s UpdateState) IsOver() bool { return s != UpdatePending && s != UpdateRunning }

// BlockedNode names a node that could not be rolled, and why.
type BlockedNode struct {
	Node   string `json:"node"`
	Pod    string `json:"pod,omitempty"`    // namespace/name
	Budget string `json:"budget,omitempty"` // namespace/name
	Reason string `json:"reason"`
}

// StepName is one step of an update, in the order of interfaces.md.
type StepName string

// The steps of an update, in order.
const (
	StepRender       StepName = "render"
	StepPlan         StepName = "plan"  // what will be done; nothing is written yet
	StepPools        StepName = "pools" // groups and launch templates; nothing replaced yet
	StepControlPlane StepName = "control-plane"
	StepPreApply     StepName = "deletions-before"
	StepManifests    StepName = "manifests"
	StepWorkers      StepName = "workers"
	StepPostApply    StepName = "deletions-after"
	StepOrphans      StepName = "orphaned-pools" // node pools that left the registry
	StepVerify       StepName = "verify"
)

// StepNames is the order of the steps.
var StepNames = []StepName{StepRender, StepPlan, StepPools, StepControlPlane, StepPreApply, StepManifests, StepWorkers, StepPostApply, StepOrphans, StepVerify}

// Step is the journal entry of one step.
type Step struct {
	UpdateID   string    `json:"update_id"`
	Name       StepName  `json:"name"`
	State      StepState `json:"state"`
	Detail     string    `json:"detail,omitempty"`
	StartedAt  time.Time `json:"started_at,omitzero"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
}

// StepState is where a step stands.
type StepState string

// The states of a step.
const (
	StepRunning StepState = "running"
	StepDone    StepState = "done"
	StepSkipped StepState = "skipped"
	StepFailed  StepState = "failed"
)

// Event is something that happened, for people to read.
type Event struct {
	Seq       int64     `json:"seq"`
	At        time.Time `json:"at"`
	ClusterID string    `json:"cluster_id,omitempty"`
	RolloutID string    `json:"rollout_id,omitempty"`
	UpdateID  string    `json:"update_id,omitempty"`
	Kind      string    `json:"kind"` // lower case, dotted: "node.terminated", "rollout.halted"
	Message   string    `json:"message"`
}
