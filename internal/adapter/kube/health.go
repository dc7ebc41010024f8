package kube

import (
	"fmt"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairwayhq/fairway"
)

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
func judge(live *unstructured.Unstructured) fairway.ObjectHealth {
	kind := live.GroupVersionKind()
	if _, seen, _ := unstructured.NestedInt64(live.Object, "status", "observedGeneration"); !seen &&
		reportsGeneration[kind.Group+"/"+kind.Kind] && live.GetDeletionTimestamp() == nil {
		return fairway.ObjectHealth{
			State:   fairway.HealthInProgress,
			Message: fmt.Sprintf("generation %d has not been observed by its controller", live.GetGeneration()),
		}
	}
	result, err := status.Compute(live)
	if err != nil {
		return fairway.ObjectHealth{State: fairway.HealthUnknown, Message: err.Error()}
	}
	state, known := states[result.Status]
	_, hasStatus := live.Object["status"]
	switch {
	case known && state == fairway.HealthUnknown && !hasStatus:
		state = fairway.HealthCurrent
	case !known:
		state = fairway.HealthUnknown
	}
	return fairway.ObjectHealth{State: state, Message: result.Message}
}
