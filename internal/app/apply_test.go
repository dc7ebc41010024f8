package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/kube"
	"github.com/fairwayhq/fairway/internal/adapter/kubeconfig"
	"github.com/fairwayhq/fairway/internal/adapter/sqlstore"
	"github.com/fairwayhq/fairway/internal/engine/update"
	"github.com/fairwayhq/fairway/internal/localkubetest"
)

// folders is a configuration whose revisions are the folders below one.
type folders struct {
	fairway.Configuration
	dir string
}

func (f folders) Sources() []string { return []string{"main"} }
func (f folders) Open(_ context.Context, revision string) ([]fairway.SourceFiles, error) {
	return []fairway.SourceFiles{{Name: "main", Revision: revision, FS: os.DirFS(filepath.Join(f.dir, revision))}}, nil
}

// applier is a manager with a memory of its own and one existing cluster.
type applier struct {
	Dir, Kubeconfig string
	Cluster         fairway.Cluster
}

// open returns the memory and what carries out updates.
func (a applier) open(ctx context.Context) (fairway.Store, *update.Updater, error) {
	store, err := sqlstore.Open(ctx, filepath.Join(a.Dir, "fairway.db"), time.Now)
	if err != nil {
		return nil, nil, err
	}
	if _, err := store.Cluster(ctx, a.Cluster.ID); fairway.ErrorCode(err) == fairway.CodeNotFound {
		if err := store.CreateCluster(ctx, &a.Cluster); err != nil {
			return nil, nil, err
		}
	}
	kubes := func(path string, _ *fairway.Cluster) (fairway.Kubernetes, error) {
		return kube.New(kube.Options{Kubeconfig: path})
	}
	return store, update.New(update.Options{
		Store: store, Source: folders{dir: filepath.Join(a.Dir, "revisions")}, Holder: "fairway-test", Log: slog.New(slog.DiscardHandler),
		Providers: map[string]fairway.Provider{a.Cluster.Provider: kubeconfig.New(kubeconfig.Options{Path: a.Kubeconfig, NewKubernetes: kubes})},
	}), nil
}

// carryOut brings the cluster to a revision.
func carryOut(ctx context.Context, store fairway.Store, updater *update.Updater, clusterID, revision string) (*fairway.Update, error) {
	c, err := store.Cluster(ctx, clusterID)
	if err != nil {
		return nil, err
	}
	u := &fairway.Update{ID: fmt.Sprintf("%s-%d", revision, time.Now().UnixNano()), ClusterID: c.ID, Channel: c.Channel, Revision: revision, Version: c.Version(revision),
		State: fairway.UpdatePending, CreatedAt: time.Now()}
	if err := store.CreateUpdate(ctx, u); err != nil {
		return nil, err
	}
	for {
		again, err := updater.Run(ctx, u.ID)
		if again < 0 || ctx.Err() != nil {
			break
		}
		if err != nil {
			again = max(again, 200*time.Millisecond)
		}
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
	if u, err = store.Update(ctx, u.ID); err == nil && u.State != fairway.UpdateDone {
		err = fmt.Errorf("the update to %s is %s: %s (%s)", revision, u.State, u.Error, u.Waiting)
	}
	return u, err
}

// revision stores the files of a revision.
func (a applier) revision(t testing.TB, name string, files map[string]string) {
	t.Helper()
	for path, text := range files {
		full := filepath.Join(a.Dir, "revisions", name, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func changed(files map[string]string, path, text string) map[string]string {
	files = maps.Clone(files)
	files[path] = text
	return files
}

// byHand changes a ConfigMap as a person with kubectl does.
func byHand(t testing.TB, api dynamic.Interface, namespace, name string, data map[string]string) {
	t.Helper()
	patch, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		t.Fatal(err)
	}
	_, err = api.Resource(configMaps).Namespace(namespace).Patch(t.Context(), name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "kubectl-edit"})
	if err != nil {
		t.Fatal(err)
	}
}

var configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}

func configMap(name, value string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: apply}\ndata: {a: %q}\n", name, value)
}

// A repository with objects of many kinds is applied with one write for each; when
// nothing changed, nothing is written at all, and what somebody changed by hand is
// named; one changed object is one write. What becomes of a change by hand is as
// the component's policy says.
func TestApply_WritesOnlyWhatDiffers(t *testing.T) {
	t.Parallel()
	cluster := localkubetest.StartOwn(t)
	counts, path := counted(t, cluster.Kubeconfig)
	a := applier{Dir: t.TempDir(), Kubeconfig: path, Cluster: fairway.Cluster{
		ID: "kubeconfig:test:eu:one", Alias: "one", LocalID: "one", InfrastructureAccount: "kubeconfig:test", APIServerURL: "https://one.example.org", Channel: "dev",
		Environment: "test", CriticalityLevel: 1, LifecycleStatus: fairway.StatusReady, Provider: fairway.ProviderKubeconfig, Region: "eu",
	}}
	store, updater, err := a.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	config, err := clientcmd.BuildConfigFromFlags("", cluster.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	api, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}

	files := map[string]string{
		"fairway.yaml":                     "components: {told: {drift: report}, kept: {drift: repair}, pruned: {prune: true}}\n",
		"cluster/manifests/base/a.yaml":    everyKind,
		"cluster/manifests/usual/one.yaml": configMap("usual", "1"), "cluster/manifests/told/one.yaml": configMap("told", "1"),
		"cluster/manifests/kept/one.yaml": configMap("kept", "1"), "cluster/manifests/pruned/one.yaml": configMap("pruned", "1"),
		"cluster/manifests/pruned/two.yaml": configMap("stays", "1"), "cluster/manifests/plain/two.yaml": configMap("departed", "1"),
		"cluster/manifests/plain/one.yaml": configMap("plain", "1"),
	}
	for i := range 6 { // enough to be listed
		files["cluster/manifests/many/"+fmt.Sprint(i)+".yaml"] = configMap(fmt.Sprintf("many-%d", i), "1")
	}
	a.revision(t, "r1", files)
	objects := 9 + 6 + 7
	to := func(revision string) {
		t.Helper()
		counts.reset()
		if _, err := carryOut(t.Context(), store, updater, a.Cluster.ID, revision); err != nil {
			t.Fatal(err)
		}
	}
	drift := func() map[string]fairway.DriftState {
		t.Helper()
		d, err := store.Drift(t.Context(), a.Cluster.ID)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]fairway.DriftState{}
		for _, o := range d.Found {
			out[o.Ref.Name] = o.State
		}
		return out
	}
	value := func(name string) any {
		t.Helper()
		o, err := api.Resource(configMaps).Namespace("apply").Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return o.Object["data"].(map[string]any)["a"]
	}
	events := func(kind string) int {
		t.Helper()
		all, err := store.Events(t.Context(), a.Cluster.ID, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		return len(slices.DeleteFunc(all, func(e fairway.Event) bool { return e.Kind != kind }))
	}

	to("r1")
	if writes := counts.writes(); len(writes) != objects {
		t.Errorf("the first apply of %d objects writes %d times:\n%s", objects, len(writes), strings.Join(writes, "\n"))
	}

	byHand(t, api, "apply", "told", map[string]string{"a": "mine"})
	to("r1")
	if all := counts.all(); all["GET"] == 0 || len(all) != 1 {
		t.Errorf("nothing changed, and the requests are %v:\n%s", all, strings.Join(counts.writes(), "\n"))
	}
	if got := drift(); len(got) != 1 || got["told"] != fairway.DriftFound || events("drift.found") != 1 || value("told") != "mine" {
		t.Errorf("drift %v, value %v, %d events", got, value("told"), events("drift.found"))
	}

	a.revision(t, "r2", changed(files, "cluster/manifests/plain/one.yaml", configMap("plain", "2")))
	to("r2")
	if writes := counts.writes(); len(writes) != 1 || value("plain") != "2" {
		t.Errorf("one object changed, and the writes are\n%s", strings.Join(writes, "\n"))
	}
	if got := drift(); got["told"] != fairway.DriftFound || events("drift.found") != 1 {
		t.Errorf("what is known is told again: %v, %d events", got, events("drift.found"))
	}

	// A change of the object itself carries its drift with it, and by default an
	// update sets back.
	byHand(t, api, "apply", "usual", map[string]string{"a": "mine"})
	a.revision(t, "r3", changed(files, "cluster/manifests/told/one.yaml", configMap("told", "3")))
	to("r3")
	if writes := counts.writes(); len(writes) != 3 || value("told") != "3" || value("usual") != "1" {
		t.Errorf("told is %v, usual %v, after\n%s", value("told"), value("usual"), strings.Join(writes, "\n"))
	}
	if got := drift(); got["told"] != fairway.DriftRepaired || got["usual"] != fairway.DriftRepaired || events("drift.repaired") != 2 {
		t.Errorf("drift %v, %d events", got, events("drift.repaired"))
	}

	// A sweep reads, and writes only where the component says so.
	counts.reset()
	sweep := func() *fairway.Drift {
		t.Helper()
		d, err := updater.SweepDrift(t.Context(), a.Cluster.ID)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := sweep(); len(d.Differing()) != 0 || d.Objects != objects || len(counts.all()) != 1 || counts.all()["GET"] > 30 {
		t.Errorf("nothing differs: %+v, requests %v", d, counts.all())
	}
	if err := api.Resource(configMaps).Namespace("apply").Delete(t.Context(), "many-3", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for i := range fairway.MostRepairs + 1 {
		byHand(t, api, "apply", "kept", map[string]string{"a": fmt.Sprint("mine ", i)})
		byHand(t, api, "apply", "usual", map[string]string{"a": "mine", "new": "of nobody's configuration"})
		counts.reset()
		d := sweep()
		writes := counts.writes()
		if last := i == fairway.MostRepairs; last && len(writes) != 0 || !last && len(writes) != 1 {
			t.Errorf("sweep %d writes\n%s", i, strings.Join(writes, "\n"))
		}
		if len(d.Found) != 4 {
			t.Errorf("sweep %d finds %+v", i, d.Found)
		}
	}
	if got := drift(); got["kept"] != fairway.DriftContested || got["usual"] != fairway.DriftFound || got["many-3"] != fairway.DriftFound || value("usual") != "mine" {
		t.Errorf("drift %v, usual is %v", got, value("usual"))
	}
	records, err := store.Changes(t.Context(), fairway.ChangeFilter{Events: []fairway.ChangeEvent{fairway.ChangeDriftRepaired}})
	if err != nil || len(records) != fairway.MostRepairs || !strings.Contains(records[0].Reason, "ConfigMap/apply/kept: data.a by kubectl-edit") {
		t.Errorf("recorded: %+v, %v", records, err)
	}
	if events("drift.contested") != 1 || events("drift.repaired") != 2+fairway.MostRepairs {
		t.Errorf("%d contested, %d repaired", events("drift.contested"), events("drift.repaired"))
	}

	// What leaves the configuration is deleted only where the component says so,
	// and while it is Fairway's; the deleted object is made again.
	less := maps.Clone(files)
	for _, gone := range []string{"pruned/one.yaml", "plain/two.yaml"} {
		delete(less, "cluster/manifests/"+gone)
	}
	a.revision(t, "r4", less)
	to("r4")
	left, err := store.Inventory(t.Context(), a.Cluster.ID)
	if err != nil {
		t.Fatal(err)
	}
	left = slices.DeleteFunc(left, func(i fairway.InventoryItem) bool { return !i.Left })
	if len(left) != 1 || left[0].Ref.Name != "departed" || value("departed") != "1" || value("stays") != "1" || value("many-3") != "1" {
		t.Errorf("left: %+v", left)
	}
	if _, err := api.Resource(configMaps).Namespace("apply").Get(t.Context(), "pruned", metav1.GetOptions{}); err == nil {
		t.Error("what left a component with prune: true is still there")
	}
}

// everyKind are objects that API servers store in another form than applied.
const everyKind = `apiVersion: v1
kind: Namespace
metadata: {name: apply}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: apply}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: main, image: "web:1", ports: [{containerPort: 80}], resources: {limits: {cpu: 1000m, memory: 1024Mi}}, env: [{name: EMPTY, value: ""}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: apply}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Secret
metadata: {name: web, namespace: apply}
stringData: {b: second}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: apply-web}
rules: [{apiGroups: [""], resources: [pods], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: apply-web, namespace: ignored}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: apply-web}
subjects: [{kind: User, name: ada}]
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.apply.example.org}
spec:
  group: apply.example.org
  scope: Namespaced
  names: {plural: things, kind: Thing}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer, default: 3}, name: {type: string}}}}}}
---
apiVersion: apply.example.org/v1
kind: Thing
metadata: {name: one, namespace: apply}
spec: {name: x}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: bare, namespace: apply}
`
