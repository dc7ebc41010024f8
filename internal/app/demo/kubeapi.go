package demo

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
)

// The resources that the demo reads or writes.
var (
	nodesResource        = schema.GroupVersionResource{Version: "v1", Resource: "nodes"}
	podsResource         = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	namespacesResource   = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	servicesResource     = schema.GroupVersionResource{Version: "v1", Resource: "services"}
	slicesResource       = schema.GroupVersionResource{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"}
	deploymentsResource  = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	statefulSetsResource = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "statefulsets"}
	daemonSetsResource   = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "daemonsets"}
	jobsResource         = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
	budgetsResource      = schema.GroupVersionResource{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"}
)

// resources says under which resource the kinds of the demo's workloads stand.
var resources = map[string]schema.GroupVersionResource{
	"Namespace":           namespacesResource,
	"Service":             servicesResource,
	"Deployment":          deploymentsResource,
	"StatefulSet":         statefulSetsResource,
	"DaemonSet":           daemonSetsResource,
	"Job":                 jobsResource,
	"PodDisruptionBudget": budgetsResource,
}

// dial returns a client of the cluster that a kubeconfig names. The demo has
// clients of its own, so that what it sees does not come through the manager's.
func dial(kubeconfig string) (dynamic.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig %s: %w", kubeconfig, err)
	}
	config.QPS, config.Burst = 50, 100
	config.UserAgent = "fairway-demo"
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect by %s: %w", kubeconfig, err)
	}
	return client, nil
}

// mirrorRetry is the pause after a broken connection. It is short: what happens
// while nobody watches is not seen.
const mirrorRetry = 200 * time.Millisecond

// mirror follows all objects of one resource in one namespace.
type mirror struct {
	client    dynamic.Interface
	resource  schema.GroupVersionResource
	namespace string // "" for all, and for resources without
	// set and gone are told of every change, one after the other.
	set, gone func(*unstructured.Unstructured)
	// synced is told after every complete list; broken of every lost connection.
	synced func()
	broken func(error)
}

// run follows the resource until ctx is over.
func (m *mirror) run(ctx context.Context) {
	known := map[string]*unstructured.Unstructured{}
	for ctx.Err() == nil {
		if err := m.follow(ctx, known); err != nil && ctx.Err() == nil {
			m.broken(fmt.Errorf("watch %s: %w", m.resource.Resource, err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(mirrorRetry):
		}
	}
}

// follow lists once and watches from there until the watch ends.
func (m *mirror) follow(ctx context.Context, known map[string]*unstructured.Unstructured) error {
	api := m.client.Resource(m.resource).Namespace(m.namespace)
	list, err := api.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	present := map[string]bool{}
	for i := range list.Items {
		o := &list.Items[i]
		present[key(o)] = true
		m.take(known, o)
	}
	for k, o := range known {
		if !present[k] {
			delete(known, k)
			m.gone(o)
		}
	}
	m.synced()
	w, err := api.Watch(ctx, metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
	if err != nil {
		return err
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		o, ok := event.Object.(*unstructured.Unstructured)
		switch {
		case !ok || event.Type == "ERROR":
			return fmt.Errorf("the watch ended: %v", event.Object)
		case event.Type == "DELETED":
			delete(known, key(o))
			m.gone(o)
		case event.Type == "ADDED" || event.Type == "MODIFIED":
			m.take(known, o)
		}
	}
	return nil
}

// take passes on an object; another one that stood under its name went unseen.
func (m *mirror) take(known map[string]*unstructured.Unstructured, o *unstructured.Unstructured) {
	if before, there := known[key(o)]; there && before.GetUID() != o.GetUID() {
		m.gone(before)
	}
	known[key(o)] = o
	m.set(o)
}

func key(o *unstructured.Unstructured) string { return o.GetNamespace() + "/" + o.GetName() }
