package kube

import (
	"context"
	"errors"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/fairwayhq/fairway"
)

// Healthy returns nil when the API server says that it is ready, which includes
// that its etcd answers. Otherwise the error names the checks that fail.
func (c *Cluster) Healthy(ctx context.Context) error {
	const what = "ask the API server whether it is ready"
	err := c.typed.Get().AbsPath("/readyz").Param("verbose", "").MaxRetries(0).Do(ctx).Error()
	if failing := failingChecks(err); len(failing) > 0 {
		return fairway.Errorf(fairway.CodeUnavailable, "%s: these checks fail: %s", what, strings.Join(failing, ", ")).
			WithHint("look at etcd and at the API server's log")
	}
	return translate(err, what)
}

// failingChecks reads the answer out of an error: it has a line "[+]name ok" or
// "[-]name failed: ..." for each check.
func failingChecks(err error) []string {
	var answer apierrors.APIStatus
	if !errors.As(err, &answer) || answer.Status().Details == nil {
		return nil
	}
	var failing []string
	for _, cause := range answer.Status().Details.Causes {
		for line := range strings.Lines(cause.Message) {
			if check, fails := strings.CutPrefix(line, "[-]"); fails {
				name, _, _ := strings.Cut(strings.TrimSpace(check), " ")
				failing = append(failing, name)
			}
		}
	}
	return failing
}
