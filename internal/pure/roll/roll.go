package roll

import (
	"time"

	"github.com/fairwayhq/fairway"
)

// Settings say how a pool is rolled. Zero durations mean no waiting, except
// where the field says otherwise.
type Settings struct {
	// Surge is how many instances the pool may have above its size from before
	// the roll; at least 1 is assumed. A few more, one at a time and at most one
	// per zone, are launched only when volumes would otherwise stop the roll.
	Surge int
	// MinReady is how long a new node must be kubelet Ready and in service
	// before it counts as a replacement.
	MinReady time.Duration
	// Deregistration is how long load balancers need to forget a node that is
	// marked; its pods are evicted no earlier.
	Deregistration time.Duration
	// NodeReadyTimeout is how long a new instance may take until its node is
	// Ready; 0 means 15 minutes.
	NodeReadyTimeout time.Duration
	// BlockedAfter is how long a drain may stand still before its node is
	// quarantined; 0 means one hour.
	BlockedAfter time.Duration
	// RetryRefused is how long a budget that refused an eviction is left alone;
	// 0 means 5 seconds.
	RetryRefused time.Duration
	// OneAtATime allows one node in transition in all pools that have it set
	// (control planes).
	OneAtATime bool
	// NoScheduleTaint gives outdated nodes the effect NoSchedule rather than
	// PreferNoSchedule.
	NoScheduleTaint bool
}

// Snapshot is everything a decision is made from, read afresh and of the whole
// cluster.
type Snapshot struct {
	// Pools are the pools to be rolled now.
	Pools   []Pool
	Nodes   []fairway.Node
	Pods    []fairway.Pod
	Budgets []fairway.Budget
	// Instances are those of all pools, but for the terminated ones.
	Instances []fairway.Instance
	// History is Decision.History of the call before; zero at first and after a
	// restart.
	History History
}

// Pool is a cloud group and how it is rolled.
type Pool struct {
	Group    fairway.Group
	Settings Settings
}

// Action is one thing to do. The actions of a decision belong to different
// nodes, or can be done in any order: they may be carried out in parallel, and
// stopping after any part of them is safe.
type Action struct {
	Kind     ActionKind
	Pool     string
	Node     string
	Instance string
	Pod      fairway.Pod
	// Desired and Base are the arguments of SetDesired (ActionSetDesired).
	Desired, Base int
	// Decrement makes the group smaller by the terminated instance.
	Decrement bool
	// Marks are the marks to set; whoever carries it out fills in UpdateID.
	Marks fairway.NodeMarks
	// Why says in a sentence what the action is for.
	Why string
}

// ActionKind is what an action does.
type ActionKind string

// The kinds of actions.
const (
	ActionSetDesired ActionKind = "set-desired"
	ActionProtect    ActionKind = "protect"
	ActionUnprotect  ActionKind = "unprotect"
	ActionMark       ActionKind = "mark"
	ActionEvict      ActionKind = "evict"
	ActionTerminate  ActionKind = "terminate"
)

// Wait is one thing that is not done yet, and why.
type Wait struct {
	Pool, Node string
	Pod        string // namespace/name; "" when it is not about one pod
	Budget     string // namespace/name; "" when it is not about a budget
	Reason     string
	// Actor is who can end the waiting; "" when time does.
	Actor string
	// Since is when the waiting began; zero when that is not known.
	Since time.Time
}

// Decision is what to do now, and for everything else why not.
type Decision struct {
	Actions []Action
	Waits   []Wait
	// Done says that the roll is over once Actions are carried out: they only
	// clean up. With Blocked it is over but for those nodes.
	Done    bool
	Blocked []fairway.BlockedNode
	// Failed says why the roll gave up, "" while it has not. Actions then clean
	// up as well.
	Failed string
	// Old outdated nodes are left of Total; Replaced are done.
	Old, Replaced, Total int
	// Sentence says what the roll does or waits for.
	Sentence string
	// Next is how long to wait before looking again at the latest.
	Next time.Duration
	// History is to be handed in with the next snapshot.
	History History
}

// Defaults of Settings.
const (
	defaultNodeReadyTimeout = 15 * time.Minute
	defaultBlockedAfter     = time.Hour
	defaultRetryRefused     = 5 * time.Second
)

func (s Settings) surge() int { return max(1, s.Surge) }

func (s Settings) nodeReadyTimeout() time.Duration {
	return orDefault(s.NodeReadyTimeout, defaultNodeReadyTimeout)
}

func (s Settings) blockedAfter() time.Duration {
	return orDefault(s.BlockedAfter, defaultBlockedAfter)
}

func (s Settings) retryRefused() time.Duration {
	return orDefault(s.RetryRefused, defaultRetryRefused)
}

func orDefault(d, other time.Duration) time.Duration {
	if d <= 0 {
		return other
	}
	return d
}
