package kube

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"golang.org/x/sync/errgroup"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

var (
	policies = schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingadmissionpolicies"}
	bindings = schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingadmissionpolicybindings"}
)

// grant is what a user may do with some resources.
type grant struct{ groups, resources, verbs []string }

func (g grant) allows(verb string, of schema.GroupVersionResource) bool {
	has := func(list []string, v string) bool { return slices.Contains(list, v) || slices.Contains(list, "*") }
	return has(g.groups, of.Group) && has(g.resources, of.Resource) && has(g.verbs, verb)
}

// guard finds out whether the caller is the plan identity and cannot write, and
// what it may do then.
func (o *observation) guard(ctx context.Context) error {
	guarded, err := o.guarded(ctx)
	if err != nil || !guarded {
		return err
	}
	o.out.By, o.out.Dry, o.out.Refused = plan.ByDryRun, map[plan.Key]fairway.Object{}, map[plan.Key]string{}
	o.grants, err = o.rights(ctx)
	return err
}

// allowed reports whether the plan identity may do something with a kind.
func (o *observation) allowed(verb string, of schema.GroupVersionResource) bool {
	return slices.ContainsFunc(o.grants, func(g grant) bool { return g.allows(verb, of) })
}

// mayRead reports whether nothing says that the caller may not: only the plan
// identity knows beforehand.
func (o *observation) mayRead(verb string, of schema.GroupVersionResource) bool {
	return o.grants == nil || o.allowed(verb, of)
}

// dryRuns asks the API server what an apply would make of the objects that
// differ, where that cannot write.
func (o *observation) dryRuns(ctx context.Context, b *fairway.Bundle) error {
	if o.grants == nil {
		return nil
	}
	made := map[string]bool{} // the namespaces of the bundle
	for _, c := range b.Components {
		for _, object := range c.Objects {
			if object.Ref().Kind == "Namespace" {
				made[object.Ref().Name] = true
			}
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readAtOnce)
	for _, object := range plan.Differing(b, *o.out) {
		group.Go(func() error { return o.dryRun(ctx, object, made) })
	}
	return group.Wait()
}

// guarded reports whether the caller is the plan identity, and a policy of the
// cluster refuses its every write.
func (o *observation) guarded(ctx context.Context) (bool, error) {
	if !strings.HasSuffix(o.user, ":"+plan.IdentityName) {
		return false, nil // without a question: others only read
	}
	var live []fairway.Object
	for _, resource := range []schema.GroupVersionResource{policies, bindings} {
		found, err := o.dynamic.Resource(resource).Get(ctx, plan.IdentityName, metav1.GetOptions{})
		if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
			return false, nil
		}
		if err != nil {
			return false, translate(err, "read "+resource.Resource+" "+plan.IdentityName)
		}
		live = append(live, found.Object)
	}
	who, err := o.ask(ctx, "authentication.k8s.io/v1", "SelfSubjectReview", "selfsubjectreviews", nil)
	if err != nil {
		return false, translate(err, "ask the API server who this is")
	}
	name, _, _ := unstructured.NestedString(who, "status", "userInfo", "username")
	return plan.Guards(live[0], live[1], name), nil
}

// rights asks what the caller may do in any namespace.
func (o *observation) rights(ctx context.Context) ([]grant, error) {
	answer, err := o.ask(ctx, "authorization.k8s.io/v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews", map[string]any{"namespace": metav1.NamespaceDefault})
	if err != nil {
		return nil, translate(err, "ask the API server what this user may do")
	}
	rules, _, _ := unstructured.NestedSlice(answer, "status", "resourceRules")
	all := []grant{}
	for _, r := range rules {
		rule, _ := r.(map[string]any)
		if names, _, _ := unstructured.NestedStringSlice(rule, "resourceNames"); len(names) > 0 {
			continue
		}
		var g grant
		g.groups, _, _ = unstructured.NestedStringSlice(rule, "apiGroups")
		g.resources, _, _ = unstructured.NestedStringSlice(rule, "resources")
		g.verbs, _, _ = unstructured.NestedStringSlice(rule, "verbs")
		all = append(all, g)
	}
	return all, nil
}

// ask sends a question that the API server answers and does not keep. It is
// marked as a dry run all the same: no request of a plan but a read is not.
func (o *observation) ask(ctx context.Context, apiVersion, kind, resource string, spec map[string]any) (fairway.Object, error) {
	question := fairway.Object{"apiVersion": apiVersion, "kind": kind}
	if spec != nil {
		question["spec"] = spec
	}
	body, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	raw, err := o.typed.Post().AbsPath("/apis", apiVersion, resource).MaxRetries(0).Param("dryRun", metav1.DryRunAll).
		SetHeader("Content-Type", "application/json").SetHeader("Accept", "application/json").Body(body).Do(ctx).Raw()
	if err != nil {
		return nil, err
	}
	var answer fairway.Object
	return answer, json.Unmarshal(raw, &answer)
}

// dryRun notes what an apply of an object would make of it, or why the API
// server refuses it. An object that cannot be tried, because of what the update
// makes before it, or a webhook that takes no dry runs, stays compared by fields.
func (o *observation) dryRun(ctx context.Context, object fairway.Object, made map[string]bool) error {
	ref := object.Ref()
	key := plan.KeyOf(ref)
	mapping, err := o.mapping(ctx, kindOf(ref))
	if meta.IsNoMatchError(err) {
		return nil
	}
	if err != nil {
		return translate(err, "try "+ref.String())
	}
	live, exists := o.out.Live[key]
	if exists {
		if object, err = o.yielding(ctx, object, live); err != nil {
			return translate(err, "try "+ref.String())
		}
	}
	object, ref = scoped(object, ref, mapping)
	if !o.allowed("patch", mapping.Resource) || !exists && !o.allowed("create", mapping.Resource) {
		return nil
	}
	body, err := json.Marshal(object)
	if err != nil {
		return err
	}
	after, err := o.resource(mapping, ref.Namespace).Patch(ctx, ref.Name, types.ApplyPatchType, body,
		metav1.PatchOptions{FieldManager: o.manager, Force: new(true), DryRun: []string{metav1.DryRunAll}})
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err == nil:
		o.out.Dry[key] = after.Object
	case apierrors.IsBadRequest(err) && strings.Contains(err.Error(), "dry run"):
	case apierrors.IsNotFound(err) && !exists && made[ref.Namespace]:
	case apierrors.IsInvalid(err), apierrors.IsForbidden(err), apierrors.IsNotFound(err), apierrors.IsBadRequest(err), apierrors.IsInternalError(err):
		o.out.Refused[key] = rejected(err, object, ref).Error()
	default:
		return translate(err, "try "+ref.String())
	}
	return nil
}
