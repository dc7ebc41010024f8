package app_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/app"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

// A change is planned against a running server's cluster before it is merged, and
// what the server then does is the plan: so many nodes, these objects.
func TestPlan_AgainstServer(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fleetOptions{clusters: []string{"dev-1"}})
	f.start()
	f.awaitProvisioned()
	planned := func(want int, more ...string) plan.Plan {
		t.Helper()
		var stdout, stderr bytes.Buffer
		args := append([]string{"plan", "dev-1", "--data", f.data, "--workdir", t.TempDir(), "-o", "json", "--exit-code"}, more...)
		if code := app.Main(args, strings.NewReader(""), &stdout, &stderr); code != want {
			t.Fatalf("exit %d, want %d: %s%s", code, want, stdout.String(), stderr.String())
		}
		var p plan.Plan
		if err := json.Unmarshal(stdout.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	// Without asking the cluster, against what was applied last.
	if p := planned(0, "--offline"); p.Basis != plan.BasisApplied || p.Changes || p.Summary.Unchanged == 0 {
		t.Errorf("offline, right after provisioning: %s %s %+v", p.Basis, p.Verdict, p.Summary)
	}
	// Against its own repository there is nothing to do.
	if p := planned(0); p.Summary.Unchanged == 0 || p.Changes {
		t.Errorf("right after provisioning: %+v %+v", p.Summary, p.Objects)
	}
	f.applyDemoChange()
	before := f.nodeNames("dev-1")
	p := planned(4, "--directory", f.work)
	if p.Summary.Nodes == 0 || p.Summary.Seconds == 0 || p.Summary.Change+p.Summary.Create == 0 {
		t.Errorf("the plan of the demo's change: %s %+v", p.Verdict, p.Summary)
	}
	if after := f.nodeNames("dev-1"); len(after) != len(before) {
		t.Errorf("planning changed the nodes: %v %v", before, after)
	}
	t.Log(p.Verdict)

	revision := f.commit("the change that was planned")
	r := f.awaitRollout("dev", revision, fairway.RolloutDone, 3*time.Minute)
	updates, err := f.client.Updates(t.Context(), fairway.UpdateFilter{RolloutID: r.ID})
	if err != nil || len(updates) != 1 {
		t.Fatalf("updates %v %v", updates, err)
	}
	if updates[0].NodesTotal != p.Summary.Nodes {
		t.Errorf("%d nodes were replaced, %d planned", updates[0].NodesTotal, p.Summary.Nodes)
	}
	deleted := 0
	events, err := f.client.Events(t.Context(), "dev-1", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.UpdateID == updates[0].ID && e.Kind == "object.deleted" {
			deleted++
		}
	}
	if deleted != p.Summary.Delete {
		t.Errorf("%d objects were deleted, %d planned", deleted, p.Summary.Delete)
	}
	if again := planned(0); again.Changes {
		t.Errorf("after the update there is still something to do: %s", again.Verdict)
	}
	// The next roll is estimated by what this one took.
	defaults := filepath.Join(f.work, "cluster", "config-defaults.yaml")
	text, err := os.ReadFile(defaults)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(defaults, []byte(strings.ReplaceAll(string(text), "fairway-node-", "fairway-other-")), 0o600); err != nil {
		t.Fatal(err)
	}
	next := planned(4, "--directory", f.work)
	for _, pool := range next.Pools {
		if !pool.Measured || pool.Seconds == 0 {
			t.Errorf("the estimate is not by the fleet's history: %+v", pool)
		}
	}
	t.Logf("the update took %s, the next one is estimated at %d s", updates[0].FinishedAt.Sub(updates[0].StartedAt), next.Summary.Seconds)
}
