package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/app"
)

// usage is what a process has used so far.
type usage struct {
	cpu      time.Duration
	peak     int64 // bytes of memory at most, ever
	resident int64 // bytes of memory now
}

// usageOf reads what a process has used from /proc.
func usageOf(t testing.TB, pid int) usage {
	t.Helper()
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		t.Fatal(err)
	}
	// The name in brackets may hold blanks; user and system time are the 14th
	// and 15th field, in hundredths of a second.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	var u usage
	for _, field := range fields[11:13] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		u.cpu += time.Duration(ticks) * 10 * time.Millisecond
	}
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch key {
		case "VmHWM":
			u.peak = kib << 10
		case "VmRSS":
			u.resident = kib << 10
		}
	}
	return u
}

// profiled writes profiles of this process (cpu-PID.pprof, heap-PID.pprof) into the
// folder that FAIRWAY_TEST_PROFILE names until the returned function is called.
func profiled() (end func()) {
	dir := os.Getenv("FAIRWAY_TEST_PROFILE")
	if dir == "" {
		return func() {}
	}
	cpu, err := os.Create(filepath.Join(dir, fmt.Sprintf("cpu-%d.pprof", os.Getpid())))
	if err == nil {
		err = pprof.StartCPUProfile(cpu)
	}
	if err != nil {
		panic(err)
	}
	return func() {
		pprof.StopCPUProfile()
		cpu.Close()
		if heap, err := os.Create(filepath.Join(dir, fmt.Sprintf("heap-%d.pprof", os.Getpid()))); err == nil {
			_ = pprof.Lookup("heap").WriteTo(heap, 0)
			heap.Close()
		}
	}
}

// usualPoll makes a server look at its sources as rarely as it does by itself.
func usualPoll(o *app.Options) { o.Poll = 10 * time.Second }

// rolled is what a roll of the workers took.
type rolled struct {
	took   time.Duration
	boots  time.Duration // of all machines that were launched, together
	update *fairway.Update
	cpu    time.Duration // of the server
	peak   int64         // bytes of memory of the server
}

// rollWorkers replaces all workers of the first cluster by a change of their
// user data and says what it took. Nothing asks the server more often than
// every two seconds meanwhile, so that its figures are its own.
func (f *fleet) rollWorkers(pid int, limit time.Duration) rolled {
	f.t.Helper()
	channel, _, _ := strings.Cut(f.clusters[0], "-")
	before := usageOf(f.t, pid)
	f.replace("cluster/node-pools/worker-default/userdata.yaml", "#cloud-config", "#cloud-config\n# "+fmt.Sprint(time.Now().UnixNano()))
	revision := f.commit("new user data of the workers")
	var r fairway.Rollout
	for end := time.Now().Add(limit); r.Revision != revision || r.State != fairway.RolloutDone; time.Sleep(2 * time.Second) {
		rollouts, err := f.client.Rollouts(f.t.Context(), channel)
		if err != nil {
			f.t.Fatal(err)
		}
		if len(rollouts) > 0 {
			r = rollouts[0]
		}
		if time.Now().After(end) || r.State == fairway.RolloutHalted {
			updates, err := f.client.Updates(f.t.Context(), fairway.UpdateFilter{RolloutID: r.ID, Limit: 1})
			f.t.Fatalf("the rollout of %s is not done: %+v, updates %+v %v", revision, r, updates, err)
		}
	}
	updates, err := f.client.Updates(f.t.Context(), fairway.UpdateFilter{RolloutID: r.ID})
	if err != nil || len(updates) != 1 {
		f.t.Fatalf("updates: %v %v", updates, err)
	}
	after := usageOf(f.t, pid)
	u, steps := f.steps(updates[0].ID)
	out := rolled{update: u, cpu: after.cpu - before.cpu, peak: after.peak, boots: f.boots("workers", u.StartedAt)}
	for _, s := range steps {
		if s.Name == fairway.StepWorkers {
			out.took = s.FinishedAt.Sub(s.StartedAt)
		}
	}
	return out
}

// pid is that of the server that runs now.
func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Pid
}

// spreadApp is a Deployment whose pods stand on different nodes, with a budget.
func spreadApp(name string, replicas int, unavailable string) []string {
	return []string{fmt.Sprintf(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":%[1]q,"namespace":"default"},"spec":{"replicas":%[2]d,"selector":{"matchLabels":{"app":%[1]q}},
		"template":{"metadata":{"labels":{"app":%[1]q}},"spec":{"containers":[{"name":"c","image":"registry.example.org/app:1"}],
		"affinity":{"podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"topologyKey":"kubernetes.io/hostname","labelSelector":{"matchLabels":{"app":%[1]q}}}]}}}}}}`, name, replicas),
		budgetOf(name, unavailable)}
}

// plainApp is a Deployment whose pods stand anywhere, with a budget.
func plainApp(name string, replicas int, unavailable string) []string {
	return []string{fmt.Sprintf(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":%[1]q,"namespace":"default"},"spec":{"replicas":%[2]d,"selector":{"matchLabels":{"app":%[1]q}},
		"template":{"metadata":{"labels":{"app":%[1]q}},"spec":{"containers":[{"name":"c","image":"registry.example.org/app:1"}]}}}}`, name, replicas),
		budgetOf(name, unavailable)}
}

func budgetOf(name, unavailable string) string {
	return fmt.Sprintf(`{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":%[1]q,"namespace":"default"},"spec":{"maxUnavailable":%[2]s,"selector":{"matchLabels":{"app":%[1]q}}}}`, name, unavailable)
}

func deploymentRef(name string) fairway.ObjectRef {
	return fairway.ObjectRef{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "default", Name: name}
}

// BenchmarkRoll300 rolls 300 nodes with 600 pods, 300 of them on different
// nodes, on a real control plane: 10 % may be in transition, boots take 30 s,
// pods 20 s to end and 10 s to start. The server is a process of its own, so
// that processor time and memory are its alone. The goals: 1.3 times the bound
// of (boots + nodes x termination) / 30, 60 CPU-seconds, 150 MiB.
func BenchmarkRoll300(b *testing.B) {
	const nodes, surge = 300, 30
	const termination = 20 * time.Second
	// 330 nodes need more memory than a small cluster's limit.
	b.Setenv("GOMEMLIMIT", "2GiB")
	f := newFleet(b, fleetOptions{clusters: []string{"dev-1"}, workers: nodes, room: 2 * surge, server: usualPoll,
		times: "boot: {base: 30s, spread: 0s}\nin_service_delay: 0s\nshutdown: 1s\npod: {start_min: 10s, start_max: 10s, termination: 20s}\n" +
			"node: {not_ready_after: 3m}\n", // a busy machine is not what is measured
		items: map[string]string{"roll_surge": "10%", "roll_canary": "false", "roll_min_ready": "0s", "roll_node_ready_timeout": "5m", "roll_blocked_after": "10m", "health_timeout": "10m"}})
	b.Setenv("GOMEMLIMIT", "")
	p := f.startProcess()
	f.awaitProvisioned()
	f.apply("dev-1", spreadApp("spread", 300, `"10%"`)...)
	f.apply("dev-1", plainApp("plain", 300, `"10%"`)...)
	f.awaitHealthy("dev-1", deploymentRef("spread"))
	f.awaitHealthy("dev-1", deploymentRef("plain"))
	for b.Loop() {
		r := f.rollWorkers(p.pid(), 40*time.Minute)
		bound := (r.boots + nodes*termination) / surge
		b.ReportMetric(r.took.Seconds(), "s/roll")
		b.ReportMetric(bound.Seconds(), "s-bound")
		b.ReportMetric(r.took.Seconds()/bound.Seconds(), "x-bound")
		b.ReportMetric(r.cpu.Seconds(), "cpu-s")
		b.ReportMetric(float64(r.peak)/(1<<20), "MiB-peak")
		b.ReportMetric(float64(r.update.Evictions), "evictions")
		b.ReportMetric(float64(r.update.EvictionsRefused), "refused")
		b.ReportMetric(0, "ns/op") // says nothing here
	}
}

// BenchmarkRollOneByOne rolls 100 nodes one at a time and says how much longer
// each takes than what must be waited for: its replacement's boot, that this
// stays ready, that load balancers forget the old node, and the end of its pods.
func BenchmarkRollOneByOne(b *testing.B) {
	const nodes = 100
	const minReady, deregistration, termination = time.Second, time.Second, time.Second
	b.Setenv("GOMEMLIMIT", "1GiB")
	f := newFleet(b, fleetOptions{clusters: []string{"dev-1"}, workers: nodes, server: usualPoll,
		times: "boot: {base: 2s, spread: 0s}\nin_service_delay: 0s\nshutdown: 300ms\npod: {start_min: 300ms, start_max: 600ms, termination: 1s}\n" +
			"node: {not_ready_after: 3m}\n", // a busy machine is not what is measured
		items: map[string]string{"roll_surge": "1", "roll_canary": "false", "roll_min_ready": minReady.String(), "roll_deregistration": deregistration.String(),
			"roll_node_ready_timeout": "2m", "roll_blocked_after": "10m", "health_timeout": "5m"}})
	b.Setenv("GOMEMLIMIT", "")
	p := f.startProcess()
	f.awaitProvisioned()
	f.apply("dev-1", spreadApp("web", nodes, "1")...)
	f.awaitHealthy("dev-1", deploymentRef("web"))
	for b.Loop() {
		r := f.rollWorkers(p.pid(), 30*time.Minute)
		needed := r.boots + nodes*(minReady+deregistration+termination)
		b.ReportMetric(r.took.Seconds(), "s/roll")
		b.ReportMetric(r.took.Seconds()/nodes, "s/node")
		b.ReportMetric((r.took-needed).Seconds()/nodes, "s-overhead/node")
		b.ReportMetric(r.took.Seconds()/needed.Seconds(), "x-needed")
		b.ReportMetric(r.cpu.Seconds(), "cpu-s")
		b.ReportMetric(float64(r.peak)/(1<<20), "MiB-peak")
		b.ReportMetric(0, "ns/op") // says nothing here
	}
}
