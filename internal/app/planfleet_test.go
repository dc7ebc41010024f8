package app

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/plan"
	"github.com/fairwayhq/fairway/internal/surface/cli"
)

// TestPlanFleet: clusters that are rendered side by side, from one cache, get
// the plans that they get alone.
func TestPlanFleet(t *testing.T) {
	t.Parallel()
	o := cli.PlanOptions{SubjectOptions: manyClusters(t, 8), All: true, Offline: true}
	together, err := planClusters(t.Context(), o, io.Discard)
	if err != nil || len(together.Plans) != 8 || len(together.Failed) > 0 {
		t.Fatalf("%v: %d plans, failed %v", err, len(together.Plans), together.Failed)
	}
	for i, got := range together.Plans {
		// Three images, and the log level of a fourth where the cluster has none
		// of its own.
		if got.Summary.Change < 3 || got.Summary.Change > 4 || got.Summary.Create+got.Summary.Delete > 0 || got.Basis != plan.BasisApplied {
			t.Errorf("%s: %+v", got.Cluster, got.Summary)
		}
		if i%4 != 0 {
			continue
		}
		o.All, o.Cluster = false, got.Cluster
		alone, err := planClusters(t.Context(), o, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(alone.Plans[0], got, cmpopts.IgnoreFields(plan.Plan{}, "At")); diff != "" {
			t.Error(diff)
		}
	}
}

// TestPlanFleet_OneFails: a cluster that cannot be rendered is named, and one
// whose entry is wrong; the others have their plans.
func TestPlanFleet_OneFails(t *testing.T) {
	t.Parallel()
	o := cli.PlanOptions{SubjectOptions: manyClusters(t, 3), All: true, Offline: true}
	replaceIn(t, o.RegistryFile, `"lifecycle_status": "ready"`, `"lifecycle_status": "odd"`)
	replaceIn(t, o.RegistryFile, `"channel": "dev"`, `"channel": "dev2"`)
	replaceIn(t, o.RegistryFile, `"channel": "dev"`, `"channel": "gone"`)
	var said strings.Builder
	fleet, err := planClusters(t.Context(), o, &said)
	if err != nil || len(fleet.Plans) != 1 || len(fleet.Failed) != 2 ||
		!strings.Contains(fleet.Failed[0].Error, `no channel "gone"`) || !strings.Contains(fleet.Failed[1].Error, "odd") {
		t.Errorf("%v: %d plans, failed %v", err, len(fleet.Plans), fleet.Failed)
	}
	if !strings.Contains(said.String(), "the entry is left out") {
		t.Errorf("nothing was said of the entry: %s", &said)
	}
	o.All, o.Cluster = false, fleet.Failed[1].Cluster
	if _, err := planClusters(t.Context(), o, io.Discard); fairway.ErrorCode(err) != fairway.CodeInvalid || !strings.Contains(err.Error(), "odd") {
		t.Errorf("a plan of the cluster with the wrong entry: %v", err)
	}
	o.Cluster = "nowhere"
	if _, err := planClusters(t.Context(), o, io.Discard); fairway.ErrorCode(err) != fairway.CodeNotFound || !strings.Contains(err.Error(), "were left out") {
		t.Errorf("a plan of a cluster that is nowhere: %v", err)
	}
}

// replaceIn replaces the first place of a text in a file.
func replaceIn(t *testing.T, file, old, new string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), old, new, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}
