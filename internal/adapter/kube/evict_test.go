package kube

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/localkubetest"
)

func TestEvict(t *testing.T) {
	t.Parallel()
	c := connect(t)
	machines(t, c)
	ns := namespace(t, c)
	app := deployment(ns, "app", "app:1", 2, nil)
	apply(t, c, app)
	apply(t, c, pdb(ns, "tight", "app", 2))
	waitHealthy(t, c, app.Ref())
	waitBudget(t, c, ns, "tight", 0, 2)
	pod := podsOf(t, c, ns, "app")[0]

	begin := time.Now()
	result, reason, err := c.Evict(t.Context(), pod)
	if err != nil || result != fairway.EvictRefused || !strings.Contains(reason, "disruption budget tight") {
		t.Errorf("with a spent budget: %s, %q, %v", result, reason, err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("the refusal took %s: the client waited for the Retry-After", took)
	}

	apply(t, c, pdb(ns, "second", "app", 1))
	localkubetest.Eventually(t, patience, func() error {
		result, reason, err = c.Evict(t.Context(), pod)
		if err != nil || result != fairway.EvictRefused || !strings.Contains(reason, "more than one PodDisruptionBudget") {
			return fmt.Errorf("with two budgets: %s, %q, %v", result, reason, err)
		}
		return nil
	})
	remove(t, c, "PodDisruptionBudget", ns, "second")

	apply(t, c, pdb(ns, "tight", "app", 1))
	waitBudget(t, c, ns, "tight", 1, 2)
	other := pod
	other.UID = "00000000-0000-0000-0000-000000000000"
	if result, reason, err := c.Evict(t.Context(), other); err != nil || result != fairway.EvictGone {
		t.Errorf("another pod of the same name: %s, %q, %v", result, reason, err)
	}
	remove(t, c, "PodDisruptionBudget", ns, "tight")
	if result, reason, err := c.Evict(t.Context(), pod); err != nil || result != fairway.Evicted {
		t.Errorf("without a budget: %s, %q, %v", result, reason, err)
	}
	localkubetest.Eventually(t, patience, func() error {
		if result, _, err := c.Evict(t.Context(), pod); err != nil || result != fairway.EvictGone {
			return fmt.Errorf("a pod that is gone: %s, %v", result, err)
		}
		return nil
	})
	for name, p := range map[string]fairway.Pod{"never there": {Namespace: ns, Name: "no", UID: "1"}, "no namespace": {Namespace: "no", Name: "no", UID: "1"}} {
		if result, _, err := c.Evict(t.Context(), p); err != nil || result != fairway.EvictGone {
			t.Errorf("%s: %s, %v", name, result, err)
		}
	}
	if _, _, err := c.Evict(t.Context(), fairway.Pod{Namespace: ns, Name: "p"}); fairway.ErrorCode(err) != fairway.CodeInvalid {
		t.Errorf("without a UID: %v", err)
	}
}

// waitBudget waits until a budget's numbers are fresh and as wanted.
func waitBudget(t *testing.T, c *Cluster, namespace, name string, allowed, pods int) {
	t.Helper()
	localkubetest.Eventually(t, patience, func() error {
		w, err := c.Workloads(t.Context())
		if err != nil {
			return err
		}
		for _, b := range w.Budgets {
			if b.Namespace != namespace || b.Name != name {
				continue
			}
			if b.Generation == b.ObservedGeneration && b.DisruptionsAllowed == allowed && b.CurrentHealthy == pods && len(b.PodUIDs) == pods {
				return nil
			}
			return fmt.Errorf("budget is %+v", b)
		}
		return fmt.Errorf("no budget %s/%s", namespace, name)
	})
}

func remove(t *testing.T, c *Cluster, kind, namespace, name string) {
	t.Helper()
	if _, err := c.Delete(t.Context(), fairway.Deletion{Kind: kind, Namespace: namespace, Name: name}); err != nil {
		t.Fatal(err)
	}
	// The eviction handler lists budgets by itself, so gone is gone.
}

// TestEvictIsNotRefusedByABusyServer: a 429 that no budget caused says nothing
// about the pod.
func TestEvictIsNotRefusedByABusyServer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		code int
		text string
		want fairway.Code
	}{
		{"throttled", http.StatusTooManyRequests, "Too many requests, please try again later.", fairway.CodeUnavailable},
		{"failing", http.StatusInternalServerError, "etcdserver: request timed out", fairway.CodeUnavailable},
		{"forbidden", http.StatusForbidden, "pods/eviction is forbidden", fairway.CodeForbidden},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := connectThrough(t, func(next http.RoundTripper) http.RoundTripper {
				return roundTripper(func(r *http.Request) (*http.Response, error) {
					return respond(r, test.code, test.text, "Retry-After", "20"), nil
				})
			})
			begin := time.Now()
			result, _, err := c.Evict(t.Context(), fairway.Pod{Namespace: "default", Name: "p", UID: "1"})
			if result != "" || fairway.ErrorCode(err) != test.want || !strings.HasPrefix(err.Error(), "evict pod default/p: ") {
				t.Errorf("result %q, error %v (%s)", result, err, fairway.ErrorCode(err))
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("took %s: the client waited for the Retry-After", took)
			}
		})
	}
}
