package kube

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairwayhq/fairway"
)

// DeletePod deletes the pod with exactly that UID, with its own grace period
// and without asking budgets. A pod that is gone, or another of the same name,
// is success.
func (c *Cluster) DeletePod(ctx context.Context, p fairway.Pod) error {
	what := "delete pod " + p.Namespace + "/" + p.Name
	if p.UID == "" {
		return fairway.Errorf(fairway.CodeInvalid, "%s: the pod's UID is needed", what)
	}
	path := "/api/v1/namespaces/" + p.Namespace + "/pods/" + p.Name
	err := c.typed.Delete().AbsPath(path).MaxRetries(0).
		Body(&metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(p.UID)}).Do(ctx).Error()
	switch {
	case err == nil:
		c.written.pod(p.Namespace+"/"+p.Name, p.UID)
	case apierrors.IsNotFound(err):
		return nil
	case apierrors.IsConflict(err):
		if gone, lookErr := c.podGone(ctx, path, p.UID); lookErr == nil && gone {
			return nil
		}
	}
	return translate(err, what)
}

// messageLimit is what the API server takes as the message of an event.
const messageLimit = 1024

// Record writes an event about an object, into its namespace (for objects
// without one: default). Of pods and nodes the UID is looked up, by which
// people's tools find the events of an object.
func (c *Cluster) Record(ctx context.Context, about fairway.ObjectRef, reason, message string, warning bool) error {
	namespace := about.Namespace
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	kind := corev1.EventTypeNormal
	if warning {
		kind = corev1.EventTypeWarning
	}
	if len(message) > messageLimit {
		message = strings.ToValidUTF8(message[:messageLimit-3], "") + "..."
	}
	at := metav1.NewTime(c.now())
	event := &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("%.200s.%x", about.Name, at.UnixNano())},
		InvolvedObject: corev1.ObjectReference{APIVersion: about.APIVersion, Kind: about.Kind,
			Namespace: about.Namespace, Name: about.Name, UID: c.uid(ctx, about)},
		Reason: reason, Message: message, Type: kind, Count: 1, FirstTimestamp: at, LastTimestamp: at,
		Source: corev1.EventSource{Component: c.manager},
	}
	err := c.typed.Post().AbsPath("/api/v1/namespaces/" + namespace + "/events").MaxRetries(0).Body(event).Do(ctx).Error()
	return translate(err, "record an event about "+about.String())
}

// uid returns the UID of a pod or a node, "" for anything else and for what
// cannot be read: an event without it is better than none.
func (c *Cluster) uid(ctx context.Context, about fairway.ObjectRef) types.UID {
	switch {
	case about.APIVersion == "v1" && about.Kind == "Pod":
		var live corev1.Pod
		if c.get(ctx, "/api/v1/namespaces/"+about.Namespace+"/pods/"+about.Name, &live) == nil {
			return live.UID
		}
	case about.APIVersion == "v1" && about.Kind == "Node":
		var live corev1.Node
		if c.get(ctx, "/api/v1/nodes/"+about.Name, &live) == nil {
			return live.UID
		}
	}
	return ""
}
