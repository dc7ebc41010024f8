package sim

import (
	"time"

	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// Scenario is everything that a world is made from: two runs of one scenario
// are the same. It reads and writes as JSON (durations in nanoseconds), which is
// how failing worlds are kept.
type Scenario struct {
	Seed      uint64
	Zones     int
	Pools     []PoolSpec
	Workloads []Workload
	// Slots is how many pods a node has room for.
	Slots int

	Boot, BootSpread, InServiceDelay, Shutdown time.Duration
	PodStart, PodStop, Attach, Detach          time.Duration
	// BudgetDelay is how late a budget's status may be.
	BudgetDelay time.Duration
	// Look is the pause between two decisions.
	Look time.Duration
	// Cap is how long the roll may take.
	Cap time.Duration

	Faults
}

// Faults are what goes wrong in a world, or comes from elsewhere; the zero value
// is a calm one.
type Faults struct {
	// CloudDelay is how old the manager's lists of groups and of instances may be,
	// each for itself; Stale the same of the lists of the cluster.
	CloudDelay, Stale time.Duration `json:",omitzero"`
	// Errors is the share of calls that fail; of those some have worked.
	Errors float64 `json:",omitzero"`
	// PartitionEvery is the mean time between times in which all calls of the
	// manager fail; 0 is never.
	PartitionEvery time.Duration `json:",omitzero"`
	// KillEvery is the mean time between kills of the manager; 0 is never.
	KillEvery time.Duration `json:",omitzero"`
	// DoubleEvery is the mean time between moments at which a second manager
	// takes over while actions of the first are still on their way; 0 is never.
	DoubleEvery time.Duration `json:",omitzero"`
	// ClockJumps lets the manager's clock jump by up to an hour.
	ClockJumps bool `json:",omitzero"`

	// BadEvery n-th launch makes a node that never works; 0 is none.
	BadEvery int `json:",omitzero"`
	// FailedLaunches is the share of launches that end before they come up.
	FailedLaunches float64 `json:",omitzero"`
	// SlowDaemons is how much later than a node its agents and drivers may be there.
	SlowDaemons time.Duration `json:",omitzero"`
	// Quota is how many instances the cloud has for all pools; 0 is no limit.
	Quota int `json:",omitzero"`
	// ZoneOut is a zone that has no capacity between the two times; "" is none.
	ZoneOut                  string        `json:",omitzero"`
	ZoneOutFrom, ZoneOutTill time.Duration `json:",omitzero"`

	// FlapEvery is the mean time between nodes that are not ready for a while.
	FlapEvery time.Duration `json:",omitzero"`
	// FailEvery is the mean time between nodes that fail for good.
	FailEvery time.Duration `json:",omitzero"`
	// MassUnready makes half of the nodes not ready for a minute, at that time.
	MassUnready time.Duration `json:",omitzero"`
	// ForeignCordon is a node that a person cordoned before the roll.
	ForeignCordon bool `json:",omitzero"`
	// AutoscaleEvery is the mean time between moves of an autoscaler.
	AutoscaleEvery time.Duration `json:",omitzero"`
	// SpotEvery is the mean time between instances that the cloud takes back from
	// spot pools.
	SpotEvery time.Duration `json:",omitzero"`

	// PauseAt is when a person pauses the roll, for PauseFor; AbortAt when one
	// ends it; 0 is never.
	PauseAt, PauseFor, AbortAt time.Duration `json:",omitzero"`
	// Rotate is a person's wish to replace one node that is up to date.
	Rotate bool `json:",omitzero"`
	// Unleased is a broken manager: one that was replaced goes on deciding.
	Unleased bool `json:",omitzero"`
}

// PoolSpec is a node pool at the start.
type PoolSpec struct {
	Name     string
	Nodes    int
	Max      int
	Current  int `json:",omitzero"` // how many of the nodes are up to date already
	Settings roll.Settings
	// Grown is the size of a new node in percent of an old one; 0 is 100.
	Grown int `json:",omitzero"`
	// Remove says that the pool leaves the configuration: all its nodes go.
	Remove bool `json:",omitzero"`
}

// Workload is a set of equal pods.
type Workload struct {
	Name     string
	Kind     string // ReplicaSet, StatefulSet, DaemonSet, Job, Mirror
	Pool     string `json:",omitzero"` // where its pods run; "" for any node
	Replicas int    `json:",omitzero"`
	Zonal    bool   `json:",omitzero"` // each pod has a volume in the zone where it first ran
	Critical bool   `json:",omitzero"`
	// Leader: one pod is the leader, and an operator moves it from nodes that are
	// marked; RoleGap is how long its role is on no pod then.
	Leader  bool          `json:",omitzero"`
	RoleGap time.Duration `json:",omitzero"`
	// LeaderBudget is a budget that covers the leader alone.
	LeaderBudget bool `json:",omitzero"`
	// MinAvailable of a budget over the pods; -1 for no budget.
	MinAvailable int
	// NeverReady is how many of its pods never become Ready.
	NeverReady int `json:",omitzero"`
	// RunFor is how long a Job's pods run.
	RunFor time.Duration `json:",omitzero"`
	// Served: requests reach its pods through a load balancer.
	Served bool `json:",omitzero"`
	// CPU that each pod asks for, in millicores.
	CPU int64 `json:",omitzero"`
}

// Blocked reports whether the workload's own budget can never be met.
func (w Workload) Blocked() bool {
	return w.MinAvailable >= 0 && w.Replicas-w.NeverReady <= w.MinAvailable
}

func zoneName(i int) string { return "zone-" + string('a'+rune(i)) }
