package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/auth"
	"github.com/fairwayhq/fairway/internal/surface/httpapi"
)

// seed stores a cluster with an update, a rollout and events.
func seed(t *testing.T, s *server) {
	t.Helper()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s.do("POST", "/kubernetes-clusters", one("kube-1", nil), 201)
	s.do("POST", "/kubernetes-clusters", one("kube-2", map[string]any{"channel": "beta"}), 201)
	id := s.stored("kube-1").ID
	for _, err := range []error{
		s.store.CreateUpdate(t.Context(), &fairway.Update{ID: "u0", ClusterID: id, State: fairway.UpdateFailed, CreatedAt: at}),
		s.store.CreateUpdate(t.Context(), &fairway.Update{ID: "u1", ClusterID: id, RolloutID: "r1", State: fairway.UpdateRunning, Doing: "rolling pool worker",
			Waiting: "budget web/web to allow an eviction", Since: at, Actor: "owner of web/web", NodesDone: 2, NodesTotal: 6, CreatedAt: at.Add(time.Second)}),
		s.store.SaveStep(t.Context(), &fairway.Step{UpdateID: "u1", Name: fairway.StepRender, State: fairway.StepDone, StartedAt: at}),
		s.store.CreateRollout(t.Context(), &fairway.Rollout{ID: "r1", Channel: "dev", State: fairway.RolloutRunning, Waves: [][]string{{id}}, CreatedAt: at}),
		s.store.AppendEvent(t.Context(), &fairway.Event{ClusterID: id, Kind: "node.terminated", Message: "node a", At: at}),
		s.store.AppendEvent(t.Context(), &fairway.Event{Kind: "rollout.created", Message: "rollout", At: at}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestFleet(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, path := range []string{"clusters", "updates", "rollouts", "events"} {
		if got := s.do("GET", "/api/v1/"+path, "", 200).body; got != `{"items":[]}`+"\n" {
			t.Errorf("%s of an empty fleet are %q", path, got)
		}
	}
	seed(t, s)
	all := decode[struct{ Items []fairway.ClusterView }](t, s.do("GET", "/api/v1/clusters", "", 200)).Items
	if len(all) != 2 || all[0].State.Doing != "rolling pool worker" || all[0].State.Actor != "owner of web/web" || all[0].State.NodesTotal != 6 || all[0].State.UpdateID != "u1" {
		t.Errorf("clusters: %+v", all)
	}
	if all[1].State.Doing != "nothing yet" {
		t.Errorf("a cluster without update does %q", all[1].State.Doing)
	}
	if got := decode[struct{ Items []fairway.ClusterView }](t, s.do("GET", "/api/v1/clusters?channel=beta", "", 200)).Items; len(got) != 1 || got[0].Alias != "kube-2" {
		t.Errorf("clusters of beta: %+v", got)
	}
	for _, name := range []string{"kube-1", "aws:123456789012:eu-central-1:kube-1"} {
		if c := decode[fairway.ClusterView](t, s.do("GET", "/api/v1/clusters/"+name, "", 200)); c.Alias != "kube-1" || c.State.NodesDone != 2 {
			t.Errorf("cluster %s: %+v", name, c)
		}
	}
	for path, n := range map[string]int{"updates": 2, "updates?cluster=kube-1": 2, "updates?active=true": 1, "updates?cluster=kube-2": 0, "updates?limit=1": 1, "updates?newest=true": 1,
		"rollouts?channel=dev": 1, "rollouts?channel=beta": 0, "events": 2, "events?cluster=kube-1": 1, "events?after=1": 1} {
		if got := decode[struct{ Items []map[string]any }](t, s.do("GET", "/api/v1/"+path, "", 200)).Items; len(got) != n {
			t.Errorf("%s are %d, want %d", path, len(got), n)
		}
	}
	u := decode[struct {
		ID    string
		Steps []fairway.Step
	}](t, s.do("GET", "/api/v1/updates/u1", "", 200))
	if u.ID != "u1" || len(u.Steps) != 1 || u.Steps[0].Name != fairway.StepRender {
		t.Errorf("update: %+v", u)
	}
	if r := decode[fairway.Rollout](t, s.do("GET", "/api/v1/rollouts/r1", "", 200)); r.Channel != "dev" {
		t.Errorf("rollout: %+v", r)
	}
}

func TestFleetProblems(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.do("POST", "/kubernetes-clusters", one("kube-1", nil), 201)
	for path, want := range map[string]httpapi.ErrorModel{
		"clusters/kube-2":      {Status: 404, Code: fairway.CodeNotFound, Hint: `did you mean "kube-1"?`},
		"updates/x":            {Status: 404, Code: fairway.CodeNotFound},
		"updates?cluster=none": {Status: 404, Code: fairway.CodeNotFound, Hint: "`fairway cluster list` shows all clusters"},
		"updates?limit=0":      {Status: 400, Code: fairway.CodeInvalid},
		"updates?active=maybe": {Status: 400, Code: fairway.CodeInvalid},
		"clusters?chanel=beta": {Status: 400, Code: fairway.CodeInvalid},
		"nothing":              {Status: 404, Code: fairway.CodeNotFound},
	} {
		a := s.do("GET", "/api/v1/"+path, "", want.Status)
		p := decode[httpapi.ErrorModel](t, a)
		if a.header.Get("Content-Type") != "application/problem+json" || p.Code != want.Code || p.Hint != want.Hint || p.Detail == "" || p.Title == "" || p.Status != want.Status {
			t.Errorf("%s: got %s: %s", path, a.header.Get("Content-Type"), a.body)
		}
	}
	if a := s.as(adminToken, "DELETE", "/api/v1/clusters", ""); a.status != 405 || !strings.Contains(a.header.Get("Content-Type"), "problem+json") {
		t.Errorf("DELETE: got %d: %s", a.status, a.body)
	}
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	doc := decode[struct {
		OpenAPI string
		Info    struct{ Version string }
		Paths   map[string]any
	}](t, s.do("GET", "/openapi.json", "", 200))
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || doc.Info.Version != "test" {
		t.Errorf("OpenAPI %q of version %q", doc.OpenAPI, doc.Info.Version)
	}
	for _, path := range []string{"/api/v1/clusters", "/api/v1/clusters/{cluster}", "/api/v1/updates", "/api/v1/updates/{update}", "/api/v1/rollouts", "/api/v1/rollouts/{rollout}", "/api/v1/events",
		"/api/v1/updates/{update}/pause", "/api/v1/updates/{update}/resume", "/api/v1/updates/{update}/abort", "/api/v1/clusters/{cluster}/rotate"} {
		if doc.Paths[path] == nil {
			t.Errorf("the document does not name %s", path)
		}
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, path := range []string{"/kubernetes-clusters", "/api/v1/clusters", "/openapi.json", "/nothing", "/"} {
		for _, token := range []string{"", "wrong", adminToken + "x", adminToken[:5], " "} {
			a := s.as(token, "GET", path, "")
			if a.status != 401 || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("GET %s with token %q: got %d: %s", path, token, a.status, a.body)
			}
		}
	}
	if a := s.as("", "GET", "/kubernetes-clusters", "", "Authorization", "Basic "+adminToken); a.status != 401 {
		t.Errorf("a token under another scheme: got %d", a.status)
	}
	if a := s.as("", "GET", "/kubernetes-clusters", "", "Authorization", "bearer "+adminToken); a.status != 200 {
		t.Errorf("the scheme in lower case: got %d", a.status)
	}
	if a := s.as(viewerToken, "GET", "/kubernetes-clusters", ""); a.status != 200 {
		t.Errorf("a viewer that reads: got %d", a.status)
	}
	if a := s.as(viewerToken, "POST", "/kubernetes-clusters", one("kube-1", nil)); a.status != 403 || !strings.Contains(a.body, `"code":403`) {
		t.Errorf("a viewer that writes: got %d: %s", a.status, a.body)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if a := s.as("", "GET", path, ""); a.status != 200 || a.body != "ok\n" {
			t.Errorf("GET %s without token: got %d: %s", path, a.status, a.body)
		}
	}
}

// With the database gone, callers are told so, and nothing more than needed.
func TestDatabaseGone(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store.Close()
	for _, path := range []string{"/readyz", "/api/v1/clusters", "/kubernetes-clusters"} {
		a := s.as(adminToken, "GET", path, "")
		if a.status != 503 {
			t.Errorf("GET %s: got %d: %s", path, a.status, a.body)
		}
	}
	if a := s.as("", "GET", "/healthz", ""); a.status != 200 {
		t.Errorf("GET /healthz: got %d", a.status)
	}
}

// broken is a store that fails in ways that callers must not see.
type broken struct{ fairway.Store }

func (broken) Clusters(context.Context, fairway.ClusterFilter) ([]fairway.Cluster, error) {
	return nil, errors.New("secret-canary of the inside")
}

func (broken) Accounts(context.Context) ([]fairway.InfrastructureAccount, error) {
	panic("secret-canary")
}

func TestInternalErrorsStayInside(t *testing.T) {
	t.Parallel()
	h := httpapi.New(httpapi.Options{Store: broken{}, Authenticator: auth.Static(auth.Token{Name: "a", Role: fairway.RoleAdmin, Secret: adminToken})})
	for _, path := range []string{"/kubernetes-clusters", "/api/v1/clusters", "/infrastructure-accounts"} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Authorization", "Bearer "+adminToken)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if body := w.Body.String(); w.Code != 500 || strings.Contains(body, "canary") || !strings.Contains(body, "internal error") {
			t.Errorf("GET %s: got %d: %s", path, w.Code, body)
		}
	}
}
