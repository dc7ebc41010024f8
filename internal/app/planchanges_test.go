package app_test

import (
	"cmp"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/kube"
	"github.com/fairwayhq/fairway/internal/adapter/local"
	"github.com/fairwayhq/fairway/internal/adapter/sqlstore"
	"github.com/fairwayhq/fairway/internal/engine/sources"
	"github.com/fairwayhq/fairway/internal/engine/update"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

// Two hundred changes of all kinds that a seed draws, one after another on a real
// control plane: what each update does is what it planned, object by object, or
// nothing at all when it stopped at its plan.
func TestPlanIsWhatHappens(t *testing.T) {
	t.Parallel()
	const seed, changes = 1, 200
	t.Logf("seed %d", seed)
	w := newDrawn(t, seed)
	for n := range changes {
		w.change(n)
		if t.Failed() {
			t.Fatalf("seed %d, change %d: %s", seed, n, strings.Join(w.ops, "; "))
		}
	}
	t.Logf("%v", w.count)
	for what, least := range map[string]int{"created": 100, "changed": 100, "deleted": 30, "unchanged": 1000, "stopped": 5, "approved": 3, "nodes": 2, "drift": 10} {
		if w.count[what] < least {
			t.Errorf("only %d %s: the draws show too little", w.count[what], what)
		}
	}
}

// thing is an object of the configuration; a and b change at will, fixed cannot.
type thing struct {
	kind, name  string
	a, b, fixed int
}

// drawn is a cluster whose configuration a seed draws.
type drawn struct {
	*fleet
	random  *rand.Rand
	store   *keptPlans
	updater *update.Updater
	sent    *sent
	hand    *kube.Cluster // somebody else
	source  *drawnSource
	things  map[string]thing
	pools   int // the state of the user data
	made    int
	before  []string // entries of deletions.yaml
	after   []string
	ops     []string // what the change under way does
	count   map[string]int
}

const drawnCluster = "local:test:local-1:dev-1"

func newDrawn(t *testing.T, seed uint64) *drawn {
	f := newFleet(t, fleetOptions{clusters: []string{"dev-1"}, times: "boot: {base: 300ms, spread: 100ms}\nshutdown: 100ms\npod: {start_min: 50ms, start_max: 100ms, termination: 200ms}\n"})
	w := &drawn{fleet: f, random: rand.New(rand.NewPCG(seed, 0)), things: map[string]thing{}, count: map[string]int{}, source: &drawnSource{revisions: map[string]fstest.MapFS{}}}
	store, err := sqlstore.Open(t.Context(), filepath.Join(t.TempDir(), "fairway.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	w.store, w.hand, w.sent = &keptPlans{Store: store}, f.kube("dev-1"), &sent{}
	items := maps.Clone(fastItems)
	items["roll_surge"] = "1"
	c := &fairway.Cluster{ID: drawnCluster, Alias: "dev-1", LocalID: "dev-1", InfrastructureAccount: "local:test", APIServerURL: "https://dev-1.example.org", Channel: "dev",
		Environment: "test", LifecycleStatus: fairway.StatusReady, Provider: fairway.ProviderLocal, Region: "local-1", ConfigItems: items,
		NodePools: []fairway.NodePool{{Name: "workers", Profile: "worker", InstanceTypes: []string{"m5.large"}, DiscountStrategy: "none", MinSize: 1, MaxSize: 3}}}
	if err := store.CreateCluster(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	provider := local.New(local.Options{DataDir: f.data, NewKubernetes: func(path string, _ *fairway.Cluster) (fairway.Kubernetes, error) {
		k, err := kube.New(kube.Options{Kubeconfig: path, Log: slog.New(slog.DiscardHandler)})
		w.sent.Cluster = k
		return w.sent, err
	}})
	source, err := sources.New(w.source)
	if err != nil {
		t.Fatal(err)
	}
	w.updater = update.New(update.Options{Store: w.store, Source: source, Holder: "test", Log: slog.New(slog.DiscardHandler), Providers: map[string]fairway.Provider{fairway.ProviderLocal: provider}})
	w.webhook()
	return w
}

// webhook changes ConfigMaps that ask for it, as somebody's policy would: it writes
// a value in another form, and adds one.
func (w *drawn) webhook() {
	s := httptest.NewTLSServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		var review struct {
			Request struct {
				UID    string         `json:"uid"`
				Object map[string]any `json:"object"`
			} `json:"request"`
		}
		text, _ := io.ReadAll(in.Body)
		if err := json.Unmarshal(text, &review); err != nil {
			w.t.Error(err)
			return
		}
		data, _ := review.Request.Object["data"].(map[string]any)
		level, _ := data["level"].(string)
		patch, _ := json.Marshal([]map[string]any{{"op": "add", "path": "/data/level", "value": strings.ToUpper(level)}, {"op": "add", "path": "/data/added", "value": "by a webhook"}})
		out.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(out).Encode(map[string]any{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
			"response": map[string]any{"uid": review.Request.UID, "allowed": true, "patchType": "JSONPatch", "patch": patch}})
	}))
	w.t.Cleanup(s.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	hook := map[string]any{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration", "metadata": map[string]any{"name": "loud"},
		"webhooks": []any{map[string]any{"name": "loud.example.org", "admissionReviewVersions": []any{"v1"}, "sideEffects": "None", "failurePolicy": "Ignore", "timeoutSeconds": int64(5),
			"clientConfig":   map[string]any{"url": s.URL, "caBundle": authority},
			"objectSelector": map[string]any{"matchLabels": map[string]any{"loud": "yes"}},
			"rules":          []any{map[string]any{"apiGroups": []any{""}, "apiVersions": []any{"v1"}, "operations": []any{"CREATE", "UPDATE"}, "resources": []any{"configmaps"}}}}}}
	if _, err := w.hand.Apply(w.t.Context(), hook, nil); err != nil {
		w.t.Fatal(err)
	}
}

// text is a thing as the configuration has it.
func (x thing) text() string {
	switch x.kind {
	case "ConfigMap":
		return fmt.Sprintf(`{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "%s", "namespace": "drawn", "labels": {"group": "g%d"}}, "data": {"a": "%d", "b": "%d"}}`, x.name, x.fixed, x.a, x.b)
	case "Loud": // a ConfigMap that the webhook changes
		return fmt.Sprintf(`{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "%s", "namespace": "drawn", "labels": {"loud": "yes"}}, "data": {"level": "low-%d", "b": "%d"}}`, x.name, x.a, x.b)
	case "Secret":
		return fmt.Sprintf(`{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "%s", "namespace": "drawn"}, "type": "example.org/t%d", "stringData": {"key": "secret-%d"}, "data": {"other": "%s"}}`,
			x.name, x.fixed, x.a, []string{"YQ==", "Yg==", "Yw==", "ZA=="}[x.b%4])
	case "Service":
		return fmt.Sprintf(`{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "%s", "namespace": "drawn"}, "spec": {"selector": {"app": "x%d"}, "ports": [{"port": %d}]}}`, x.name, x.b, 80+x.a)
	case "Deployment":
		return fmt.Sprintf(`{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "%[1]s", "namespace": "drawn"}, "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "f%[2]d"}},
  "template": {"metadata": {"labels": {"app": "f%[2]d"}}, "spec": {"containers": [{"name": "c", "image": "web:%[3]d", "resources": {"limits": {"cpu": "%[4]d000m", "memory": "1024Mi"}}}]}}}}`, x.name, x.fixed, x.a, x.b+1)
	case "Role":
		return fmt.Sprintf(`{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "%s", "namespace": "drawn"}, "rules": [{"apiGroups": [""], "resources": ["pods"], "resourceNames": ["p%d", "p%d"], "verbs": ["get"]}]}`, x.name, x.a, x.b)
	case "RoleBinding":
		return fmt.Sprintf(`{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "%s", "namespace": "drawn"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r%d"}, "subjects": [{"kind": "User", "name": "u%d"}]}`, x.name, x.fixed, x.a)
	case "NetworkPolicy":
		return fmt.Sprintf(`{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "%s", "namespace": "drawn"}, "spec": {"podSelector": {"matchLabels": {"a": "%d"}}, "ingress": [{"ports": [{"port": %d}]}]}}`, x.name, x.a, 80+x.b)
	case "PodDisruptionBudget":
		return fmt.Sprintf(`{"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "%s", "namespace": "drawn"}, "spec": {"minAvailable": "%d%%", "selector": {"matchLabels": {"a": "%d"}}}}`, x.name, 1+x.a%90, x.b)
	case "CustomResourceDefinition": // with a default that the API server fills in
		return fmt.Sprintf(`{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "%[1]ss.example.org"}, "spec": {"group": "example.org", "scope": "Namespaced", "names": {"kind": "%[2]s", "plural": "%[1]ss", "singular": "%[1]s"},
  "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object", "description": "d%[3]d", "properties": {"spec": {"type": "object", "properties": {"level": {"type": "integer"}, "size": {"type": "string", "default": "medium"}}}}}}}]}}`, x.name, kindOf(x.name), x.a)
	}
	// An object of a kind of its own: the kind's name stands before the colon.
	name, kind, _ := strings.Cut(x.name, ":")
	return fmt.Sprintf(`{"apiVersion": "example.org/v1", "kind": "%s", "metadata": {"name": "%s", "namespace": "drawn"}, "spec": {"level": %d}}`, kind, name, x.a)
}

func kindOf(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

// ref names a thing in deletions.yaml.
func (x thing) ref() string {
	switch x.kind {
	case "CustomResourceDefinition":
		return fmt.Sprintf("{kind: CustomResourceDefinition, name: %ss.example.org}", x.name)
	case "Custom":
		name, kind, _ := strings.Cut(x.name, ":")
		return fmt.Sprintf("{kind: %s, namespace: drawn, name: %s}", kind, name)
	case "Loud":
		return fmt.Sprintf("{kind: ConfigMap, namespace: drawn, name: %s}", x.name)
	}
	return fmt.Sprintf("{kind: %s, namespace: drawn, name: %s}", x.kind, x.name)
}

// draw makes one step of a change.
func (w *drawn) draw() {
	names := slices.Sorted(maps.Keys(w.things))
	pick := func(kinds ...string) (thing, bool) {
		var some []string
		for _, n := range names {
			if len(kinds) == 0 || slices.Contains(kinds, w.things[n].kind) {
				some = append(some, n)
			}
		}
		if len(some) == 0 {
			return thing{}, false
		}
		x, ok := w.things[some[w.random.IntN(len(some))]]
		return x, ok
	}
	op := func(format string, args ...any) { w.ops = append(w.ops, fmt.Sprintf(format, args...)) }
	switch roll := w.random.IntN(100); {
	case roll < 30 && len(names) < 30 || len(names) < 12:
		kinds := []string{"ConfigMap", "ConfigMap", "Loud", "Secret", "Service", "Deployment", "Role", "RoleBinding", "NetworkPolicy", "PodDisruptionBudget", "CustomResourceDefinition"}
		w.made++
		x := thing{kind: kinds[w.random.IntN(len(kinds))], a: w.random.IntN(9), b: w.random.IntN(4), fixed: w.random.IntN(3)}
		x.name = strings.ToLower(x.kind[:3]) + fmt.Sprint(w.made)
		op("create %s %s", x.kind, x.name)
		w.things[x.name] = x
		if x.kind == "CustomResourceDefinition" {
			for i := range w.random.IntN(3) {
				o := thing{kind: "Custom", name: fmt.Sprintf("o%d:%s", i, kindOf(x.name))}
				w.things[o.name] = o
			}
		}
	case roll < 60:
		x, _ := pick()
		x.a++
		if w.random.IntN(2) == 0 {
			x.b++
		}
		op("change %s", x.name)
		w.things[x.name] = x
	case roll < 64: // the API server refuses that
		if x, ok := pick("Secret", "Deployment", "RoleBinding"); ok {
			x.fixed++
			op("change what is fixed of %s", x.name)
			w.things[x.name] = x
		}
	case roll < 68: // unless it is deleted before
		if x, ok := pick("Secret", "RoleBinding"); ok {
			x.fixed++
			op("make %s anew", x.name)
			w.things[x.name] = x
			w.before = append(w.before, x.ref())
		}
	case roll < 78:
		if x, ok := pick("ConfigMap", "Loud", "Secret", "Service", "Role", "RoleBinding", "NetworkPolicy", "PodDisruptionBudget", "Custom"); ok {
			op("delete %s", x.name)
			delete(w.things, x.name)
			w.after = append(w.after, x.ref())
		}
	case roll < 81: // with its objects
		if x, ok := pick("CustomResourceDefinition"); ok {
			op("delete %s and its objects", x.name)
			w.after = append(w.after, x.ref())
			maps.DeleteFunc(w.things, func(n string, o thing) bool { return n == x.name || strings.HasSuffix(n, ":"+kindOf(x.name)) })
		}
	case roll < 84: // many at once
		group := fmt.Sprint("g", w.random.IntN(3))
		op("delete group %s", group)
		w.after = append(w.after, fmt.Sprintf("{kind: ConfigMap, namespace: drawn, labels: {group: %s}}", group))
		maps.DeleteFunc(w.things, func(_ string, x thing) bool { return x.kind == "ConfigMap" && fmt.Sprint("g", x.fixed) == group })
	case roll < 88: // leaves, and stays
		if x, ok := pick("ConfigMap", "Role"); ok {
			op("leave out %s", x.name)
			delete(w.things, x.name)
		}
	case roll < 98: // by hand
		if x, ok := pick("ConfigMap", "Service", "Deployment"); ok {
			w.byHand(x)
			op("%s by hand", x.name)
		}
	case w.pools < 3:
		w.pools++
		op("other nodes")
	}
}

// byHand changes or deletes an object as somebody else would, if it is there.
func (w *drawn) byHand(x thing) {
	ref := fairway.ObjectRef{APIVersion: "v1", Kind: x.kind, Namespace: "drawn", Name: x.name}
	if x.kind == "Deployment" {
		ref.APIVersion = "apps/v1"
	}
	if h, err := w.hand.Health(w.t.Context(), ref); err != nil || h.State == fairway.HealthNotFound {
		return
	}
	if w.random.IntN(4) == 0 {
		if _, err := w.hand.Delete(w.t.Context(), fairway.Deletion{Kind: x.kind, Namespace: "drawn", Name: x.name}); err != nil {
			w.t.Fatal(err)
		}
		return
	}
	x.a += 100
	var o fairway.Object
	if err := json.Unmarshal([]byte(x.text()), &o); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.hand.Apply(w.t.Context(), o, nil); err != nil && fairway.ErrorCode(err) != fairway.CodeInvalid {
		w.t.Fatal(err) // but not when the same change also changes what is fixed
	}
}

// change draws one change, carries it out and compares that with its plan.
func (w *drawn) change(n int) {
	t := w.t
	t.Helper()
	things, pools := maps.Clone(w.things), w.pools
	w.before, w.after, w.ops = nil, nil, nil
	if n > 0 { // the first is the empty cluster
		for range 1 + w.random.IntN(4) {
			w.draw()
		}
	}
	u, approved := w.carryOut(n)
	p, err := w.store.Plan(t.Context(), u.ID)
	if err != nil {
		t.Fatalf("change %d: %v; %+v", n, err, u)
	}
	did := w.sent.take()
	if approved {
		w.count["approved"]++
	}
	if u.State == fairway.UpdateFailed && strings.Contains(u.Error, "nothing was written") {
		if len(did.objects) > 0 || len(did.deleted) > 0 {
			t.Errorf("stopped, but did %v", did)
		}
		w.count["stopped"]++
		w.things, w.pools = things, pools
		return
	}
	if u.State != fairway.UpdateDone {
		t.Errorf("the update ended %s: %s", u.State, u.Error)
		return
	}
	want := deedsOf{objects: map[string]fairway.Action{}, deleted: map[string]bool{}}
	// A plan that is made under way, because deletions select what came with the
	// manifests, has only what is left.
	nodes := 0
	for _, made := range w.store.of(u.ID) {
		nodes = max(nodes, made.Nodes)
		for _, c := range made.Changes {
			want.objects[named(c.Ref)] = c.Action
		}
		for _, d := range made.Deletions {
			want.deleted[named(d.Ref)] = true
		}
	}
	for name, action := range did.objects {
		if action == fairway.ActionUnchanged {
			delete(did.objects, name)
			continue
		}
		w.count[string(action)]++
	}
	if !maps.Equal(want.objects, did.objects) || !maps.Equal(want.deleted, did.deleted) {
		t.Errorf("planned\n%v\n%v\ndid\n%v\n%v\n%s", want.objects, want.deleted, did.objects, did.deleted, p.Verdict)
	}
	if n > 0 && u.NodesDone != nodes {
		t.Errorf("replaced %d nodes, planned %d", u.NodesDone, nodes)
	}
	w.count["deleted"] += len(did.deleted)
	w.count["unchanged"] += p.Unchanged
	w.count["drift"] += p.Drift
	w.count["nodes"] += u.NodesDone
	if n%4 == 0 { // one more look at the cluster
		w.fields(did)
	}
}

// fields compares what changed of the ConfigMaps, key by key, with the plan.
func (w *drawn) fields(did deedsOf) {
	planned, bundle := map[string][]string{}, fairway.Component{Name: "changed"}
	for _, o := range did.whole {
		if o.Ref.Kind != "ConfigMap" || o.Action != plan.Change {
			continue
		}
		bundle.Objects = append(bundle.Objects, fairway.Object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": o.Ref.Name, "namespace": o.Ref.Namespace}})
		name := named(o.Ref)
		planned[name] = append(planned[name], "")
		for _, f := range o.Fields {
			if strings.HasPrefix(f.Path, "data.") && f.Op != plan.FieldOwn && f.Op != plan.FieldRelease {
				planned[name] = append(planned[name], f.Path)
			}
		}
	}
	if len(planned) == 0 {
		return
	}
	seen, err := w.sent.Cluster.Observe(w.t.Context(), &fairway.Bundle{Components: []fairway.Component{bundle}}, []fairway.InventoryItem{})
	if err != nil {
		w.t.Fatal(err)
	}
	now := dataOf(seen)
	for name, paths := range planned {
		var changed []string
		for _, k := range slices.Sorted(maps.Keys(now[name])) {
			if did.data[name][k] != now[name][k] {
				changed = append(changed, "data."+k)
			}
		}
		// A value that the webhook writes in another form is set, and is what it was.
		paths = slices.DeleteFunc(slices.Sorted(slices.Values(paths)), func(p string) bool {
			return p == "" || p == "data.level" && !slices.Contains(changed, p)
		})
		if paths = slices.Compact(paths); !slices.Equal(paths, changed) {
			w.t.Errorf("%s: planned fields %v, changed %v", name, paths, changed)
		}
	}
}

// carryOut brings the cluster to the configuration as drawn.
func (w *drawn) carryOut(n int) (*fairway.Update, bool) {
	t := w.t
	t.Helper()
	revision := fmt.Sprintf("r%d", n)
	w.source.add(revision, w.files())
	c, err := w.store.Cluster(t.Context(), drawnCluster)
	if err != nil {
		t.Fatal(err)
	}
	u := &fairway.Update{ID: fmt.Sprintf("u%03d", n), ClusterID: c.ID, Channel: "dev", Revision: revision, Version: c.Version(revision), State: fairway.UpdatePending, CreatedAt: time.Now()}
	if err := w.store.CreateUpdate(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	approved := false
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		again, err := w.updater.Run(t.Context(), u.ID)
		if again < 0 {
			break
		}
		if err != nil {
			t.Logf("change %d: %v", n, err)
			time.Sleep(100 * time.Millisecond)
		}
		now, err := w.store.Update(t.Context(), u.ID)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(now.Waiting, fairway.WaitingForApproval) {
			if did := w.sent.peek(); len(did.objects)+len(did.deleted) > 0 {
				t.Errorf("did %v before it was approved", did)
			}
			if _, err := w.store.ApprovePlan(t.Context(), u.ID, "", fairway.Principal{Name: "token:ada"}, ""); err != nil {
				t.Fatal(err)
			}
			approved = true
		}
	}
	u, err = w.store.Update(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	return u, approved
}

func (w *drawn) files() fstest.MapFS {
	// Roles are pruned when they leave, and Services are left as others made them.
	component := map[string]string{"CustomResourceDefinition": "01-base", "Role": "03-pruned", "Service": "04-alone"}
	texts := map[string][]string{"01-base": {`{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "drawn"}}`}}
	for _, name := range []string{"02-things", "03-pruned", "04-alone"} {
		texts[name] = []string{fmt.Sprintf(`{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "always-%s", "namespace": "drawn"}}`, name)}
	}
	for _, n := range slices.Sorted(maps.Keys(w.things)) {
		in := cmp.Or(component[w.things[n].kind], "02-things")
		texts[in] = append(texts[in], w.things[n].text())
	}
	list := func(name string, entries []string) string {
		text := name + ":"
		for _, e := range entries {
			text += "\n- " + e
		}
		if len(entries) == 0 {
			text += " []"
		}
		return text + "\n"
	}
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	files := fstest.MapFS{
		"fairway.yaml":                            file("components:\n  03-pruned: {prune: true}\n  04-alone: {drift: report}\n"),
		"cluster/manifests/deletions.yaml":        file(list("pre_apply", w.before) + list("post_apply", w.after)),
		"cluster/node-pools/worker/userdata.yaml": file(fmt.Sprintf("#cloud-config\n# state %d\n", w.pools)),
	}
	for name, all := range texts {
		files["cluster/manifests/"+name+"/all.yaml"] = file(strings.Join(all, "\n---\n"))
	}
	return files
}

// keptPlans is a store that also remembers the plans that others took the place of.
type keptPlans struct {
	fairway.Store
	mu   sync.Mutex
	made []fairway.UpdatePlan // guarded by mu
}

func (k *keptPlans) SavePlan(ctx context.Context, p *fairway.UpdatePlan) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.made = append(k.made, *p)
	return k.Store.SavePlan(ctx, p)
}

// of returns the plans of an update.
func (k *keptPlans) of(id string) []fairway.UpdatePlan {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(k.made), func(p fairway.UpdatePlan) bool { return p.UpdateID != id })
}

// drawnSource is a configuration source with revisions that are only in memory.
type drawnSource struct {
	mu        sync.Mutex
	revisions map[string]fstest.MapFS // guarded by mu
}

func (s *drawnSource) add(revision string, files fstest.MapFS) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revisions[revision] = files
}

func (s *drawnSource) Name() string                                    { return "main" }
func (s *drawnSource) Refresh(context.Context) error                   { return nil }
func (s *drawnSource) Resolve(context.Context, string) (string, error) { return "", nil }
func (s *drawnSource) Promote(context.Context, string, string) error   { return nil }
func (s *drawnSource) Open(_ context.Context, revision string) (fs.FS, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revisions[revision], nil
}

// deedsOf is what was done to a cluster.
type deedsOf struct {
	objects map[string]fairway.Action
	deleted map[string]bool
	whole   []plan.Object             // the plan with its fields
	data    map[string]map[string]any // the fields data as they were
}

func named(ref fairway.ObjectRef) string {
	if ref.Namespace == "default" {
		ref.Namespace = ""
	}
	return ref.Group() + " " + ref.String()
}

// dataOf are the fields data of observed objects.
func dataOf(seen *plan.Observed) map[string]map[string]any {
	all := map[string]map[string]any{}
	for _, o := range seen.Live {
		data, _ := o["data"].(map[string]any)
		all[named(o.Ref())] = data
	}
	return all
}

// sent notes what reaches a cluster.
type sent struct {
	*kube.Cluster
	mu  sync.Mutex
	did deedsOf // guarded by mu
}

func (s *sent) take() deedsOf {
	s.mu.Lock()
	defer s.mu.Unlock()
	did := s.did
	s.did = deedsOf{}
	return did
}

func (s *sent) peek() deedsOf {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.did
}

// Observe also keeps the plan that follows from what was observed, field by field.
func (s *sent) Observe(ctx context.Context, b *fairway.Bundle, inventory []fairway.InventoryItem) (*plan.Observed, error) {
	seen, err := s.Cluster.Observe(ctx, b, inventory)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := plan.Build(plan.Input{Cluster: &fairway.Cluster{ID: drawnCluster}, Bundle: b, Observed: *seen, Now: time.Now()})
	s.did.whole = append(slices.Clone(p.Objects), p.Drift...)
	s.did.data = dataOf(seen)
	return seen, nil
}

func (s *sent) Apply(ctx context.Context, o, before fairway.Object) (fairway.ApplyResult, error) {
	r, err := s.Cluster.Apply(ctx, o, before)
	if err != nil {
		return r, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.did.objects == nil {
		s.did.objects = map[string]fairway.Action{}
	}
	s.did.objects[named(r.Ref)] = r.Action
	return r, nil
}

func (s *sent) Delete(ctx context.Context, d fairway.Deletion) ([]fairway.ObjectRef, error) {
	refs, err := s.Cluster.Delete(ctx, d)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.did.deleted == nil {
		s.did.deleted = map[string]bool{}
	}
	for _, ref := range refs {
		s.did.deleted[named(ref)] = true
	}
	return refs, err
}
