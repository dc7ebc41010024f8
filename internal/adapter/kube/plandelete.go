package kube

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

// deletions finds what the deletions of a bundle select now, by the rules of
// Delete.
func (o *observation) deletions(ctx context.Context, b *fairway.Bundle) error {
	for _, phase := range []struct {
		name string
		all  []fairway.Deletion
	}{{"before", b.PreApply}, {"after", b.PostApply}} {
		for _, d := range phase.all {
			if err := o.deletion(ctx, phase.name, d); err != nil {
				return translate(err, "look for what to delete: "+d.String())
			}
		}
	}
	return nil
}

func (o *observation) deletion(ctx context.Context, phase string, d fairway.Deletion) error {
	selector, err := checkDeletion(d)
	if err != nil {
		return err
	}
	mapping, err := o.resolve(ctx, d.Kind)
	if meta.IsNoMatchError(err) {
		o.out.Unserved[d.Kind] = true
		return nil
	}
	if err != nil {
		return err
	}
	if namespaced := mapping.Scope.Name() == meta.RESTScopeNameNamespace; namespaced != (d.Namespace != "") {
		return nil // matches nothing
	}
	targets, err := o.targets(ctx, mapping, d, selector)
	if err != nil {
		return err
	}
	for _, t := range targets {
		live, _, err := o.read(ctx, t.ref)
		if err != nil {
			return err
		}
		if live == nil {
			continue
		}
		contents, err := o.contents(ctx, live)
		if err != nil {
			return err
		}
		o.out.Deleted = append(o.out.Deleted, plan.Deletion{Ref: t.ref, Phase: phase, Entry: d.String(), Contents: contents})
	}
	return nil
}

// contents says what goes with an object, "" for nothing.
func (o *observation) contents(ctx context.Context, live fairway.Object) (string, error) {
	ref := live.Ref()
	switch ref.Kind {
	case "PersistentVolume":
		claim, found, _ := unstructured.NestedMap(live, "spec", "claimRef")
		if !found {
			return "", nil
		}
		return fmt.Sprintf("bound to %v/%v", claim["namespace"], claim["name"]), nil
	case "CustomResourceDefinition":
		group, _, _ := unstructured.NestedString(live, "spec", "group")
		plural, _, _ := unstructured.NestedString(live, "spec", "names", "plural")
		versions, _, _ := unstructured.NestedSlice(live, "spec", "versions")
		for _, v := range versions {
			version, _ := v.(map[string]any)
			if version["served"] != true {
				continue
			}
			name, _ := version["name"].(string)
			n, err := o.count(ctx, schema.GroupVersionResource{Group: group, Version: name, Resource: plural}, "")
			if n == 0 || err != nil {
				return "", err
			}
			return fmt.Sprintf("%d objects of the kind", n), nil
		}
	case "Namespace":
		kinds, err := o.served(ctx)
		if err != nil {
			return "", err
		}
		total := 0
		for _, k := range kinds {
			if !k.namespaced || skipped[k.resource.Resource] && !counted[k.resource.Resource] {
				continue
			}
			n, err := o.count(ctx, k.resource, ref.Name)
			if err != nil {
				return "", err
			}
			total += n
		}
		if total > 0 {
			return fmt.Sprintf("%d objects", total), nil
		}
	}
	return "", nil
}

// counted are the kinds that preflight does not list, but that are contents of a
// namespace.
var counted = map[string]bool{"pods": true, "secrets": true, "configmaps": true}

// count returns how many objects of a kind there are, but for those that every
// namespace has.
func (o *observation) count(ctx context.Context, resource schema.GroupVersionResource, namespace string) (int, error) {
	list, err := o.dynamic.Resource(resource).Namespace(namespace).List(ctx, metav1.ListOptions{Limit: pageSize})
	if err != nil {
		if unlisted(err) {
			return 0, nil
		}
		return 0, err
	}
	n := 0
	for _, item := range list.Items {
		if item.GetName() == "default" && resource.Resource == "serviceaccounts" || item.GetName() == "kube-root-ca.crt" {
			continue
		}
		n++
	}
	if more := list.GetRemainingItemCount(); more != nil {
		n += int(*more)
	}
	return n, nil
}
