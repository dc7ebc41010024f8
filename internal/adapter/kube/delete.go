package kube

import (
	"context"
	"encoding/json"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/manifest"
)

// Annotations that a namespace gets before it is deleted (contract 4.10).
const (
	annotationDeleteDate      = "zalando.org/delete-date"
	annotationDeleteNamespace = "zalando.org/delete-namespace"
)

// Delete carries out one deletion (contract 4.10) and returns the objects that
// the API server agreed to delete, also when an error stops it half-way; it
// does not wait until they are gone. What does not exist is success. An empty
// namespace is cluster scope, and a namespace that does not fit the kind
// matches nothing, which is logged. A kind that does not exist is CodeInvalid.
func (c *Cluster) Delete(ctx context.Context, d fairway.Deletion) ([]fairway.ObjectRef, error) {
	what := "delete " + d.String()
	selector, err := checkDeletion(d)
	if err != nil {
		return nil, translate(err, what)
	}
	mapping, err := c.resolve(ctx, d.Kind)
	if meta.IsNoMatchError(err) {
		return nil, fairway.Errorf(fairway.CodeInvalid, "%s: unable to resolve kind %q", what, d.Kind).
			WithHint("the cluster has no such kind: correct it, or take the entry out of deletions.yaml when the kind itself was removed")
	}
	if err != nil {
		return nil, translate(err, what)
	}
	if namespaced := mapping.Scope.Name() == meta.RESTScopeNameNamespace; namespaced != (d.Namespace != "") {
		c.log.Warn("deletion matches nothing", "deletion", d.String(), "namespaced", namespaced)
		return nil, nil
	}
	targets, err := c.targets(ctx, mapping, d, selector)
	if err != nil {
		return nil, translate(err, what)
	}
	var deleted []fairway.ObjectRef
	for _, t := range meant(d, targets) {
		done, err := c.deleteOne(ctx, mapping, d, t)
		if err != nil {
			return deleted, translate(err, what)
		}
		if done {
			deleted = append(deleted, t.ref)
		}
	}
	return deleted, nil
}

// checkDeletion returns the selector of a deletion that has no name.
func checkDeletion(d fairway.Deletion) (labels.Selector, error) {
	given := 0
	for _, is := range []bool{d.Name != "", d.Selector != "", len(d.Labels) > 0} {
		if is {
			given++
		}
	}
	switch {
	case d.Kind == "":
		return nil, fairway.Errorf(fairway.CodeInvalid, "kind is needed")
	case given != 1:
		return nil, fairway.Errorf(fairway.CodeInvalid, "exactly one of name, selector and labels is needed, %d are given", given)
	case d.HasOwner != nil && d.Name != "":
		return nil, fairway.Errorf(fairway.CodeInvalid, "has_owner needs selector or labels")
	}
	switch metav1.DeletionPropagation(d.PropagationPolicy) {
	case "", metav1.DeletePropagationOrphan, metav1.DeletePropagationBackground, metav1.DeletePropagationForeground:
	default:
		return nil, fairway.Errorf(fairway.CodeInvalid, "propagation_policy %q is none of Orphan, Background and Foreground", d.PropagationPolicy)
	}
	if d.Selector != "" {
		selector, err := labels.Parse(d.Selector)
		if err != nil {
			return nil, fairway.Errorf(fairway.CodeInvalid, "selector %q: %w", d.Selector, err)
		}
		return selector, nil
	}
	return labels.SelectorFromSet(d.Labels), nil
}

// target is one object to delete; uid is "" when the deletion names it.
type target struct {
	ref fairway.ObjectRef
	uid types.UID
}

// targets returns what the deletion selects at present.
func (c *Cluster) targets(ctx context.Context, mapping *meta.RESTMapping, d fairway.Deletion, selector labels.Selector) ([]target, error) {
	apiVersion, kind := mapping.GroupVersionKind.ToAPIVersionAndKind()
	ref := fairway.ObjectRef{APIVersion: apiVersion, Kind: kind, Namespace: d.Namespace, Name: d.Name}
	if d.Pruned {
		return c.pruned(ctx, mapping, ref)
	}
	if d.Name != "" {
		// Most entries name what is long gone: asking is no write.
		_, err := c.resource(mapping, d.Namespace).Get(ctx, d.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return []target{{ref: ref}}, err
	}
	var found []target
	options := metav1.ListOptions{LabelSelector: selector.String(), Limit: pageSize}
	for {
		page, err := c.resource(mapping, d.Namespace).List(ctx, options)
		if err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			if d.HasOwner != nil && *d.HasOwner != (len(item.GetOwnerReferences()) > 0) {
				continue
			}
			ref.Name = item.GetName()
			found = append(found, target{ref: ref, uid: item.GetUID()})
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return found, nil
		}
	}
}

// pruned returns the object that left the configuration while it is there and
// still Fairway's.
func (c *Cluster) pruned(ctx context.Context, mapping *meta.RESTMapping, ref fairway.ObjectRef) ([]target, error) {
	live, err := c.resource(mapping, ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if manifest.AppliedFields(live.Object, c.manager) == nil {
		c.log.Warn("object is no longer fairway's and stays", "object", ref.String())
		return nil, nil
	}
	return []target{{ref: ref, uid: live.GetUID()}}, nil
}

// deleteOne deletes one object and reports whether it was there to delete.
func (c *Cluster) deleteOne(ctx context.Context, mapping *meta.RESTMapping, d fairway.Deletion, t target) (bool, error) {
	objects := c.resource(mapping, t.ref.Namespace)
	if d.Kind == "Namespace" {
		_, err := objects.Patch(ctx, t.ref.Name, types.MergePatchType, farewell(t.ref.Name, c.now()), metav1.PatchOptions{FieldManager: c.manager})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	options := metav1.DeleteOptions{GracePeriodSeconds: d.GracePeriodSeconds}
	if d.PropagationPolicy != "" {
		options.PropagationPolicy = new(metav1.DeletionPropagation(d.PropagationPolicy))
	}
	if t.uid != "" {
		options.Preconditions = metav1.NewUIDPreconditions(string(t.uid))
	}
	err := objects.Delete(ctx, t.ref.Name, options)
	switch {
	case apierrors.IsNotFound(err), apierrors.IsConflict(err) && t.uid != "":
		// 409: the object was replaced since it was listed; the one that was
		// selected is gone.
		return false, nil
	case err != nil:
		return false, err
	}
	return true, nil
}

// farewell is the patch that a namespace gets before it is deleted; an
// admission webhook may ask for it.
func farewell(namespace string, now time.Time) []byte {
	patch, _ := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{
		annotationDeleteDate:      now.Local().Format(time.DateOnly),
		annotationDeleteNamespace: namespace,
	}}})
	return patch
}
