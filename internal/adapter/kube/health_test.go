package kube

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fairwayhq/fairway"
)

func TestHealthOfDeployment(t *testing.T) {
	t.Parallel()
	c := connect(t)
	machines(t, c)
	ns := namespace(t, c)
	app := deployment(ns, "app", "app:1", 2, nil)
	apply(t, c, app)
	waitHealthy(t, c, app.Ref())

	// The status still says that all is well, of the generation before.
	apply(t, c, deployment(ns, "app", "app:2", 2, nil))
	h, err := c.Health(t.Context(), app.Ref())
	if err != nil || h.State != fairway.HealthInProgress {
		t.Errorf("right after a change: %+v, %v", h, err)
	}
	waitHealthy(t, c, app.Ref())

	never := deployment(ns, "never", "app:1", 1, map[string]any{"localkube.fairway.dev/never-ready": "true"})
	apply(t, c, never)
	waitHealth(t, c, never.Ref(), fairway.HealthInProgress)
}

func TestHealthOfOtherKinds(t *testing.T) {
	t.Parallel()
	c := connect(t)
	ns := namespace(t, c)
	apply(t, c, configMap(ns, "m", "1", nil))
	held := configMap(ns, "held", "1", nil)
	held["metadata"].(map[string]any)["finalizers"] = []any{"tests.fairway.dev/hold"}
	apply(t, c, held)
	apply(t, c, object("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "", "none", nil))
	if _, err := c.Delete(t.Context(), fairway.Deletion{Kind: "ConfigMap", Namespace: ns, Name: "held"}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		ref  fairway.ObjectRef
		want fairway.HealthState
	}{
		{"a kind without a status", fairway.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Namespace: ns, Name: "m"}, fairway.HealthCurrent},
		{"a webhook configuration", fairway.ObjectRef{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingWebhookConfiguration", Name: "none"}, fairway.HealthCurrent},
		{"an object that does not exist", fairway.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Namespace: ns, Name: "no"}, fairway.HealthNotFound},
		{"a kind that does not exist", fairway.ObjectRef{APIVersion: "tests.fairway.dev/v3", Kind: "No", Name: "no"}, fairway.HealthNotFound},
		{"an object that is going", fairway.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Namespace: ns, Name: "held"}, fairway.HealthTerminating},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h, err := c.Health(t.Context(), test.ref)
			if err != nil || h.State != test.want {
				t.Errorf("health = %+v, %v, want %s", h, err, test.want)
			}
		})
	}
}

func TestJudgeGenerations(t *testing.T) {
	t.Parallel()
	live := func(kind string, status map[string]any) *unstructured.Unstructured {
		o := map[string]any{"apiVersion": "apps/v1", "kind": kind, "spec": map[string]any{"replicas": int64(0)},
			"metadata": map[string]any{"name": "x", "generation": int64(2)}}
		if status != nil {
			o["status"] = status
		}
		return &unstructured.Unstructured{Object: o}
	}
	done := map[string]any{"observedGeneration": int64(2), "conditions": []any{map[string]any{"type": "Available", "status": "True"}}}
	for _, test := range []struct {
		name   string
		object *unstructured.Unstructured
		want   fairway.HealthState
	}{
		{"no status yet, nothing to run", live("Deployment", nil), fairway.HealthInProgress},
		{"an empty status", live("StatefulSet", map[string]any{"replicas": int64(0)}), fairway.HealthInProgress},
		{"an older generation", live("Deployment", map[string]any{"observedGeneration": int64(1), "conditions": done["conditions"]}), fairway.HealthInProgress},
		{"the newest generation", live("Deployment", done), fairway.HealthCurrent},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if h := judge(test.object); h.State != test.want {
				t.Errorf("health = %+v, want %s", h, test.want)
			}
		})
	}
}
