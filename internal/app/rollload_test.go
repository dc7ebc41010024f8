package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/app/demo"
)

// watched is what the demo's watcher reports of one cluster.
type watched struct {
	Healthy  bool   `json:"healthy"`
	Waiting  string `json:"waiting"`
	Requests struct {
		OK     int `json:"ok"`
		Failed int `json:"failed"`
	} `json:"requests"`
	Clusters []struct {
		Breaks        int   `json:"breaks"`
		NodesReplaced int   `json:"nodes_replaced"`
		LeaderMoves   int   `json:"leader_moves"`
		Failures      []any `json:"failures"`
		Workloads     []struct {
			Name     string `json:"name"`
			MinReady int    `json:"min_ready"`
			Desired  int    `json:"desired"`
		} `json:"workloads"`
	} `json:"clusters"`
}

// watcher is the demo's watcher: it sees a cluster through watches of its own
// and sends 100 requests per second through a modelled load balancer.
type watcher struct {
	f   *fleet
	say io.Writer
}

// watch begins to watch the namespace shop of the first cluster until the
// benchmark ends.
func (f *fleet) watch(deregistration time.Duration, workloads ...map[string]any) *watcher {
	f.t.Helper()
	id := f.clusters[0]
	plan, err := json.Marshal(map[string]any{"clusters": []map[string]any{{"id": id, "local_id": id,
		"kubeconfig": filepath.Join(f.data, "clusters", id, "kubeconfig"), "namespace": "shop", "service": "web", "workloads": workloads}}})
	if err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.data, "watch-plan.json"), plan, 0o600); err != nil {
		f.t.Fatal(err)
	}
	in, say := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := demo.Watch(ctx, demo.WatchOptions{DataDir: f.data, Deregistration: deregistration, Stdin: in}); err != nil {
			f.t.Error(err)
		}
	})
	f.t.Cleanup(func() { cancel(); say.Close(); running.Wait() })
	return &watcher{f, say}
}

// saw reads what the watcher has seen so far.
func (w *watcher) saw() (watched, error) {
	var r watched
	text, err := os.ReadFile(filepath.Join(w.f.data, "watch.json"))
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	return r, err
}

// baseline waits until all is well and takes that as the state before the roll.
func (w *watcher) baseline() {
	w.f.t.Helper()
	w.f.await("the watcher sees everything in full health", 3*time.Minute, func() (bool, string) {
		r, err := w.saw()
		return err == nil && r.Healthy, fmt.Sprint(r.Waiting, err)
	})
	if _, err := io.WriteString(w.say, "baseline\n"); err != nil {
		w.f.t.Fatal(err)
	}
}

// shop makes the namespace that the watcher looks at, with a web workload of
// the given size behind a Service.
func (f *fleet) shop(replicas int) {
	f.t.Helper()
	f.apply(f.clusters[0],
		`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}`,
		fmt.Sprintf(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop"},"spec":{"replicas":%d,"selector":{"matchLabels":{"application":"web"}},
			"template":{"metadata":{"labels":{"application":"web"}},"spec":{"containers":[{"name":"web","image":"registry.example.org/web:1"}],
			"topologySpreadConstraints":[{"maxSkew":1,"topologyKey":"kubernetes.io/hostname","whenUnsatisfiable":"ScheduleAnyway","labelSelector":{"matchLabels":{"application":"web"}}}]}}}}`, replicas),
		`{"apiVersion":"v1","kind":"Service","metadata":{"name":"web","namespace":"shop"},"spec":{"selector":{"application":"web"},"ports":[{"port":80,"targetPort":8080}]}}`,
		`{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":"web","namespace":"shop"},"spec":{"maxUnavailable":"10%","selector":{"matchLabels":{"application":"web"}}}}`)
}

// BenchmarkRollUnderLoad rolls 50 nodes, five at a time, while 100 requests per
// second go through a load balancer that learns of changes one to two seconds
// late and takes 30 s to let go of a target. None of at least 60,000 requests
// may fail.
func BenchmarkRollUnderLoad(b *testing.B) {
	const nodes, replicas = 50, 100
	b.Setenv("GOMEMLIMIT", "1GiB")
	f := newFleet(b, fleetOptions{clusters: []string{"dev-1"}, workers: nodes, room: 10, server: usualPoll,
		times: "boot: {base: 4s, spread: 1s}\nshutdown: 1s\npod: {start_min: 1s, start_max: 2s, termination: 2s}\n" +
			"node: {not_ready_after: 3m}\n", // a busy machine is not what is measured
		items: map[string]string{"roll_surge": "10%", "roll_min_ready": "30s", "roll_deregistration": "33s", // what the balancer takes, and the age of its view
			"roll_node_ready_timeout": "5m", "roll_blocked_after": "10m", "health_timeout": "5m"}})
	b.Setenv("GOMEMLIMIT", "")
	p := f.startProcess()
	f.awaitProvisioned()
	f.shop(replicas)
	w := f.watch(30*time.Second, map[string]any{"name": "web", "selector": map[string]string{"application": "web"}, "desired": replicas, "budget": replicas * 9 / 10})
	w.baseline()
	for b.Loop() {
		r := f.rollWorkers(p.pid(), 40*time.Minute)
		// What the last change did is seen only a deregistration later, and it
		// takes ten minutes to send so many requests.
		var seen watched
		end := time.Now().Add(45 * time.Second)
		f.await("60,000 requests are sent", 15*time.Minute, func() (bool, string) {
			var err error
			seen, err = w.saw()
			return err == nil && time.Now().After(end) && seen.Requests.OK+seen.Requests.Failed >= 60_000, fmt.Sprint(seen.Requests, err)
		})
		c := seen.Clusters[0]
		b.ReportMetric(float64(seen.Requests.Failed)/float64(seen.Requests.OK+seen.Requests.Failed), "failed/request")
		b.ReportMetric(float64(seen.Requests.OK+seen.Requests.Failed), "requests")
		b.ReportMetric(r.took.Seconds(), "s/roll")
		b.ReportMetric(float64(c.NodesReplaced)/nodes, "replaced/node")
		b.ReportMetric(float64(c.Workloads[0].MinReady)/replicas, "min-ready/replica")
		b.ReportMetric(r.cpu.Seconds(), "cpu-s")
		b.ReportMetric(0, "ns/op") // says nothing here
		if seen.Requests.Failed > 0 || c.NodesReplaced < nodes {
			b.Errorf("%d requests failed, %d nodes replaced: %v", seen.Requests.Failed, c.NodesReplaced, c.Failures)
		}
	}
}

// BenchmarkRollDatabase rolls nine nodes under a database of three members with
// a volume each, one per zone, whose operator moves the leader away from marked
// nodes. Seen by a watcher of its own, the leader moves at most once, and two
// of three members are ready at any time.
func BenchmarkRollDatabase(b *testing.B) {
	const nodes = 9
	f := newFleet(b, fleetOptions{clusters: []string{"dev-1"}, workers: nodes, server: usualPoll,
		times: "boot: {base: 4s, spread: 1s}\nshutdown: 1s\npod: {start_min: 1s, start_max: 2s, termination: 2s}\nvolume: {attach: 1s, detach: 1s, provision: 200ms}\n",
		items: map[string]string{"roll_surge": "3", "roll_min_ready": "2s", "roll_deregistration": "5s", "roll_blocked_after": "5m"}})
	p := f.startProcess()
	f.awaitProvisioned()
	f.shop(nodes)
	f.apply("dev-1",
		`{"apiVersion":"v1","kind":"Service","metadata":{"name":"database","namespace":"shop"},"spec":{"clusterIP":"None","selector":{"application":"database"},"ports":[{"port":5432}]}}`,
		`{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"database","namespace":"shop"},"spec":{"replicas":3,"serviceName":"database","podManagementPolicy":"Parallel",
			"selector":{"matchLabels":{"application":"database"}},
			"template":{"metadata":{"labels":{"application":"database"}},"spec":{
			"affinity":{"podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"topologyKey":"topology.kubernetes.io/zone","labelSelector":{"matchLabels":{"application":"database"}}}]}},
			"containers":[{"name":"database","image":"registry.example.org/database:1","volumeMounts":[{"name":"data","mountPath":"/data"}]}]}},
			"volumeClaimTemplates":[{"metadata":{"name":"data"},"spec":{"storageClassName":"zonal","accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}]}}`,
		`{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":"database","namespace":"shop"},"spec":{"minAvailable":1,"selector":{"matchLabels":{"application":"database","role":"leader"}}}}`)
	ctx, cancel := context.WithCancel(context.Background())
	var operator sync.WaitGroup
	operator.Go(func() {
		if err := demo.Operate(ctx, filepath.Join(f.data, "clusters", "dev-1", "kubeconfig"), slog.New(slog.DiscardHandler)); err != nil {
			b.Error(err)
		}
	})
	b.Cleanup(func() { cancel(); operator.Wait() })
	database := map[string]string{"application": "database"}
	w := f.watch(5*time.Second,
		map[string]any{"name": "web", "selector": map[string]string{"application": "web"}, "desired": nodes},
		map[string]any{"name": "database", "selector": database, "desired": 3, "quorum": 2},
		map[string]any{"name": "leader", "selector": map[string]string{"application": "database", "role": "leader"}, "desired": 1})
	w.baseline()
	for b.Loop() {
		r := f.rollWorkers(p.pid(), 15*time.Minute)
		var seen watched
		f.await("the watcher sees everything in full health again", 3*time.Minute, func() (bool, string) {
			var err error
			seen, err = w.saw()
			return err == nil && seen.Healthy && seen.Clusters[0].NodesReplaced >= nodes, fmt.Sprint(seen, err)
		})
		c := seen.Clusters[0]
		members := c.Workloads[1].MinReady
		b.ReportMetric(float64(c.LeaderMoves), "leader-moves/roll")
		b.ReportMetric(float64(members)/3, "min-ready/member")
		b.ReportMetric(float64(c.NodesReplaced)/nodes, "replaced/node")
		b.ReportMetric(r.took.Seconds(), "s/roll")
		b.ReportMetric(0, "ns/op") // says nothing here
		if c.LeaderMoves > 1 || members < 2 || c.Breaks > 0 {
			b.Errorf("the leader moved %d times, %d members were ready at the least, the watcher lost sight %d times", c.LeaderMoves, members, c.Breaks)
		}
		if r.update.State != fairway.UpdateDone {
			b.Errorf("the update ended %s: %v", r.update.State, r.update.Blocked)
		}
	}
}
