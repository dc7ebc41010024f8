package wave

import (
	"time"

	"github.com/fairwayhq/fairway"
)

// Settings are the limits of a rollout. The zero value is safe: one cluster
// first, then 10 %, 25 % and all, no soak beyond fresh evidence of health, no
// failure in the first wave.
type Settings struct {
	// Shares are the cumulative parts of the clusters that have started with
	// each wave, rounded up; 0 means one cluster. The last wave always takes
	// the rest. Empty: 0, 0.10, 0.25, 1.
	Shares []float64
	// Soak is how long a wave must stay converged and healthy before the next
	// one starts, and the last one before the rollout is done.
	Soak time.Duration
	// CanaryBudget is how many clusters of the first wave may fail.
	CanaryBudget int
	// FailureBudget is how many clusters of each later wave may fail; 0 means
	// max(1, 2 % of the wave), negative means none.
	FailureBudget int
	// MaxParallel is how many clusters may be updating at once; 0 means all of
	// the wave that stand in one region.
	MaxParallel int
}

// State is where a cluster stands with the revision of the rollout.
type State string

// The states of a cluster. An update to another revision leaves it waiting.
const (
	Waiting   State = "waiting"   // has not started
	Updating  State = "updating"  // the update to the revision is pending or running
	Converged State = "converged" // runs the revision
	Partial   State = "partial"   // runs it but for nodes that cannot be rolled
	Failed    State = "failed"    // the update to the revision failed
	Aborted   State = "aborted"   // a person ended the update to the revision
	Blocked   State = "blocked"   // a person blocked updates of the cluster
	Unhealthy State = "unhealthy" // runs the revision, and its health dropped
)

// Cluster is one cluster of the channel.
type Cluster struct {
	ID, Region, Account string
	State               State
	// ConvergedAt is when the update to the revision ended; zero when the
	// cluster ran it before.
	ConvergedAt time.Time
	// Healthy is the newest evidence of the cluster's health and HealthAt when
	// it was taken. It must be renewed: a soak ends only with evidence that is
	// younger than its end.
	Healthy  bool
	HealthAt time.Time
	// Message says what is wrong, in the cluster's own words.
	Message string
}

// Snapshot is everything a decision is made from.
type Snapshot struct {
	Rollout fairway.Rollout
	// Clusters are the clusters that the registry has in the channel now.
	Clusters []Cluster
	Settings Settings
}

// Decision is what to do now and what the rollout becomes.
type Decision struct {
	// Start are the clusters to start, in order.
	Start []string
	// State, Wave and SoakSince replace those of the rollout.
	State     fairway.RolloutState
	Wave      int
	SoakSince time.Time
	// Reason says in a sentence why the rollout is where it is, Hint what a
	// person can do; Hint is "" when nobody has to.
	Reason, Hint string
	// Next is how long to wait before looking again at the latest.
	Next time.Duration
}
