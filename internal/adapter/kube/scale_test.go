package kube

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairwayhq/fairway"
)

// The number of replicas that an autoscaler has set stays as long as there is the
// autoscaler; everything else is applied.
func TestApplyLeavesReplicasToAnAutoscaler(t *testing.T) {
	t.Parallel()
	c := connect(t)
	ns := namespace(t, c)
	deployments := c.dynamic.Resource(schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}).Namespace(ns)
	live := func() (replicas int64, image string) {
		t.Helper()
		o, err := deployments.Get(t.Context(), "d", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		replicas, _, _ = unstructured.NestedInt64(o.Object, "spec", "replicas")
		containers, _, _ := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
		image, _ = containers[0].(map[string]any)["image"].(string)
		return replicas, image
	}
	apply(t, c, deployment(ns, "d", "app:1", 1, nil))
	apply(t, c, object("autoscaling/v2", "HorizontalPodAutoscaler", ns, "h", map[string]any{"spec": map[string]any{
		"maxReplicas": int64(9), "minReplicas": int64(4), "scaleTargetRef": map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
		"metrics": []any{map[string]any{"type": "Resource", "resource": map[string]any{"name": "cpu", "target": map[string]any{"type": "Utilization", "averageUtilization": int64(50)}}}},
	}}))
	_, err := deployments.Patch(t.Context(), "d", types.MergePatchType, []byte(`{"spec": {"replicas": 4}}`), metav1.PatchOptions{FieldManager: "an-autoscaler"}, "scale")
	if err != nil {
		t.Fatal(err)
	}
	if got := apply(t, c, deployment(ns, "d", "app:2", 1, nil)); got != fairway.ActionChanged {
		t.Errorf("action = %s", got)
	}
	if replicas, image := live(); replicas != 4 || image != "app:2" {
		t.Errorf("%d replicas of %s, want those of the autoscaler and the new image", replicas, image)
	}
	if _, err := c.Delete(t.Context(), fairway.Deletion{Kind: "HorizontalPodAutoscaler", Namespace: ns, Name: "h"}); err != nil {
		t.Fatal(err)
	}
	apply(t, c, deployment(ns, "d", "app:3", 1, nil))
	if replicas, _ := live(); replicas != 1 {
		t.Errorf("%d replicas without an autoscaler", replicas)
	}
}
