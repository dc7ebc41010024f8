package manifest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

func object(apiVersion, kind, namespace, name string) fairway.Object {
	meta := map[string]any{"name": name}
	if namespace != "" {
		meta["namespace"] = namespace
	}
	return fairway.Object{"apiVersion": apiVersion, "kind": kind, "metadata": meta}
}

func TestStages(t *testing.T) {
	t.Parallel()
	components := []fairway.Component{
		{Name: "z", Objects: []fairway.Object{
			object("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "", "hook"),
			object("apps/v1", "Deployment", "n", "web"),
			object("example.org/v1", "Widget", "n", "custom"),
			object("example.org/v1", "Service", "n", "custom of a built-in's name"),
			object("v1", "Service", "n", "web"),
			object("policy/v1", "PodDisruptionBudget", "n", "web"),
		}},
		{Name: "a", Objects: []fairway.Object{
			object("v1", "ConfigMap", "n", "config"),
			object("rbac.authorization.k8s.io/v1", "ClusterRole", "", "role"),
			object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "widgets.example.org"),
			object("v1", "Namespace", "", "n"),
			object("storage.k8s.io/v1", "StorageClass", "", "fast"),
			object("scheduling.k8s.io/v1", "PriorityClass", "", "high"),
			object("apiregistration.k8s.io/v1", "APIService", "", "v1.metrics"),
			object("batch/v1", "Job", "n", "job"),
		}},
	}
	var got [][]string
	for _, items := range Stages(components) {
		var names []string
		for _, item := range items {
			names = append(names, item.Component+":"+item.Object.Ref().Name)
		}
		got = append(got, names)
	}
	want := [][]string{
		{"a:widgets.example.org", "a:n", "a:fast", "a:high"},
		{"z:web", "a:config", "a:role"},
		{"z:web"},
		{"z:web", "z:custom", "z:custom of a built-in's name", "a:job"},
		{"z:hook", "a:v1.metrics"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := Stages(nil); len(got) != 0 {
		t.Errorf("stages of nothing: %v", got)
	}
	if got := Stages([]fairway.Component{{Name: "a", Objects: []fairway.Object{object("v1", "Service", "n", "a")}}}); len(got) != 1 {
		t.Errorf("empty stages are left: %v", got)
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	a := fairway.Object{"kind": "A", "n": int64(1), "m": map[string]any{"x": "<&>", "y": []any{nil, true, 1.5}}}
	same := fairway.Object{"m": map[string]any{"y": []any{nil, true, 1.5}, "x": "<&>"}, "n": int64(1), "kind": "A"}
	if Digest(a) != Digest(same) || len(Digest(a)) != 64 {
		t.Errorf("digests of equal objects: %s %s", Digest(a), Digest(same))
	}
	for name, other := range map[string]fairway.Object{
		"another value": {"kind": "A", "n": int64(2), "m": a["m"]},
		"one key less":  {"kind": "A", "n": int64(1)},
		"a text":        {"kind": "A", "n": "1", "m": a["m"]},
	} {
		if Digest(other) == Digest(a) {
			t.Errorf("%s has the same digest", name)
		}
	}
	// The digest is kept in the store, so it must never change by itself.
	if got, want := Digest(fairway.Object{"a": "b"}), "db4a7ecb114bc66c623a06c4ff6fe8daa2f49cc270ebbf7a1f81e22ab061c837"; got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	with := func(meta map[string]any) fairway.Object {
		return fairway.Object{"apiVersion": "v1", "kind": "A", "metadata": meta}
	}
	one := func(o ...fairway.Object) []fairway.Component { return []fairway.Component{{Name: "c", Objects: o}} }
	for _, tc := range []struct {
		name       string
		components []fairway.Component
		want       []string // parts of the errors; none for nil
	}{
		{"all well", one(object("v1", "A", "", "a"), object("v1", "A", "n", "a"), object("v1", "B", "", "a"), object("x/v1", "A", "", "a")), nil},
		{"two components", []fairway.Component{{Name: "c", Objects: []fairway.Object{object("v1", "A", "n", "a")}}, {Name: "d", Objects: []fairway.Object{object("v1", "A", "n", "a")}}}, []string{"components c and d both have A/n/a"}},
		{"one component", one(object("v1", "A", "n", "a"), object("v1", "A", "n", "a")), []string{"component c has A/n/a twice"}},
		{"two versions of one group", one(object("x/v1", "A", "n", "a"), object("x/v2", "A", "n", "a")), []string{"component c has A/n/a twice"}},
		{"the default namespace", one(object("v1", "A", "default", "a"), object("v1", "A", "", "a")), []string{"component c has A/a twice"}},
		{"a boolean for a name", one(with(map[string]any{"name": false})), []string{"component c: A false: metadata.name is the boolean false, not a text"}},
		{"a number for a namespace", one(with(map[string]any{"name": "a", "namespace": int64(1)})), []string{"metadata.namespace is the number 1, not a text"}},
		{"a number for a kind", one(fairway.Object{"apiVersion": "v1", "kind": int64(5), "metadata": map[string]any{"name": "a"}}), []string{"kind is the number 5, not a text"}},
		{"no apiVersion", one(fairway.Object{"kind": "A", "metadata": map[string]any{"name": "a"}}), []string{"apiVersion is not given"}},
		{"an odd apiVersion", one(object("a/b/c", "A", "", "a")), []string{`apiVersion "a/b/c" is not of the form`}},
		{"a name that is too long", one(object("v1", "A", "", strings.Repeat("a", 254))), []string{"metadata.name has 254 characters, Kubernetes stores at most 253"}},
		{"a namespace that is too long", one(object("v1", "A", strings.Repeat("a", 64), "a")), []string{"metadata.namespace has 64 characters, Kubernetes stores at most 63"}},
		{"names of the greatest lengths", one(object("v1", "A", strings.Repeat("a", 63), strings.Repeat("a", 253)), object("v1", "Service", "n", strings.Repeat("a", 63)), object("batch/v1", "CronJob", "n", strings.Repeat("a", 52))), nil},
		{"a service's name that is too long", one(object("v1", "Service", "n", strings.Repeat("a", 64))), []string{"metadata.name has 64 characters, the name of a Service at most 63"}},
		{"a cron job's name that is too long", one(object("batch/v1", "CronJob", "n", strings.Repeat("a", 53))), []string{"metadata.name has 53 characters, the name of a CronJob at most 52"}},
		{"another kind of that name", one(object("x/v1", "Service", "n", strings.Repeat("a", 64))), nil},
		{"a label's value that is too long", one(with(map[string]any{"name": "a", "labels": map[string]any{"x": strings.Repeat("a", 64)}})), []string{`metadata.labels "x": the value "aaaa`}},
		{"a label's value with a blank", one(with(map[string]any{"name": "a", "labels": map[string]any{"x": "a b"}})), []string{`the value "a b" is not valid`}},
		{"a label's key that is too long", one(with(map[string]any{"name": "a", "labels": map[string]any{"x.org/" + strings.Repeat("a", 64): "b"}})), []string{"metadata.labels: the key"}},
		{"labels and annotations at their limits", one(with(map[string]any{"name": "a", "labels": map[string]any{"x.org/" + strings.Repeat("a", 63): strings.Repeat("a", 63), "y": ""}, "annotations": map[string]any{"X.org/A": "any text\n"}})), nil},
		{"annotations that are too long", one(with(map[string]any{"name": "a", "annotations": map[string]any{"x": strings.Repeat("a", 300<<10)}})), []string{"metadata.annotations have 300 KiB, Kubernetes stores at most 256"}},
		{"a name with a slash", one(object("v1", "A", "", "a/b")), []string{`metadata.name "a/b" cannot stand in a URL`}},
		{"labels and annotations", one(with(map[string]any{"name": "a", "labels": map[string]any{"x": true}}), with(map[string]any{"name": "b", "annotations": map[string]any{"y": int64(1)}})),
			[]string{`metadata.labels "x" is the boolean true`, `metadata.annotations "y" is the number 1`}},
		{"an annotation of null", one(with(map[string]any{"name": "a", "annotations": map[string]any{"y": nil}, "labels": nil})), nil},
		{"labels that are no mapping", one(with(map[string]any{"name": "a", "labels": []any{"x"}})), []string{"metadata.labels is a list, not a mapping"}},
		{"no metadata", one(fairway.Object{"apiVersion": "v1", "kind": "A"}), []string{"metadata is missing"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			err := Check(tc.components)
			if len(tc.want) == 0 {
				if err != nil {
					t.Errorf("error %v, want none", err)
				}
				return
			}
			if err == nil || fairway.ErrorCode(err) != fairway.CodeInvalid {
				t.Fatalf("error %v, want an invalid one", err)
			}
			for _, part := range tc.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %v lacks %q", err, part)
				}
			}
			if lines := strings.Count(err.Error(), "\n") + 1; lines != len(tc.want) {
				t.Errorf("%d errors, want %d: %v", lines, len(tc.want), err)
			}
		})
	}
}
