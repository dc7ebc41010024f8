package httpapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

// TestCluster walks through the life of a cluster as a client sees it.
func TestCluster(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if got := s.do("GET", "/kubernetes-clusters", "", 200).body; got != `{"items":[]}`+"\n" {
		t.Errorf("an empty list is %q", got)
	}
	created := decode[map[string]any](t, s.do("POST", "/kubernetes-clusters", one("kube-1", map[string]any{"owner": "x", "created_at": "x", "account_name": 1, "status": 1}), 201))
	want := decode[map[string]any](t, answer{body: one("kube-1", nil)})
	want["status"] = map[string]any{"problems": []any{}}
	want["node_pools"].([]any)[0].(map[string]any)["config_items"] = map[string]any{}
	if _, err := time.Parse(time.RFC3339, created["created_at"].(string)); err != nil {
		t.Error(err)
	}
	delete(created, "created_at")
	if diff := cmp.Diff(want, created); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	s.do("POST", "/kubernetes-clusters", one("kube-1", nil), 409)
	s.do("POST", "/kubernetes-clusters", one("kube-2", map[string]any{"alias": "kube-1"}), 409)
	s.do("GET", kube1, "", 200)
	s.do("GET", strings.ReplaceAll(kube1, ":", "%3A"), "", 200)
	s.do("GET", "/kubernetes-clusters/none", "", 404)

	terse := s.do("GET", kube1+"?verbose=false", "", 200).body
	if strings.Contains(terse, "config_items") || strings.Contains(terse, "node_pools") || !strings.Contains(terse, `"status":{"problems":[]}`) {
		t.Errorf("verbose=false answers %s", terse)
	}

	// What a manager reports: status is replaced as a whole.
	s.do("PATCH", kube1, `{"status":{"next_version":"b#1","current_version":"a#1","problems":[{"type":"t","title":"x"}]}}`, 200)
	s.do("PATCH", kube1, `{"lifecycle_status":"ready","status":{"current_version":"b#1","last_version":"a#1","problems":[]}}`, 200)
	c := s.stored("kube-1")
	if c.LifecycleStatus != fairway.StatusReady || c.Status.NextVersion != "" || c.Status.CurrentVersion != "b#1" || len(c.Status.Problems) != 0 {
		t.Errorf("after the report: %s %+v", c.LifecycleStatus, c.Status)
	}
	s.do("PATCH", kube1, `{"status":{}}`, 200)
	if c := s.stored("kube-1"); c.Status.CurrentVersion != "" {
		t.Errorf("after an empty status: %+v", c.Status)
	}
	s.do("PATCH", "/kubernetes-clusters/none", `{"channel":"x"}`, 404)
	s.do("DELETE", kube1, "", 400)
	s.do("PATCH", kube1, `{"lifecycle_status":"decommissioned"}`, 400)
	s.do("PATCH", kube1, `{"lifecycle_status":"decommission-requested","owner":"ignored"}`, 200)
	s.do("PATCH", kube1, `{"lifecycle_status":"decommissioned"}`, 200)
	if got := s.do("DELETE", kube1, "", 204).body; got != "" {
		t.Errorf("DELETE answers %q", got)
	}
	s.do("DELETE", kube1, "", 404)
}

func TestItemsAndPools(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.do("POST", "/kubernetes-clusters", one("kube-1", map[string]any{"config_items": nil, "node_pools": nil}), 201)
	got := s.do("GET", kube1, "", 200).body
	if !strings.Contains(got, `"config_items":{}`) || !strings.Contains(got, `"node_pools":[]`) {
		t.Errorf("empty maps and lists are left out, which existing clients fail on: %s", got)
	}
	if got := s.do("PUT", kube1+"/config-items/key_b", `{"value":"2"}`, 200).body; got != `{"value":"2"}`+"\n" {
		t.Errorf("PUT config item answers %q", got)
	}
	s.do("PUT", kube1+"/config-items/Key", `{"value":"2"}`, 400)
	s.do("PUT", kube1+"/config-items/key_b", `{}`, 400)
	s.do("PUT", "/kubernetes-clusters/none/config-items/key_b", `{"value":"2"}`, 404)
	s.do("DELETE", kube1+"/config-items/key_b", "", 204)
	s.do("DELETE", kube1+"/config-items/key_b", "", 404)

	body := text(pool("worker", nil), nil)
	s.do("PUT", kube1+"/node-pools/worker", body, 200)
	s.do("PUT", kube1+"/node-pools/other", body, 400)
	s.do("PUT", kube1+"/node-pools/worker", text(pool("worker", map[string]any{"min_size": 4}), nil), 400)
	s.do("PATCH", kube1+"/node-pools/worker", `{"max_size":9}`, 200)
	s.do("PATCH", kube1+"/node-pools/worker", `{"max_size":0}`, 400)
	s.do("PATCH", kube1+"/node-pools/none", `{"max_size":9}`, 404)
	s.do("PUT", kube1+"/node-pools/worker/config-items/key_c", `{"value":"3"}`, 200)
	s.do("PUT", kube1+"/node-pools/none/config-items/key_c", `{"value":"3"}`, 404)
	want := `{"items":[{"name":"worker","profile":"worker-default","discount_strategy":"none","min_size":1,"max_size":9,"config_items":{"key_c":"3"},"instance_types":["m5.large"]}]}`
	if got := s.do("GET", kube1+"/node-pools", "", 200).body; got != want+"\n" {
		t.Errorf("pools are %s, want %s", got, want)
	}
	s.do("DELETE", kube1+"/node-pools/worker/config-items/key_c", "", 204)
	s.do("DELETE", kube1+"/node-pools/worker/config-items/key_c", "", 404)
	s.do("DELETE", kube1+"/node-pools/worker", "", 204)
	s.do("DELETE", kube1+"/node-pools/worker", "", 404)
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	account := func(change map[string]any) string {
		return text(map[string]any{"id": "aws:123456789012", "type": "aws", "name": "main", "owner": "team", "cost_center": "1", "environment": "test",
			"criticality_level": 1, "external_id": "123456789012", "lifecycle_status": "ready"}, change)
	}
	s.do("POST", "/infrastructure-accounts", account(nil), 201)
	s.do("POST", "/infrastructure-accounts", account(nil), 409)
	s.do("POST", "/infrastructure-accounts", account(map[string]any{"owner": nil}), 400)
	s.do("GET", "/infrastructure-accounts/aws:123456789012", "", 200)
	s.do("GET", "/infrastructure-accounts/aws:0", "", 404)
	s.do("PATCH", "/infrastructure-accounts/aws:123456789012", `{"owner":"other"}`, 200)
	s.do("PATCH", "/infrastructure-accounts/aws:0", `{"owner":"other"}`, 404)
	s.do("PATCH", "/infrastructure-accounts/aws:123456789012", `{"lifecycle_status":"decommission-requested"}`, 400)
	for query, n := range map[string]int{"lifecycle_status=ready": 1, "owner=other": 1, "owner=team": 0, "criticality_level=1&type=aws": 1, "criticality_level=2": 0} {
		list := decode[struct {
			Items []fairway.InfrastructureAccount
		}](t, s.do("GET", "/infrastructure-accounts?"+query, "", 200))
		if len(list.Items) != n {
			t.Errorf("%s selects %d accounts, want %d", query, len(list.Items), n)
		}
	}
	// Clusters are joined with their account.
	s.do("POST", "/kubernetes-clusters", one("kube-1", nil), 201)
	c := decode[fairway.Cluster](t, s.do("GET", kube1, "", 200))
	if c.Owner != "other" || c.AccountName != "main" {
		t.Errorf("owner %q and account name %q", c.Owner, c.AccountName)
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for i, channel := range []string{"dev", "beta", "beta"} {
		s.do("POST", "/kubernetes-clusters", one(fmt.Sprint("kube-", i), map[string]any{"channel": channel, "criticality_level": i}), 201)
	}
	for query, want := range map[string]string{
		"": "kube-0 kube-1 kube-2", "?channel=beta": "kube-1 kube-2", "?channel=beta&criticality_level=2": "kube-2", "?alias=kube-1&verbose=false": "kube-1",
		"?channel=none": "", "?criticality_level=0": "kube-0", "?region=eu-central-1&provider=zalando-aws&environment=test": "kube-0 kube-1 kube-2",
	} {
		var aliases []string
		for _, c := range decode[struct{ Items []fairway.Cluster }](t, s.do("GET", "/kubernetes-clusters"+query, "", 200)).Items {
			aliases = append(aliases, c.Alias)
		}
		if got := strings.Join(aliases, " "); got != want {
			t.Errorf("%s selects %q, want %q", query, got, want)
		}
	}
	for _, query := range []string{"?verbose=maybe", "?criticality_level=high", "?chanel=beta"} {
		s.do("GET", "/kubernetes-clusters"+query, "", 400)
	}
}

// Whatever is wrong with a body is told at once, with pointers.
func TestInvalidBodies(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.do("POST", "/kubernetes-clusters", one("kube-1", nil), 201)
	cases := []struct {
		name, method, path, body string
		status                   int
		fields                   string
	}{
		{"no JSON", "POST", "/kubernetes-clusters", `{"id":`, 400, ""},
		{"nothing", "POST", "/kubernetes-clusters", ` `, 400, ""},
		{"a list", "POST", "/kubernetes-clusters", `[]`, 400, ""},
		{"more than one value", "POST", "/kubernetes-clusters", `{} {}`, 400, ""},
		{"no UTF-8", "POST", "/kubernetes-clusters", "{\"id\":\"\xff\"}", 400, ""},
		{"all missing", "POST", "/kubernetes-clusters", `{}`, 400, "/id,/alias,/infrastructure_account,/local_id,/api_server_url,/channel,/environment,/criticality_level,/lifecycle_status,/provider,/region"},
		{"wrong types", "POST", "/kubernetes-clusters", one("kube-2", map[string]any{"id": 1, "criticality_level": "1", "config_items": map[string]any{"a": 1}, "node_pools": "x"}), 400,
			"/id,/criticality_level,/config_items,/node_pools"},
		{"number beyond 32 bits", "POST", "/kubernetes-clusters", one("kube-2", map[string]any{"criticality_level": 1 << 40}), 400, "/criticality_level"},
		{"unknown fields", "POST", "/kubernetes-clusters", one("kube-2", map[string]any{"chanel": "x", "a/b~": 1}), 400, "/a~1b~0,/chanel"},
		{"in a pool", "POST", "/kubernetes-clusters", one("kube-2", map[string]any{"node_pools": []any{pool("aa", map[string]any{"minsize": 1, "max_size": -1, "profile": nil}), 7}}), 400,
			"/node_pools/0/profile,/node_pools/0/minsize,/node_pools/1,/node_pools/0/max_size"},
		{"domain rules", "POST", "/kubernetes-clusters", one("kube-2", map[string]any{"alias": "A", "provider": "aws", "infrastructure_account": "gcp"}), 400, "/alias,/infrastructure_account,/provider"},
		{"patch of read-only and unknown", "PATCH", kube1, `{"owner":"x","created_at":"x","node_pools":[]}`, 400, "/node_pools"},
		{"patch of the id", "PATCH", kube1, `{"id":"other"}`, 400, "/id"},
		{"patch to nonsense", "PATCH", kube1, `{"lifecycle_status":"redy","config_items":{"A":"b"}}`, 400, "/lifecycle_status,/config_items/A"},
		{"patch of the provider alone", "PATCH", kube1, `{"provider":"local"}`, 400, "/infrastructure_account"},
		{"status of wrong shape", "PATCH", kube1, `{"status":{"current_version":1,"problems":[{"title":"x"},1],"x":1}}`, 400, "/status/current_version,/status/problems/0/type,/status/problems/1,/status/x"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := s.as(adminToken, c.method, c.path, c.body)
			if a.status != c.status {
				t.Fatalf("got %d, want %d: %s", a.status, c.status, a.body)
			}
			e := decode[struct {
				Code            int32
				Message, Fields string
			}](t, a)
			if int(e.Code) != c.status || e.Message == "" {
				t.Errorf("code %d, message %q", e.Code, e.Message)
			}
			got, want := strings.Split(e.Fields, ","), strings.Split(c.fields, ",")
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("fields (-want +got):\n%s\n%s", diff, e.Message)
			}
		})
	}
}

// A manager must be able to report on an entry that is wrong elsewhere, as
// registry files may hold it.
func TestStatusOfAWrongEntry(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if err := s.store.CreateCluster(t.Context(), &fairway.Cluster{ID: "kube-1", Alias: "kube-1", LocalID: "kube-1", ConfigItems: map[string]string{"Key": "value"}}); err != nil {
		t.Fatal(err)
	}
	s.do("PATCH", "/kubernetes-clusters/kube-1", `{"lifecycle_status":"ready","status":{"problems":[]}}`, 200)
	s.do("PATCH", "/kubernetes-clusters/kube-1", `{"region":""}`, 400)
}

func TestPlainHTTP(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if a := s.as(adminToken, "POST", "/kubernetes-clusters", "a=b", "Content-Type", "application/x-www-form-urlencoded"); a.status != 415 {
		t.Errorf("a form: got %d: %s", a.status, a.body)
	}
	if a := s.as(adminToken, "POST", "/kubernetes-clusters", one("kube-1", nil), "Content-Type", "application/json; charset=utf-8"); a.status != 201 {
		t.Errorf("JSON with a charset: got %d: %s", a.status, a.body)
	}
	if a := s.as(adminToken, "POST", "/kubernetes-clusters", `{"id":"`+strings.Repeat("x", 9<<20)+`"}`); a.status != 413 {
		t.Errorf("a large body: got %d: %.200s", a.status, a.body)
	}
	a := s.as(adminToken, "PUT", "/kubernetes-clusters", "{}")
	if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "GET, HEAD, POST" || !strings.Contains(a.body, `"code":405`) {
		t.Errorf("a wrong method: got %d, Allow %q: %s", a.status, a.header.Get("Allow"), a.body)
	}
	if a := s.do("GET", "/nothing", "", 404); !strings.Contains(a.body, `"code":404`) {
		t.Errorf("an unknown path: %s", a.body)
	}
}
