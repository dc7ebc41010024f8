package roll

import (
	"time"

	"github.com/fairwayhq/fairway"
)

// Settings say how a pool is rolled. Zero durations mean no waiting, except
// where the field says otherwise.
type Settings struct {
	// Strategy is how nodes are replaced; "" means rolling.
	Strategy Strategy
	// Surge is how many instances the pool may have above its size from before
	// the roll; at least 1 is assumed. A few more, one at a time and at most one
	// per zone, are launched only when volumes would otherwise stop the roll.
	Surge int
	// SurgePercent is the surge as a share of the pool's size, rounded up; 0
	// means that Surge counts.
	SurgePercent int
	// Short is how many nodes the pool may lack while the cloud has no room for
	// one more; 0 means the surge, but no more than a tenth of the pool (rounded
	// up), and never more than one of a control plane.
	Short int
	// ShortPercent is the same as a share of the pool's size, rounded down but at
	// least one node; 0 means that Short counts.
	ShortPercent int
	// RaiseMax allows the group to grow beyond its maximum for the roll.
	RaiseMax bool
	// Spot says that the pool runs on spare capacity: its size may change by
	// itself, and missing instances are not waited for.
	Spot bool
	// MaxAge makes nodes outdated that are older; 0 means never.
	MaxAge time.Duration
	// Canary lets the first replaced node of the pool stand alone: no second
	// drain begins until it is gone and its replacement has stayed good.
	Canary bool
	// Probe says that a new node counts only once its probe pod is Ready.
	Probe bool
	// JobGrace is how long a drain lets pods of Jobs, and pods that ask for it,
	// finish by themselves before they are evicted.
	JobGrace time.Duration
	// Forcing says when a pod that its budget holds is deleted all the same.
	Forcing Forcing
	// MinReady is how long a new node must be kubelet Ready and in service
	// before it counts as a replacement.
	MinReady time.Duration
	// Deregistration is how long load balancers need to forget a node that is
	// marked; its pods are evicted no earlier.
	Deregistration time.Duration
	// NodeReadyTimeout is how long a new instance may take until its node is
	// Ready; 0 means 15 minutes. Once boot times of the pool are known it is twice
	// the longest, at least 2 minutes and never more than this.
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

// Strategy is how the outdated nodes of a pool are replaced.
type Strategy string

// The strategies.
const (
	// Rolling replaces as many nodes at once as capacity, budgets and zones allow.
	Rolling Strategy = "rolling"
	// ZoneByZone is Rolling with one zone at a time.
	ZoneByZone Strategy = "replace-zone-by-zone"
	// OnDelete only marks outdated nodes; a node is replaced once a person has
	// asked for it (AnnotationRotate) or has ended it.
	OnDelete Strategy = "on-delete"
	// CLC only marks; a controller inside the cluster drains and replaces
	// (contract 5.2).
	CLC Strategy = "clc"
)

// Forcing is the staged forcing of contract 5.6. The zero value never forces.
type Forcing struct {
	Enabled bool
	// GracePeriod is how long a drain lasts before any pod is forced.
	GracePeriod time.Duration
	// MinPodLifetime is how old a pod must be to be forced.
	MinPodLifetime time.Duration
	// MinHealthySiblingLifetime and MinUnhealthySiblingLifetime are how old the
	// other pods under its budgets must be.
	MinHealthySiblingLifetime, MinUnhealthySiblingLifetime time.Duration
	// Interval is the least time between two forced deletions on a node.
	Interval time.Duration
}

// API is how the cluster's API server has answered lately.
type API struct {
	// Latency is how long a look took lately, Usual how long one took before
	// the roll; zero when not known.
	Latency, Usual time.Duration
	// Errors of the newest Requests failed or were told to slow down.
	Errors, Requests int
}

// Snapshot is everything a decision is made from, read afresh and of the whole
// cluster.
type Snapshot struct {
	// Pools are the pools to be rolled now.
	Pools   []Pool
	Nodes   []fairway.Node
	Pods    []fairway.Pod
	Budgets []fairway.Budget
	// DaemonSets are those that a new node must have running.
	DaemonSets []fairway.DaemonSet
	// API is how the API server answers.
	API API
	// Paused says who paused the roll, and why: nothing is drained, evicted or
	// ended until it is "" again.
	Paused string
	// Aborted says that a person wants no more of it: the decision only takes
	// marks and surge away.
	Aborted bool
	// IgnoreBrakes is a person's word that the roll may go on although the
	// cluster is not well.
	IgnoreBrakes bool
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
	// Remove says that the pool is to go: all its nodes are outdated, none is
	// replaced, and the group shrinks with each of them. The roll of the pool is
	// done when no instance is left.
	Remove bool
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
	// Budget, Waited and Rule are what the record of a forced deletion says:
	// the budget that held the pod, for how long, and what allows the deletion.
	Budget string
	Waited time.Duration
	Rule   string
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
	// ActionForce deletes a pod without asking its budget; Rule says by which
	// right. The node's AnnotationLastForced is written before.
	ActionForce ActionKind = "force"
	// ActionProbe starts the probe pod of a node, ActionEndProbe deletes it (Pod).
	ActionProbe    ActionKind = "probe"
	ActionEndProbe ActionKind = "end-probe"
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
