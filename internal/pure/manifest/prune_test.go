package manifest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

// What left is pruned where its component says so, also when the component itself
// is gone, and nothing is when everything is gone.
func TestPruning(t *testing.T) {
	t.Parallel()
	ref := func(apiVersion, kind, name string) fairway.ObjectRef {
		return fairway.ObjectRef{APIVersion: apiVersion, Kind: kind, Namespace: "n", Name: name}
	}
	object := func(r fairway.ObjectRef) fairway.Object {
		return fairway.Object{"apiVersion": r.APIVersion, "kind": r.Kind, "metadata": map[string]any{"name": r.Name, "namespace": r.Namespace}}
	}
	inventory := []fairway.InventoryItem{
		{Component: "pruned", Ref: ref("v1", "ConfigMap", "stays")},
		{Component: "pruned", Ref: ref("apps/v1beta1", "Deployment", "in another version")},
		{Component: "pruned", Ref: ref("apps/v1", "Deployment", "left")},
		{Component: "kept", Ref: ref("v1", "ConfigMap", "left")},
		{Component: "gone", Ref: ref("v1", "ConfigMap", "with its component")},
	}
	b := &fairway.Bundle{
		Components: []fairway.Component{{Name: "pruned", Objects: []fairway.Object{object(inventory[0].Ref), object(ref("apps/v1", "Deployment", "in another version"))}}},
		Policies:   map[string]fairway.ComponentPolicy{"*": {Prune: true}, "kept": {}},
	}
	want := []fairway.Deletion{
		{Kind: "Deployment.v1.apps", Namespace: "n", Name: "left", Pruned: true},
		{Kind: "ConfigMap", Namespace: "n", Name: "with its component", Pruned: true},
	}
	if diff := cmp.Diff(want, Pruning(b, inventory)); diff != "" {
		t.Error(diff)
	}
	b.Components = nil
	if got := Pruning(b, inventory); len(got) != 0 {
		t.Errorf("an empty bundle prunes %v", got)
	}
}
