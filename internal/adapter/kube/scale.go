package kube

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/manifest"
)

// yielding returns the object to apply without its number of replicas while an
// autoscaler decides on that: applying it would undo the decision until the
// autoscaler takes it again.
func (c *Cluster) yielding(ctx context.Context, o, before fairway.Object) (fairway.Object, error) {
	if !manifest.ScaledByOthers(before) {
		return o, nil
	}
	scaled, err := c.scaled(ctx, before)
	if err != nil || !scaled {
		return o, err
	}
	return manifest.WithoutReplicas(o), nil
}

// scaled reports whether a HorizontalPodAutoscaler names a live object.
func (c *Cluster) scaled(ctx context.Context, live fairway.Object) (bool, error) {
	ref := live.Ref()
	mapping, err := c.mapping(ctx, schema.GroupVersionKind{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"})
	if meta.IsNoMatchError(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	options := metav1.ListOptions{Limit: pageSize}
	for {
		page, err := c.resource(mapping, ref.Namespace).List(ctx, options)
		if err != nil {
			return false, err
		}
		for _, one := range page.Items {
			kind, _, _ := unstructured.NestedString(one.Object, "spec", "scaleTargetRef", "kind")
			name, _, _ := unstructured.NestedString(one.Object, "spec", "scaleTargetRef", "name")
			if kind == ref.Kind && name == ref.Name {
				return true, nil
			}
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return false, nil
		}
	}
}
