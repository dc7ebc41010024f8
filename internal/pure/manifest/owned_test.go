package manifest

import (
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/fairwayhq/fairway"
)

const ownedLive = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: d
  resourceVersion: "7"
  labels: {app: d, other: x}
  managedFields:
  - manager: someone
    operation: Update
    fieldsV1: {"f:metadata": {"f:labels": {"f:other": {}}}}
  - manager: fairway
    operation: Apply
    fieldsV1:
      f:metadata: {"f:labels": {"f:app": {}}, "f:finalizers": {".": {}, 'v:"a/b"': {}}}
      f:spec:
        f:template:
          f:spec:
            f:containers:
              'k:{"name":"last"}': {.: {}, f:name: {}}
              'k:{"name":"main"}':
                .: {}
                f:image: {}
                f:name: {}
                f:ports: {'k:{"containerPort":80,"protocol":"TCP"}': {"f:containerPort": {}}}
        f:args: {}
  finalizers: [a/b, c/d]
spec:
  replicas: 3
  args: [x, y]
  template: {spec: {containers: [{name: side, image: s:1}, {name: main, image: m:1, ports: [{containerPort: 80, protocol: TCP}]}, {name: last}]}}
status: {ready: 1}
`

// The digest changes with each field that was applied, and with nothing else.
func TestOwned(t *testing.T) {
	t.Parallel()
	live := func(change func(o map[string]any)) fairway.Object {
		var o map[string]any
		if err := yaml.Unmarshal([]byte(ownedLive), &o); err != nil {
			t.Fatal(err)
		}
		change(o)
		return o
	}
	at := func(o any, path ...any) map[string]any {
		for _, step := range path {
			switch step := step.(type) {
			case string:
				o = o.(map[string]any)[step]
			case int:
				o = o.([]any)[step]
			}
		}
		return o.(map[string]any)
	}
	containers := []any{"spec", "template", "spec", "containers"}
	want := Owned(live(func(map[string]any) {}), "fairway")
	if want == "" || Owned(live(func(map[string]any) {}), "nobody") != "" {
		t.Fatal("the digest is of another manager")
	}
	for _, test := range []struct {
		name   string
		change func(o map[string]any)
		seen   bool
	}{
		{"a status", func(o map[string]any) { o["status"] = "x" }, false},
		{"a field of nobody", func(o map[string]any) { at(o, "spec")["replicas"] = 5 }, false},
		{"a label of another", func(o map[string]any) { at(o, "metadata", "labels")["other"] = "y" }, false},
		{"a container of another", func(o map[string]any) { at(o, append(containers, 0)...)["image"] = "s:2" }, false},
		{"the resource version", func(o map[string]any) { at(o, "metadata")["resourceVersion"] = "8" }, false},
		{"a number read as another type", func(o map[string]any) {
			at(o, append(containers, 1, "ports", 0)...)["containerPort"] = int64(80)
		}, false},
		{"a label", func(o map[string]any) { at(o, "metadata", "labels")["app"] = "y" }, true},
		{"a label that is gone", func(o map[string]any) { delete(at(o, "metadata", "labels"), "app") }, true},
		{"an image", func(o map[string]any) { at(o, append(containers, 1)...)["image"] = "m:2" }, true},
		{"a port that is gone", func(o map[string]any) { delete(at(o, append(containers, 1)...), "ports") }, true},
		{"the order of containers", func(o map[string]any) {
			all := at(o, "spec", "template", "spec")["containers"].([]any)
			all[1], all[2] = all[2], all[1]
		}, true},
		{"the place of another's container", func(o map[string]any) {
			all := at(o, "spec", "template", "spec")["containers"].([]any)
			at(o, "spec", "template", "spec")["containers"] = []any{all[1], all[2], all[0]}
		}, false},
		{"one value of a list that is one value", func(o map[string]any) { at(o, "spec")["args"] = []any{"x", "z"} }, true},
		{"a finalizer that is gone", func(o map[string]any) { at(o, "metadata")["finalizers"] = []any{"c/d"} }, true},
		{"a field that another took over", func(o map[string]any) {
			delete(at(o, "metadata", "managedFields", 1, "fieldsV1", "f:metadata", "f:labels"), "f:app")
		}, true},
	} {
		if got := Owned(live(test.change), "fairway"); (got != want) != test.seen {
			t.Errorf("%s: seen = %v, want %v", test.name, got != want, test.seen)
		}
	}
}

// What was applied to a Secret in plain is stored encoded, in another field.
func TestOwned_PlainSecret(t *testing.T) {
	t.Parallel()
	secret := func(value string) fairway.Object {
		return fairway.Object{"kind": "Secret", "data": map[string]any{"a": value, "other": value}, "metadata": map[string]any{"managedFields": []any{map[string]any{
			"manager": "fairway", "operation": "Apply", "fieldsV1": map[string]any{"f:stringData": map[string]any{"f:a": map[string]any{}}}}}}}
	}
	if Owned(secret("eA=="), "fairway") == Owned(secret("eQ=="), "fairway") {
		t.Error("a changed value of a secret goes unseen")
	}
}

func TestScaledByOthers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, manager, subresource string
		want                       bool
	}{
		{"an autoscaler", "kube-controller-manager", "scale", true},
		{"a person", "kubectl", "scale", false},
		{"a controller that writes the object", "kube-controller-manager", "status", false},
	} {
		live := fairway.Object{"metadata": map[string]any{"managedFields": []any{map[string]any{"manager": test.manager, "operation": "Update", "subresource": test.subresource,
			"fieldsV1": map[string]any{"f:spec": map[string]any{"f:replicas": map[string]any{}}}}}}}
		if got := ScaledByOthers(live); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
	o := fairway.Object{"spec": map[string]any{"replicas": int64(3), "selector": "x"}}
	if got := WithoutReplicas(o)["spec"].(map[string]any); len(got) != 1 || len(o["spec"].(map[string]any)) != 2 {
		t.Errorf("without replicas: %v of %v", got, o)
	}
}
