package kube

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairwayhq/fairway"
)

// names returns the names of what was deleted.
func names(refs []fairway.ObjectRef) []string {
	var all []string
	for _, r := range refs {
		all = append(all, r.Name)
	}
	return all
}

func TestDelete(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		deletion fairway.Deletion // in the test's namespace unless it has one
		want     []string
	}{
		{"by name and kind", fairway.Deletion{Kind: "ConfigMap", Name: "a"}, []string{"a"}},
		{"by name and resource", fairway.Deletion{Kind: "configmaps", Name: "a"}, []string{"a"}},
		{"by name and full name", fairway.Deletion{Kind: "configmaps.v1.", Name: "a"}, []string{"a"}},
		{"not found", fairway.Deletion{Kind: "ConfigMap", Name: "never"}, nil},
		{"by selector", fairway.Deletion{Kind: "ConfigMap", Selector: "tier in (x, y),!keep"}, []string{"a", "b"}},
		{"by selector, what a plan has found", fairway.Deletion{Kind: "ConfigMap", Selector: "app=t", Only: []string{"b", "gone"}}, []string{"b"}},
		{"by name, and no plan has found it", fairway.Deletion{Kind: "ConfigMap", Name: "a", Only: []string{}}, nil},
		{"by labels", fairway.Deletion{Kind: "ConfigMap", Labels: map[string]string{"tier": "x"}}, []string{"a", "kept"}},
		{"by labels, only owned", fairway.Deletion{Kind: "ConfigMap", Labels: map[string]string{"app": "t"}, HasOwner: new(true)}, []string{"b"}},
		{"by labels, only without an owner", fairway.Deletion{Kind: "ConfigMap", Labels: map[string]string{"app": "t"}, HasOwner: new(false)}, []string{"a", "kept"}},
		{"by selector, nothing there", fairway.Deletion{Kind: "ConfigMap", Selector: "tier=z"}, nil},
		{"with grace period and propagation", fairway.Deletion{Kind: "ConfigMap", Name: "a", GracePeriodSeconds: new(int64(3)), PropagationPolicy: "Background"}, []string{"a"}},
		{"a cluster-scoped kind in a namespace", fairway.Deletion{Kind: "PriorityClass", Name: "system-node-critical"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := connect(t)
			ns := namespace(t, c)
			apply(t, c, configMap(ns, "a", "1", map[string]any{"app": "t", "tier": "x"}))
			apply(t, c, configMap(ns, "kept", "1", map[string]any{"app": "t", "tier": "x", "keep": "1"}))
			apply(t, c, configMap(ns, "owner", "1", nil))
			owned := configMap(ns, "b", "1", map[string]any{"app": "t", "tier": "y"})
			owned["metadata"].(map[string]any)["ownerReferences"] = []any{map[string]any{
				"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uidOf(t, c, ns, "owner")}}
			apply(t, c, owned)

			test.deletion.Namespace = ns
			deleted, err := c.Delete(t.Context(), test.deletion)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, names(deleted)); diff != "" {
				t.Errorf("deleted (-want +got):\n%s", diff)
			}
			for _, ref := range deleted {
				if h, err := c.Health(t.Context(), ref); err != nil || h.State != fairway.HealthNotFound {
					t.Errorf("%s afterwards: %+v, %v", ref, h, err)
				}
			}
		})
	}
}

func uidOf(t *testing.T, c *Cluster, namespace, configMap string) string {
	t.Helper()
	mapping, err := c.resolve(t.Context(), "ConfigMap")
	if err != nil {
		t.Fatal(err)
	}
	live, err := c.resource(mapping, namespace).Get(t.Context(), configMap, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return string(live.GetUID())
}

func TestDeleteRefuses(t *testing.T) {
	t.Parallel()
	c := connect(t)
	for _, test := range []struct {
		name     string
		deletion fairway.Deletion
		words    string
	}{
		{"a kind that does not exist", fairway.Deletion{Kind: "Gizmo", Namespace: "default", Name: "x"}, `delete Gizmo/default/x: unable to resolve kind "Gizmo"`},
		{"a version that does not exist", fairway.Deletion{Kind: "deployments.v7.apps", Namespace: "default", Name: "x"}, `unable to resolve kind "deployments.v7.apps"`},
		{"no kind", fairway.Deletion{Name: "x"}, "kind is needed"},
		{"no name", fairway.Deletion{Kind: "Pod"}, "exactly one of name, selector and labels"},
		{"name and labels", fairway.Deletion{Kind: "Pod", Name: "x", Labels: map[string]string{"a": "b"}}, "exactly one of name, selector and labels"},
		{"an owner filter on a name", fairway.Deletion{Kind: "Pod", Name: "x", HasOwner: new(true)}, "has_owner needs selector or labels"},
		{"a selector that does not parse", fairway.Deletion{Kind: "Pod", Namespace: "default", Selector: "a in"}, `selector "a in"`},
		{"an unknown policy", fairway.Deletion{Kind: "Pod", Namespace: "default", Name: "x", PropagationPolicy: "Never"}, `propagation_policy "Never"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			deleted, err := c.Delete(t.Context(), test.deletion)
			if fairway.ErrorCode(err) != fairway.CodeInvalid || !strings.Contains(err.Error(), test.words) || len(deleted) != 0 {
				t.Errorf("deleted %v, error %v (%s), want %q", deleted, err, fairway.ErrorCode(err), test.words)
			}
		})
	}
}

// TestDeleteNamespaceSaysFarewell: the annotations stand before the deletion,
// because an admission webhook decides by them.
func TestDeleteNamespaceSaysFarewell(t *testing.T) {
	t.Parallel()
	ns := namespace(t, connect(t))
	var calls []string
	var c *Cluster
	c = connectThrough(t, func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodDelete {
				mapping, err := c.resolve(r.Context(), "namespaces")
				if err != nil {
					return nil, err
				}
				live, err := c.resource(mapping, "").Get(r.Context(), ns, metav1.GetOptions{})
				if err != nil {
					return nil, err
				}
				calls = append(calls, live.GetAnnotations()["zalando.org/delete-date"], live.GetAnnotations()["zalando.org/delete-namespace"])
			}
			return next.RoundTrip(r)
		})
	})
	c.now = func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.Local) }
	deleted, err := c.Delete(t.Context(), fairway.Deletion{Kind: "Namespace", Name: ns})
	if err != nil || len(deleted) != 1 {
		t.Fatalf("deleted %v, %v", deleted, err)
	}
	if diff := cmp.Diff([]string{"2026-11-22", ns}, calls); diff != "" {
		t.Errorf("annotations when the deletion came (-want +got):\n%s", diff)
	}
	waitHealth(t, c, fairway.ObjectRef{APIVersion: "v1", Kind: "Namespace", Name: ns}, fairway.HealthNotFound)
	if deleted, err := c.Delete(t.Context(), fairway.Deletion{Kind: "Namespace", Name: ns}); err != nil || len(deleted) != 0 {
		t.Errorf("again: deleted %v, %v", deleted, err)
	}
}
