package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/auth"
	"github.com/fairwayhq/fairway/internal/adapter/sqlstore"
	"github.com/fairwayhq/fairway/internal/surface/client"
	"github.com/fairwayhq/fairway/internal/surface/httpapi"
)

const token = "token-of-this-test"

// serve starts a real server on a real store.
func serve(t *testing.T) (*httptest.Server, *sqlstore.Store) {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), filepath.Join(t.TempDir(), "fairway.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	s := httptest.NewServer(httpapi.New(httpapi.Options{Store: store, Authenticator: auth.Static(auth.Token{Name: "test", Role: fairway.RoleViewer, Secret: token})}))
	t.Cleanup(s.Close)
	return s, store
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Everything that the store holds comes through the server unchanged.
func TestEverything(t *testing.T) {
	t.Parallel()
	s, store := serve(t)
	c, ctx := client.New(s.URL+"/", token), t.Context()
	must(t, c.Healthy(ctx))
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)
	cluster := fairway.Cluster{ID: "local:demo:eu:one", Alias: "one", LocalID: "one", Channel: "dev", CriticalityLevel: 2, CreatedAt: at,
		ConfigItems: map[string]string{"key_a": "<&>"}, NodePools: []fairway.NodePool{{Name: "p", InstanceTypes: []string{"m"}, MinSize: 1}},
		Status: fairway.ClusterStatus{CurrentVersion: "a#b", Problems: []fairway.Problem{{Type: "t", Title: "x"}}}, Origin: map[string]string{"alias": "default: local_id"}}
	must(t, store.CreateCluster(ctx, &cluster))
	update := fairway.Update{ID: "u1", ClusterID: cluster.ID, RolloutID: "r1", State: fairway.UpdateRunning, Doing: "rolling", Since: at, NodesDone: 1, NodesTotal: 2, CreatedAt: at,
		Blocked: []fairway.BlockedNode{{Node: "n", Reason: "r"}}}
	must(t, store.CreateUpdate(ctx, &update))
	step := fairway.Step{UpdateID: "u1", Name: fairway.StepRender, State: fairway.StepDone, StartedAt: at}
	must(t, store.SaveStep(ctx, &step))
	rollout := fairway.Rollout{ID: "r1", Channel: "dev", State: fairway.RolloutSoaking, Waves: [][]string{{"a"}, {"b"}}, SoakSince: at, CreatedAt: at}
	must(t, store.CreateRollout(ctx, &rollout))
	event := fairway.Event{At: at, ClusterID: cluster.ID, Kind: "node.terminated", Message: "m"}
	must(t, store.AppendEvent(ctx, &event))

	want := client.ClusterView{Cluster: cluster, Origin: cluster.Origin, State: fairway.ClusterState{
		UpdateID: "u1", RolloutID: "r1", Update: fairway.UpdateRunning, Doing: "rolling", Since: at, NodesDone: 1, NodesTotal: 2}}
	want.Cluster.Origin = nil // travels beside the cluster
	clusters, err := c.Clusters(ctx, fairway.ClusterFilter{Channel: "dev", CriticalityLevel: new(int32(2))})
	must(t, err)
	one, err := c.Cluster(ctx, "local:demo:eu:one")
	must(t, err)
	updates, err := c.Updates(ctx, fairway.UpdateFilter{ClusterID: "one", Active: true, RolloutID: "r1", Limit: 5, Newest: true})
	must(t, err)
	u, err := c.Update(ctx, "u1")
	must(t, err)
	rollouts, err := c.Rollouts(ctx, "dev")
	must(t, err)
	r, err := c.Rollout(ctx, "r1")
	must(t, err)
	events, err := c.Events(ctx, "one", 0)
	must(t, err)
	later, err := c.Events(ctx, "", event.Seq)
	must(t, err)
	want.ETag = "" // a header of the registry API
	for _, x := range []struct {
		what      string
		got, want any
	}{
		{"clusters", clusters, []client.ClusterView{want}}, {"cluster", one, &want}, {"updates", updates, []fairway.Update{update}},
		{"update", u, &client.UpdateView{Update: update, Steps: []fairway.Step{step}}}, {"rollouts", rollouts, []fairway.Rollout{rollout}},
		{"rollout", r, &rollout}, {"events", events, []fairway.Event{event}}, {"later events", later, []fairway.Event{}},
	} {
		if diff := cmp.Diff(x.want, x.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", x.what, diff)
		}
	}
	if none, err := c.Clusters(ctx, fairway.ClusterFilter{Channel: "beta"}); err != nil || len(none) != 0 {
		t.Errorf("clusters of beta: %v, error %v", none, err)
	}
}

// The client returns the error that the server made.
func TestErrors(t *testing.T) {
	t.Parallel()
	s, store := serve(t)
	must(t, store.CreateCluster(t.Context(), &fairway.Cluster{ID: "id-one", Alias: "one", LocalID: "same"}))
	must(t, store.CreateCluster(t.Context(), &fairway.Cluster{ID: "id-two", Alias: "two", LocalID: "same", Region: "us"}))
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) }))
	defer web.Close()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "bad gateway", 502) }))
	defer proxy.Close()
	cases := []struct {
		name, address, token, cluster string
		code                          fairway.Code
		message, hint                 string
	}{
		{"not found", s.URL, token, "oen", fairway.CodeNotFound, `cluster "oen" does not exist`, `did you mean "one"?`},
		{"ambiguous", s.URL, token, "same", fairway.CodeInvalid, `"same" names 2 clusters`, "use one of the ids id-one, id-two"},
		{"wrong token", s.URL, "wrong", "one", fairway.CodeUnauthorized, "the bearer token is not known", "Authorization"},
		{"no server", closed.URL, token, "one", fairway.CodeUnavailable, "connection refused", "fairway server"},
		{"no address", "127.0.0.1 8080", token, "one", fairway.CodeInvalid, "address", "http://127.0.0.1:8080"},
		{"another server", web.URL, token, "one", fairway.CodeInternal, "read the answer", "check that"},
		{"a proxy", proxy.URL, token, "one", fairway.CodeUnavailable, "502", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := client.New(c.address, c.token).Cluster(t.Context(), c.cluster)
			if fairway.ErrorCode(err) != c.code || !strings.Contains(err.Error(), c.message) || !strings.Contains(fairway.ErrorHint(err), c.hint) {
				t.Errorf("got error %q of code %q with hint %q", err, fairway.ErrorCode(err), fairway.ErrorHint(err))
			}
		})
	}
	if err := client.New(closed.URL, "").Healthy(t.Context()); fairway.ErrorCode(err) != fairway.CodeUnavailable {
		t.Errorf("the health of no server: %v", err)
	}
}

// A call ends with its context, also when the server never answers.
func TestCanceled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	released := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cancel()
		select {
		case <-r.Context().Done():
		case <-released:
		}
	}))
	defer s.Close()
	defer close(released)
	if _, err := client.New(s.URL, "").Rollouts(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("Authorization")
		io.WriteString(w, "ok")
	}))
	t.Cleanup(s.Close)
	data := t.TempDir()
	write := func(dir, file, text string) string {
		must(t, os.MkdirAll(filepath.Join(data, dir), 0o700))
		must(t, os.WriteFile(filepath.Join(data, dir, file), []byte(text), 0o600))
		return filepath.Join(data, dir)
	}
	write("relative", "token", "from-file\n")
	relative := write("relative", "server.json", `{"address":"`+s.URL+`","token_file":"token"}`)
	absolute := write("absolute", "server.json", `{"address":"`+s.URL+`","token_file":"`+filepath.Join(relative, "token")+`"}`)
	damaged := write("damaged", "server.json", `{`)
	tokenless := write("tokenless", "server.json", `{"address":"`+s.URL+`","token_file":"none"}`)
	cases := []struct {
		name  string
		flags client.Flags
		env   map[string]string
		want  string // the Authorization header
		code  fairway.Code
		hint  string
	}{
		{"server and token", client.Flags{Server: s.URL, Token: "t"}, nil, "Bearer t", "", ""},
		{"token of the environment", client.Flags{Server: s.URL}, map[string]string{"FAIRWAY_TOKEN": "e"}, "Bearer e", "", ""},
		{"all of the environment", client.Flags{}, map[string]string{"FAIRWAY_SERVER": s.URL, "FAIRWAY_TOKEN": "e"}, "Bearer e", "", ""},
		{"data folder", client.Flags{Data: relative}, nil, "Bearer from-file", "", ""},
		{"data folder, absolute token file", client.Flags{Data: absolute}, nil, "Bearer from-file", "", ""},
		{"data folder before the environment", client.Flags{Data: relative}, map[string]string{"FAIRWAY_SERVER": "http://127.0.0.1:1"}, "Bearer from-file", "", ""},
		{"server before the data folder", client.Flags{Server: s.URL, Data: damaged}, nil, "", "", ""},
		{"data folder without server", client.Flags{Data: filepath.Join(data, "none")}, nil, "", fairway.CodeNotFound, "fairway server --data"},
		{"damaged server.json", client.Flags{Data: damaged}, nil, "", fairway.CodeInvalid, "restart the server"},
		{"no token file", client.Flags{Data: tokenless}, nil, "", fairway.CodeUnavailable, "--token"},
		{"no token file, but a token", client.Flags{Data: tokenless, Token: "t"}, nil, "Bearer t", "", ""},
		{"nothing", client.Flags{}, nil, "", fairway.CodeNotFound, "--data DIR"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.flags.Env = func(name string) string { return c.env[name] }
			found, err := client.Find(c.flags)
			if fairway.ErrorCode(err) != c.code || !strings.Contains(fairway.ErrorHint(err), c.hint) {
				t.Fatalf("got error %v of code %q with hint %q", err, fairway.ErrorCode(err), fairway.ErrorHint(err))
			}
			if err != nil {
				return
			}
			must(t, found.Healthy(t.Context()))
			if got := <-seen; got != c.want {
				t.Errorf("showed %q, want %q", got, c.want)
			}
		})
	}
}
