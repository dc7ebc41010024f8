package pdb_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/kube"
	"github.com/fairwayhq/fairway/internal/engine/pdb"
	"github.com/fairwayhq/fairway/internal/localkubetest"
)

func TestMain(m *testing.M) { os.Exit(localkubetest.Main(m)) }

// patience is how long a test waits for controllers on a busy machine.
const patience = time.Minute

// quiet is how long nothing must happen where nothing is to happen: several
// times what the controller takes to act.
const quiet = 1500 * time.Millisecond

var (
	budgets      = schema.GroupVersionResource{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"}
	deployments  = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	statefulSets = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "statefulsets"}
	rollouts     = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "rollouts"}
	crds         = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	namespaces   = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	events       = schema.GroupVersionResource{Version: "v1", Resource: "events"}
)

// area is a namespace of a test.
type area struct {
	testing.TB
	api  *dynamic.DynamicClient
	name string
}

func client(t testing.TB, kubeconfig string) *dynamic.DynamicClient {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	api, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func newArea(t testing.TB, api *dynamic.DynamicClient, name string) *area {
	t.Helper()
	a := &area{t, api, name}
	a.create(namespaces, fmt.Sprintf(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":%q}}`, name))
	return a
}

func (a *area) in(kind schema.GroupVersionResource) dynamic.ResourceInterface {
	if kind == namespaces || kind == crds {
		return a.api.Resource(kind)
	}
	return a.api.Resource(kind).Namespace(a.name)
}

func (a *area) create(kind schema.GroupVersionResource, text string) *unstructured.Unstructured {
	a.Helper()
	var o unstructured.Unstructured
	if err := json.Unmarshal([]byte(text), &o.Object); err != nil {
		a.Fatal(err)
	}
	made, err := a.in(kind).Create(a.Context(), &o, metav1.CreateOptions{})
	if err != nil {
		a.Fatalf("create %s: %v", text, err)
	}
	return made
}

func (a *area) patch(kind schema.GroupVersionResource, name, text string, sub ...string) {
	a.Helper()
	if _, err := a.in(kind).Patch(a.Context(), name, types.MergePatchType, []byte(text), metav1.PatchOptions{}, sub...); err != nil {
		a.Fatalf("patch %s %s: %v", kind.Resource, name, err)
	}
}

func (a *area) delete(kind schema.GroupVersionResource, name string) {
	a.Helper()
	if err := a.in(kind).Delete(a.Context(), name, metav1.DeleteOptions{}); err != nil {
		a.Fatalf("delete %s %s: %v", kind.Resource, name, err)
	}
}

// workload makes a workload with labels of its own; podAnnotations is JSON.
func (a *area) workload(kind schema.GroupVersionResource, name string, replicas int, annotations, podAnnotations string) *unstructured.Unstructured {
	a.Helper()
	names := map[schema.GroupVersionResource]string{deployments: "Deployment", statefulSets: "StatefulSet", rollouts: "Rollout"}
	return a.create(kind, fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"name":%q,"labels":{"team":"shop"},"annotations":%s},
		"spec":{"replicas":%d,"selector":{"matchLabels":{"app":%q}},"template":{"metadata":{"labels":{"app":%q},"annotations":%s},
		"spec":{"terminationGracePeriodSeconds":0,"containers":[{"name":"c","image":"registry.example.org/app:1"}]}}}}`,
		kind.GroupVersion().String(), names[kind], name, annotations, replicas, name, name, podAnnotations))
}

func (a *area) deployment(name string, replicas int) *unstructured.Unstructured {
	a.Helper()
	return a.workload(deployments, name, replicas, "{}", "{}")
}

func (a *area) budget(name, labels, owners, spec string) *unstructured.Unstructured {
	a.Helper()
	return a.create(budgets, fmt.Sprintf(`{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":%q,"labels":%s,"ownerReferences":%s},"spec":%s}`,
		name, labels, owners, spec))
}

// get returns an object, nil when there is none.
func (a *area) get(kind schema.GroupVersionResource, name string) *unstructured.Unstructured {
	a.Helper()
	o, err := a.in(kind).Get(a.Context(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		a.Fatal(err)
	}
	return o
}

// await returns the budget once it fulfils what is asked.
func (a *area) await(name string, ask func(*unstructured.Unstructured) error) *unstructured.Unstructured {
	a.Helper()
	var found *unstructured.Unstructured
	localkubetest.Eventually(a, patience, func() error {
		if found = a.get(budgets, name); found == nil {
			return fmt.Errorf("there is no budget %s", name)
		}
		return ask(found)
	})
	return found
}

func there(*unstructured.Unstructured) error { return nil }

func (a *area) awaitGone(name string) {
	a.Helper()
	localkubetest.Eventually(a, patience, func() error {
		if a.get(budgets, name) != nil {
			return fmt.Errorf("budget %s is still there", name)
		}
		return nil
	})
}

// stays fails the test when the budgets of the namespace change within a while.
func (a *area) stays(want ...string) {
	a.Helper()
	for end := time.Now().Add(quiet); time.Now().Before(end); {
		list, err := a.in(budgets).List(a.Context(), metav1.ListOptions{})
		if err != nil {
			a.Fatal(err)
		}
		var names []string
		for _, b := range list.Items {
			names = append(names, b.GetName())
		}
		if diff := cmp.Diff(want, names); diff != "" {
			a.Fatalf("budgets (-want +got):\n%s", diff)
		}
		select {
		case <-a.Context().Done():
			a.Fatal(a.Context().Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// awaitEvent waits for an event about an object.
func (a *area) awaitEvent(about *unstructured.Unstructured, reason, part string) {
	a.Helper()
	localkubetest.Eventually(a, patience, func() error {
		list, err := a.in(events).List(a.Context(), metav1.ListOptions{FieldSelector: "involvedObject.uid=" + string(about.GetUID())})
		if err != nil {
			return err
		}
		var seen []string
		for _, e := range list.Items {
			is, _, _ := unstructured.NestedString(e.Object, "reason")
			message, _, _ := unstructured.NestedString(e.Object, "message")
			if is == reason && strings.Contains(message, part) {
				return nil
			}
			seen = append(seen, is+": "+message)
		}
		return fmt.Errorf("no event %s with %q among %q", reason, part, seen)
	})
}

// start runs a controller until the test ends, which it must do without delay.
func start(t testing.TB, kubeconfig string, p pdb.Policy) *pdb.Controller {
	t.Helper()
	log := &bytes.Buffer{}
	logger := slog.New(slog.NewTextHandler(&lockedWriter{to: log, lock: make(chan struct{}, 1)}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cluster, err := kube.NewBudgets(kube.Options{Kubeconfig: kubeconfig, Lease: "kube-system/pdb-controller", Log: logger})
	if err != nil {
		t.Fatal(err)
	}
	c := pdb.New(pdb.Options{Cluster: cluster, Policy: p, Rollouts: true, Holder: "test", LeaseTTL: 5 * time.Second, Log: logger})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(30 * time.Second):
			t.Error("the controller did not end within 30 s")
		}
		if t.Failed() {
			t.Logf("log of the controller:\n%s", log)
		}
	})
	return c
}

// lockedWriter lets several write, one after the other.
type lockedWriter struct {
	to   *bytes.Buffer
	lock chan struct{}
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.lock <- struct{}{}
	defer func() { <-w.lock }()
	return w.to.Write(p)
}

// metric returns the lines of a metric.
func metric(t testing.TB, c *pdb.Controller, prefix string) string {
	t.Helper()
	var text bytes.Buffer
	if err := c.WriteMetrics(&text); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(text.String()) {
		if strings.HasPrefix(line, prefix) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return strings.Join(lines, "\n")
}

func ownedBy(o *unstructured.Unstructured) string {
	return fmt.Sprintf(`[{"apiVersion":%q,"kind":%q,"name":%q,"uid":%q}]`, o.GetAPIVersion(), o.GetKind(), o.GetName(), o.GetUID())
}

// TestOnRealCluster is one controller that runs through all conditions on a real
// control plane, each in a namespace of its own.
func TestOnRealCluster(t *testing.T) {
	t.Parallel()
	cluster := localkubetest.Start(t)
	cluster.AddGroup(t, "pdb", 2)
	api := client(t, cluster.Kubeconfig)

	// What the original controller left behind.
	old := newArea(t, api, "taken-over")
	web := old.deployment("web", 3)
	kept := old.budget("web-pdb-controller", `{"heritage":"pdb-controller","team":"old"}`, ownedBy(web), `{"maxUnavailable":2,"selector":{"matchLabels":{"app":"web","gone":"yes"}}}`)
	ancient := old.budget("ancient", `{"heritage":"pdb-controller"}`, ownedBy(old.deployment("api", 2)), `{"minAvailable":1,"selector":{"matchLabels":{"app":"api"}}}`)
	right := old.budget("right-pdb-controller", `{"heritage":"pdb-controller","team":"shop"}`, ownedBy(old.deployment("right", 2)), `{"maxUnavailable":1,"selector":{"matchLabels":{"app":"right"}}}`)
	old.budget("orphan-pdb-controller", `{"heritage":"pdb-controller"}`, `[]`, `{"maxUnavailable":1,"selector":{"matchLabels":{"app":"orphan"}}}`)
	person := old.budget("person", `{"heritage":"Helm"}`, `[]`, `{"maxUnavailable":1,"selector":{"matchLabels":{"app":"nobody"}}}`)

	c := start(t, cluster.Kubeconfig, pdb.Policy{MaxUnavailable: "1", NameSuffix: "pdb-controller"})
	localkubetest.Eventually(t, patience, c.Ready)

	t.Run("budgets of the original controller", func(t *testing.T) {
		t.Parallel()
		a := &area{t, api, old.name}
		a.awaitGone("orphan-pdb-controller")
		for was, want := range map[*unstructured.Unstructured]string{kept: "web", ancient: "api", right: "right"} {
			is := a.await(was.GetName(), func(b *unstructured.Unstructured) error {
				spec, _, _ := unstructured.NestedMap(b.Object, "spec")
				if diff := cmp.Diff(map[string]any{"maxUnavailable": int64(1), "selector": map[string]any{"matchLabels": map[string]any{"app": want}}}, spec); diff != "" {
					return errors.New(diff)
				}
				if b.GetLabels()["team"] != "shop" {
					return fmt.Errorf("labels = %v", b.GetLabels())
				}
				// Until its pods run there is the note of that, then not any more.
				if since := b.GetAnnotations()[fairway.AnnotationNonReadySince]; since != "" {
					return fmt.Errorf("non-ready since %s", since)
				}
				return nil
			})
			if is.GetUID() != was.GetUID() {
				t.Errorf("%s was made anew", was.GetName())
			}
		}
		if is := a.get(budgets, "person"); is == nil || is.GetResourceVersion() != person.GetResourceVersion() && is.GetGeneration() != person.GetGeneration() {
			t.Errorf("a person's budget was touched: %v", is)
		}
		a.stays("ancient", "person", "right-pdb-controller", "web-pdb-controller")
	})

	t.Run("creation", func(t *testing.T) {
		t.Parallel()
		a := newArea(t, api, "creation")
		for kind, name := range map[schema.GroupVersionResource]string{deployments: "web", statefulSets: "db"} {
			w := a.workload(kind, name, 2, "{}", "{}")
			b := a.await(name+"-pdb-controller", there)
			if diff := cmp.Diff(map[string]string{"team": "shop", "heritage": "pdb-controller"}, b.GetLabels()); diff != "" {
				t.Errorf("labels (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]metav1.OwnerReference{{APIVersion: "apps/v1", Kind: w.GetKind(), Name: name, UID: w.GetUID()}}, b.GetOwnerReferences()); diff != "" {
				t.Errorf("owners (-want +got):\n%s", diff)
			}
			a.awaitEvent(w, "DisruptionBudgetCreated", name+"-pdb-controller")
		}
		a.deployment("alone", 1)
		a.stays("db-pdb-controller", "web-pdb-controller")
	})

	t.Run("scaled to one and back", func(t *testing.T) {
		t.Parallel()
		a := newArea(t, api, "scaling")
		w := a.deployment("web", 3)
		for range 2 {
			a.await("web-pdb-controller", there)
			a.patch(deployments, "web", `{"spec":{"replicas":1}}`, "scale") // as an autoscaler does it
			a.awaitGone("web-pdb-controller")
			a.patch(deployments, "web", `{"spec":{"replicas":3}}`, "scale")
		}
		a.await("web-pdb-controller", there)
		a.awaitEvent(w, "DisruptionBudgetRemoved", "one replica")
	})

	t.Run("the workload goes", func(t *testing.T) {
		t.Parallel()
		a := newArea(t, api, "going")
		a.deployment("web", 2)
		a.deployment("left", 2)
		a.await("web-pdb-controller", there)
		a.await("left-pdb-controller", there)
		a.delete(deployments, "web")
		a.awaitGone("web-pdb-controller")
		// Without its owner the garbage collector leaves it, but we do not.
		orphan := metav1.DeletePropagationOrphan
		if err := a.in(deployments).Delete(t.Context(), "left", metav1.DeleteOptions{PropagationPolicy: &orphan}); err != nil {
			t.Fatal(err)
		}
		a.awaitGone("left-pdb-controller")
	})

	t.Run("a person's budget", func(t *testing.T) {
		t.Parallel()
		a := newArea(t, api, "person")
		w := a.deployment("web", 2)
		a.await("web-pdb-controller", there)
		a.budget("mine", `{}`, `[]`, `{"minAvailable":1,"selector":{"matchExpressions":[{"key":"app","operator":"In","values":["web","api"]}]}}`)
		a.awaitGone("web-pdb-controller")
		a.awaitEvent(w, "DisruptionBudgetRemoved", "another budget selects the pods")
		a.stays("mine")
		a.delete(budgets, "mine")
		a.await("web-pdb-controller", there)
	})

	t.Run("a person takes ours over", func(t *testing.T) {
		t.Parallel()
		a := newArea(t, api, "adopted")
		a.deployment("web", 2)
		a.await("web-pdb-controller", there)
		a.patch(budgets, "web-pdb-controller", `{"metadata":{"labels":{"heritage":null}},"spec":{"maxUnavailable":2}}`)
		a.patch(deployments, "web", `{"spec":{"replicas":1}}`)
		a.stays("web-pdb-controller")
		b := a.get(budgets, "web-pdb-controller")
		if n, _, _ := unstructured.NestedInt64(b.Object, "spec", "maxUnavailable"); n != 2 || b.GetLabels()["heritage"] != "" {
			t.Errorf("budget = %v", b.Object)
		}
	})

	t.Run("ours is put right", func(t *testing.T) {
		t.Parallel()
		a := newArea(t, api, "put-right")
		a.deployment("web", 2)
		before := a.await("web-pdb-controller", there)
		a.patch(budgets, "web-pdb-controller", `{"metadata":{"labels":{"cost":"1","team":"other"}},"spec":{"maxUnavailable":0,"selector":{"matchLabels":{"app":null,"x":"y"}}}}`)
		after := a.await("web-pdb-controller", func(b *unstructured.Unstructured) error {
			n, _, _ := unstructured.NestedInt64(b.Object, "spec", "maxUnavailable")
			labels, _, _ := unstructured.NestedStringMap(b.Object, "spec", "selector", "matchLabels")
			if n != 1 || !cmp.Equal(labels, map[string]string{"app": "web"}) || b.GetLabels()["team"] != "shop" || b.GetLabels()["cost"] != "1" {
				return fmt.Errorf("max unavailable %d, selector %v, labels %v", n, labels, b.GetLabels())
			}
			return nil
		})
		if before.GetUID() != after.GetUID() {
			t.Error("it was made anew")
		}
	})

	t.Run("two budgets of people overlap", func(t *testing.T) {
		t.Parallel()
		a := newArea(t, api, "overlap")
		for _, name := range []string{"first", "second"} {
			a.budget(name, `{}`, `[]`, `{"maxUnavailable":1,"selector":{"matchLabels":{"app":"web"}}}`)
		}
		w := a.deployment("web", 2)
		a.awaitEvent(w, "DisruptionBudgetsOverlap", "first and second")
		localkubetest.Eventually(t, patience, func() error {
			if is := metric(t, c, "fairway_pdb_overlaps "); is != "fairway_pdb_overlaps 1" {
				return errors.New(is)
			}
			return nil
		})
		a.delete(budgets, "second")
		localkubetest.Eventually(t, patience, func() error {
			if is := metric(t, c, "fairway_pdb_overlaps "); is != "fairway_pdb_overlaps 0" {
				return errors.New(is)
			}
			return nil
		})
		a.stays("first")
	})

	t.Run("non-ready for too long", func(t *testing.T) {
		t.Parallel()
		a := newArea(t, api, "broken")
		w := a.workload(deployments, "web", 2, `{"pdb-controller.zalando.org/non-ready-ttl":"6s"}`, `{"localkube.fairway.dev/never-ready":"true"}`)
		began := time.Now()
		b := a.await("web-pdb-controller", func(b *unstructured.Unstructured) error {
			if b.GetAnnotations()[fairway.AnnotationNonReadySince] == "" {
				return errors.New("nothing says since when")
			}
			return nil
		})
		if since, err := time.Parse(time.RFC3339, b.GetAnnotations()[fairway.AnnotationNonReadySince]); err != nil || time.Since(since).Abs() > patience {
			t.Errorf("non-ready since %v: %v", since, err)
		}
		a.awaitGone("web-pdb-controller")
		if took := time.Since(began); took < 4*time.Second {
			t.Errorf("removed after %s already", took)
		}
		a.awaitEvent(w, "DisruptionBudgetRemoved", "non-ready for longer")
		a.stays()
		a.patch(deployments, "web", `{"spec":{"template":{"metadata":{"annotations":{"localkube.fairway.dev/never-ready":null}}}}}`)
		a.await("web-pdb-controller", func(b *unstructured.Unstructured) error {
			if since := b.GetAnnotations()[fairway.AnnotationNonReadySince]; since != "" {
				return fmt.Errorf("non-ready since %s", since)
			}
			return nil
		})
	})

	t.Run("argo rollouts, installed later", func(t *testing.T) {
		t.Parallel()
		a := newArea(t, api, "argo")
		left := a.budget("left-pdb-controller", `{"heritage":"pdb-controller"}`, `[{"apiVersion":"argoproj.io/v1alpha1","kind":"Rollout","name":"left","uid":"00000000-0000-0000-0000-000000000001"}]`,
			`{"maxUnavailable":1,"selector":{"matchLabels":{"app":"left"}}}`)
		// While Rollouts cannot be seen, their budgets are not judged by us.
		localkubetest.Eventually(t, patience, func() error {
			if is := metric(t, c, `fairway_pdb_watch_current{kind="Rollout"}`); !strings.HasSuffix(is, " 0") {
				return errors.New(is)
			}
			return nil
		})
		a.create(crds, `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"rollouts.argoproj.io"},
			"spec":{"group":"argoproj.io","scope":"Namespaced","names":{"kind":"Rollout","listKind":"RolloutList","plural":"rollouts","singular":"rollout"},
			"versions":[{"name":"v1alpha1","served":true,"storage":true,"subresources":{"status":{}},"schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}]}}`)
		localkubetest.Eventually(t, patience, func() error {
			_, err := a.in(rollouts).List(t.Context(), metav1.ListOptions{})
			return err
		})
		w := a.workload(rollouts, "web", 3, "{}", "{}")
		b := a.await("web-pdb-controller", there)
		if owners := b.GetOwnerReferences(); len(owners) != 1 || owners[0].UID != w.GetUID() || owners[0].APIVersion != "argoproj.io/v1alpha1" {
			t.Errorf("owners = %v", owners)
		}
		a.awaitGone(left.GetName())
		// One whose pods another object describes says in its status what selects them.
		a.create(rollouts, `{"apiVersion":"argoproj.io/v1alpha1","kind":"Rollout","metadata":{"name":"by-reference"},
			"spec":{"replicas":2,"workloadRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"described"}}}`)
		a.patch(rollouts, "by-reference", `{"status":{"readyReplicas":2,"selector":"app=described,rollouts-pod-template-hash=1234"}}`, "status")
		b = a.await("by-reference-pdb-controller", there)
		if labels, _, _ := unstructured.NestedStringMap(b.Object, "spec", "selector", "matchLabels"); !cmp.Equal(labels, map[string]string{"app": "described"}) {
			t.Errorf("selector = %v", labels)
		}
		a.patch(rollouts, "web", `{"spec":{"replicas":1}}`)
		a.awaitGone("web-pdb-controller")
	})
}
