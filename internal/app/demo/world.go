package demo

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairwayhq/fairway"
)

// nodeState is a node as far as the demo is concerned.
type nodeState struct {
	Name, UID string
	Ready     bool
	// Excluded: load balancers leave the node out.
	Excluded bool
	// Marked: the node is to go.
	Marked bool
	Image  string
}

// podState is a pod as far as the demo is concerned.
type podState struct {
	Name, UID, Node string
	Labels          map[string]string
	Running, Ready  bool
	// Ends is when the pod is killed at the latest; zero while it is not deleted.
	Ends time.Time
}

// endpointOf is one endpoint of the service in front of the web workload.
type endpointOf struct {
	UID, Pod, Node string
	Ready          bool // ready and not terminating
}

func nodeOf(o *unstructured.Unstructured) nodeState {
	n := nodeState{Name: o.GetName(), UID: string(o.GetUID()), Ready: condition(o, "Ready")}
	_, n.Excluded = o.GetLabels()[fairway.LabelExcludeLB]
	switch o.GetLabels()[fairway.LabelLifecycleStatus] {
	case fairway.LifecyclePending, fairway.LifecycleDraining:
		n.Marked = true
	}
	taints, _, _ := unstructured.NestedSlice(o.Object, "spec", "taints")
	for _, t := range taints {
		if taint, ok := t.(map[string]any); ok && taint["key"] == fairway.TaintDecommission {
			n.Marked = true
		}
	}
	n.Image, _, _ = unstructured.NestedString(o.Object, "status", "nodeInfo", "osImage")
	return n
}

func podOf(o *unstructured.Unstructured) podState {
	p := podState{Name: o.GetName(), UID: string(o.GetUID()), Labels: o.GetLabels(), Ready: condition(o, "Ready")}
	p.Node, _, _ = unstructured.NestedString(o.Object, "spec", "nodeName")
	phase, _, _ := unstructured.NestedString(o.Object, "status", "phase")
	p.Running = phase == "Running"
	if at := o.GetDeletionTimestamp(); at != nil {
		p.Ends = at.Time
	}
	return p
}

// endpointsOf returns the endpoints of a slice and the service it belongs to.
func endpointsOf(o *unstructured.Unstructured) (service string, all []endpointOf) {
	service = o.GetLabels()["kubernetes.io/service-name"]
	list, _, _ := unstructured.NestedSlice(o.Object, "endpoints")
	for _, item := range list {
		e, _ := item.(map[string]any)
		uid, _, _ := unstructured.NestedString(e, "targetRef", "uid")
		name, _, _ := unstructured.NestedString(e, "targetRef", "name")
		node, _, _ := unstructured.NestedString(e, "nodeName")
		// A missing ready means yes, a missing terminating no (API convention).
		ready, found, _ := unstructured.NestedBool(e, "conditions", "ready")
		terminating, _, _ := unstructured.NestedBool(e, "conditions", "terminating")
		all = append(all, endpointOf{UID: uid, Pod: name, Node: node, Ready: (ready || !found) && !terminating})
	}
	return service, all
}

// condition reports whether a condition of the object's status is True.
func condition(o *unstructured.Unstructured, kind string) bool {
	list, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, item := range list {
		if c, ok := item.(map[string]any); ok && c["type"] == kind {
			return c["status"] == "True"
		}
	}
	return false
}
