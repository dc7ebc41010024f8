package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/fairwayhq/fairway"
)

// fields is an object, or a part of one, as it is written.
type fields = map[string]any

// CreateBudget makes a budget and returns it as it stands then. CodeConflict
// when the name is taken.
func (b *Budgets) CreateBudget(ctx context.Context, want *fairway.DisruptionBudget) (*fairway.DisruptionBudget, error) {
	spec := fields{"selector": want.Selector}
	for name, value := range map[string]string{"minAvailable": want.MinAvailable, "maxUnavailable": want.MaxUnavailable} {
		if value != "" {
			spec[name] = numberOf(value)
		}
	}
	body := fields{
		"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "spec": spec,
		"metadata": fields{"name": want.Name, "labels": want.Labels, "ownerReferences": want.Owners, "annotations": sinceOf(want, false)},
	}
	return b.write(ctx, b.typed.Post().AbsPath(budgetsIn(want.Namespace)), body, "create budget "+want.Namespace+"/"+want.Name)
}

// ChangeBudget makes the budget is like want: labels are added and replaced,
// never removed; the annotation of its readiness, owners and spec become want's.
// CodeConflict when the budget is no longer as it was seen.
func (b *Budgets) ChangeBudget(ctx context.Context, is, want *fairway.DisruptionBudget) (*fairway.DisruptionBudget, error) {
	body := fields{
		"metadata": fields{
			// Both must be what they were, or the API server answers 409: a
			// budget that a person has taken over meanwhile is not touched.
			"uid": is.UID, "resourceVersion": is.Version,
			"labels": want.Labels, "ownerReferences": want.Owners, "annotations": sinceOf(want, true),
		},
		"spec": fields{
			"minAvailable": numberOf(want.MinAvailable), "maxUnavailable": numberOf(want.MaxUnavailable),
			"selector": selectorChange(is.Selector, want.Selector),
		},
	}
	request := b.typed.Patch(types.MergePatchType).AbsPath(budgetsIn(is.Namespace) + "/" + is.Name)
	return b.write(ctx, request, body, "change budget "+is.Namespace+"/"+is.Name)
}

// DeleteBudget deletes the budget. CodeConflict when it is no longer as it was
// seen; not found is success.
func (b *Budgets) DeleteBudget(ctx context.Context, is *fairway.DisruptionBudget) error {
	body, err := json.Marshal(fields{
		"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": fields{"uid": is.UID, "resourceVersion": is.Version},
	})
	if err != nil {
		return err
	}
	err = b.typed.Delete().AbsPath(budgetsIn(is.Namespace)+"/"+is.Name).MaxRetries(0).
		SetHeader("Content-Type", runtime.ContentTypeJSON).Body(body).Do(ctx).Error()
	if apierrors.IsNotFound(err) {
		return nil
	}
	return translate(err, "delete budget "+is.Namespace+"/"+is.Name)
}

// RecordAbout writes an event about the object with that UID.
func (b *Budgets) RecordAbout(ctx context.Context, about fairway.ObjectRef, uid, reason, message string, warning bool) error {
	kind := corev1.EventTypeNormal
	if warning {
		kind = corev1.EventTypeWarning
	}
	at := metav1.NewTime(b.now())
	event := &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: about.Namespace, Name: fmt.Sprintf("%.200s.%x", about.Name, at.UnixNano())},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: about.APIVersion, Kind: about.Kind, Namespace: about.Namespace, Name: about.Name, UID: types.UID(uid),
		},
		Reason: reason, Message: message, Type: kind, Count: 1, FirstTimestamp: at, LastTimestamp: at,
		Source: corev1.EventSource{Component: fairway.HeritagePDBController}, ReportingController: "fairway.dev/" + fairway.HeritagePDBController,
	}
	err := b.typed.Post().AbsPath("/api/v1/namespaces/" + about.Namespace + "/events").MaxRetries(0).Body(event).Do(ctx).Error()
	return translate(err, "record an event about "+about.String())
}

// write sends a body and reads the budget of the answer.
func (b *Budgets) write(ctx context.Context, request *rest.Request, body fields, what string) (*fairway.DisruptionBudget, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request.MaxRetries(0).SetHeader("Accept", runtime.ContentTypeJSON).Body(text).Param("fieldManager", fairway.HeritagePDBController)
	if body["kind"] != nil {
		request.SetHeader("Content-Type", runtime.ContentTypeJSON)
	}
	answer, err := request.Do(ctx).Raw()
	if err != nil {
		return nil, translate(err, what)
	}
	var seen watchedBudget
	if err := json.Unmarshal(answer, &seen); err != nil {
		return nil, fmt.Errorf("%s: read the answer: %w", what, err)
	}
	return seen.budget(), nil
}

func budgetsIn(namespace string) string {
	return "/apis/policy/v1/namespaces/" + namespace + "/poddisruptionbudgets"
}

// numberOf returns a number or percentage as it is written; null for "".
func numberOf(text string) any {
	if text == "" {
		return nil
	}
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return text
}

// sinceOf returns the annotations of a budget; a change removes the annotation
// where it is not wanted.
func sinceOf(want *fairway.DisruptionBudget, change bool) fields {
	if want.NonReadySince != "" {
		return fields{fairway.AnnotationNonReadySince: want.NonReadySince}
	}
	if change {
		return fields{fairway.AnnotationNonReadySince: nil}
	}
	return nil
}

// selectorChange returns the merge patch that makes one selector another: it
// has to name the labels that go.
func selectorChange(is, want *fairway.LabelSelector) fields {
	matched := fields{}
	if is != nil {
		for key := range is.MatchLabels {
			matched[key] = nil
		}
	}
	for key, value := range want.MatchLabels {
		matched[key] = value
	}
	change := fields{"matchLabels": matched, "matchExpressions": nil}
	if len(want.MatchExpressions) > 0 {
		change["matchExpressions"] = want.MatchExpressions
	}
	return change
}
