package kube

import (
	"context"
	"errors"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairwayhq/fairway"
)

// translate gives an error of client-go its meaning: the code, and a hint
// where one is known. what says what was attempted and on what. nil stays nil,
// and a cancelled context stays recognisable by errors.Is.
func translate(err error, what string) error {
	if err == nil {
		return nil
	}
	if already, ok := errors.AsType[*fairway.Error](err); ok {
		return fairway.Errorf(already.Code, "%s: %w", what, err)
	}
	code, hint := meaning(err)
	translated := fairway.Errorf(code, "%s: %w", what, err)
	if hint != "" {
		translated.Hint = hint
	}
	return translated
}

// meaning returns the code of an error of client-go and what to do about it.
func meaning(err error) (fairway.Code, string) {
	if meta.IsNoMatchError(err) {
		return fairway.CodeInvalid, "check apiVersion and kind; the CustomResourceDefinition of a kind must be applied before its objects"
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		if errors.Is(err, context.Canceled) {
			return fairway.CodeUnavailable, ""
		}
		// Everything without an answer is the network's: refused, reset,
		// timed out, a certificate that does not fit yet.
		return fairway.CodeUnavailable, "check that the API server of the cluster runs and can be reached"
	}
	return meaningOfStatus(status.Status())
}

// meaningOfStatus returns the code for an answer of the API server.
func meaningOfStatus(s metav1.Status) (fairway.Code, string) {
	switch {
	case apierrors.HasStatusCause(&apierrors.StatusError{ErrStatus: s}, corev1.NamespaceTerminatingCause):
		return fairway.CodeUnavailable, "the namespace is being deleted; wait until it is gone"
	case rejectsSchema(s):
		return fairway.CodeInvalid, "compare the object with the schema of its kind (kubectl explain)"
	case s.Code == http.StatusUnauthorized:
		return fairway.CodeUnauthorized, "check the credentials in the cluster's kubeconfig"
	case s.Code == http.StatusForbidden:
		return fairway.CodeForbidden, "grant Fairway's user the right, or look at the admission policy that is named"
	case s.Code == http.StatusNotFound, s.Code == http.StatusGone:
		return fairway.CodeNotFound, ""
	case s.Code == http.StatusConflict:
		return fairway.CodeConflict, ""
	case s.Code == http.StatusTooManyRequests:
		return fairway.CodeUnavailable, "the API server asks to slow down; the call is repeated later"
	case s.Code == http.StatusRequestTimeout, s.Code >= http.StatusInternalServerError:
		return fairway.CodeUnavailable, "look at the API server's log and at the webhooks that it calls"
	case s.Code >= http.StatusBadRequest:
		return fairway.CodeInvalid, "correct the object in the configuration"
	}
	return fairway.CodeInternal, ""
}

// rejectsSchema reports whether a 500 is in truth a rejection: server-side
// apply answers so when an object does not fit the schema of its kind.
func rejectsSchema(s metav1.Status) bool {
	return s.Code == http.StatusInternalServerError &&
		(strings.Contains(s.Message, "failed to create typed patch object") || strings.Contains(s.Message, "field not declared in schema"))
}
