package kube

import (
	"context"
	"errors"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairwayhq/fairway"
)

// Evict asks for the eviction of the pod with exactly that UID, with the pod's
// own grace period. The text is the API server's reason when it refuses and
// names the budget. Throttling of the API server itself is an error with
// CodeUnavailable, not a refusal.
func (c *Cluster) Evict(ctx context.Context, p fairway.Pod) (fairway.EvictResult, string, error) {
	what := "evict pod " + p.Namespace + "/" + p.Name
	if p.UID == "" {
		return "", "", fairway.Errorf(fairway.CodeInvalid, "%s: the pod's UID is needed", what)
	}
	path := "/api/v1/namespaces/" + p.Namespace + "/pods/" + p.Name
	eviction := &policyv1.Eviction{
		ObjectMeta:    metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name},
		DeleteOptions: &metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(p.UID)},
	}
	// No automatic repetition: a refusal can carry a Retry-After of 10 s.
	err := c.typed.Post().AbsPath(path + "/eviction").MaxRetries(0).Body(eviction).Do(ctx).Error()
	if err == nil {
		c.written.pod(p.Namespace+"/"+p.Name, p.UID)
		return fairway.Evicted, "", nil
	}
	if apierrors.IsNotFound(err) {
		return fairway.EvictGone, "", nil
	}
	if reason, refused := refusal(err); refused {
		return fairway.EvictRefused, reason, nil
	}
	if apierrors.IsConflict(err) {
		if gone, lookErr := c.podGone(ctx, path, p.UID); lookErr == nil && gone {
			return fairway.EvictGone, "", nil
		}
	}
	return "", "", translate(err, what)
}

// refusal returns the words in which a budget refuses an eviction, and false
// for an answer that no budget caused.
func refusal(err error) (string, bool) {
	var answer apierrors.APIStatus
	if !errors.As(err, &answer) {
		return "", false
	}
	status := answer.Status()
	switch {
	case strings.Contains(status.Message, "more than one PodDisruptionBudget"):
		// A plain 500 in every version (kubernetes/kubernetes#75957).
		return status.Message, true
	case status.Code != http.StatusTooManyRequests:
		return "", false
	}
	var causes []string
	if status.Details != nil {
		for _, cause := range status.Details.Causes {
			if cause.Type == policyv1.DisruptionBudgetCause {
				causes = append(causes, cause.Message)
			}
		}
	}
	if len(causes) > 0 {
		return strings.Join(causes, "; "), true
	}
	return status.Message, strings.Contains(status.Message, "disruption budget")
}

// podGone reports whether the pod at the path is another one than that with
// the UID, or none.
func (c *Cluster) podGone(ctx context.Context, path, uid string) (bool, error) {
	var live corev1.Pod
	err := c.get(ctx, path, &live)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	return string(live.UID) != uid, err
}
