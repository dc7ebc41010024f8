package fairway

import "time"

// Node is a Kubernetes node as the API server shows it.
type Node struct {
	Name       string
	UID        string
	ProviderID string
	Zone       string
	Labels     map[string]string
	// Annotations holds only those that Fairway or the node protocol of
	// contract 5.1 writes.
	Annotations   map[string]string
	Taints        []Taint
	Unschedulable bool
	// Ready is the kubelet's Ready condition; ReadySince is when it last changed.
	Ready      bool
	ReadySince time.Time
	CreatedAt  time.Time
	// Allocatable resources: millicores, bytes, number of pods.
	CPU, Memory, Pods int64
	// VolumesAttached is the number of volumes that are attached or still
	// being detached.
	VolumesAttached int
	KubeletVersion  string
	// PodCIDRs are the ranges of addresses that the node gives to its pods;
	// empty where the network has none by node.
	PodCIDRs []string
	// CSIDrivers are the storage drivers that have registered on the node, in order.
	CSIDrivers []string
}

// DaemonSet is a DaemonSet that nodes cannot do without.
type DaemonSet struct {
	Namespace, Name string
	// Nodes are the names of the nodes that it wants a pod on, by its node
	// selector, affinity and tolerations.
	Nodes []string
}

// Pod is a pod as far as rolling nodes is concerned.
type Pod struct {
	Namespace, Name, UID string
	Node                 string // "" while it is not scheduled
	Labels               map[string]string
	OwnerKind            string // of the controlling owner; "" for none
	OwnerName            string
	Ready                bool
	ReadySince           time.Time // when Ready last changed; zero when not known
	Deleting             bool      // has a deletion timestamp
	Finished             bool      // phase Succeeded or Failed
	Mirror               bool      // a static pod's mirror
	Critical             bool      // priority class system-*-critical
	CreatedAt            time.Time
	// CPU and Memory are the sums of the containers' requests (millicores, bytes).
	CPU, Memory int64
	// VolumeZone is the zone that a bound volume ties the pod to; "" for none.
	VolumeZone string
	// Annotations holds only those that rolling nodes reads (the constants
	// PodAnnotation...).
	Annotations map[string]string
	// GracePeriod is how long the pod may take to shut down; zero is at once.
	GracePeriod time.Duration
	// DeletedAt is when its grace period ends, once it is being deleted.
	DeletedAt time.Time
	// Service names the data service that the pod is a member of
	// ("namespace/name": a StatefulSet, or the cluster of a database operator);
	// "" for none.
	Service string
	// Role is "leader" or "replica" where the service's operator labels its
	// pods so, "" elsewhere.
	Role string
	// Probe says that the pod is a probe of its node (LabelProbe).
	Probe bool
}

// The annotations of pods that rolling nodes reads.
const (
	// PodAnnotationForce is "never" for a pod that is never deleted by force,
	// or the drain's grace period for it as a duration such as "2h".
	PodAnnotationForce = "fairway.dev/force-after"
	// PodAnnotationWait is how long a drain lets a pod finish by itself before
	// it is evicted, as a duration such as "90m".
	PodAnnotationWait = "fairway.dev/wait-for-completion"
	// PodAnnotationSafeToEvict ("false") and PodAnnotationDoNotDisrupt ("true")
	// are how workloads ask cluster-autoscaler and Karpenter to let them finish.
	PodAnnotationSafeToEvict  = "cluster-autoscaler.kubernetes.io/safe-to-evict"
	PodAnnotationDoNotDisrupt = "karpenter.sh/do-not-disrupt"
)

// LabelProbe is the label of the pods that show that a new node works; its
// value is the name of the node.
const LabelProbe = "fairway.dev/probe"

// Budget is a PodDisruptionBudget as its controller last computed it.
type Budget struct {
	Namespace, Name    string
	DisruptionsAllowed int
	CurrentHealthy     int
	DesiredHealthy     int
	ExpectedPods       int
	// PodUIDs are the pods that the selector covers.
	PodUIDs []string
	// Generation and ObservedGeneration are equal when the numbers are fresh.
	Generation, ObservedGeneration int64
}

// InstanceState is where an instance of a cloud group stands.
type InstanceState string

// The states of an instance.
const (
	InstancePending     InstanceState = "Pending"
	InstanceInService   InstanceState = "InService"
	InstanceTerminating InstanceState = "Terminating"
	InstanceTerminated  InstanceState = "Terminated"
)

// Instance is a machine of a cloud group.
type Instance struct {
	ID         string
	Pool       string
	Zone       string
	Generation string // what it was made from; compare with the group's
	State      InstanceState
	Protected  bool // from scale-in
	NodeName   string
	ProviderID string
	LaunchedAt time.Time
	// InServiceAt is when the group began to count the instance as in service;
	// zero when it is not, or the cloud does not say.
	InServiceAt time.Time
	// Outdated says why the instance is outdated although its generation is the
	// group's (instance type, Karpenter drift, ...); "" when it is not.
	Outdated string
	// Unhealthy says which load balancer or target group does not count the
	// instance as healthy, and why; "" when all do, or there is none.
	Unhealthy string
	Spot      bool
}

// Group is the cloud's group of instances behind a node pool.
type Group struct {
	Pool              string
	Min, Max, Desired int
	Generation        string // what new instances are made from
	Zones             []string
	Tags              map[string]string
	// Refusals are the cloud's newest reasons not to launch; empty when it launches.
	Refusals []string
	// Owned says that Fairway made the group, or took it over, for a node pool
	// of this cluster. Groups of others are never touched.
	Owned bool
}

// The marks that Fairway sets on nodes (contract 5.1, interfaces.md).
const (
	LabelLifecycleStatus = "lifecycle-status"
	LifecycleReady       = "ready"
	LifecyclePending     = "decommission-pending"
	LifecycleDraining    = "draining"

	TaintDecommission      = "decommission-pending"
	TaintDecommissionValue = "rolling-upgrade"

	AnnotationDrainStart = "cluster-lifecycle-manager.zalando.org/drain-start"
	// AnnotationMarks is JSON {mark: update id}: who set which mark.
	AnnotationMarks = "fairway.dev/marks"
	// AnnotationQuarantine says since when and why a node is left alone: "RFC3339 reason".
	AnnotationQuarantine = "fairway.dev/quarantine"
	// AnnotationLastForced is when a pod of the node was last deleted by force
	// (RFC 3339).
	AnnotationLastForced = "cluster-lifecycle-manager.zalando.org/last-forced-drain"
	// AnnotationRotate asks for the node to be replaced; its value says why.
	AnnotationRotate = "fairway.dev/rotate"
	// AnnotationScaleDown ("true") keeps cluster-autoscaler from removing a node.
	AnnotationScaleDown = "cluster-autoscaler.kubernetes.io/scale-down-disabled"
	// LabelReplacement is how the controller of strategy clc replaces a node;
	// ReplacementNone is set on the nodes of pools that go (contract 5.1).
	LabelReplacement = "cluster-lifecycle-controller.zalan.do/replacement-strategy"
	ReplacementNone  = "none"
	// LabelExcludeLB takes a node out of load balancers before its pods go
	// (a well-known label of Kubernetes).
	LabelExcludeLB = "node.kubernetes.io/exclude-from-external-load-balancers"

	// TagRollBase is the tag on a cloud group that keeps the desired size from
	// before a roll while the roll is under way.
	TagRollBase = "fairway.dev/roll-base"
	// TagRollSize is the tag that keeps the desired size that a roll last set,
	// so that what an autoscaler adds is told from the roll's own surge.
	TagRollSize = "fairway.dev/roll-size"
)

// The names of marks in AnnotationMarks.
const (
	MarkTaint       = "taint"
	MarkStatus      = "lifecycle-status"
	MarkCordon      = "cordon"
	MarkDrainStart  = "drain-start"
	MarkExcludeLB   = "exclude-lb"
	MarkQuarantine  = "quarantine"
	MarkScaleDown   = "scale-down-disabled"
	MarkLastForced  = "last-forced-drain"
	MarkReplacement = "replacement-strategy"
	MarkRotate      = "rotate"
)

// NodeMarks is a wished state of the marks on a node; nil fields are left alone.
type NodeMarks struct {
	// UpdateID owns every mark that is set by this change.
	UpdateID string
	// Status is the lifecycle-status label; "ready" disowns it.
	Status *string
	// TaintEffect sets the decommission taint with that effect; "" removes it.
	TaintEffect *string
	// Cordoned sets or clears spec.unschedulable. Clearing touches only a
	// cordon that Fairway owns.
	Cordoned *bool
	// DrainStart sets the annotation unless a valid one is there; zero removes it.
	DrainStart *time.Time
	// ExcludeLB sets or removes the load balancer label.
	ExcludeLB *bool
	// Quarantine is the text of the annotation; "" removes it.
	Quarantine *string
	// ScaleDownDisabled sets or removes AnnotationScaleDown.
	ScaleDownDisabled *bool
	// LastForced sets AnnotationLastForced, also over an older time; zero removes it.
	LastForced *time.Time
	// Replacement is the value of LabelReplacement; "" removes it.
	Replacement *string
	// Rotate is the text of AnnotationRotate; a person's stays. "" removes it.
	Rotate *string
}
