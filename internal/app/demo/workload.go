package demo

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
)

//go:embed workloads.yaml
var workloadsYAML []byte

// What workloads.yaml says, where the code must know it too; a test holds them
// together.
const (
	shopNamespace    = "shop"
	webName          = "web"
	databaseName     = "database"
	mailerName       = "mailer"
	dedicatedWeb     = "web"
	dedicatedStorage = "storage"
	roleLeader       = "leader"
	roleReplica      = "replica"

	webReplicas      = 12
	webUnavailable   = 2
	databaseReplicas = 3
	databaseQuorum   = 2
)

// watchedWorkloads are the workloads whose replicas the watcher counts. The
// database is there twice: its budget covers the leader alone.
func watchedWorkloads() []watchedWorkload {
	return []watchedWorkload{
		{Name: webName, Selector: map[string]string{"application": webName}, Desired: webReplicas, Budget: webReplicas - webUnavailable},
		{Name: databaseName + "-leader", Selector: map[string]string{"application": databaseName, "role": roleLeader}, Desired: 1, Budget: 1},
		{Name: databaseName, Selector: map[string]string{"application": databaseName}, Desired: databaseReplicas, Quorum: databaseQuorum},
		{Name: mailerName, Selector: map[string]string{"application": mailerName}, Desired: 1},
	}
}

// workloads decodes workloads.yaml.
func workloads() ([]*unstructured.Unstructured, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(workloadsYAML), 4096)
	var all []*unstructured.Unstructured
	for {
		o := &unstructured.Unstructured{}
		err := decoder.Decode(o) // into the type, so that numbers stay whole
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("decode the demo's workloads: %w", err)
		}
		all = append(all, o)
	}
}

// createWorkloads applies the workloads to a cluster. It may be repeated.
func createWorkloads(ctx context.Context, client dynamic.Interface) error {
	all, err := workloads()
	if err != nil {
		return err
	}
	for _, o := range all {
		if err := apply(ctx, client, o); err != nil {
			return fmt.Errorf("apply %s/%s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return nil
}

// apply writes one object by server-side apply, and tries again for a while
// when the API server says that it cannot now.
func apply(ctx context.Context, client dynamic.Interface, o *unstructured.Unstructured) error {
	resource, known := resources[o.GetKind()]
	if !known {
		return fmt.Errorf("no resource is known for the kind %s", o.GetKind())
	}
	const attempts, pause = 20, 250 * time.Millisecond
	var err error
	for range attempts {
		_, err = client.Resource(resource).Namespace(o.GetNamespace()).
			Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: "fairway-demo", Force: true})
		if err == nil || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsForbidden(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
	return err
}
