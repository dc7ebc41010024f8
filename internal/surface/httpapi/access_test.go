package httpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/sqlstore"
	"github.com/fairwayhq/fairway/internal/engine/registry"
	"github.com/fairwayhq/fairway/internal/surface/httpapi"
)

// callers know everybody by the name that they show as a token.
type callers map[string][]fairway.Grant

func (c callers) Authenticate(_ context.Context, token string) (fairway.Principal, error) {
	grants, known := c[token]
	if !known {
		return fairway.Principal{}, fairway.Errorf(fairway.CodeUnauthorized, "not known")
	}
	return fairway.Principal{Name: "issuer#" + token, Display: token, Grants: grants}, nil
}

// everybody is one caller of each role, and some that are limited.
var everybody = callers{
	adminToken: {{Role: fairway.RoleAdmin}}, "admin-2": {{Role: fairway.RoleAdmin}}, "operator": {{Role: fairway.RoleOperator}}, "viewer": {{Role: fairway.RoleViewer}},
	"agent": {{Role: fairway.RoleAgent}}, "beta-operator": {{Role: fairway.RoleViewer, Channels: []string{"dev", "beta"}}, {Role: fairway.RoleOperator, Channels: []string{"beta"}}},
	"beta-viewer": {{Role: fairway.RoleViewer, Channels: []string{"beta"}}}, "nobody": nil,
}

// serverWith is a server with options of its own.
func serverWith(t *testing.T, change func(o *httpapi.Options)) *server {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), filepath.Join(t.TempDir(), "fairway.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	o := httpapi.Options{Store: store, Authenticator: everybody}
	if change != nil {
		change(&o)
	}
	s := httptest.NewServer(httpapi.New(o))
	t.Cleanup(s.Close)
	return &server{t, s.URL, store}
}

// TestAccess: who may do what, on both APIs. What may not be seen does not exist.
func TestAccess(t *testing.T) {
	t.Parallel()
	s := serverWith(t, nil)
	s.do("POST", "/kubernetes-clusters", one("kube-1", map[string]any{"channel": "dev"}), 201)
	s.do("POST", "/kubernetes-clusters", one("kube-2", map[string]any{"channel": "beta"}), 201)
	const kube2 = "/kubernetes-clusters/aws:123456789012:eu-central-1:kube-2"
	account := `{"id":"aws:123456789012","type":"aws","name":"n","owner":"o","cost_center":"c","environment":"test","criticality_level":1,"external_id":"1","lifecycle_status":"ready"}`
	for _, c := range []struct {
		who, method, path, body string
		want                    int
	}{
		{"viewer", "GET", kube1, "", 200}, {"viewer", "PATCH", kube1, `{"channel":"dev"}`, 403}, {"viewer", "PUT", kube1 + "/config-items/a_b", `{"value":"x"}`, 403},
		{"agent", "PATCH", kube1, `{"lifecycle_status":"requested","status":{"problems":[]}}`, 200}, {"agent", "PUT", kube1 + "/config-items/eks_endpoint", `{"value":"x"}`, 200},
		{"agent", "PATCH", kube1, `{"channel":"beta"}`, 403}, {"agent", "PATCH", kube1, `{"lifecycle_status":"decommission-requested"}`, 403},
		{"agent", "PUT", kube1 + "/node-pools/worker", text(pool("worker", nil), nil), 403}, {"agent", "DELETE", kube1 + "/config-items/eks_endpoint", "", 403},
		{"operator", "PATCH", kube1, `{"channel":"dev"}`, 200}, {"operator", "DELETE", kube1, "", 403}, {"operator", "POST", "/infrastructure-accounts", account, 403},
		{"operator", "GET", "/api/v1/audit", "", 403}, {adminToken, "GET", "/api/v1/audit", "", 200}, {adminToken, "GET", "/api/v1/audit/verify", "", 200},
		{"beta-viewer", "GET", kube1, "", 404}, {"beta-viewer", "GET", kube2, "", 200}, {"beta-viewer", "GET", "/api/v1/clusters/kube-1", "", 404}, {"beta-viewer", "PATCH", kube1, `{"channel":"dev"}`, 404},
		{"beta-viewer", "GET", "/api/v1/clusters/kube-1/history", "", 404}, {"beta-viewer", "DELETE", kube1, "", 404}, {"beta-viewer", "GET", kube1 + "/node-pools", "", 404},
		{"beta-operator", "PATCH", kube1, `{"channel":"dev"}`, 403}, {"beta-operator", "PATCH", kube2, `{"region":"eu-west-1"}`, 200},
		{"beta-operator", "PATCH", kube2, `{"channel":"dev"}`, 403}, // not out of its own channel either
		{"beta-operator", "POST", "/kubernetes-clusters", one("kube-3", map[string]any{"channel": "dev"}), 403},
		{"beta-operator", "POST", "/api/v1/clusters/kube-1/decommission", `{"confirm":"x"}`, 403}, {"viewer", "POST", "/api/v1/updates/kube-1/pause", `{}`, 403},
		{"nobody", "GET", kube1, "", 404}, {"stranger", "GET", kube1, "", 401},
	} {
		if a := s.as(c.who, c.method, c.path, c.body); a.status != c.want {
			t.Errorf("%s %s %s: got %d, want %d: %s", c.who, c.method, c.path, a.status, c.want, a.body)
		}
	}
	for who, want := range map[string]int{"viewer": 2, "beta-viewer": 1, "nobody": 0} {
		for _, path := range []string{"/kubernetes-clusters", "/kubernetes-clusters?verbose=false", "/api/v1/clusters"} {
			list := decode[struct{ Items []map[string]any }](t, s.as(who, "GET", path, ""))
			if len(list.Items) != want {
				t.Errorf("%s sees %d clusters in %s, want %d", who, len(list.Items), path, want)
			}
		}
	}
	denials, err := s.store.Changes(t.Context(), fairway.ChangeFilter{Events: []fairway.ChangeEvent{fairway.ChangeDenied}})
	if err != nil || len(denials) != 14 {
		t.Errorf("%d denials are recorded, want one for each of the 14 answers 403 (error %v)", len(denials), err)
	}
	for _, d := range denials {
		if !strings.HasPrefix(d.Who, "issuer#") || d.From != "127.0.0.1" || d.After["/deed"] == "" {
			t.Errorf("a denial is recorded as %+v", d)
		}
	}
}

// TestIfMatch: every object has a tag, and of two writers who read the same
// version one wins.
func TestIfMatch(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	created := s.do("POST", "/kubernetes-clusters", one("kube-1", nil), 201)
	tag := created.header.Get("ETag")
	if got := s.do("GET", kube1, "", 200).header.Get("ETag"); got == "" || got != tag {
		t.Fatalf("the tag is %s after POST and %s on GET", tag, got)
	}
	if a := s.as(adminToken, "GET", kube1, "", "If-None-Match", tag); a.status != http.StatusNotModified || a.body != "" {
		t.Errorf("If-None-Match: %d %q", a.status, a.body)
	}
	for _, wrong := range []string{`"0"`, `W/` + tag, `"a", "b"`} {
		for _, c := range [][3]string{{"PATCH", kube1, `{"region":"x"}`}, {"PUT", kube1 + "/config-items/a_b", `{"value":"x"}`}, {"DELETE", kube1 + "/config-items/key_a", ""},
			{"PUT", kube1 + "/node-pools/worker", text(pool("worker", nil), nil)}, {"DELETE", kube1 + "/node-pools/worker", ""}, {"DELETE", kube1, ""}} {
			if a := s.as(adminToken, c[0], c[1], c[2], "If-Match", wrong); a.status != http.StatusPreconditionFailed {
				t.Errorf("%s %s with If-Match %s: got %d: %s", c[0], c[1], wrong, a.status, a.body)
			}
		}
	}
	if a := s.as(adminToken, "PATCH", kube1, `{"region":"x"}`, "If-Match", `"other", `+tag); a.status != 200 || a.header.Get("ETag") == tag {
		t.Errorf("a matching tag: %d, new tag %s", a.status, a.header.Get("ETag"))
	}
	s.do("PATCH", kube1, `{"region":"y"}`, 200) // without the header the last write wins
	tag = s.do("GET", kube1, "", 200).header.Get("ETag")
	var mu sync.Mutex
	answers := map[int]int{}
	var racing sync.WaitGroup
	for _, region := range []string{"a1", "b1", "c1", "d1", "e1", "f1"} {
		racing.Go(func() {
			a := s.as(adminToken, "PATCH", kube1, `{"region":"`+region+`"}`, "If-Match", tag)
			mu.Lock()
			defer mu.Unlock()
			answers[a.status]++
		})
	}
	racing.Wait()
	if answers[200] != 1 || answers[412] != 5 {
		t.Errorf("six writers of one version: %v, want one 200 and five 412", answers)
	}
}

// TestSecretsInClear: they are stored and served, warned of, or refused where
// that is wished; and they stand in no record.
func TestSecretsInClear(t *testing.T) {
	t.Parallel()
	const canary = "canary-0815-canary"
	s := serverWith(t, nil)
	s.do("POST", "/kubernetes-clusters", one("kube-1", map[string]any{"config_items": map[string]any{"db_password": canary, "sealed": "aws:kms:" + canary}}), 201)
	if got := s.stored("kube-1").ConfigItems["db_password"]; got != canary {
		t.Errorf("stored %q", got)
	}
	s.do("PUT", kube1+"/config-items/my_token", `{"value":"`+canary+`"}`, 200)
	s.do("PATCH", kube1, `{"config_items":{"db_password":"`+canary+`2"}}`, 200)
	all, err := s.store.Changes(t.Context(), fairway.ChangeFilter{})
	if err != nil {
		t.Fatal(err)
	}
	warned := 0
	for _, c := range all {
		if c.Event == fairway.ChangeWarned {
			warned++
		}
		for _, side := range []map[string]any{c.Before, c.After} {
			for pointer, v := range side {
				if text, ok := v.(string); ok && strings.Contains(text, canary) && !strings.HasPrefix(text, "aws:kms:") {
					t.Errorf("entry %d shows %s", c.Seq, pointer)
				}
			}
		}
	}
	if warned != 3 {
		t.Errorf("%d warnings, want 3", warned)
	}
	strict := serverWith(t, func(o *httpapi.Options) { o.RefuseClearSecrets = true })
	if a := strict.as(adminToken, "POST", "/kubernetes-clusters", one("kube-1", map[string]any{"config_items": map[string]any{"db_password": canary}})); a.status != 400 ||
		strings.Contains(a.body, canary) || !strings.Contains(a.body, `"fields":"/config_items/db_password"`) {
		t.Errorf("refused with %d: %s", a.status, a.body)
	}
	strict.do("POST", "/kubernetes-clusters", one("kube-1", map[string]any{"config_items": map[string]any{"db_password": "age:" + canary}}), 201)
}

// TestHistory: what changed, by whom and why; any version comes back.
func TestHistory(t *testing.T) {
	t.Parallel()
	s := serverWith(t, nil)
	s.do("POST", "/kubernetes-clusters", one("kube-1", nil), 201)
	s.as("operator", "PATCH", kube1, `{"channel":"beta"}`, "X-Fairway-Reason", "to the next channel")
	s.do("PUT", kube1+"/config-items/key_a", `{"value":"2"}`, 200)
	s.do("PATCH", kube1, `{"lifecycle_status":"ready","status":{"current_version":"v1","problems":[]}}`, 200)
	list := decode[struct{ Items []fairway.Change }](t, s.do("GET", "/api/v1/clusters/kube-1/history", "", 200)).Items
	if len(list) != 4 || list[2].Display != "operator" || list[2].Reason != "to the next channel" || list[2].After["/channel"] != "beta" || list[3].Event != fairway.ChangeCreated {
		t.Errorf("history: %+v", list)
	}
	if v := decode[fairway.Cluster](t, s.do("GET", "/api/v1/clusters/kube-1/history/2", "", 200)); v.Channel != "beta" || v.ConfigItems["key_a"] != "1" {
		t.Errorf("version 2: %+v", v)
	}
	dry := s.do("POST", "/api/v1/clusters/kube-1/restore", `{"seq":1,"dry_run":true}`, 200)
	if !strings.Contains(dry.body, `"/channel":"dev"`) || s.stored("kube-1").Channel != "beta" {
		t.Errorf("dry run: %s, channel %s", dry.body, s.stored("kube-1").Channel)
	}
	s.do("POST", "/api/v1/clusters/kube-1/restore", `{"seq":1}`, 200)
	if c := s.stored("kube-1"); c.Channel != "dev" || c.ConfigItems["key_a"] != "1" || c.LifecycleStatus != fairway.StatusReady || c.Status.CurrentVersion != "v1" {
		t.Errorf("restored: %+v", c)
	}
	s.do("POST", "/api/v1/clusters/kube-1/restore", `{"seq":99}`, 404) // not yet made: the entry would be of the future
	if v := s.do("GET", "/api/v1/audit/verify", "", 200).body; !strings.Contains(v, `"whole":true`) {
		t.Errorf("verify: %s", v)
	}
}

// TestDecommission: a protected cluster goes only when two persons want it and
// a day has passed; on the wire it stays ready until then.
func TestDecommission(t *testing.T) {
	t.Parallel()
	s := serverWith(t, nil)
	s.do("POST", "/kubernetes-clusters", one("kube-1", map[string]any{"environment": "production", "lifecycle_status": "ready"}), 201)
	s.do("POST", "/kubernetes-clusters", one("kube-2", map[string]any{"lifecycle_status": "ready"}), 201)
	if a := s.as(adminToken, "PATCH", kube1, `{"lifecycle_status":"decommission-requested"}`); a.status != 403 || !strings.Contains(a.body, "fairway cluster decommission kube-1") {
		t.Errorf("at once: %d %s", a.status, a.body)
	}
	s.do("PATCH", kube1, `{"lifecycle_status":"requested"}`, 400)
	s.do("DELETE", kube1, "", 400)
	const path = "/api/v1/clusters/kube-1/decommission"
	id := s.stored("kube-1").ID
	for _, step := range []struct {
		who, method, path, body string
		want                    int
		says                    string
	}{
		{"operator", "POST", path + "/approve", "", 403, "approve"}, {adminToken, "POST", path + "/approve", "", 404, "nobody has asked"},
		{adminToken, "POST", path, `{"confirm":"kube-1"}`, 400, "whole id"}, {adminToken, "POST", path, `{"confirm":"` + id + `","reason":"old"}`, 200, "waiting-for-approval"},
		{adminToken, "POST", path, `{"confirm":"` + id + `"}`, 409, "already"}, {adminToken, "POST", path + "/approve", "", 403, "second person"},
		{adminToken, "DELETE", path, "", 200, "withdrawn"}, {adminToken, "DELETE", path, "", 404, "nobody has asked"},
		{adminToken, "POST", path, `{"confirm":"` + id + `","reason":"old"}`, 200, "waiting"}, {"admin-2", "POST", path + "/approve", "", 200, "cooling-off"},
		{"admin-2", "POST", path + "/approve", "", 409, "already"}, {adminToken, "POST", "/api/v1/clusters/kube-2/decommission", `{"confirm":"` + s.stored("kube-2").ID + `"}`, 200, "begun"},
	} {
		if a := s.as(step.who, step.method, step.path, step.body); a.status != step.want || !strings.Contains(a.body, step.says) {
			t.Errorf("%s %s %s: got %d, want %d with %q: %s", step.who, step.method, step.path, a.status, step.want, step.says, a.body)
		}
	}
	// Whoever may not, and whoever asked for it and is no second person.
	denials, err := s.store.Changes(t.Context(), fairway.ChangeFilter{ID: id, Events: []fairway.ChangeEvent{fairway.ChangeDenied}})
	if err != nil || len(denials) != 2 || denials[0].After["/deed"] != "approve" || denials[1].After["/deed"] != "approve" {
		t.Errorf("recorded denials: %+v, %v", denials, err)
	}
	for _, c := range []struct {
		after time.Duration
		want  fairway.LifecycleStatus
	}{{0, fairway.StatusReady}, {fairway.CoolOff - time.Minute, fairway.StatusReady}, {fairway.CoolOff + time.Minute, fairway.StatusDecommissionRequested}} {
		if _, err := registry.BeginDecommissions(t.Context(), s.store, time.Now().Add(c.after)); err != nil {
			t.Fatal(err)
		}
		if got := s.stored("kube-1").LifecycleStatus; got != c.want {
			t.Errorf("%s after the approval it is %s, want %s", c.after, got, c.want)
		}
	}
	if got := s.stored("kube-2").LifecycleStatus; got != fairway.StatusDecommissionRequested {
		t.Errorf("kube-2 is %s", got)
	}
}

// TestIdempotencyKey: a POST that is sent again with its key is done once.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	s := serverWith(t, nil)
	first := s.as(adminToken, "POST", "/kubernetes-clusters", one("kube-1", nil), "Idempotency-Key", "k1")
	again := s.as(adminToken, "POST", "/kubernetes-clusters", one("kube-1", nil), "Idempotency-Key", "k1")
	if first.status != 201 || again.status != 201 || first.body != again.body || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("first %d, again %d: %s", first.status, again.status, again.body)
	}
	if a := s.as(adminToken, "POST", "/kubernetes-clusters", one("kube-2", nil), "Idempotency-Key", "k1"); a.status != 400 {
		t.Errorf("the key with another body: %d %s", a.status, a.body)
	}
	if a := s.as("operator", "POST", "/kubernetes-clusters", one("kube-1", nil), "Idempotency-Key", "k1"); a.status != 409 || !strings.Contains(a.body, "exists already") {
		t.Errorf("the key of another caller: %d %s", a.status, a.body)
	}
	if a := s.as(adminToken, "POST", "/kubernetes-clusters", "{", "Idempotency-Key", "k2"); a.status != 400 {
		t.Errorf("a bad body: %d", a.status)
	}
}

// TestRates: a caller that sends too much is told when to come again, others
// are not held up.
func TestRates(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := serverWith(t, func(o *httpapi.Options) { o.Rate, o.Now = 5, func() time.Time { return now } })
	statuses := map[int]int{}
	for range 15 {
		a := s.as("viewer", "GET", "/kubernetes-clusters", "")
		if statuses[a.status]++; a.status == 429 && a.header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After is %q: %s", a.header.Get("Retry-After"), a.body)
		}
	}
	if statuses[200] != 10 || statuses[429] != 5 {
		t.Errorf("15 requests at once: %v", statuses)
	}
	if a := s.as("operator", "GET", "/kubernetes-clusters", ""); a.status != 200 {
		t.Errorf("another caller: %d", a.status)
	}
}
