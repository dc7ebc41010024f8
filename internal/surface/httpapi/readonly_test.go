package httpapi_test

import (
	"encoding/json"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/auth"
	"github.com/fairwayhq/fairway/internal/adapter/sqlstore"
	"github.com/fairwayhq/fairway/internal/surface/httpapi"
)

// While a file in git is the registry, what it decides is refused with the place
// where to change it; what managers report, and what the file does not name, is not.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	const agentToken, kube2 = "agent-token-of-this-test", "/kubernetes-clusters/aws:123456789012:eu-central-1:kube-2"
	store, err := sqlstore.Open(t.Context(), filepath.Join(t.TempDir(), "fairway.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	for _, name := range []string{"kube-1", "kube-2"} {
		var c fairway.Cluster
		if err := json.Unmarshal([]byte(one(name, nil)), &c); err != nil {
			t.Fatal(err)
		}
		if err := store.CreateCluster(t.Context(), &c); err != nil {
			t.Fatal(err)
		}
	}
	decided := map[string]bool{"cluster aws:123456789012:eu-central-1:kube-1": true, "account aws:1": true}
	web := httptest.NewServer(httpapi.New(httpapi.Options{Store: store, ReadOnly: "https://git.example.org/fleet.git clusters.yaml",
		Decides: func(kind, id string) bool { return decided[kind+" "+id] },
		Authenticator: auth.Static(auth.Token{Name: "admin", Role: fairway.RoleAdmin, Secret: adminToken}, auth.Token{Name: "agent", Role: fairway.RoleAgent, Secret: agentToken},
			auth.Token{Name: "viewer", Role: fairway.RoleViewer, Secret: viewerToken})}))
	t.Cleanup(web.Close)
	s := &server{t, web.URL, store}
	account := `{"id":"aws:1","type":"aws","name":"n","owner":"o","cost_center":"c","environment":"test","criticality_level":1,"external_id":"1","lifecycle_status":"ready"}`
	restore := "/api/v1/clusters/kube-1/restore"
	for _, c := range []struct {
		name, token, method, path, body string
		status                          int
	}{
		{"status and lifecycle", agentToken, "PATCH", kube1, `{"lifecycle_status":"creating","status":{"current_version":"a#b","problems":[]}}`, 200},
		{"lifecycle by a person", adminToken, "PATCH", kube1, `{"lifecycle_status":"ready"}`, 200},
		{"what is there already", adminToken, "PATCH", kube1, `{"channel":"dev"}`, 200},
		{"a field", adminToken, "PATCH", kube1, `{"channel":"beta"}`, 409},
		{"a field beside the status", adminToken, "PATCH", kube1, `{"channel":"beta","status":{"problems":[]}}`, 409},
		{"a field without the right", agentToken, "PATCH", kube1, `{"channel":"beta"}`, 403},
		{"new cluster", adminToken, "POST", "/kubernetes-clusters", one("kube-3", nil), 409},
		{"config item by an agent", agentToken, "PUT", kube1 + "/config-items/eks_endpoint", `{"value":"x"}`, 200},
		{"config item by a person", adminToken, "PUT", kube1 + "/config-items/key_b", `{"value":"x"}`, 409},
		{"secret by a person", adminToken, "PUT", kube1 + "/config-items/key_token", `{"value":"aB3$kLmNoP"}`, 409},
		{"config item by a viewer", viewerToken, "PUT", kube1 + "/config-items/key_b", `{"value":"x"}`, 403},
		{"no config item", adminToken, "DELETE", kube1 + "/config-items/key_a", "", 409},
		{"pool", adminToken, "PATCH", kube1 + "/node-pools/worker", `{"max_size":9}`, 409},
		{"new pool", adminToken, "PUT", kube1 + "/node-pools/more", text(pool("more", nil), nil), 409},
		{"no pool", adminToken, "DELETE", kube1 + "/node-pools/worker", "", 409},
		{"pool's config item by an agent", agentToken, "PUT", kube1 + "/node-pools/worker/config-items/key_b", `{"value":"x"}`, 409},
		{"back to what was", adminToken, "POST", restore, `{"seq":1}`, 409},
		{"the end", adminToken, "PATCH", kube1, `{"lifecycle_status":"decommission-requested"}`, 200},
		{"is carried out", agentToken, "PATCH", kube1, `{"lifecycle_status":"decommissioned"}`, 200},
		{"delete", adminToken, "DELETE", kube1, "", 409},
		{"not in the file: field", adminToken, "PATCH", kube2, `{"channel":"beta"}`, 200},
		{"not in the file: the end", adminToken, "PATCH", kube2, `{"lifecycle_status":"decommissioned"}`, 400},
		{"new account", adminToken, "POST", "/infrastructure-accounts", account, 201},
		{"account", adminToken, "PATCH", "/infrastructure-accounts/aws:1", `{"owner":"p"}`, 409},
	} {
		a := s.as(c.token, c.method, c.path, c.body)
		if a.status != c.status {
			t.Errorf("%s: %d %s, want %d", c.name, a.status, a.body, c.status)
		}
		if c.status == 409 && !strings.Contains(a.body, "change it in https://git.example.org/fleet.git clusters.yaml") {
			t.Errorf("%s: the answer does not say where to change it: %s", c.name, a.body)
		}
	}
	// A cluster that the file has forgotten can be ended and deleted.
	for _, status := range []string{"creating", "ready", "decommission-requested", "decommissioned"} {
		s.do("PATCH", kube2, `{"lifecycle_status":"`+status+`"}`, 200)
	}
	s.do("DELETE", kube2, "", 204)
	c, err := store.Cluster(t.Context(), "aws:123456789012:eu-central-1:kube-1")
	if err != nil || c.Channel != "dev" || c.ConfigItems["eks_endpoint"] != "x" || len(c.ConfigItems) != 2 || len(c.NodePools) != 1 || c.NodePools[0].MaxSize != 3 {
		t.Errorf("the cluster of the file is now %+v, error %v", c, err)
	}
}
