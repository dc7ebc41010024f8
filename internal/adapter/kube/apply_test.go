package kube

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairwayhq/fairway"
)

func TestApplyCreatesChangesAndLeavesAlone(t *testing.T) {
	t.Parallel()
	c := connect(t)
	ns := namespace(t, c)
	for _, step := range []struct {
		name   string
		object fairway.Object
		want   fairway.Action
	}{
		{"first", configMap(ns, "m", "1", nil), fairway.ActionCreated},
		{"again", configMap(ns, "m", "1", nil), fairway.ActionUnchanged},
		{"with another value", configMap(ns, "m", "2", nil), fairway.ActionChanged},
		{"again", configMap(ns, "m", "2", nil), fairway.ActionUnchanged},
		{"a deployment", deployment(ns, "d", "app:1", 0, nil), fairway.ActionCreated},
		{"the deployment again", deployment(ns, "d", "app:1", 0, nil), fairway.ActionUnchanged},
		{"with a field more", configMap(ns, "m", "2", map[string]any{"a": "b"}), fairway.ActionChanged},
		{"with that field less", configMap(ns, "m", "2", nil), fairway.ActionChanged},
	} {
		if got := apply(t, c, step.object); got != step.want {
			t.Errorf("%s: action = %s, want %s", step.name, got, step.want)
		}
	}
}

func TestChanged(t *testing.T) {
	t.Parallel()
	c := &Cluster{manager: "fairway"}
	live := func(replicas int64, revision, fields string) map[string]any {
		return map[string]any{
			"metadata": map[string]any{"name": "d", "annotations": map[string]any{"revision": revision}, "managedFields": []any{
				map[string]any{"manager": "other", "operation": "Update", "fieldsV1": map[string]any{"f:" + revision: map[string]any{}}},
				map[string]any{"manager": "fairway", "operation": "Apply", "fieldsV1": map[string]any{fields: map[string]any{}}},
			}},
			"spec":   map[string]any{"replicas": replicas, "strategy": "by default", "args": []any{"a", replicas}},
			"status": map[string]any{"ready": revision},
		}
	}
	applied := map[string]any{"metadata": map[string]any{"name": "d"}, "spec": map[string]any{"replicas": int64(3)}}
	for _, test := range []struct {
		name          string
		before, after map[string]any
		want          bool
	}{
		{"a controller wrote meanwhile", live(3, "1", "f:spec"), live(3, "2", "f:spec"), false},
		{"an applied value changed", live(2, "1", "f:spec"), live(3, "1", "f:spec"), true},
		{"a field left the configuration", live(3, "1", "f:spec"), live(3, "1", "f:less"), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := c.changed(test.before, test.after, applied); got != test.want {
				t.Errorf("changed = %v, want %v", got, test.want)
			}
		})
	}
	list := map[string]any{"spec": map[string]any{"args": []any{"a"}}}
	if !c.changed(live(2, "1", "f:spec"), live(3, "1", "f:spec"), list) {
		t.Error("a change within a list went unseen")
	}
}

func TestApplyPutsObjectsWhereTheirKindBelongs(t *testing.T) {
	t.Parallel()
	c := connect(t)
	name := namespace(t, c) // no other object has it
	for _, test := range []struct {
		name   string
		object fairway.Object
		want   fairway.ObjectRef
	}{
		{"a namespaced object without a namespace", object("v1", "ConfigMap", "", name, nil),
			fairway.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Namespace: "default", Name: name}},
		{"a cluster-scoped object with one", object("scheduling.k8s.io/v1", "PriorityClass", "kube-system", name, map[string]any{"value": 7}),
			fairway.ObjectRef{APIVersion: "scheduling.k8s.io/v1", Kind: "PriorityClass", Name: name}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			given := test.object["metadata"].(map[string]any)["namespace"]
			result, err := c.Apply(t.Context(), test.object, nil)
			result.Live = fairway.LiveObject{}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(fairway.ApplyResult{Ref: test.want, Action: fairway.ActionCreated}, result); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if now := test.object["metadata"].(map[string]any)["namespace"]; now != given {
				t.Errorf("the caller's object was changed: namespace %v, was %v", now, given)
			}
			waitHealthy(t, c, test.want)
		})
	}
}

func TestApplyRejected(t *testing.T) {
	t.Parallel()
	c := connect(t)
	ns := namespace(t, c)
	unknownField := deployment(ns, "d", "app:1", 1, nil)
	unknownField["spec"].(map[string]any)["replica"] = 3
	for _, test := range []struct {
		name   string
		object fairway.Object
		words  string
		code   fairway.Code
	}{
		{"an invalid value", deployment(ns, "d", "app:1", -1, nil), "apply Deployment/" + ns + "/d: Deployment.apps \"d\" is invalid: spec.replicas", fairway.CodeInvalid},
		{"an unknown field", unknownField, ".spec.replica: field not declared in schema", fairway.CodeInvalid},
		{"a wrong type", configMap(ns, "m", "x", map[string]any{"n": map[string]any{}}), "apply ConfigMap/" + ns + "/m: ", fairway.CodeInvalid},
		{"an invalid name", configMap(ns, "Not A Name", "x", nil), "Not A Name", fairway.CodeInvalid},
		{"no name", configMap(ns, "", "x", nil), "apiVersion, kind and metadata.name are needed", fairway.CodeInvalid},
		{"a namespace that does not exist", configMap("never-made", "m", "x", nil), `namespaces "never-made" not found`, fairway.CodeNotFound},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			_, err := c.Apply(t.Context(), test.object, nil)
			if fairway.ErrorCode(err) != test.code || !strings.Contains(err.Error(), test.words) {
				t.Errorf("error = %v (%s), want %s with %q", err, fairway.ErrorCode(err), test.code, test.words)
			}
			if fairway.ErrorHint(err) == "" {
				t.Error("no hint")
			}
			if took := time.Since(begin); took > applyBackoff.total/2 {
				t.Errorf("a rejection took %s: it was repeated", took)
			}
		})
	}
}

func TestApplyImmutableJob(t *testing.T) {
	t.Parallel()
	c := connect(t)
	ns := namespace(t, c)
	job := func(image string) fairway.Object {
		return object("batch/v1", "Job", ns, "j", map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
			"restartPolicy": "Never", "containers": []any{map[string]any{"name": "main", "image": image}}}}}})
	}
	apply(t, c, job("app:1"))
	_, err := c.Apply(t.Context(), job("app:2"), nil)
	if fairway.ErrorCode(err) != fairway.CodeInvalid || !strings.HasPrefix(err.Error(), "apply Job/"+ns+"/j: ") || !strings.Contains(fairway.ErrorHint(err), "new name") {
		t.Errorf("error = %v, hint = %q", err, fairway.ErrorHint(err))
	}
}

func TestApplyCustomObjectRightAfterItsDefinition(t *testing.T) {
	t.Parallel()
	c := connect(t)
	ns := namespace(t, c)
	thing := object("tests.fairway.dev/v1", "Thing", ns, "t", map[string]any{"spec": map[string]any{"size": 3}})
	// Discovery is read and cached before the kind exists.
	apply(t, c, configMap(ns, "m", "1", nil))
	apply(t, c, object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "things.tests.fairway.dev", map[string]any{"spec": map[string]any{
		"group": "tests.fairway.dev", "scope": "Namespaced", "names": map[string]any{"plural": "things", "singular": "thing", "kind": "Thing"},
		"versions": []any{map[string]any{"name": "v1", "served": true, "storage": true, "schema": map[string]any{"openAPIV3Schema": map[string]any{
			"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}}}))
	if got := apply(t, c, thing); got != fairway.ActionCreated {
		t.Errorf("action = %s", got)
	}
	if got := apply(t, c, thing); got != fairway.ActionUnchanged {
		t.Errorf("action = %s", got)
	}
	waitHealthy(t, c, thing.Ref())
	deleted, err := c.Delete(t.Context(), fairway.Deletion{Kind: "things.v1.tests.fairway.dev", Namespace: ns, Name: "t"})
	if diff := cmp.Diff([]fairway.ObjectRef{thing.Ref()}, deleted); err != nil || diff != "" {
		t.Errorf("delete: %v, (-want +got):\n%s", err, diff)
	}
}

func TestApplyUnknownKind(t *testing.T) {
	t.Parallel()
	c := connect(t)
	begin := time.Now()
	_, err := c.Apply(t.Context(), object("tests.fairway.dev/v9", "Nothing", "default", "n", nil), nil)
	if fairway.ErrorCode(err) != fairway.CodeInvalid || !strings.HasPrefix(err.Error(), "apply Nothing/default/n: ") || fairway.ErrorHint(err) == "" {
		t.Errorf("error = %v, code %s", err, fairway.ErrorCode(err))
	}
	if took := time.Since(begin); took < kindBackoff.total/3 {
		t.Errorf("the kind was waited for only %s", took)
	}
}

// TestApplyTakesFieldsOver: the configuration wins over what somebody changed
// by hand, and what it does not name stays theirs.
func TestApplyTakesFieldsOver(t *testing.T) {
	t.Parallel()
	c := connect(t)
	ns := namespace(t, c)
	hand, err := New(Options{Kubeconfig: kubeconfig(t), FieldManager: "by-hand"})
	if err != nil {
		t.Fatal(err)
	}
	apply(t, c, configMap(ns, "m", "wanted", nil))
	apply(t, hand, object("v1", "ConfigMap", ns, "m", map[string]any{"data": map[string]any{"key": "by hand", "extra": "kept"}}))
	if got := apply(t, c, configMap(ns, "m", "wanted", nil)); got != fairway.ActionChanged {
		t.Errorf("action = %s", got)
	}
	mapping, err := c.mapping(t.Context(), kindOf(fairway.ObjectRef{APIVersion: "v1", Kind: "ConfigMap"}))
	if err != nil {
		t.Fatal(err)
	}
	live, err := c.resource(mapping, ns).Get(t.Context(), "m", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"key": "wanted", "extra": "kept"}
	if diff := cmp.Diff(want, live.Object["data"]); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
}

func TestApplyRepeatsWhatPasses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		code int
	}{
		{"throttled", http.StatusTooManyRequests},
		{"the server fails", http.StatusInternalServerError},
		{"the server starts", http.StatusServiceUnavailable},
		{"lost against another write", http.StatusConflict},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t, connect(t))
			var failures atomic.Int32
			c := connectThrough(t, func(next http.RoundTripper) http.RoundTripper {
				return roundTripper(func(r *http.Request) (*http.Response, error) {
					if r.Method == http.MethodPatch && failures.Add(1) <= 2 {
						return respond(r, test.code, "not now"), nil
					}
					return next.RoundTrip(r)
				})
			})
			if got := apply(t, c, configMap(ns, "m", "1", nil)); got != fairway.ActionCreated {
				t.Errorf("action = %s", got)
			}
			if n := failures.Load(); n != 3 {
				t.Errorf("%d writes were tried, want 3", n)
			}
		})
	}
}

func TestApplyEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ns := namespace(t, connect(t))
	c := connectThrough(t, func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPatch {
				return respond(r, http.StatusServiceUnavailable, "not now", "Retry-After", "20"), nil
			}
			return next.RoundTrip(r)
		})
	})
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := c.Apply(ctx, configMap(ns, "m", "1", nil), nil)
	if fairway.ErrorCode(err) != fairway.CodeUnavailable {
		t.Errorf("error = %v (%s)", err, fairway.ErrorCode(err))
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("a cancelled apply took %s", took)
	}
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Error("the apply gave up before its context ended")
	}
}
