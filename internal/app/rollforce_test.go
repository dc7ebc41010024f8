package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

// forcing makes the staged forcing of contract 5.6 quick enough for a test.
var forcing = map[string]string{
	"drain_grace_period": "2s", "drain_min_pod_lifetime": "1s", "drain_min_healthy_sibling_lifetime": "1s",
	"drain_min_unhealthy_sibling_lifetime": "1s", "drain_force_evict_interval": "1s", "roll_blocked_after": "15s",
}

// guarded is a Deployment of one pod with a budget that never allows its
// eviction.
func (f *fleet) guarded(id, name, annotations string) {
	f.t.Helper()
	f.apply(id,
		fmt.Sprintf(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":%q,"namespace":"default"},"spec":{"replicas":1,"selector":{"matchLabels":{"app":%q}},
		  "template":{"metadata":{"labels":{"app":%q},"annotations":{%s}},"spec":{"containers":[{"name":"c","image":"registry.example.org/web:1"}]}}}}`, name, name, name, annotations),
		fmt.Sprintf(`{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":%q,"namespace":"default"},"spec":{"maxUnavailable":0,"selector":{"matchLabels":{"app":%q}}}}`, name, name))
	f.awaitHealthy(id, deploymentRef(name))
}

// forcedOf lists what the journal says of forced deletions.
func (f *fleet) forcedOf(id string) []string {
	f.t.Helper()
	return strings.Split(strings.TrimSpace(f.said(id, "pod.forced")), "\n")
}

// A pod that its budget holds for ever is deleted by force after the times of
// contract 5.6, with a record that says which, why and by which right; one whose
// owner says never stays, and its node with it.
func TestRoll_Forcing(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fleetOptions{clusters: []string{"dev-1"}, items: forcing})
	f.start()
	f.awaitProvisioned()
	f.guarded("dev-1", "held", "")
	f.guarded("dev-1", "kept", `"fairway.dev/force-after":"never"`)
	keeps := f.nodeOf("dev-1", "kept")
	old := f.workers("dev-1")
	revision := f.newImage()
	f.await("the update is partial", 3*time.Minute, func() (bool, string) {
		u, err := f.newest()
		return u.Revision == revision && u.State == fairway.UpdatePartial, fmt.Sprintf("%+v %v", u, err)
	})
	u, err := f.newest()
	if err != nil {
		t.Fatal(err)
	}
	if len(u.Blocked) != 1 || u.Blocked[0].Node != keeps || u.Blocked[0].Pod == "" || u.Blocked[0].Budget != "default/kept" {
		t.Errorf("blocked: %+v, want %s for the pod of default/kept", u.Blocked, keeps)
	}
	said := f.forcedOf("dev-1")
	if said[0] == "" || u.EvictionsForced != len(said) {
		t.Errorf("%d forced deletions are counted, %d recorded", u.EvictionsForced, len(said))
	}
	for _, text := range said {
		if !strings.Contains(text, "default/held-") || !strings.Contains(text, "PodDisruptionBudget default/held") || !strings.Contains(text, "at least 2s") {
			t.Errorf("the record says %q, want pod, budget and rule", text)
		}
	}
	for name := range f.workers("dev-1") {
		if old[name] && name != keeps {
			t.Errorf("node %s was not replaced", name)
		}
	}
	if now := f.nodeOf("dev-1", "kept"); now != keeps {
		t.Errorf("the pod that is never to be forced moved from %s to %s", keeps, now)
	}
	f.nothingLeft("dev-1")
}
