package app_test

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/local"
)

// People steer a roll: a pause stands still, also over the death of the server,
// an abort takes back what the roll began, and single nodes are rotated. One
// fleet for all, as starting one takes longest.
func TestSteer(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fleetOptions{clusters: []string{"dev-1"}, workers: 4, items: map[string]string{
		// Slow enough to be caught in the middle.
		"roll_blocked_after": "2m", "roll_min_ready": "2s", "roll_surge": "2"}})
	p := f.startProcess()
	f.awaitProvisioned()
	f.workload("dev-1")
	f.pauseAndResume(p)
	f.abort(p)
	f.rotate()
}

func (f *fleet) pauseAndResume(p *process) {
	f.t.Helper()
	f.applyDemoChange()
	revision := f.commit("a roll that is paused")
	u := f.awaitDraining(revision)
	if c, err := f.client.Cluster(f.t.Context(), "dev-1"); err != nil || c.State.UpdateID != u.ID {
		f.t.Fatalf("the cluster is %+v, error %v", c, err)
	}
	paused, err := f.client.PauseUpdate(f.t.Context(), "dev-1", "a look first")
	if err != nil || paused.ID != u.ID || paused.Paused != "local: a look first" {
		f.t.Fatalf("pause: %+v, error %v", paused, err)
	}
	f.await("the update says that it is paused", 10*time.Second, func() (bool, string) {
		c, err := f.client.Cluster(f.t.Context(), "dev-1")
		if err != nil {
			return false, err.Error()
		}
		return c.State.Waiting == "paused by local: a look first" && strings.Contains(c.State.Actor, "fairway update resume "+u.ID), fmt.Sprintf("%+v", c.State)
	})
	before := f.disturbances("dev-1")
	if len(before) == 0 {
		f.t.Fatal("nothing is drained: the pause came too early or too late")
	}
	f.staysSo(before, 5*time.Second)
	// Whoever paused has the cluster: the lease is free.
	k := f.kube("dev-1")
	if err := k.HoldLease(f.t.Context(), "a person", 20*time.Second); err != nil {
		f.t.Errorf("the lease of a paused update: %v", err)
	}
	if err := k.ReleaseLease(f.t.Context(), "a person"); err != nil {
		f.t.Error(err)
	}
	// The process dies, and the next one knows.
	starts := p.started()
	p.kill()
	f.await("another server answers", 30*time.Second, func() (bool, string) {
		ok, why := p.find()
		return ok && p.started() > starts, why
	})
	f.staysSo(before, 5*time.Second)
	v, err := f.client.Update(f.t.Context(), u.ID)
	if err != nil || v.Paused == "" || v.State != fairway.UpdateRunning || v.Waiting != "paused by local: a look first" {
		f.t.Errorf("after the restart: %+v, error %v", v, err)
	}
	if v.Attempts > 1 || v.Error != "" {
		f.t.Errorf("the pause counts as a failure: %+v", v)
	}
	if _, err := f.client.ResumeUpdate(f.t.Context(), u.ID, false); err != nil {
		f.t.Fatal(err)
	}
	p.awaitDone("dev", revision, 3*time.Minute)
	if left := f.left("dev-1", nil); len(left) > 0 {
		f.t.Errorf("left after a pause: %v", left)
	}
	if _, err := f.client.PauseUpdate(f.t.Context(), u.ID, ""); fairway.ErrorCode(err) != fairway.CodeConflict {
		f.t.Errorf("pause what is over: %v", err)
	}
}

func (f *fleet) abort(p *process) {
	f.t.Helper()
	sizes := f.sizes("dev-1")
	f.replace("cluster/config-defaults.yaml", "fairway-node-2026.11.0", "fairway-node-2026.11.1")
	revision := f.commit("a roll that is aborted")
	u := f.awaitDraining(revision)
	begun := time.Now()
	if _, err := f.client.AbortUpdate(f.t.Context(), "dev-1", "wrong image"); err != nil {
		f.t.Fatal(err)
	}
	starts := p.started()
	p.kill() // the next server takes it up
	f.await("another server answers", 30*time.Second, func() (bool, string) {
		ok, why := p.find()
		return ok && p.started() > starts, why
	})
	f.await("nothing is left of the aborted roll", time.Minute, func() (bool, string) {
		v, err := f.client.Update(f.t.Context(), u.ID)
		if err != nil {
			return false, err.Error()
		}
		left := f.left("dev-1", sizes)
		// An abort evicts nothing: where pods are on all additional nodes by then,
		// one may stay, and the update says so.
		left = slices.DeleteFunc(left, func(l string) bool {
			return strings.HasPrefix(l, "size ") && strings.Contains(v.Error+v.Hint+v.Doing, "node pool workers has")
		})
		return v.State == fairway.UpdateCanceled && len(left) == 0, fmt.Sprintf("%s, doing %q, waiting for %q, left %v", v.State, v.Doing, v.Waiting, left)
	})
	f.t.Logf("the abort took %s", time.Since(begun).Round(100*time.Millisecond))
	r := f.awaitRollout("dev", revision, fairway.RolloutHalted, time.Minute)
	if !strings.Contains(r.Reason, "aborted by local: wrong image") || r.Hint == "" {
		f.t.Errorf("the rollout says %q, hint %q", r.Reason, r.Hint)
	}
	nodes := f.nodeNames("dev-1")
	time.Sleep(10 * f.options().Poll) // several looks at the fleet
	if active, err := f.client.Updates(f.t.Context(), fairway.UpdateFilter{Active: true}); err != nil || len(active) > 0 {
		f.t.Errorf("started anew after an abort: %+v %v", active, err)
	}
	if now := f.nodeNames("dev-1"); fmt.Sprint(now) != fmt.Sprint(nodes) {
		f.t.Errorf("nodes change after an abort: %v, before %v", now, nodes)
	}
	events, err := f.client.Events(f.t.Context(), "dev-1", 0)
	if err != nil {
		f.t.Fatal(err)
	}
	kinds := map[string]string{}
	for _, e := range events {
		kinds[e.Kind] = e.Message
	}
	for _, kind := range []string{"update.paused", "update.resumed", "update.aborted"} {
		if !strings.Contains(kinds[kind], " by local") {
			f.t.Errorf("event %s says %q, not who", kind, kinds[kind])
		}
	}
	f.git(f.work, "revert", "--no-commit", "HEAD")
	f.awaitRollout("dev", f.commit("taken back"), fairway.RolloutDone, 3*time.Minute)
}

func (f *fleet) rotate() {
	f.t.Helper()
	before := f.nodeNames("dev-1")
	sizes := f.sizes("dev-1")
	dry, err := f.client.Rotate(f.t.Context(), fairway.RotationRequest{Cluster: "dev-1", Pool: "workers", DryRun: true})
	// The abort may have left one node more than there were.
	if err != nil || len(dry.Nodes) != len(f.workers("dev-1")) || len(dry.Nodes) < 4 || dry.UpdateID != "" {
		f.t.Fatalf("dry run: %+v, error %v", dry, err)
	}
	chosen := dry.Nodes[0].Node
	_, err = f.client.Rotate(f.t.Context(), fairway.RotationRequest{Cluster: "dev-1", Nodes: []string{chosen + "x"}})
	if fairway.ErrorCode(err) != fairway.CodeNotFound || !strings.Contains(fairway.ErrorHint(err), "did you mean") {
		f.t.Errorf("a wrong name: %v (%s)", err, fairway.ErrorHint(err))
	}
	version := f.version("dev-1")
	answer, err := f.client.Rotate(f.t.Context(), fairway.RotationRequest{Cluster: "dev-1", Nodes: []string{chosen}, Reason: "a bad disk"})
	if err != nil || answer.UpdateID == "" || len(answer.Nodes) != 1 {
		f.t.Fatalf("rotate: %+v, error %v", answer, err)
	}
	f.await("the rotation is done", 2*time.Minute, func() (bool, string) {
		v, err := f.client.Update(f.t.Context(), answer.UpdateID)
		if err != nil {
			return false, err.Error()
		}
		return v.State == fairway.UpdateDone && v.NodesDone == 1 && v.NodesTotal == 1, fmt.Sprintf("%+v", v)
	})
	after := f.nodeNames("dev-1")
	if after[chosen] {
		f.t.Errorf("node %s was not replaced", chosen)
	}
	kept := 0
	for name := range before {
		if after[name] {
			kept++
		}
	}
	if kept != len(before)-1 || len(after) != len(before) {
		f.t.Errorf("the nodes are %v, before %v: want one replaced", after, before)
	}
	if now := f.version("dev-1"); now != version {
		f.t.Errorf("the version is %s, before %s", now, version)
	}
	if left := f.left("dev-1", sizes); len(left) > 0 {
		f.t.Errorf("left after a rotation: %v", left)
	}
	time.Sleep(10 * f.options().Poll)
	if active, err := f.client.Updates(f.t.Context(), fairway.UpdateFilter{Active: true}); err != nil || len(active) > 0 {
		f.t.Errorf("the wish is not over: %+v %v", active, err)
	}
}

func (f *fleet) version(id string) string {
	f.t.Helper()
	c, err := f.client.Cluster(f.t.Context(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	return c.Status.CurrentVersion
}

// awaitDraining waits until the update to a revision drains a worker, and returns it.
func (f *fleet) awaitDraining(revision string) *fairway.Update {
	f.t.Helper()
	var out *fairway.Update
	f.await("a worker is drained for "+revision, 2*time.Minute, func() (bool, string) {
		active, err := f.client.Updates(f.t.Context(), fairway.UpdateFilter{Active: true})
		if err != nil || len(active) != 1 || active[0].Revision != revision {
			return false, fmt.Sprint(active, err)
		}
		v, err := f.client.Update(f.t.Context(), active[0].ID)
		if err != nil {
			return false, err.Error()
		}
		out = &v.Update
		rolls := slices.ContainsFunc(v.Steps, func(s fairway.Step) bool { return s.Name == fairway.StepWorkers && s.State == fairway.StepRunning })
		return rolls && len(f.disturbances("dev-1")) > 0, fmt.Sprintf("%+v", v)
	})
	return out
}

// disturbances are what is done to nodes, machines and pods of a cluster now.
func (f *fleet) disturbances(id string) map[string]bool {
	f.t.Helper()
	workloads, err := f.kube(id).Workloads(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	_, instances := f.cloudState(id)
	out := map[string]bool{}
	going := map[string]bool{}
	alive := map[string]bool{}
	for _, i := range instances {
		if i.State == fairway.InstanceTerminating {
			out["terminated instance "+i.ID], going[i.NodeName] = true, true
		} else {
			alive[i.NodeName] = true
		}
	}
	for _, n := range workloads.Nodes {
		if n.Annotations[fairway.AnnotationDrainStart] != "" {
			out["drained node "+n.Name] = true
		}
		if n.Unschedulable {
			out["cordoned node "+n.Name] = true
		}
	}
	for _, pod := range workloads.Pods {
		if pod.Deleting && !going[pod.Node] && alive[pod.Node] {
			out["deleted pod "+pod.Namespace+"/"+pod.Name] = true
		}
	}
	return out
}

// staysSo watches that nothing more is disturbed than before.
func (f *fleet) staysSo(before map[string]bool, d time.Duration) {
	f.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		for what := range f.disturbances("dev-1") {
			if !before[what] {
				f.t.Fatalf("although paused: %s; before %v", what, slices.Sorted(maps.Keys(before)))
			}
		}
	}
}

// cloudState reads groups and instances as the cloud has them.
func (f *fleet) cloudState(id string) ([]fairway.Group, []fairway.Instance) {
	f.t.Helper()
	provider := local.New(local.Options{DataDir: f.data, Log: slog.New(slog.DiscardHandler), NewKubernetes: func(string, *fairway.Cluster) (fairway.Kubernetes, error) { return f.kube(id), nil }})
	_, cloud, err := provider.Connect(f.t.Context(), &fairway.Cluster{LocalID: id, Alias: id, Provider: fairway.ProviderLocal})
	if err != nil {
		f.t.Fatal(err)
	}
	groups, err := cloud.Groups(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	instances, err := cloud.Instances(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return groups, instances
}

// sizes are the sizes of the groups by pool.
func (f *fleet) sizes(id string) map[string]int {
	f.t.Helper()
	groups, _ := f.cloudState(id)
	out := map[string]int{}
	for _, g := range groups {
		out[g.Pool] = g.Desired
	}
	return out
}

// left lists what a roll that is over must not leave: marks, tags, protections,
// and sizes that are not those from before; nil means any size.
func (f *fleet) left(id string, sizes map[string]int) []string {
	f.t.Helper()
	left := f.marksLeft(id)
	groups, instances := f.cloudState(id)
	for _, g := range groups {
		for tag := range g.Tags {
			if strings.HasPrefix(tag, "fairway.dev/roll-") {
				left = append(left, "tag "+tag+" of "+g.Pool)
			}
		}
		if sizes != nil && g.Desired != sizes[g.Pool] {
			left = append(left, fmt.Sprintf("size %d of %s, before %d", g.Desired, g.Pool, sizes[g.Pool]))
		}
	}
	for _, i := range instances {
		if i.Protected {
			left = append(left, "protection of "+i.ID)
		}
	}
	return left
}
