package fairway

import (
	"context"
	"slices"
	"time"
)

// The marks of the PDB controller, the same as those of the original one.
const (
	// LabelHeritage with HeritagePDBController is on every budget that the
	// controller owns. A budget without it is a person's.
	LabelHeritage         = "heritage"
	HeritagePDBController = "pdb-controller"
	// AnnotationNonReadyTTL on a workload is how long its pods may be non-ready
	// before its budget is removed, as a duration; it wins over the flag.
	AnnotationNonReadyTTL = "pdb-controller.zalando.org/non-ready-ttl"
	// AnnotationNonReadySince on an owned budget is since when not all pods are
	// ready (RFC 3339).
	AnnotationNonReadySince = "pdb-controller.zalando.org/non-ready-since"
	// LabelParentResourceHash is on pods where an admission controller puts it:
	// the SHA-1 (hex) of "Kind-name" of their workload.
	LabelParentResourceHash = "parent-resource-hash"
)

// WorkloadKind is a kind of objects that the PDB controller follows.
type WorkloadKind string

// The kinds that the PDB controller follows.
const (
	KindDeployment  WorkloadKind = "Deployment"
	KindStatefulSet WorkloadKind = "StatefulSet"
	// KindRollout is Argo's, which not every cluster has.
	KindRollout          WorkloadKind = "Rollout"
	KindDisruptionBudget WorkloadKind = "PodDisruptionBudget"
)

// WorkloadAPIVersion returns the API version of a kind, "" of an unknown one.
func WorkloadAPIVersion(kind WorkloadKind) string {
	switch kind {
	case KindDeployment, KindStatefulSet:
		return "apps/v1"
	case KindRollout:
		return "argoproj.io/v1alpha1"
	case KindDisruptionBudget:
		return "policy/v1"
	}
	return ""
}

// LabelSelector selects objects by their labels, as Kubernetes means it: all
// of its requirements must hold.
type LabelSelector struct {
	MatchLabels      map[string]string  `json:"matchLabels,omitempty"`
	MatchExpressions []LabelRequirement `json:"matchExpressions,omitempty"`
}

// LabelRequirement is one requirement of a LabelSelector: In, NotIn, Exists or
// DoesNotExist.
type LabelRequirement struct {
	Key      string   `json:"key"`
	Operator string   `json:"operator"`
	Values   []string `json:"values,omitempty"`
}

// Everything reports whether the selector has no requirement, so that it
// selects everything.
func (s *LabelSelector) Everything() bool {
	return s != nil && len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 0
}

// Matches reports whether the selector selects an object with these labels. A
// nil selector, and one with an unknown operator, selects nothing.
func (s *LabelSelector) Matches(labels map[string]string) bool {
	return s.matches(labels, nil)
}

// MayMatch is Matches for an object of whose labels some are not known: each
// requirement on such a key counts as fulfilled.
func (s *LabelSelector) MayMatch(labels map[string]string, unknown func(key string) bool) bool {
	return s.matches(labels, unknown)
}

func (s *LabelSelector) matches(labels map[string]string, unknown func(key string) bool) bool {
	if s == nil {
		return false
	}
	open := func(key string) bool {
		_, known := labels[key]
		return !known && unknown != nil && unknown(key)
	}
	for key, value := range s.MatchLabels {
		if is, ok := labels[key]; (!ok || is != value) && !open(key) {
			return false
		}
	}
	for _, r := range s.MatchExpressions {
		if !r.holds(labels) && !open(r.Key) {
			return false
		}
	}
	return true
}

func (r LabelRequirement) holds(labels map[string]string) bool {
	value, ok := labels[r.Key]
	switch r.Operator {
	case "In":
		return ok && slices.Contains(r.Values, value)
	case "NotIn":
		return !ok || !slices.Contains(r.Values, value)
	case "Exists":
		return ok
	case "DoesNotExist":
		return !ok
	}
	return false
}

// ReplicatedWorkload is a Deployment, StatefulSet or Rollout as far as its
// budget is concerned. It is not changed once it was handed over.
type ReplicatedWorkload struct {
	Kind            WorkloadKind
	Namespace, Name string
	UID             string
	CreatedAt       time.Time
	// Deleting says that its deletion has begun.
	Deleting bool
	Labels   map[string]string
	// NonReadyTTL is the text of AnnotationNonReadyTTL, "" for none.
	NonReadyTTL string
	// Replicas is how many there should be; ReadyReplicas how many are ready.
	Replicas, ReadyReplicas int
	Selector                *LabelSelector
	// PodLabels are the labels of its pod template.
	PodLabels map[string]string
}

// Ref returns the reference of the workload.
func (w *ReplicatedWorkload) Ref() ObjectRef {
	return ObjectRef{APIVersion: WorkloadAPIVersion(w.Kind), Kind: string(w.Kind), Namespace: w.Namespace, Name: w.Name}
}

// DisruptionBudget is a PodDisruptionBudget as it is written, in contrast to
// Budget, which is what its controller makes of it. It is not changed once it
// was handed over.
type DisruptionBudget struct {
	Namespace, Name string
	UID, Version    string // Version is the resource version
	Deleting        bool
	Labels          map[string]string
	// NonReadySince is the text of AnnotationNonReadySince, "" for none.
	NonReadySince string
	Owners        []Owner
	// MinAvailable and MaxUnavailable are numbers ("1") or percentages ("25%"),
	// "" when not set.
	MinAvailable, MaxUnavailable string
	Selector                     *LabelSelector
}

// Owner is an owner reference.
type Owner struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	UID        string `json:"uid"`
}

// Owned reports whether the budget is the PDB controller's to change.
func (b *DisruptionBudget) Owned() bool { return b.Labels[LabelHeritage] == HeritagePDBController }

// WatchState says how far what was told of a kind can be relied on.
type WatchState string

// The states of a watch.
const (
	// WatchCurrent: everything was told, and changes arrive.
	WatchCurrent WatchState = "current"
	// WatchLost: changes do not arrive; what was told stays as it is.
	WatchLost WatchState = "lost"
	// WatchAbsent: the cluster does not have the kind, or does not show it.
	WatchAbsent WatchState = "absent"
)

// BudgetSink is told what a cluster holds. The calls about one kind come one
// after the other, those about different kinds at the same time.
type BudgetSink interface {
	// Begin starts a complete list of a kind. When WatchCurrent follows, objects
	// that were not told of since are gone.
	Begin(kind WorkloadKind)
	// State says how far what was told of a kind can be relied on.
	State(kind WorkloadKind, s WatchState)
	Workload(w *ReplicatedWorkload)
	Budget(b *DisruptionBudget)
	// Gone tells that an object was deleted at a resource version.
	Gone(kind WorkloadKind, namespace, name, version string)
}

// BudgetCluster is a cluster as the PDB controller sees it. Errors carry codes
// as those of Kubernetes do. Implementations are safe for concurrent use.
type BudgetCluster interface {
	// Follow tells the sink of all objects of the kinds and of every change,
	// until ctx ends. It goes on through failures of the API server.
	Follow(ctx context.Context, kinds []WorkloadKind, to BudgetSink)
	// CreateBudget makes a budget. CodeConflict when the name is taken.
	CreateBudget(ctx context.Context, b *DisruptionBudget) (*DisruptionBudget, error)
	// ChangeBudget makes the budget is like want: labels are added and
	// replaced, never removed; AnnotationNonReadySince, owners and spec become
	// want's. CodeConflict when it is no longer as it was seen.
	ChangeBudget(ctx context.Context, is, want *DisruptionBudget) (*DisruptionBudget, error)
	// DeleteBudget deletes the budget. CodeConflict when it is no longer as it
	// was seen; not found is success.
	DeleteBudget(ctx context.Context, b *DisruptionBudget) error
	// RecordAbout writes an event about the object with that UID.
	RecordAbout(ctx context.Context, about ObjectRef, uid, reason, message string, warning bool) error
	// HoldLease takes or renews the lease that makes holder the only active
	// controller for ttl. CodePrecondition when another holds it.
	HoldLease(ctx context.Context, holder string, ttl time.Duration) error
	// ReleaseLease gives the lease back when holder has it.
	ReleaseLease(ctx context.Context, holder string) error
}
