package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/sqlstore"
	"github.com/fairwayhq/fairway/internal/engine/deliver"
	"github.com/fairwayhq/fairway/internal/surface/httpapi"
)

// document is what a test needs of an OpenAPI document.
type document struct {
	Paths map[string]map[string]struct {
		OperationID string
		Responses   map[string]struct {
			Content map[string]struct{ Schema map[string]any }
		}
	}
	Components struct{ Schemas map[string]map[string]any }
}

// check returns what is wrong with a value by a schema. A keyword that it does
// not know is wrong, too: a check that is left out must not pass.
func (d *document) check(at string, s map[string]any, v any) (wrong []string) {
	bad := func(format string, args ...any) { wrong = append(wrong, at+": "+fmt.Sprintf(format, args...)) }
	for keyword, want := range s {
		switch keyword {
		case "description", "default", "format", "examples":
		case "$ref":
			name := strings.TrimPrefix(want.(string), "#/components/schemas/")
			if d.Components.Schemas[name] == nil {
				bad("no schema %s", name)
			}
			wrong = append(wrong, d.check(at, d.Components.Schemas[name], v)...)
		case "type":
			types, several := want.([]any)
			if !several {
				types = []any{want}
			}
			if !slices.ContainsFunc(types, func(t any) bool { return isOf(t.(string), v) }) {
				bad("%v is not %v", v, want)
			}
		case "enum":
			if !slices.Contains(want.([]any), v) {
				bad("%v is none of %v", v, want)
			}
		case "minimum":
			if n, ok := v.(float64); ok && n < want.(float64) {
				bad("%v is below %v", v, want)
			}
		case "maxLength", "maxItems":
			if text, ok := v.(string); ok && float64(len([]rune(text))) > want.(float64) {
				bad("longer than %v", want)
			}
			if list, ok := v.([]any); ok && float64(len(list)) > want.(float64) {
				bad("longer than %v", want)
			}
		case "required":
			m, _ := v.(map[string]any)
			for _, name := range want.([]any) {
				if _, there := m[name.(string)]; m != nil && !there {
					bad("%s is missing", name)
				}
			}
		case "properties":
			m, _ := v.(map[string]any)
			for name, of := range want.(map[string]any) {
				if one, there := m[name]; there {
					wrong = append(wrong, d.check(at+"/"+name, of.(map[string]any), one)...)
				}
			}
		case "additionalProperties":
			m, _ := v.(map[string]any)
			known, _ := s["properties"].(map[string]any)
			for name, one := range m {
				if known[name] != nil {
					continue
				}
				if of, ok := want.(map[string]any); ok {
					wrong = append(wrong, d.check(at+"/"+name, of, one)...)
				} else if want == false {
					bad("%s is not described", name)
				}
			}
		case "items":
			list, _ := v.([]any)
			for i, one := range list {
				wrong = append(wrong, d.check(fmt.Sprint(at, "/", i), want.(map[string]any), one)...)
			}
		default:
			bad("this test does not know the keyword %s", keyword)
		}
	}
	if text, ok := v.(string); ok && s["format"] == "date-time" {
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			bad("%q is no time", text)
		}
	}
	return wrong
}

func isOf(kind string, v any) bool {
	switch v := v.(type) {
	case nil:
		return kind == "null"
	case bool:
		return kind == "boolean"
	case float64:
		return kind == "number" || kind == "integer" && v == float64(int64(v))
	case string:
		return kind == "string"
	case []any:
		return kind == "array"
	}
	return kind == "object"
}

func committed(t *testing.T) (d document) {
	t.Helper()
	text, err := os.ReadFile("../../../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// newComplete is a server with everything behind it that the fleet API shows.
func newComplete(t *testing.T) *server {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), filepath.Join(t.TempDir(), "fairway.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	nothing := func(context.Context, string) error { return nil }
	steerer := deliver.New(deliver.Options{Store: store, Update: nothing, Rollout: nothing, Log: slog.New(slog.DiscardHandler),
		Nodes: func(context.Context, string) ([]fairway.RotationNode, error) {
			return []fairway.RotationNode{{Node: "node-a", Pool: "worker", CreatedAt: time.Now().Add(-time.Hour)}}, nil
		}})
	look := func(ctx context.Context, id string) (*fairway.Drift, error) {
		d := &fairway.Drift{ClusterID: id, At: time.Now().UTC(), Objects: 3, Found: []fairway.DriftedObject{{Ref: fairway.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Namespace: "n", Name: "m"},
			State: fairway.DriftFound, Since: time.Now().UTC(), Fields: []fairway.DriftedField{{Path: "data.key", Is: "1", Wanted: "2", By: "kubectl"}}}}}
		return d, store.SaveDrift(ctx, d)
	}
	h := httptest.NewServer(httpapi.New(httpapi.Options{Store: store, Steerer: steerer, SweepDrift: look, Authenticator: everybody}))
	t.Cleanup(h.Close)
	s := &server{t, h.URL, store}
	seed(t, s)
	s.do("POST", "/kubernetes-clusters", one("kube-3", map[string]any{"environment": "production", "lifecycle_status": "ready"}), 201)
	s.do("POST", "/infrastructure-accounts", account("aws:123456789012"), 201)
	return s
}

func account(id string) string {
	return `{"id":"` + id + `","type":"aws","name":"n","owner":"o","cost_center":"c","environment":"test","criticality_level":1,"external_id":"1","lifecycle_status":"ready"}`
}

// TestFleet_AnswersAreAsDescribed: what the server really answers, good and
// bad, to every operation of the document is what the document says.
func TestFleet_AnswersAreAsDescribed(t *testing.T) {
	t.Parallel()
	d, s := committed(t), newComplete(t)
	long := strings.Repeat("x", 3<<20)
	asked := map[string]bool{}
	for _, c := range []struct {
		operation, who, method, path, body string
		want                               int
	}{
		{"list-clusters", "viewer", "GET", "clusters", "", 200}, {"list-clusters", "viewer", "GET", "clusters?limit=2", "", 200},
		{"list-clusters", "viewer", "GET", "clusters?fields=id,state&sort=-created_at,alias&search=KUBE", "", 200},
		{"list-clusters", "viewer", "GET", "clusters?sort=colour&fields=aliass", "", 400}, {"list-clusters", "viewer", "GET", "clusters?after=x", "", 400},
		{"list-clusters", "viewer", "GET", "clusters?colour=red", "", 400}, {"list-clusters", "", "GET", "clusters", "", 401},
		{"get-cluster", "viewer", "GET", "clusters/kube-1", "", 200}, {"get-cluster", "viewer", "GET", "clusters/none", "", 404},
		{"list-node-pools", "viewer", "GET", "clusters/kube-1/node-pools", "", 200}, {"list-node-pools", "viewer", "GET", "clusters/kube-1/node-pools?fields=name", "", 200},
		{"get-node-pool", "viewer", "GET", "clusters/kube-1/node-pools/worker", "", 200}, {"get-node-pool", "viewer", "GET", "clusters/kube-1/node-pools/none", "", 404},
		{"get-drift", "viewer", "GET", "clusters/kube-1/drift", "", 200}, {"get-drift", "viewer", "GET", "clusters/none/drift", "", 404},
		{"sweep-drift", "operator", "POST", "clusters/kube-1/drift", "", 200}, {"sweep-drift", "viewer", "POST", "clusters/kube-1/drift", "", 403},
		{"get-drift", "viewer", "GET", "clusters/kube-1/drift", "", 200},
		{"list-accounts", "viewer", "GET", "accounts?sort=owner&search=O", "", 200}, {"list-accounts", "viewer", "GET", "accounts?sort=x", "", 400},
		{"get-account", "viewer", "GET", "accounts/aws:123456789012", "", 200}, {"get-account", "viewer", "GET", "accounts/aws:1", "", 404},
		{"list-cluster-history", "viewer", "GET", "clusters/kube-1/history", "", 200}, {"list-cluster-history", "viewer", "GET", "clusters/none/history", "", 404},
		{"get-cluster-version", "viewer", "GET", "clusters/kube-1/history/1", "", 200}, {"get-cluster-version", "viewer", "GET", "clusters/kube-1/history/x", "", 400},
		{"restore-cluster", "operator", "POST", "clusters/kube-1/restore", `{"seq":1,"dry_run":true}`, 200}, {"restore-cluster", "viewer", "POST", "clusters/kube-1/restore", `{"seq":1}`, 403},
		{"put-cluster", "operator", "PUT", "clusters/kube-2", `{"x":1}`, 400}, {"put-cluster", "operator", "PUT", "clusters/none", `{}`, 404}, {"put-cluster", "viewer", "PUT", "clusters/kube-2", `{}`, 403},
		{"restore-cluster", "operator", "POST", "clusters/kube-1/restore", `{"seq":"` + long + `"}`, 413}, {"restore-cluster", "operator", "POST", "clusters/kube-1/restore", `{"seq":0,"x":1}`, 400},
		{"list-audit", adminToken, "GET", "audit?limit=3", "", 200}, {"list-audit", "viewer", "GET", "audit", "", 403},
		{"verify-audit", adminToken, "GET", "audit/verify", "", 200}, {"verify-audit", "viewer", "GET", "audit/verify", "", 403},
		{"list-updates", "viewer", "GET", "updates", "", 200}, {"list-updates", "viewer", "GET", "updates?limit=0", "", 400},
		{"get-update", "viewer", "GET", "updates/u1", "", 200}, {"get-update", "viewer", "GET", "updates/none", "", 404},
		{"list-rollouts", "viewer", "GET", "rollouts", "", 200}, {"list-rollouts", "viewer", "GET", "rollouts?x=1", "", 400},
		{"get-rollout", "viewer", "GET", "rollouts/r1", "", 200}, {"get-rollout", "viewer", "GET", "rollouts/none", "", 404},
		{"list-events", "viewer", "GET", "events", "", 200}, {"list-events", "viewer", "GET", "events?after=-1", "", 400},
		{"pause-update", "operator", "POST", "updates/u1/pause", `{"reason":"a look"}`, 200}, {"pause-update", "viewer", "POST", "updates/u1/pause", `{}`, 403},
		{"resume-update", "operator", "POST", "updates/u1/resume", `{}`, 200}, {"resume-update", "operator", "POST", "updates/none/resume", `{}`, 404},
		{"approve-update", "viewer", "POST", "updates/u1/approve", `{}`, 403}, {"approve-update", "operator", "POST", "updates/u1/approve", `{"reason":"r","digest":"d"}`, 409},
		{"abort-update", "operator", "POST", "updates/u1/abort", `{}`, 200}, {"abort-update", "operator", "POST", "updates/u0/abort", `{}`, 409},
		{"rotate-cluster", "operator", "POST", "clusters/kube-3/rotate", `{}`, 200}, {"rotate-cluster", "operator", "POST", "clusters/kube-1/rotate", `{"nodes":1}`, 400},
		{"decommission-cluster", adminToken, "POST", "clusters/kube-3/decommission", `{"confirm":"aws:123456789012:eu-central-1:kube-3"}`, 200},
		{"decommission-cluster", adminToken, "POST", "clusters/kube-3/decommission", `{"confirm":"aws:123456789012:eu-central-1:kube-3"}`, 409},
		{"list-decommissions", "viewer", "GET", "decommissions", "", 200}, {"list-decommissions", "viewer", "GET", "decommissions?x", "", 400},
		{"approve-decommission", "admin-2", "POST", "clusters/kube-3/decommission/approve", "", 200}, {"approve-decommission", "admin-2", "POST", "clusters/kube-3/decommission/approve", "", 409},
		{"withdraw-decommission", adminToken, "DELETE", "clusters/kube-3/decommission", "", 200}, {"withdraw-decommission", adminToken, "DELETE", "clusters/kube-3/decommission", "", 404},
		{"watch", "viewer", "GET", "watch?kinds=x", "", 400}, {"watch", "viewer", "GET", "watch?last_event_id=999", "", 410}, {"watch", "viewer", "GET", "watch?last_event=1", "", 400},
	} {
		a := s.as(c.who, c.method, "/api/v1/"+c.path, c.body)
		name := fmt.Sprintf("%s %s", c.method, c.path)
		if a.status != c.want {
			t.Errorf("%s: got %d, want %d: %s", name, a.status, c.want, a.body)
			continue
		}
		asked[c.operation] = true
		d.described(t, name, c.operation, a)
	}
	etag := s.do("GET", "/api/v1/accounts/aws:123456789012", "", 200).header.Get("ETag")
	if a := s.as("viewer", "GET", "/api/v1/accounts/aws:123456789012", "", "If-None-Match", etag); a.status != 304 || a.body != "" || etag == "" {
		t.Errorf("the tag %s is answered with %d %q", etag, a.status, a.body)
	} else {
		d.described(t, "304", "get-account", a)
	}
	for _, path := range d.Paths {
		for _, o := range path {
			if !asked[o.OperationID] {
				t.Errorf("nothing asks operation %s", o.OperationID)
			}
		}
	}
}

// described reports an answer that is not as the document says.
func (d *document) described(t *testing.T, name, operation string, a answer) {
	t.Helper()
	for _, path := range d.Paths {
		for _, o := range path {
			if o.OperationID != operation {
				continue
			}
			r, known := o.Responses[fmt.Sprint(a.status)]
			if !known {
				t.Errorf("%s: status %d of %s is not described, only %v", name, a.status, operation, slices.Sorted(maps.Keys(o.Responses)))
				return
			}
			if len(r.Content) == 0 && a.body == "" {
				return
			}
			content, known := r.Content[a.header.Get("Content-Type")]
			if !known {
				t.Errorf("%s: content type %q of status %d is not described", name, a.header.Get("Content-Type"), a.status)
				return
			}
			var v any
			if err := json.Unmarshal([]byte(a.body), &v); err != nil {
				t.Errorf("%s: %v in %s", name, err, a.body)
			}
			for _, wrong := range d.check("", content.Schema, v) {
				t.Errorf("%s: %s", name, wrong)
			}
			return
		}
	}
	t.Errorf("%s: there is no operation %s", name, operation)
}

// TestFleet_TheCheckFindsWhatIsWrong: a validator that accepts all would make
// the test above worthless.
func TestFleet_TheCheckFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	d := committed(t)
	for _, text := range []string{`{"items":null}`, `{}`, `{"items":[],"x":1}`, `{"items":[{"id":1}]}`, `{"items":[{"colour":"red"}]}`, `{"items":[{"created_at":"today"}]}`, `{"items":[{"node_pools":[{"min_size":1.5}]}]}`} {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		if wrong := d.check("", d.Paths["/api/v1/clusters"]["get"].Responses["200"].Content["application/json"].Schema, v); len(wrong) == 0 {
			t.Errorf("%s passes", text)
		}
	}
}

// pages reads a list in parts of a size and returns the ids.
func (s *server) pages(path string, size int, between func()) (ids []string) {
	s.t.Helper()
	after := ""
	for {
		a := decode[struct {
			Items []struct{ ID string }
			Next  string
		}](s.t, s.do(http.MethodGet, fmt.Sprintf("%s&limit=%d&after=%s", path, size, after), "", 200))
		for _, one := range a.Items {
			ids = append(ids, one.ID[strings.LastIndexByte(one.ID, ':')+1:])
		}
		if len(a.Items) > size {
			s.t.Errorf("a part of %d has %d items", size, len(a.Items))
		}
		if after = a.Next; after == "" {
			return ids
		}
		between()
	}
}

// TestFleet_Lists: parts, order, search and choice of fields.
func TestFleet_Lists(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for i, c := range []map[string]any{
		{"region": "b", "criticality_level": 10}, {"region": "a", "criticality_level": 9}, {"region": "b", "criticality_level": 1},
		{"region": "a", "config_items": map[string]string{"looked_for": "a Needle"}}, {"region": "c", "node_pools": []any{pool("worker", map[string]any{"config_items": map[string]string{"needles": "2"}})}},
	} {
		s.do("POST", "/kubernetes-clusters", one(fmt.Sprint("k", i), c), 201)
	}
	for query, want := range map[string]string{
		"": "k0 k1 k2 k3 k4", "sort=-created_at": "k4 k3 k2 k1 k0", "sort=region,-alias": "k3 k1 k2 k0 k4", "sort=-criticality_level,id": "k0 k1 k2 k3 k4",
		"search=needle": "k3 k4", "search=NEEDLE+looked": "k3", "search=needle&region=c": "k4", "search=nothing": "", "search=k2": "k2", "sort=id&fields=id": "k0 k1 k2 k3 k4",
	} {
		for _, size := range []int{1, 2, 5} {
			if got := strings.Join(s.pages("/api/v1/clusters?"+query, size, func() {}), " "); got != want {
				t.Errorf("%s in parts of %d: got %q, want %q", query, size, got, want)
			}
		}
	}
	if a := s.do("GET", "/api/v1/clusters?fields=alias,node_pools&search=k4", "", 200); !strings.HasPrefix(a.body, `{"items":[{"alias":"k4","node_pools":[{"name"`) || strings.Contains(a.body, "region") {
		t.Errorf("two fields: %s", a.body)
	}
	for query, want := range map[string]string{"fields=aliass": `did you mean \"alias\"?`, "sort=config_items": "known are", "after=eyJvIjoiaWQifQ": "leave it out", "limit=0": "limit", "search=" + strings.Repeat("x", 201): "search"} {
		if a := s.as(adminToken, "GET", "/api/v1/clusters?"+query, ""); a.status != 400 || !strings.Contains(a.body, want) {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
	// What comes and goes between two parts shifts nothing.
	n := 0
	got := strings.Join(s.pages("/api/v1/clusters?sort=alias", 2, func() {
		if n++; n == 1 {
			s.do("POST", "/kubernetes-clusters", one("k0a", nil), 201)
			gone := fairway.StatusDecommissioned
			if _, err := s.store.UpdateCluster(t.Context(), s.stored("k1").ID, fairway.ClusterUpdate{LifecycleStatus: &gone}); err != nil {
				t.Fatal(err)
			}
			s.do("DELETE", "/kubernetes-clusters/"+s.stored("k1").ID, "", 204)
		}
	}), " ")
	if got != "k0 k1 k2 k3 k4" {
		t.Errorf("with changes in between: %q", got)
	}
}
