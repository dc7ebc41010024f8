package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/app"
)

// A change travels from dev to alpha, every node is replaced, and what the
// change deletes is gone.
func TestServer_ChangeTravels(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fleetOptions{clusters: []string{"dev-1", "alpha-1"}})
	f.start()
	f.awaitProvisioned()
	before := f.nodeNames("alpha-1")
	f.applyDemoChange()
	revision := f.commit("new image, changed manifest, one deletion")

	f.awaitRollout("dev", revision, fairway.RolloutDone, 3*time.Minute)
	r := f.awaitRollout("alpha", revision, fairway.RolloutDone, 3*time.Minute)
	if got := strings.TrimSpace(f.git(f.work, "ls-remote", "origin", "refs/heads/alpha")); !strings.HasPrefix(got, revision) {
		t.Errorf("branch alpha is at %s, want %s", got, revision)
	}
	for name := range f.nodeNames("alpha-1") {
		if before[name] {
			t.Errorf("node %s was not replaced", name)
		}
	}
	if left := f.marksLeft("alpha-1"); len(left) > 0 {
		t.Errorf("marks are left: %v", left)
	}
	updates, err := f.client.Updates(t.Context(), fairway.UpdateFilter{RolloutID: r.ID})
	if err != nil || len(updates) != 1 {
		t.Fatalf("updates of the rollout: %v %v", updates, err)
	}
	if u := updates[0]; u.State != fairway.UpdateDone || u.NodesDone != u.NodesTotal || u.NodesTotal != 4 {
		t.Errorf("the update says %+v, want 4 of 4 nodes", u)
	}
	c, err := f.client.Cluster(t.Context(), "alpha-1")
	if err != nil {
		t.Fatal(err)
	}
	if got := fairway.ParseVersion(c.Status.CurrentVersion).Revision; got != revision {
		t.Errorf("the registry says revision %s, want %s", got, revision)
	}
	// Nothing is left to do: the same revision starts nothing again.
	time.Sleep(5 * f.options().Poll)
	if active, err := f.client.Updates(t.Context(), fairway.UpdateFilter{Active: true}); err != nil || len(active) > 0 {
		t.Errorf("something runs after all is done: %+v %v", active, err)
	}
}

// Changes that cannot work halt the rollout, name what is wrong and where, and
// leave the cluster as it was; a correction goes through.
func TestServer_BadChanges(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fleetOptions{clusters: []string{"dev-1"}})
	f.start()
	f.awaitProvisioned()
	nodes := f.nodeNames("dev-1")

	const manifest = "cluster/manifests/90-test/object.yaml"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"a template that does not parse", "metadata: {{ if }}\n", []string{manifest, "90-test/object.yaml:1"}},
		{"a config item that is missing", "kind: ConfigMap\napiVersion: v1\nmetadata:\n  name: x\ndata:\n  image: \"{{ .Cluster.ConfigItems.node_imag }}\"\n", []string{manifest, "node_imag", "node_image"}},
		{"a manifest that the API server rejects", "apiVersion: v1\nkind: Service\nmetadata:\n  name: broken\n  namespace: default\nspec:\n  ports:\n  - port: 99999999\n", []string{"Service/default/broken", "99999999"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.write(manifest, c.text)
			revision := f.commit(c.name)
			r := f.awaitRollout("dev", revision, fairway.RolloutHalted, time.Minute)
			said := r.Reason + " " + r.Hint
			updates, err := f.client.Updates(t.Context(), fairway.UpdateFilter{RolloutID: r.ID})
			if err != nil || len(updates) != 1 {
				t.Fatalf("updates of the rollout: %v %v", updates, err)
			}
			said += " " + updates[0].Error + " " + updates[0].Hint
			for _, want := range c.want {
				if !strings.Contains(said, want) {
					t.Errorf("nothing names %q: %s", want, said)
				}
			}
		})
	}
	if now := f.nodeNames("dev-1"); fmt.Sprint(now) != fmt.Sprint(nodes) {
		t.Errorf("nodes were touched: %v, before %v", now, nodes)
	}
	f.write(manifest, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: corrected\n  namespace: default\n")
	f.awaitRollout("dev", f.commit("the correction"), fairway.RolloutDone, time.Minute)
	health, err := f.kube("dev-1").Health(t.Context(), fairway.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Namespace: "default", Name: "corrected"})
	if err != nil || health.State != fairway.HealthCurrent {
		t.Errorf("the corrected object is %v %v", health, err)
	}
}

// A halted rollout goes on by itself once the registry gives what was missing,
// and a cluster whose updates were blocked gets the revision when they are
// allowed again.
func TestServer_GoesOnWhenTheCauseIsGone(t *testing.T) {
	t.Parallel()
	o := fleetOptions{clusters: []string{"dev-1"}, items: map[string]string{}}
	f := newFleet(t, o)
	f.start()
	f.awaitProvisioned()

	f.write("cluster/manifests/90-test/object.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Cluster.ConfigItems.name_of_it }}\n  namespace: default\n")
	revision := f.commit("needs an item that no cluster has")
	f.awaitRollout("dev", revision, fairway.RolloutHalted, time.Minute)
	o.items["name_of_it"] = "given"
	f.writeRegistry(o)
	f.awaitRollout("dev", revision, fairway.RolloutDone, time.Minute)

	o.items[fairway.ItemUpdateBlock] = "an audit"
	f.writeRegistry(o)
	f.await("the registry knows the block", time.Minute, func() (bool, string) {
		c, err := f.client.Cluster(t.Context(), "dev-1")
		return err == nil && c.ConfigItems[fairway.ItemUpdateBlock] != "", fmt.Sprint(err)
	})
	f.write("cluster/manifests/90-test/object.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: later\n  namespace: default\n")
	revision = f.commit("while updates are blocked")
	f.await("the channel moved", time.Minute, func() (bool, string) {
		events, err := f.client.Events(t.Context(), "", 0)
		return err == nil && strings.Contains(fmt.Sprint(events), "channel dev is at revision "+revision), fmt.Sprint(err)
	})
	later := fairway.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Namespace: "default", Name: "later"}
	if h, err := f.kube("dev-1").Health(t.Context(), later); err != nil || h.State != fairway.HealthNotFound {
		t.Errorf("although updates are blocked, %s is %v %v", later, h, err)
	}
	delete(o.items, fairway.ItemUpdateBlock)
	f.writeRegistry(o)
	f.awaitRollout("dev", revision, fairway.RolloutDone, time.Minute)
	f.awaitHealthy("dev-1", later)
}

// shortPieces cuts updates into many pieces of work: what counts time must go
// on over them.
func shortPieces(o *app.Options) { o.Piece = time.Second }

// An object that never becomes healthy fails the update after health_timeout,
// also when that is longer than a piece of work, and halts the rollout.
func TestServer_NeverHealthy(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fleetOptions{clusters: []string{"dev-1"}, items: map[string]string{"health_timeout": "6s"}, server: shortPieces})
	f.start()
	f.awaitProvisioned()
	f.write("cluster/manifests/90-test/object.yaml", `apiVersion: apps/v1
kind: Deployment
metadata: {name: sick, namespace: default}
spec:
  replicas: 1
  selector: {matchLabels: {app: sick}}
  template:
    metadata: {labels: {app: sick}, annotations: {localkube.fairway.dev/never-ready: "true"}}
    spec: {containers: [{name: c, image: "registry.example.org/sick:1"}]}
`)
	r := f.awaitRollout("dev", f.commit("a workload that never becomes ready"), fairway.RolloutHalted, time.Minute)
	if !strings.Contains(r.Reason, "Deployment/default/sick") || !strings.Contains(r.Reason, "6s") {
		t.Errorf("the rollout says %q, want the object and the time", r.Reason)
	}
}

// A budget that can never be satisfied costs the nodes of its pods and no
// other: the roll goes on, and names pod and budget.
func TestServer_ImpossibleBudget(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fleetOptions{clusters: []string{"dev-1"}, workers: 4, server: shortPieces,
		items: map[string]string{"drain_force": "false"}}) // else the roll waits hours for the time when it may force
	f.start()
	f.awaitProvisioned()
	f.apply("dev-1",
		`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"stubborn","namespace":"default"},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"stubborn"}},
		  "template":{"metadata":{"labels":{"app":"stubborn"}},"spec":{"containers":[{"name":"c","image":"registry.example.org/stubborn:1"}]}}}}`,
		`{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":"stubborn","namespace":"default"},"spec":{"minAvailable":1,"selector":{"matchLabels":{"app":"stubborn"}}}}`)
	f.awaitHealthy("dev-1", fairway.ObjectRef{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "default", Name: "stubborn"})
	stuck := f.nodeOf("dev-1", "stubborn")
	before := f.nodeNames("dev-1")

	f.applyDemoChange()
	revision := f.commit("a change that rolls every node")
	r := f.awaitRollout("dev", revision, fairway.RolloutHalted, 3*time.Minute)
	updates, err := f.client.Updates(t.Context(), fairway.UpdateFilter{RolloutID: r.ID})
	if err != nil || len(updates) != 1 {
		t.Fatalf("updates of the rollout: %v %v", updates, err)
	}
	u := updates[0]
	if u.State != fairway.UpdatePartial || len(u.Blocked) != 1 {
		t.Fatalf("the update is %s and names %+v, want partial and one node", u.State, u.Blocked)
	}
	if b := u.Blocked[0]; b.Node != stuck || !strings.HasPrefix(b.Pod, "default/stubborn-") || b.Budget != "default/stubborn" {
		t.Errorf("blocked is %+v, want node %s, the pod and its budget", b, stuck)
	}
	for name := range f.nodeNames("dev-1") {
		if before[name] && name != stuck {
			t.Errorf("node %s was not replaced although nothing held it", name)
		}
	}
	if left := f.marksLeft("dev-1"); len(left) > 0 {
		t.Errorf("marks are left: %v", left)
	}
}

// New nodes that never become Ready do not cost the old ones: the update
// fails and says so.
func TestServer_NodeNeverReady(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fleetOptions{clusters: []string{"dev-1"}, items: map[string]string{"roll_node_ready_timeout": "5s"}, server: shortPieces})
	f.start()
	f.awaitProvisioned()
	before := f.nodeNames("dev-1")
	f.faults("dev-1", `{"never_ready_next": 1000}`)
	f.applyDemoChange()
	r := f.awaitRollout("dev", f.commit("nodes of this image do not boot"), fairway.RolloutHalted, 2*time.Minute)
	updates, err := f.client.Updates(t.Context(), fairway.UpdateFilter{RolloutID: r.ID})
	if err != nil || len(updates) != 1 || updates[0].State != fairway.UpdateFailed || updates[0].Hint == "" {
		t.Fatalf("updates of the rollout: %+v %v, want one that failed, with a hint", updates, err)
	}
	now := f.nodeNames("dev-1")
	for name := range before {
		if !now[name] {
			t.Errorf("old node %s is gone although no new one became ready", name)
		}
	}
	if left := f.marksLeft("dev-1"); len(left) > 0 {
		t.Errorf("marks are left: %v", left)
	}
}

// A cluster on a channel that does not exist says so in its status and keeps
// nobody else from being updated.
func TestServer_UnknownChannel(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fleetOptions{clusters: []string{"dve-1", "dev-1"}})
	f.start()
	f.await("dev-1 is ready and dve-1 has a problem", 2*time.Minute, func() (bool, string) {
		good, err := f.client.Cluster(t.Context(), "dev-1")
		if err != nil {
			return false, err.Error()
		}
		bad, err := f.client.Cluster(t.Context(), "dve-1")
		if err != nil {
			return false, err.Error()
		}
		named := len(bad.Status.Problems) == 1 && strings.Contains(bad.Status.Problems[0].Title, "dve")
		return good.LifecycleStatus == fairway.StatusReady && named, fmt.Sprintf("%+v %+v", good.Status, bad.Status)
	})
}

// Two servers cannot share a data folder, a taken port is named, and a server
// that listens for everybody is refused.
func TestServer_CannotStart(t *testing.T) {
	t.Parallel()
	f := &fleet{t: t, data: t.TempDir()}
	f.makeRepository()
	f.writeRegistry(fleetOptions{})
	f.start()
	refused := func(what string, change func(*app.Options), want ...string) {
		t.Helper()
		o := f.options()
		change(&o)
		a, err := app.New(context.Background(), o)
		if err == nil {
			_ = a.Stop(context.Background())
			t.Fatalf("%s: the server starts", what)
		}
		for _, w := range append(want, "") {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not say %q", what, err, w)
			}
		}
		if fairway.ErrorHint(err) == "" {
			t.Errorf("%s: %q has no hint", what, err)
		}
	}
	refused("two servers in one folder", func(*app.Options) {}, f.data, fmt.Sprint(os.Getpid()))
	other := t.TempDir()
	refused("a taken port", func(o *app.Options) { o.DataDir, o.Listen = other, f.app.Addr() }, f.app.Addr())
	refused("an address for everybody", func(o *app.Options) { o.DataDir, o.Listen = other, "0.0.0.0:0" }, "0.0.0.0:0")
	refused("no source", func(o *app.Options) { o.DataDir, o.ConfigSources = other, nil }, "config source")
	refused("a source that is none", func(o *app.Options) { o.DataDir, o.ConfigSources = other, []string{"main"} }, "main")
	refused("a bad static token", func(o *app.Options) { o.DataDir, o.StaticTokens = other, []string{"secret"} }, "NAME=ROLE:TOKEN")
}

// applyDemoChange makes the built-in change in the work tree.
func (f *fleet) applyDemoChange() {
	f.t.Helper()
	diff := filepath.Join(f.t.TempDir(), "change.diff")
	if err := os.WriteFile(diff, demoChange(f.t), 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.git(f.work, "apply", diff)
}

// apply applies objects as a person would.
func (f *fleet) apply(id string, objects ...string) {
	f.t.Helper()
	k := f.kube(id)
	for _, text := range objects {
		var o fairway.Object
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			f.t.Fatal(err)
		}
		if _, err := k.Apply(f.t.Context(), o, nil); err != nil {
			f.t.Fatal(err)
		}
	}
}

func (f *fleet) awaitHealthy(id string, ref fairway.ObjectRef) {
	f.t.Helper()
	k := f.kube(id)
	f.await(ref.String()+" is healthy", 3*time.Minute, func() (bool, string) {
		h, err := k.Health(f.t.Context(), ref)
		return err == nil && h.State == fairway.HealthCurrent, fmt.Sprint(h, err)
	})
}

func (f *fleet) nodeNames(id string) map[string]bool {
	f.t.Helper()
	workloads, err := f.kube(id).Workloads(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	names := map[string]bool{}
	for _, n := range workloads.Nodes {
		names[n.Name] = true
	}
	return names
}

// nodeOf is the node of the only pod with a label app.
func (f *fleet) nodeOf(id, label string) string {
	f.t.Helper()
	workloads, err := f.kube(id).Workloads(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	for _, p := range workloads.Pods {
		if p.Labels["app"] == label && p.Node != "" {
			return p.Node
		}
	}
	f.t.Fatalf("no pod of %s has a node", label)
	return ""
}
