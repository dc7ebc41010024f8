package fairway

import (
	"context"
	"time"
)

// Steering is what a person says of an update that is under way; nil fields
// are left alone.
type Steering struct {
	// Paused and Aborting are the fields of Update; Paused "" lets it go on.
	// Aborting also ends a pause.
	Paused, Aborting *string
	// IgnoreBrakes is the field of Update.
	IgnoreBrakes *bool
}

// Rotation is the wish for the replacement of one node that is not out of date.
// It stays until the node is gone or the update that rotates is aborted.
type Rotation struct {
	ClusterID string `json:"cluster_id"`
	Node      string `json:"node"`
	// Reason says who asked, and why.
	Reason      string    `json:"reason"`
	RequestedAt time.Time `json:"requested_at"`
}

// RotationRequest asks for the replacement of nodes of a cluster. A node has to
// pass all of Nodes, Pool and OlderThan that are given; none given means every
// node of a node pool.
type RotationRequest struct {
	// Cluster is an id, an alias or a local id.
	Cluster string
	// Nodes are names of nodes; an unknown one is an error.
	Nodes []string
	Pool  string
	// OlderThan is the least age of a node; 0 means any.
	OlderThan time.Duration
	// By and Reason say who asks, and why.
	By, Reason string
	// DryRun finds out what would be rotated, and asks for nothing.
	DryRun bool
}

// RotationAnswer is what became of a RotationRequest.
type RotationAnswer struct {
	// Nodes are those that are rotated, by name.
	Nodes []RotationNode `json:"nodes" nullable:"false"`
	// UpdateID is the update that rotates them; "" for a dry run, and while
	// none can be started (Waiting says why).
	UpdateID string `json:"update_id,omitempty"`
	// Waiting says what keeps the rotation from beginning; "" when nothing does.
	Waiting string `json:"waiting,omitempty"`
}

// RotationNode is a node that can be rotated: one of a node pool.
type RotationNode struct {
	Node string `json:"node"`
	Pool string `json:"pool"`
	// CreatedAt is when its machine was launched, or else when the node joined.
	CreatedAt time.Time `json:"created_at"`
}

// Steerer carries out what people say of updates. An update is named by its id,
// or by a cluster (id, alias or local id) whose newest update it is. Everything
// can be said again: it then changes nothing. CodeNotFound with the nearest name
// when there is none such; CodeConflict when the update is over.
type Steerer interface {
	// Pause stops an update where it is until it is resumed; by says who, and
	// reason why ("" when nobody said).
	Pause(ctx context.Context, update, by, reason string) (*Update, error)
	// Resume lets a paused update go on, also against its brakes with ignoreBrakes.
	Resume(ctx context.Context, update, by string, ignoreBrakes bool) (*Update, error)
	// Abort ends an update: what it began with nodes is taken back.
	Abort(ctx context.Context, update, by, reason string) (*Update, error)
	// Approve is the word of a second person for the plan of an update that waits
	// for one; digest is the ApprovalDigest of the plan that was looked at, "" for
	// the present one. CodeForbidden for an author of the change.
	Approve(ctx context.Context, update string, who Principal, digest, reason string) (*Update, error)
	// Rotate asks for the replacement of nodes that are not out of date.
	Rotate(ctx context.Context, r RotationRequest) (*RotationAnswer, error)
}
