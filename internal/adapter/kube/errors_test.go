package kube

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairwayhq/fairway"
)

func answer(code int32, message string, causes ...metav1.StatusCause) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Code: code, Message: message, Details: &metav1.StatusDetails{Causes: causes}}}
}

func TestTranslate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		err  error
		want fairway.Code
	}{
		{"bad request", answer(http.StatusBadRequest, "strict decoding error"), fairway.CodeInvalid},
		{"unprocessable", answer(http.StatusUnprocessableEntity, "spec.replicas: Invalid value"), fairway.CodeInvalid},
		{"a schema error that comes as 500", answer(http.StatusInternalServerError, "failed to create typed patch object (ns/x; apps/v1, Kind=Deployment): .spec.replica: field not declared in schema"), fairway.CodeInvalid},
		{"a kind that does not exist", &meta.NoKindMatchError{GroupKind: schema.GroupKind{Kind: "Foo"}}, fairway.CodeInvalid},
		{"unauthorized", answer(http.StatusUnauthorized, "Unauthorized"), fairway.CodeUnauthorized},
		{"forbidden", answer(http.StatusForbidden, "not allowed"), fairway.CodeForbidden},
		{"a namespace that is going", answer(http.StatusForbidden, "because it is being terminated", metav1.StatusCause{Type: "NamespaceTerminating"}), fairway.CodeUnavailable},
		{"not found", answer(http.StatusNotFound, "not found"), fairway.CodeNotFound},
		{"conflict", answer(http.StatusConflict, "changed"), fairway.CodeConflict},
		{"throttled", answer(http.StatusTooManyRequests, "slow down"), fairway.CodeUnavailable},
		{"webhook down", answer(http.StatusInternalServerError, "failed calling webhook"), fairway.CodeUnavailable},
		{"starting", answer(http.StatusServiceUnavailable, "apiserver is starting"), fairway.CodeUnavailable},
		{"timeout", answer(http.StatusGatewayTimeout, "timeout"), fairway.CodeUnavailable},
		{"no connection", errors.New("dial tcp 127.0.0.1:1: connect: connection refused"), fairway.CodeUnavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := translate(test.err, "apply Thing/a")
			if code := fairway.ErrorCode(got); code != test.want {
				t.Errorf("code = %s, want %s", code, test.want)
			}
			if !strings.HasPrefix(got.Error(), "apply Thing/a: ") || !strings.Contains(got.Error(), test.err.Error()) {
				t.Errorf("error %q does not say what was attempted and what the server said", got)
			}
		})
	}
	if err := translate(context.Canceled, "read"); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context is not recognisable in %v", err)
	}
	if err := translate(nil, "read"); err != nil {
		t.Errorf("translate(nil) = %v", err)
	}
}

func TestRejectedJob(t *testing.T) {
	t.Parallel()
	err := rejected(answer(http.StatusUnprocessableEntity, `Job.batch "j" is invalid: spec.template: Invalid value: {}: field is immutable`), nil,
		fairway.ObjectRef{APIVersion: "batch/v1", Kind: "Job", Namespace: "ns", Name: "j"})
	if fairway.ErrorCode(err) != fairway.CodeInvalid || !strings.HasPrefix(err.Error(), "apply Job/ns/j: ") || !strings.Contains(fairway.ErrorHint(err), "new name") {
		t.Errorf("error = %v, hint = %q", err, fairway.ErrorHint(err))
	}
}

// TestRejectedSecret keeps values of a Secret out of the error, plain and
// encoded: the server quotes what it cannot read.
func TestRejectedSecret(t *testing.T) {
	t.Parallel()
	secret := fairway.Object{"kind": "Secret", "data": map[string]any{"a": "aHVudGVyMg=="}, "stringData": map[string]any{"b": "correct horse"}}
	err := rejected(answer(http.StatusUnprocessableEntity, `data[a]: Invalid value: "hunter2" (aHVudGVyMg==), "correct horse"`), secret,
		fairway.ObjectRef{APIVersion: "v1", Kind: "Secret", Namespace: "ns", Name: "s"})
	for _, value := range []string{"hunter2", "aHVudGVyMg==", "correct horse"} {
		if strings.Contains(err.Error(), value) {
			t.Errorf("error %q shows the value %q", err, value)
		}
	}
	if !strings.Contains(err.Error(), "data[a]: Invalid value") {
		t.Errorf("error %q lost the server's words", err)
	}
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	budget := func(message string) metav1.StatusCause {
		return metav1.StatusCause{Type: policyv1.DisruptionBudgetCause, Message: message}
	}
	for _, test := range []struct {
		name    string
		err     error
		reason  string
		refused bool
	}{
		{"a budget is spent", answer(http.StatusTooManyRequests, "Cannot evict pod as it would violate the pod's disruption budget.", budget("The disruption budget web needs 3 healthy pods and has 3 currently")),
			"The disruption budget web needs 3 healthy pods and has 3 currently", true},
		{"a server that names no budget", answer(http.StatusTooManyRequests, "Cannot evict pod as it would violate the pod's disruption budget."),
			"Cannot evict pod as it would violate the pod's disruption budget.", true},
		{"two budgets on one pod", answer(http.StatusInternalServerError, "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."),
			"This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.", true},
		{"the API server is busy", answer(http.StatusTooManyRequests, "Too many requests, please try again later."), "Too many requests, please try again later.", false},
		{"the API server fails", answer(http.StatusInternalServerError, "etcdserver: request timed out"), "", false},
		{"no connection", errors.New("connection refused"), "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			reason, refused := refusal(test.err)
			if refused != test.refused || refused && reason != test.reason {
				t.Errorf("refusal = %q, %v, want %q, %v", reason, refused, test.reason, test.refused)
			}
		})
	}
}
