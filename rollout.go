package fairway

import "time"

// Revision is a state of the configuration repository on a channel.
type Revision struct {
	Channel string    `json:"channel"`
	ID      string    `json:"id"` // the commit; "<dir>" for a directory
	SeenAt  time.Time `json:"seen_at"`
}

// Rollout carries a revision over the clusters of a channel in waves.
type Rollout struct {
	ID       string       `json:"id"`
	Channel  string       `json:"channel"`
	Revision string       `json:"revision"`
	State    RolloutState `json:"state"`
	// Reason says in a sentence why the rollout is where it is.
	Reason string `json:"reason,omitempty"`
	Hint   string `json:"hint,omitempty"`
	// Waves are the cluster ids of each wave, fixed when the rollout is made;
	// Wave is the index of the one under way.
	Waves [][]string `json:"waves"`
	Wave  int        `json:"wave"`
	// SoakSince is when the wave had converged and was healthy, without a
	// break since; zero while it is not.
	SoakSince time.Time `json:"soak_since,omitzero"`
	// PromotedAt is when the next channel was given the revision.
	PromotedAt time.Time `json:"promoted_at,omitzero"`
	CreatedAt  time.Time `json:"created_at"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
}

// RolloutState is where a rollout stands.
type RolloutState string

// The states of a rollout.
const (
	RolloutRunning    RolloutState = "running"
	RolloutSoaking    RolloutState = "soaking"
	RolloutHalted     RolloutState = "halted"
	RolloutDone       RolloutState = "done"
	RolloutSuperseded RolloutState = "superseded" // a newer revision took its place
)

// IsOver reports whether the state is final; a halted rollout is not over.
func (s RolloutState) IsOver() bool { return s == RolloutDone || s == RolloutSuperseded }
