package kube

import (
	"context"
	"fmt"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairwayhq/fairway"
)

// Health returns the health of a live object, judged for its newest
// generation: while its controller has not seen that, it is in progress.
// Objects of kinds without a status are current once they exist. An object
// that does not exist, or whose kind does not, is not_found and no error.
func (c *Cluster) Health(ctx context.Context, ref fairway.ObjectRef) (fairway.ObjectHealth, error) {
	what := "read the health of " + ref.String()
	mapping, err := c.mapping(ctx, kindOf(ref))
	if meta.IsNoMatchError(err) {
		return fairway.ObjectHealth{State: fairway.HealthNotFound, Message: err.Error()}, nil
	}
	if err != nil {
		return fairway.ObjectHealth{}, translate(err, what)
	}
	namespace := ref.Namespace
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		namespace = ""
	} else if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	live, err := c.resource(mapping, namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return fairway.ObjectHealth{State: fairway.HealthNotFound, Message: "it does not exist"}, nil
	}
	if err != nil {
		return fairway.ObjectHealth{}, translate(err, what)
	}
	return judge(live)
}

// states maps the words of kstatus to ours.
var states = map[status.Status]fairway.HealthState{
	status.CurrentStatus:     fairway.HealthCurrent,
	status.InProgressStatus:  fairway.HealthInProgress,
	status.FailedStatus:      fairway.HealthFailed,
	status.TerminatingStatus: fairway.HealthTerminating,
	status.NotFoundStatus:    fairway.HealthNotFound,
	status.UnknownStatus:     fairway.HealthUnknown,
}

// reportsGeneration are the kinds whose controllers always say which
// generation they have seen, so that its absence means "not seen".
var reportsGeneration = map[string]bool{
	"apps/Deployment": true, "apps/StatefulSet": true, "apps/DaemonSet": true, "apps/ReplicaSet": true,
	"policy/PodDisruptionBudget": true,
}

// judge returns the health of an object as it stands.
func judge(live *unstructured.Unstructured) (fairway.ObjectHealth, error) {
	kind := live.GroupVersionKind()
	if _, seen, _ := unstructured.NestedInt64(live.Object, "status", "observedGeneration"); !seen &&
		reportsGeneration[kind.Group+"/"+kind.Kind] && live.GetDeletionTimestamp() == nil {
		return fairway.ObjectHealth{
			State:   fairway.HealthInProgress,
			Message: fmt.Sprintf("generation %d has not been observed by its controller", live.GetGeneration()),
		}, nil
	}
	result, err := status.Compute(live)
	if err != nil {
		return fairway.ObjectHealth{State: fairway.HealthUnknown, Message: err.Error()}, nil
	}
	state, known := states[result.Status]
	_, hasStatus := live.Object["status"]
	switch {
	case known && state == fairway.HealthUnknown && !hasStatus:
		state = fairway.HealthCurrent
	case !known:
		state = fairway.HealthUnknown
	}
	return fairway.ObjectHealth{State: state, Message: result.Message}, nil
}
