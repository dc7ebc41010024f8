package app_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/app"
)

// poolPath is where the registry has a pool of the first cluster.
func (f *fleet) poolPath(name string) string {
	return "/kubernetes-clusters/local:test:local-1:" + f.clusters[0] + "/node-pools/" + name
}

// A node pool that is taken out of the registry is drained and deleted; the
// last ones are not, and neither is the one that the control plane runs on.
func TestRoll_PoolLeaves(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fleetOptions{clusters: []string{"dev-1"}, workers: 3, pools: []map[string]any{pool("leaves", 2, 3, nil)}})
	f.start()
	f.awaitProvisioned()
	f.workload("dev-1")
	if status, said := f.send(http.MethodDelete, f.poolPath("leaves"), ""); status/100 != 2 {
		t.Fatalf("delete the pool: %d %s", status, said)
	}
	f.await("the pool is gone", 2*time.Minute, func() (bool, string) {
		_, there := f.groups("dev-1")["leaves"]
		u, err := f.newest()
		return !there && u.State == fairway.UpdateDone, fmt.Sprintf("%+v %v", u, err)
	})
	if nodes := f.nodesOf("dev-1", "leaves"); len(nodes) > 0 {
		t.Errorf("nodes of the pool are left: %v", nodes)
	}
	f.awaitHealthy("dev-1", deploymentRef("web"))
	f.nothingLeft("dev-1")

	for _, c := range []struct{ pool, want string }{{"control-plane", "the control plane runs on it"}, {"workers", "has no node pools"}} {
		before := f.nodeNames("dev-1")
		if status, said := f.send(http.MethodDelete, f.poolPath(c.pool), ""); status/100 != 2 {
			t.Fatalf("delete the pool: %d %s", status, said)
		}
		f.await("the update fails", time.Minute, func() (bool, string) {
			u, err := f.newest()
			return u.State == fairway.UpdateFailed && strings.Contains(u.Error, c.want) && u.Hint != "", fmt.Sprintf("%+v %v", u, err)
		})
		if now := f.nodeNames("dev-1"); fmt.Sprint(now) != fmt.Sprint(before) {
			t.Errorf("without %s in the registry the nodes are %v, before %v", c.pool, now, before)
		}
	}
}

// The server dies right before and right after each of the writes that only some
// rolls do, once each; another goes on, every forced deletion is recorded, and
// the pool that left is gone.
func TestKill_AroundRareWrites(t *testing.T) {
	t.Parallel()
	items := map[string]string{"roll_probe_image": "registry.example.org/probe:1", "roll_blocked_after": "2m"}
	for k, v := range forcing {
		if _, given := items[k]; !given {
			items[k] = v
		}
	}
	f := newFleet(t, fleetOptions{clusters: []string{"dev-1"}, workers: 3, items: items, pools: []map[string]any{pool("leaves", 1, 2, nil)}})
	p := f.startProcess()
	f.awaitProvisioned()
	f.guarded("dev-1", "held", "")
	before := p.started()
	arm := func(names ...string) {
		for _, name := range names {
			for _, when := range []string{".before", ".after"} {
				if err := os.WriteFile(filepath.Join(p.fail, name+when), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	arm(app.RareFailpointNames...)
	revision := f.newImage()
	p.awaitDone("dev", revision, 5*time.Minute)
	f.nothingLeft("dev-1")
	if said := f.forcedOf("dev-1"); said[0] == "" {
		t.Error("no forced deletion is recorded")
	}
	f.await("the pool is taken out of the registry", time.Minute, func() (bool, string) {
		if ok, why := p.find(); !ok {
			return false, why
		}
		status, said := f.send(http.MethodDelete, f.poolPath("leaves"), "")
		return status/100 == 2, said
	})
	f.await("the pool is gone", 2*time.Minute, func() (bool, string) {
		if ok, why := p.find(); !ok {
			return false, why
		}
		_, there := f.groups("dev-1")["leaves"]
		u, err := f.newest()
		return !there && u.State == fairway.UpdateDone, fmt.Sprintf("%+v %v", u, err)
	})
	f.nothingLeft("dev-1")
	if deaths, armed := p.started()-before, 2*len(app.RareFailpointNames); deaths != armed {
		left, _ := filepath.Glob(filepath.Join(p.fail, "*"))
		t.Errorf("the server died %d times, want %d; not reached: %v", deaths, armed, left)
	}
}
