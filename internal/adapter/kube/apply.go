package kube

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairwayhq/fairway"
)

var (
	// applyBackoff covers a webhook or an aggregated API whose back end is
	// just starting, and an API server that restarts.
	applyBackoff = backoff{first: 100 * time.Millisecond, longest: 4 * time.Second, total: 30 * time.Second}
	// kindBackoff is how long a kind is waited for whose definition was
	// applied a moment ago.
	kindBackoff = backoff{first: 100 * time.Millisecond, longest: time.Second, total: 10 * time.Second}
)

// Apply makes an object so by server-side apply as the field manager of the
// options. It is forced: fields that another manager owns become Fairway's,
// because the configuration is the only truth for what it names; fields that
// it does not name stay with their owners. A namespaced object without a
// namespace goes to "default", as with kubectl, and the namespace of a
// cluster-scoped one is dropped; the result names the object as it is stored.
// The number of replicas is left to an autoscaler that sets it.
// before is what Read said of the object, nil when there was none: it tells
// whether the apply created or changed anything.
//
// Conflicts, throttling and errors of the server are repeated for up to 30
// seconds and within ctx, a kind that is not known yet for up to 10. What the
// server rejects is CodeInvalid with the server's words.
func (c *Cluster) Apply(ctx context.Context, o, before fairway.Object) (fairway.ApplyResult, error) {
	ref := o.Ref()
	if ref.APIVersion == "" || ref.Kind == "" || ref.Name == "" {
		return fairway.ApplyResult{Ref: ref}, fairway.Errorf(fairway.CodeInvalid, "apply %s: apiVersion, kind and metadata.name are needed", ref).
			WithHint("complete the object in the configuration")
	}
	mapping, err := c.waitForKind(ctx, ref)
	if err != nil {
		return fairway.ApplyResult{Ref: ref}, translate(err, "apply "+ref.String())
	}
	if o, err = c.yielding(ctx, o, before); err != nil {
		return fairway.ApplyResult{Ref: ref}, translate(err, "apply "+ref.String())
	}
	o, ref = scoped(o, ref, mapping)
	body, err := json.Marshal(o)
	if err != nil {
		return fairway.ApplyResult{Ref: ref}, fairway.Errorf(fairway.CodeInvalid, "apply %s: %w", ref, err)
	}
	result := fairway.ApplyResult{Ref: ref}
	err = applyBackoff.retry(ctx, passes, func() error {
		after, err := c.resource(mapping, ref.Namespace).Patch(ctx, ref.Name, types.ApplyPatchType, body, metav1.PatchOptions{FieldManager: c.manager, Force: new(true)})
		if err != nil {
			return rejected(err, o, ref)
		}
		result.Action, result.Live = c.did(before, after, o), c.live(after)
		return nil
	})
	return result, err
}

// waitForKind returns where objects of the reference's kind live.
func (c *Cluster) waitForKind(ctx context.Context, ref fairway.ObjectRef) (mapping *meta.RESTMapping, err error) {
	err = kindBackoff.retry(ctx, func(err error) bool { return meta.IsNoMatchError(err) || passes(translate(err, "")) }, func() error {
		mapping, err = c.mapping(ctx, kindOf(ref))
		return err
	})
	return mapping, err
}

// scoped returns the object with the namespace that its kind wants, and
// without managedFields, which server-side apply does not accept. The caller's
// object is left as it is.
func scoped(o fairway.Object, ref fairway.ObjectRef, mapping *meta.RESTMapping) (fairway.Object, fairway.ObjectRef) {
	o = maps.Clone(o)
	metadata, _ := o["metadata"].(map[string]any)
	metadata = maps.Clone(metadata)
	o["metadata"] = metadata
	delete(metadata, "managedFields")
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		delete(metadata, "namespace")
		ref.Namespace = ""
		return o, ref
	}
	if ref.Namespace == "" {
		ref.Namespace = metav1.NamespaceDefault
		metadata["namespace"] = ref.Namespace
	}
	return o, ref
}

// did says what an apply did to an object that was seen before it.
func (c *Cluster) did(before fairway.Object, after *unstructured.Unstructured, applied fairway.Object) fairway.Action {
	was := unstructured.Unstructured{Object: before}
	switch {
	case before == nil || was.GetUID() != after.GetUID():
		return fairway.ActionCreated
	case was.GetResourceVersion() == after.GetResourceVersion() || !c.changed(before, after.Object, applied):
		return fairway.ActionUnchanged
	}
	return fairway.ActionChanged
}

// rejected gives the error of an apply its meaning and the best hint.
func rejected(err error, o fairway.Object, ref fairway.ObjectRef) error {
	if err == nil {
		return nil
	}
	status, isAnswer := err.(apierrors.APIStatus)
	if isAnswer && ref.Kind == "Secret" {
		err = withoutSecrets(status.Status(), o)
	}
	translated, _ := translate(err, "apply "+ref.String()).(*fairway.Error)
	switch {
	case !isAnswer:
	case status.Status().Code == http.StatusUnprocessableEntity && strings.Contains(err.Error(), "field is immutable"):
		if ref.Kind == "Job" {
			return translated.WithHint("the pods of a Job cannot be changed: give the changed Job a new name, such as one with a hash of its content, or delete the old one under pre_apply in deletions.yaml")
		}
		return translated.WithHint("the field cannot be changed on a live object: give the object a new name, or delete the old one under pre_apply in deletions.yaml")
	case status.Status().Code == http.StatusNotFound:
		return translated.WithHint("namespace %q does not exist: add it to the configuration", ref.Namespace)
	}
	return translated
}
