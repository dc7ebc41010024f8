package app_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

// pool is a worker pool of a registry entry.
func pool(name string, size, most int, items map[string]string) map[string]any {
	return map[string]any{"name": name, "profile": "worker-default", "instance_types": []string{"m5.xlarge"}, "discount_strategy": "none",
		"min_size": size, "max_size": most, "config_items": items}
}

// nodesByPool are the nodes of some pools at one time.
type nodesByPool map[string]map[string]bool

// size is how many nodes a pool had; one that was not looked at may have any number.
func (n nodesByPool) size(pool string) int {
	if nodes, known := n[pool]; known {
		return len(nodes)
	}
	return 1 << 30
}

// Strategy clc only marks and waits for the controller in the cluster; on-delete
// leaves nodes alone and waits for nobody; a percentage is a surge; a pool at its
// maximum may grow for the roll and is as before after it.
func TestRoll_Strategies(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fleetOptions{clusters: []string{"dev-1"}, pools: []map[string]any{
		pool("marked", 1, 2, map[string]string{"update_strategy": "clc"}),
		pool("asked", 1, 2, map[string]string{"update_strategy": "on-delete"}),
		pool("share", 2, 4, map[string]string{"roll_surge": "50%", "roll_canary": "false"}),
		pool("full", 1, 1, map[string]string{"roll_raise_max": "true", "roll_max_unavailable": "0"}),
	}})
	f.start()
	f.awaitProvisioned()
	old := nodesByPool{}
	for _, name := range []string{"marked", "asked", "share", "full"} {
		old[name] = f.nodesOf("dev-1", name)
	}
	revision := f.newImage()
	f.awaitStep(revision, fairway.StepControlPlane)
	most := map[string]group{}
	f.await("all pools but the marked one are rolled", 3*time.Minute, func() (bool, string) {
		waits := false
		for name, g := range f.groups("dev-1") {
			if g.Desired > most[name].Desired {
				most[name] = g
			}
			for id := range f.nodesOf("dev-1", name) {
				waits = waits || old[name][id] && name != "marked" && name != "asked"
			}
			waits = waits || g.Desired > old.size(name)
		}
		u, err := f.newest()
		return !waits, fmt.Sprintf("%+v %v", u, err)
	})
	if n := most["share"].Desired; n != 3 {
		t.Errorf("the pool with a surge of 50 %% of 2 had %d nodes at most, want 3", n)
	}
	if n := most["full"].Desired; n != 2 {
		t.Errorf("the pool at its maximum of 1 had %d nodes at most, want 2", n)
	}
	workloads, err := f.kube("dev-1").Workloads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range workloads.Nodes {
		if !old["marked"][n.Name] && !old["asked"][n.Name] {
			continue
		}
		want := fairway.LifecyclePending
		if old["asked"][n.Name] {
			want = fairway.LifecycleReady // it stays, so that nobody needs to know
		}
		if got := n.Labels[fairway.LabelLifecycleStatus]; got != want || n.Unschedulable || n.Annotations[fairway.AnnotationDrainStart] != "" {
			t.Errorf("node %s is %s, unschedulable %v, drain %q: want %s and nothing else", n.Name, got, n.Unschedulable, n.Annotations[fairway.AnnotationDrainStart], want)
		}
	}
	if u, err := f.newest(); err != nil || u.State != fairway.UpdateRunning {
		t.Fatalf("the update is %+v, %v: it should wait for the controller in the cluster", u, err)
	}
	// What that controller would do.
	for id := range old["marked"] {
		f.cloud("dev-1", http.MethodPost, "/v1/instances/"+id+"/terminate", `{"decrement_desired": false}`, nil)
	}
	f.awaitRollout("dev", revision, fairway.RolloutDone, 2*time.Minute)
	if g := f.groups("dev-1")["full"]; g.Max != 1 || g.Desired != 1 {
		t.Errorf("the pool that may grow for a roll is %+v after it, want 1 of 1", g)
	}
	f.nothingLeft("dev-1")
	if now := f.nodesOf("dev-1", "asked"); fmt.Sprint(now) != fmt.Sprint(old["asked"]) {
		t.Errorf("nodes of the pool with on-delete are %v, before %v", now, old["asked"])
	}
}

// What an autoscaler adds during a roll stays, and what the roll added goes.
func TestRoll_KeepsWhatAnAutoscalerAdds(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fleetOptions{clusters: []string{"dev-1"}, workers: 3, items: map[string]string{"roll_surge": "1", "roll_canary": "false"}})
	f.start()
	f.awaitProvisioned()
	old := f.workers("dev-1")
	revision := f.newImage()
	f.await("the roll of the workers is under way", 2*time.Minute, func() (bool, string) {
		g := f.groups("dev-1")["workers"]
		return g.Tags[fairway.TagRollBase] == "3" && g.Desired == 4, fmt.Sprintf("%+v", g)
	})
	f.cloud("dev-1", http.MethodPut, "/v1/groups/workers", `{"desired": 6}`, nil)
	f.awaitRollout("dev", revision, fairway.RolloutDone, 3*time.Minute)
	if g := f.groups("dev-1")["workers"]; g.Desired != 5 {
		t.Errorf("the pool has %d nodes, want 5: 3 from before and 2 that the autoscaler added", g.Desired)
	}
	for name := range f.workers("dev-1") {
		if old[name] {
			t.Errorf("node %s was not replaced", name)
		}
	}
	f.nothingLeft("dev-1")
}
