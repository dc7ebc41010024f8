package httpapi_test

import (
	"context"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/auth"
	"github.com/fairwayhq/fairway/internal/adapter/sqlstore"
	"github.com/fairwayhq/fairway/internal/surface/httpapi"
)

// Everybody who sees a cluster sees its drift; only those who may steer it have
// it looked at, and what the look refuses is said.
func TestDrift(t *testing.T) {
	t.Parallel()
	store, err := sqlstore.Open(t.Context(), filepath.Join(t.TempDir(), "fairway.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	looked, busy := 0, false
	look := func(ctx context.Context, id string) (*fairway.Drift, error) {
		if busy {
			return nil, fairway.Errorf(fairway.CodeConflict, "look for drift in %s: the cluster is being worked on", id)
		}
		looked++
		d := &fairway.Drift{ClusterID: id, At: time.Now(), Objects: 3, Found: []fairway.DriftedObject{{Ref: fairway.ObjectRef{Kind: "ConfigMap", Name: "m"}, State: fairway.DriftFound}}}
		return d, store.SaveDrift(ctx, d)
	}
	h := httptest.NewServer(httpapi.New(httpapi.Options{Store: store, SweepDrift: look, Authenticator: auth.Static(
		auth.Token{Name: "ada", Role: fairway.RoleOperator, Secret: adminToken}, auth.Token{Name: "viewer", Role: fairway.RoleViewer, Secret: viewerToken})}))
	t.Cleanup(h.Close)
	s := &server{t, h.URL, store}
	s.do("POST", "/kubernetes-clusters", one("kube-1", map[string]any{"lifecycle_status": "ready"}), 201)

	const path = "/api/v1/clusters/kube-1/drift"
	if d := decode[fairway.Drift](t, s.do("GET", path, "", 200)); !d.At.IsZero() || d.ClusterID == "" {
		t.Errorf("before anybody looked: %+v", d)
	}
	if v := decode[fairway.ClusterView](t, s.do("GET", "/api/v1/clusters/kube-1", "", 200)); v.Drift != nil {
		t.Errorf("the cluster has %+v", v.Drift)
	}
	if a := s.as(viewerToken, "POST", path, ""); a.status != 403 || looked != 0 {
		t.Errorf("a viewer has it looked at: %d", a.status)
	}
	if d := decode[fairway.Drift](t, s.do("POST", path, "", 200)); len(d.Differing()) != 1 || looked != 1 {
		t.Errorf("after the look: %+v", d)
	}
	if a := s.as(viewerToken, "GET", path, ""); a.status != 200 || len(decode[fairway.Drift](t, a).Found) != 1 {
		t.Errorf("a viewer sees %d", a.status)
	}
	if v := decode[fairway.ClusterView](t, s.do("GET", "/api/v1/clusters/kube-1", "", 200)); v.Drift == nil || v.Drift.Objects != 3 {
		t.Errorf("the cluster has %+v", v.Drift)
	}
	busy = true
	s.do("POST", path, "", 409)
	s.do("POST", "/api/v1/clusters/none/drift", "", 404)
	s.do("GET", "/api/v1/clusters/none/drift", "", 404)
}
