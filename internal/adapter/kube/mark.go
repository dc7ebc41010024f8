package kube

import (
	"context"
	"encoding/json"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairwayhq/fairway"
)

// markBackoff is the pause between attempts after a conflict; markAttempts is
// how often a write that lost is repeated (contract 5.1).
const (
	markBackoff  = 20 * time.Millisecond
	markAttempts = 50
)

// Mark changes the marks on a node and writes only when something differs. The
// marks and their owners (the annotation fairway.dev/marks) change in the same
// write, guarded by the resource version, so that a mark never stands without
// its owner. The rules are those of marked. CodeNotFound when the node is
// gone, CodeConflict when 50 writes in a row lost against others.
func (c *Cluster) Mark(ctx context.Context, node string, m fairway.NodeMarks) error {
	what := "mark node " + node
	path := "/api/v1/nodes/" + node
	for attempt := 0; ; attempt++ {
		var live corev1.Node
		if err := c.get(ctx, path, &live); err != nil {
			return translate(err, what)
		}
		patch, err := marked(&live, m)
		if err != nil {
			return translate(err, what)
		}
		if patch == nil {
			return nil
		}
		body, err := json.Marshal(patch)
		if err != nil {
			return translate(err, what)
		}
		var written corev1.Node
		err = c.typed.Patch(types.MergePatchType).AbsPath(path).MaxRetries(0).
			Param("fieldManager", c.manager).Body(body).Do(ctx).Into(&written)
		if err == nil {
			c.written.node(node, written.ResourceVersion)
		}
		if !apierrors.IsConflict(err) || attempt == markAttempts {
			return translate(err, what)
		}
		select {
		case <-ctx.Done():
			return translate(ctx.Err(), what)
		case <-time.After(markBackoff * time.Duration(min(attempt+1, 10))):
		}
	}
}
