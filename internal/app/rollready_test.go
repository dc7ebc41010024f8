package app_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

// Nodes that are kubelet-Ready and yet of no use: each is replaced after its
// time, no old node makes room for it, and the roll goes through.
func TestRoll_ReadinessGates(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fleetOptions{clusters: []string{"dev-1"}, items: map[string]string{
		"roll_node_ready_timeout": "15s", "roll_probe_image": "registry.example.org/probe:1", "roll_probe_command": "true"}})
	f.start()
	f.awaitProvisioned()
	f.apply("dev-1", `{"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"network","namespace":"kube-system"},"spec":{"selector":{"matchLabels":{"app":"network"}},
		"template":{"metadata":{"labels":{"app":"network"}},"spec":{"priorityClassName":"system-node-critical","tolerations":[{"operator":"Exists"}],"containers":[{"name":"c","image":"registry.example.org/network:1"}]}}}}`)
	f.awaitHealthy("dev-1", fairway.ObjectRef{APIVersion: "apps/v1", Kind: "DaemonSet", Namespace: "kube-system", Name: "network"})
	f.cloud("dev-1", http.MethodPut, "/v1/groups/workers", `{"target_health": "300ms"}`, nil)

	for _, c := range []struct {
		name, fault string
		says        []string
	}{
		{"a critical DaemonSet's pod never becomes ready, no storage driver registers",
			`{"broken_pods_next": 1, "broken_pods": "DaemonSet", "no_driver_next": 1}`, []string{"DaemonSet kube-system/network", "storage driver"}},
		{"the load balancer never counts it, its probe never succeeds",
			`{"broken_pods_next": 1, "broken_pods": "Pod", "unhealthy_next": 1}`, []string{"load balancer", "probe"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			old := f.workers("dev-1")
			f.faults("dev-1", c.fault)
			eyes := f.watchFloor("dev-1")
			revision := f.newWorkers()
			f.awaitRollout("dev", revision, fairway.RolloutDone, 3*time.Minute)
			broken := f.endedOf("workers", old)
			if len(broken) != 2 {
				t.Errorf("%d new workers were ended, want the two that are of no use: %v", len(broken), broken)
			}
			for _, want := range c.says {
				if said := f.said("dev-1", "node.draining"); !strings.Contains(said, want) {
					t.Errorf("nothing says that a node went for %q:\n%s", want, said)
				}
			}
			if least := eyes.least(broken); least < 3 {
				t.Errorf("at one time only %d workers were ready and schedulable without the useless ones, want 3", least)
			}
			for name := range f.workers("dev-1") {
				if old[name] {
					t.Errorf("node %s was not replaced", name)
				}
			}
			f.nothingLeft("dev-1")
		})
	}
}
