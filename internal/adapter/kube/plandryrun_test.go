package kube

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/localkubetest"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

// gate lets reads and dry runs through; any other request it refuses and counts.
type gate struct {
	http.RoundTripper
	mu      sync.Mutex
	writes  []string // refused here
	refused []string // by the API server
	tried   []string // dry runs of applies
}

func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	what := r.Method + " " + r.URL.Path
	if r.Method != http.MethodGet && r.URL.Query().Get("dryRun") != "All" {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.writes = append(g.writes, what)
		return nil, fmt.Errorf("%s would write", what)
	}
	response, err := g.RoundTripper.RoundTrip(r)
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.Method == http.MethodPatch {
		g.tried = append(g.tried, r.URL.Path)
	}
	if err == nil && (response.StatusCode == http.StatusForbidden || response.StatusCode == http.StatusUnauthorized) {
		g.refused = append(g.refused, what)
	}
	return response, err
}

// asIdentity returns a client of the plan identity in a namespace.
func asIdentity(t *testing.T, namespace string, through func(http.RoundTripper) http.RoundTripper) *Cluster {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", localkubetest.Start(t).Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + namespace + ":" + plan.IdentityName}
	if through != nil {
		config.Wrap(through)
	}
	c, err := New(Options{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rewriter is an admission webhook that makes every ConfigMap's entry "a" its own.
func rewriter(t *testing.T) (url, authority string) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review struct {
			Request struct {
				UID string `json:"uid"`
			} `json:"request"`
		}
		body, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(body, &review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		patch := base64.StdEncoding.EncodeToString([]byte(`[{"op": "add", "path": "/data/a", "value": "rewritten"}]`))
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": {"uid": %q, "allowed": true, "patchType": "JSONPatch", "patch": %q}}`, review.Request.UID, patch)
	}))
	t.Cleanup(server.Close)
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return server.URL, base64.StdEncoding.EncodeToString(block)
}

const rewriting = `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: NS-rewrite}
webhooks:
- name: rewrite.example.org
  sideEffects: None
  admissionReviewVersions: [v1]
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NS}}
  rules: [{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [CREATE, UPDATE]}]
`

// The plan identity tries what differs in dry runs, sees what webhooks and
// defaults make of it, persists nothing and is refused nothing; and the policy
// refuses its writes, whatever rights it has beside.
func TestObserve_PlanIdentity(t *testing.T) {
	t.Parallel()
	admin := connect(t)
	ns := namespace(t, admin)
	for _, o := range plan.Identity(ns, []string{ns + ".example.org"}, false) {
		apply(t, admin, o)
	}
	// A policy takes a moment to be known.
	identity := asIdentity(t, ns, nil)
	localkubetest.Eventually(t, patience, func() error {
		_, err := identity.Apply(t.Context(), configMap(ns, "never", "x", nil), nil)
		if fairway.ErrorCode(err) != fairway.CodeForbidden || !strings.Contains(err.Error(), "the identity of plans writes nothing") {
			return fmt.Errorf("a write of the identity: %v", err)
		}
		return nil
	})

	url, authority := rewriter(t)
	objects := documents(t, ofEveryKind, ns)
	hooks := documents(t, strings.TrimSpace(rewriting), ns)
	hooks[0]["webhooks"].([]any)[0].(map[string]any)["clientConfig"] = map[string]any{"url": url, "caBundle": authority}
	for _, o := range append(hooks, objects...) {
		apply(t, admin, o)
	}
	localkubetest.Eventually(t, patience, func() error {
		apply(t, admin, configMap(ns, "probe", "x", nil))
		live, _, err := (&observation{Cluster: admin}).read(t.Context(), fairway.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Namespace: ns, Name: "probe"})
		if data, _ := live["data"].(map[string]any); err != nil || data["a"] != "rewritten" {
			return fmt.Errorf("the webhook is not known yet: %v %v", live["data"], err)
		}
		return nil
	})
	for _, o := range objects {
		apply(t, admin, o)
	}

	g := &gate{}
	through := asIdentity(t, ns, func(next http.RoundTripper) http.RoundTripper { g.RoundTripper = next; return g })
	versions := func(of []fairway.Object) (out []string) {
		for _, o := range of {
			live, _, err := (&observation{Cluster: admin}).read(t.Context(), o.Ref())
			if err != nil {
				t.Fatal(err)
			}
			metadata, _ := live["metadata"].(map[string]any)
			out = append(out, fmt.Sprint(o.Ref(), " ", metadata["generation"], " ", metadata["uid"]))
		}
		return out
	}
	before := versions(objects)

	// What the webhook always rewrites is a difference by fields and none in truth.
	if p := planned(t, admin, objects, nil); p.By != plan.ByFields || p.Summary.Change+p.Summary.Drift != 1 {
		t.Errorf("by fields: %s %+v %s %s", p.By, p.Summary, show(p.Objects), show(p.Drift))
	}
	p := planned(t, through, objects, nil)
	if p.By != plan.ByDryRun || p.Summary.Unchanged != len(objects) {
		t.Errorf("by dry run: %s %+v %s %s", p.By, p.Summary, show(p.Objects), show(p.Drift))
	}
	if len(g.tried) != 1 || !strings.HasSuffix(g.tried[0], "/configmaps/web") {
		t.Errorf("one object differs, tried were %v", g.tried)
	}

	changed := documents(t, strings.NewReplacer("image: web:1", "image: web:2", "y: 2", "y: 3", "selector: all()", "selector: some()", "schedule: \"0 * * * *\"", "schedule: \"1 * * * *\"",
		"resources: [pods]", "resources: [pods, nodes]").Replace(ofEveryKind), ns)
	changed = append(changed, configMap(ns, "new", "x", nil), configMap(ns+"-none", "lost", "x", nil),
		object("v1", "Service", ns, "broken", map[string]any{"spec": map[string]any{"ports": []any{map[string]any{"port": 99999}}}}))
	g.tried = nil
	p = planned(t, through, changed, nil)
	if len(g.tried) != 7 { // the role is compared by its fields
		t.Errorf("tried were %v", g.tried)
	}
	if len(g.writes)+len(g.refused) > 0 {
		t.Errorf("writes: %v, refused: %v", g.writes, g.refused)
	}
	if diff := cmp.Diff(before, versions(objects)); diff != "" {
		t.Errorf("objects were changed: %s", diff)
	}
	var refusals []string
	for _, f := range p.Findings {
		if f.Check == plan.CheckRefused {
			refusals = append(refusals, f.Object)
		}
	}
	if diff := cmp.Diff([]string{"ConfigMap/" + ns + "-none/lost", "Service/" + ns + "/broken"}, refusals); diff != "" {
		t.Errorf("refused: %s %+v", diff, p.Findings)
	}
	var will, did []string
	for _, o := range p.Objects {
		if !slices.Contains(refusals, o.Ref.String()) {
			will = append(will, string(o.Action)+" "+o.Ref.String())
		}
	}
	for _, o := range changed {
		if slices.Contains(refusals, o.Ref().String()) {
			continue
		}
		switch apply(t, admin, o) {
		case fairway.ActionCreated:
			did = append(did, "create "+o.Ref().String())
		case fairway.ActionChanged:
			did = append(did, "change "+o.Ref().String())
		}
	}
	slices.Sort(will)
	slices.Sort(did)
	if diff := cmp.Diff(will, did); diff != "" {
		t.Errorf("planned and done: %s", diff)
	}

	// The policy holds also where the identity is an administrator beside.
	for _, o := range documents(t, strings.TrimSpace(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: NS-too-much}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: fairway-plan, namespace: NS}]
`), ns) {
		apply(t, admin, o)
	}
	localkubetest.Eventually(t, patience, func() error {
		_, err := identity.Delete(t.Context(), fairway.Deletion{Kind: "ConfigMap", Namespace: ns, Name: "new"})
		if err == nil || !strings.Contains(err.Error(), "writes nothing") {
			return fmt.Errorf("a deletion by the identity: %v", err)
		}
		return nil
	})
	if _, err := identity.Apply(t.Context(), changed[0], nil); fairway.ErrorCode(err) != fairway.CodeForbidden {
		t.Errorf("a write by the identity as an administrator: %v", err)
	}
}
