package httpapi_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/auth"
	"github.com/fairwayhq/fairway/internal/adapter/sqlstore"
	"github.com/fairwayhq/fairway/internal/engine/deliver"
	"github.com/fairwayhq/fairway/internal/surface/httpapi"
)

// newSteered is a server on a real store with what really steers updates behind
// it; every cluster has two nodes. The server's own cluster is kube-1.
func newSteered(t *testing.T) *server {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), filepath.Join(t.TempDir(), "fairway.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	nothing := func(context.Context, string) error { return nil }
	d := deliver.New(deliver.Options{Store: store, Update: nothing, Rollout: nothing, Log: slog.New(slog.DiscardHandler),
		Nodes: func(context.Context, string) ([]fairway.RotationNode, error) {
			return []fairway.RotationNode{{Node: "node-a", Pool: "worker", CreatedAt: time.Now().Add(-time.Hour)}, {Node: "node-b", Pool: "worker", CreatedAt: time.Now()}}, nil
		}})
	s := httptest.NewServer(httpapi.New(httpapi.Options{Store: store, Steerer: d, Authenticator: auth.Static(auth.Token{Name: "ada", Role: fairway.RoleOperator, Secret: adminToken}, auth.Token{Name: "viewer", Role: fairway.RoleViewer, Secret: viewerToken})}))
	t.Cleanup(s.Close)
	out := &server{t, s.URL, store}
	out.do("POST", "/kubernetes-clusters", one("kube-1", map[string]any{"lifecycle_status": "ready"}), 201)
	return out
}

func TestSteer(t *testing.T) {
	t.Parallel()
	s := newSteered(t)
	id := s.stored("kube-1").ID
	if err := s.store.CreateUpdate(t.Context(), &fairway.Update{ID: "u1", ClusterID: id, State: fairway.UpdateRunning}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, body string
		want       fairway.Update // Paused, Aborting and IgnoreBrakes
	}{
		{"u1/pause", ``, fairway.Update{Paused: "ada"}},
		{"kube-1/pause", `{"reason":"a look"}`, fairway.Update{Paused: "ada: a look"}},
		{id + "/pause", `{"reason":"a look"}`, fairway.Update{Paused: "ada: a look"}},
		{"u1/resume", `{}`, fairway.Update{}},
		{"u1/resume", `{"ignore_brakes":true}`, fairway.Update{IgnoreBrakes: true}},
		{"kube-1/pause", ``, fairway.Update{Paused: "ada", IgnoreBrakes: true}},
		{"kube-1/abort", `{"reason":"wrong image"}`, fairway.Update{Aborting: "ada: wrong image", IgnoreBrakes: true}},
		{"kube-1/abort", ``, fairway.Update{Aborting: "ada: wrong image", IgnoreBrakes: true}},
	} {
		u := decode[fairway.Update](t, s.do("POST", "/api/v1/updates/"+c.path, c.body, 200))
		if u.ID != "u1" || u.Paused != c.want.Paused || u.Aborting != c.want.Aborting || u.IgnoreBrakes != c.want.IgnoreBrakes {
			t.Errorf("%s %s: %+v", c.path, c.body, u)
		}
	}
	view := decode[fairway.ClusterView](t, s.do("GET", "/api/v1/clusters/kube-1", "", 200))
	if view.State.Aborting != "ada: wrong image" || view.State.Paused != "" {
		t.Errorf("the cluster is %+v", view.State)
	}
	events, err := s.store.Events(t.Context(), id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, e := range events {
		if strings.HasPrefix(e.Kind, "update.") {
			kinds = append(kinds, e.Kind)
			if !strings.Contains(e.Message, "ada") || e.UpdateID != "u1" {
				t.Errorf("event %+v does not say who, or of what", e)
			}
		}
	}
	if got := fmt.Sprint(kinds); got != "[update.paused update.paused update.resumed update.resumed update.paused update.aborted]" {
		t.Errorf("events %s", got)
	}
}

func TestSteerProblems(t *testing.T) {
	t.Parallel()
	s := newSteered(t)
	id := s.stored("kube-1").ID
	s.do("POST", "/kubernetes-clusters", one("kube-9", nil), 201)
	if err := s.store.CreateUpdate(t.Context(), &fairway.Update{ID: "over", ClusterID: id, State: fairway.UpdateDone}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]httpapi.ErrorModel{
		"updates/over/pause":     {Status: 409, Detail: "pause update over of kube-1: it is over (done)", Hint: "fairway update list --cluster kube-1 --active"},
		"updates/kube-1/resume":  {Status: 409, Detail: "resume update over", Hint: "fairway update list"},
		"updates/over/abort":     {Status: 409, Detail: "it is over (done)", Hint: "fairway update list"},
		"updates/kube-9/pause":   {Status: 409, Detail: "kube-9 was never updated", Hint: "fairway cluster show kube-9"},
		"updates/kube-2/pause":   {Status: 404, Detail: `"kube-2"`, Hint: "did you mean"},
		"clusters/kube-2/rotate": {Status: 404, Detail: `"kube-2"`, Hint: "did you mean"},
	} {
		a := s.do("POST", "/api/v1/"+path, "{}", want.Status)
		p := decode[httpapi.ErrorModel](t, a)
		if a.header.Get("Content-Type") != "application/problem+json" || !strings.Contains(p.Detail, want.Detail) || !strings.Contains(p.Hint, want.Hint) {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	for _, c := range [][2]string{
		{"clusters/kube-1/rotate", `{"nodes":["node-c"]}`}, {"clusters/kube-1/rotate", `{"pool":"workers"}`},
	} {
		if p := decode[httpapi.ErrorModel](t, s.do("POST", "/api/v1/"+c[0], c[1], 404)); !strings.Contains(p.Hint, "did you mean") {
			t.Errorf("%s: %+v", c[1], p)
		}
	}
	for _, c := range [][2]string{
		{"clusters/kube-1/rotate", `{"older_than":"old"}`}, {"clusters/kube-1/rotate", `{"older_than":"-1h"}`}, {"clusters/kube-1/rotate", `{"node":"node-a"}`},
		{"updates/over/pause", `{"because":"x"}`}, {"updates/over/pause", `nonsense`}, {"updates/over/pause", `{"reason":"` + strings.Repeat("x", 501) + `"}`},
	} {
		if p := decode[httpapi.ErrorModel](t, s.do("POST", "/api/v1/"+c[0], c[1], 400)); p.Code != fairway.CodeInvalid {
			t.Errorf("%s: %+v", c[1], p)
		}
	}
	if a := s.as(viewerToken, "POST", "/api/v1/updates/over/pause", ""); a.status != 403 {
		t.Errorf("a viewer pauses: %d %s", a.status, a.body)
	}
	if a := newServer(t).do("POST", "/api/v1/updates/over/pause", "", 503); !strings.Contains(a.body, "only answers questions") {
		t.Errorf("a server that steers nothing: %s", a.body)
	}
}

func TestRotate(t *testing.T) {
	t.Parallel()
	s := newSteered(t)
	id := s.stored("kube-1").ID
	rotate := func(body string) fairway.RotationAnswer {
		t.Helper()
		return decode[fairway.RotationAnswer](t, s.do("POST", "/api/v1/clusters/kube-1/rotate", body, 200))
	}
	if dry := rotate(`{"dry_run":true,"pool":"worker"}`); len(dry.Nodes) != 2 || dry.UpdateID != "" {
		t.Errorf("a dry run: %+v", dry)
	}
	if wishes, err := s.store.Rotations(t.Context(), id); err != nil || len(wishes) > 0 {
		t.Errorf("a dry run wishes for %v (error %v)", wishes, err)
	}
	if early := rotate(`{"nodes":["node-a"],"older_than":"30m","reason":"a bad disk"}`); len(early.Nodes) != 1 || early.UpdateID != "" || !strings.Contains(early.Waiting, "ready") {
		t.Errorf("before the cluster has a version: %+v", early)
	}
	wishes, err := s.store.Rotations(t.Context(), id)
	if err != nil || len(wishes) != 1 || wishes[0].Node != "node-a" || wishes[0].Reason != "requested by ada: a bad disk" {
		t.Errorf("the wish is %+v (error %v)", wishes, err)
	}
	c := s.stored("kube-1")
	c.Status.CurrentVersion = c.Version("abc")
	if _, err := s.store.UpdateCluster(t.Context(), id, fairway.ClusterUpdate{Status: &c.Status}); err != nil {
		t.Fatal(err)
	}
	started := rotate(`{"nodes":["node-a"]}`)
	u := decode[fairway.Update](t, s.do("GET", "/api/v1/updates/"+started.UpdateID, "", 200))
	if u.Version != c.Status.CurrentVersion || !strings.Contains(u.Reason, "rotation") || u.ClusterID != id {
		t.Errorf("the update is %+v", u)
	}
	if again := rotate(``); again.UpdateID != started.UpdateID || len(again.Nodes) != 2 {
		t.Errorf("all nodes while it runs: %+v", again)
	}
}

// grants lets everybody in with some grants.
type grants []fairway.Grant

func (g grants) Authenticate(context.Context, string) (fairway.Principal, error) {
	return fairway.Principal{Name: "ada", Grants: g}, nil
}

// Whoever may steer only elsewhere is refused, and what may not be read does not exist.
func TestSteerElsewhere(t *testing.T) {
	t.Parallel()
	store, err := sqlstore.Open(t.Context(), filepath.Join(t.TempDir(), "fairway.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	if err := store.CreateCluster(t.Context(), &fairway.Cluster{ID: "id-1", Alias: "kube-1", LocalID: "kube-1", Channel: "dev"}); err != nil {
		t.Fatal(err)
	}
	if err := store.CreateUpdate(t.Context(), &fairway.Update{ID: "u1", ClusterID: "id-1", State: fairway.UpdateRunning}); err != nil {
		t.Fatal(err)
	}
	nothing := func(context.Context, string) error { return nil }
	d := deliver.New(deliver.Options{Store: store, Update: nothing, Rollout: nothing, Log: slog.New(slog.DiscardHandler),
		Nodes: func(context.Context, string) ([]fairway.RotationNode, error) { return nil, nil }})
	beta := fairway.Grant{Role: fairway.RoleOperator, Channels: []string{"beta"}}
	for _, c := range []struct {
		name   string
		grants grants
		want   int
	}{
		{"operator of its channel", grants{{Role: fairway.RoleOperator, Channels: []string{"dev"}}}, 200},
		{"operator of another channel who reads all", grants{beta, {Role: fairway.RoleViewer}}, 403},
		{"operator of another channel", grants{beta}, 404},
		{"agent", grants{{Role: fairway.RoleAgent}}, 403},
	} {
		h := httptest.NewServer(httpapi.New(httpapi.Options{Store: store, Steerer: d, Authenticator: c.grants}))
		t.Cleanup(h.Close)
		s := &server{t, h.URL, store}
		for _, path := range []string{"updates/u1/pause", "updates/kube-1/resume", "clusters/kube-1/rotate"} {
			a := s.as("any", "POST", "/api/v1/"+path, "")
			if a.status != c.want {
				t.Errorf("%s: %s: got %d, want %d: %s", c.name, path, a.status, c.want, a.body)
			}
			if c.want == 404 && strings.Contains(a.body, "did you mean") {
				t.Errorf("%s: %s suggests a name: %s", c.name, path, a.body)
			}
		}
		if a := s.as("any", "POST", "/api/v1/updates/kube-11/pause", ""); a.status == 200 || c.want == 404 && strings.Contains(a.body, "kube-1\"") {
			t.Errorf("%s: a wrong name: %d %s", c.name, a.status, a.body)
		}
	}
	if u, err := store.Update(t.Context(), "u1"); err != nil || u.Paused != "" {
		t.Errorf("the update is %+v, error %v", u, err)
	}
}

// TestApprove_Author: who made a change cannot approve what it deletes, and that
// somebody tried stands in the record.
func TestApprove_Author(t *testing.T) {
	t.Parallel()
	s := newSteered(t)
	id := s.stored("kube-1").ID
	if err := s.store.CreateUpdate(t.Context(), &fairway.Update{ID: "u1", ClusterID: id, State: fairway.UpdateRunning}); err != nil {
		t.Fatal(err)
	}
	plan := &fairway.UpdatePlan{UpdateID: "u1", Approval: "deletes 12 of 80 objects", ApprovalDigest: "d", Authors: []string{"Ada <ada>"}}
	if err := s.store.SavePlan(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"u1", "kube-1"} {
		if a := s.do("POST", "/api/v1/updates/"+name+"/approve", `{}`, 403); !strings.Contains(a.body, "author") {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	denials, err := s.store.Changes(t.Context(), fairway.ChangeFilter{ID: id, Events: []fairway.ChangeEvent{fairway.ChangeDenied}})
	if err != nil || len(denials) != 2 || denials[0].Who != "token:ada" && denials[0].Who != "ada" || denials[1].After["/deed"] != "approve" {
		t.Errorf("recorded denials: %+v, %v", denials, err)
	}
	if plan.Authors = nil; s.store.SavePlan(t.Context(), plan) != nil {
		t.Fatal("the plan is not stored")
	}
	s.do("POST", "/api/v1/updates/u1/approve", `{"digest":"d"}`, 200)
}
