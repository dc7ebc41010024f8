package local

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/localkubetest"
)

func TestMain(m *testing.M) { os.Exit(localkubetest.Main(m)) }

// answering is a Kubernetes API of which only the health matters here.
type answering struct {
	fairway.Kubernetes
	err error
}

func (a answering) Healthy(context.Context) error { return a.err }

// testCluster is the cluster whose files localkubetest lays out.
func testCluster() *fairway.Cluster {
	return &fairway.Cluster{ID: "local:demo:test", LocalID: localkubetest.LocalID, Provider: fairway.ProviderLocal}
}

// provider returns a provider over a data folder and a counter of the
// connections that it made.
func provider(dir string) (*Provider, *int) {
	made := 0
	return New(Options{DataDir: dir, NewKubernetes: func(string, *fairway.Cluster) (fairway.Kubernetes, error) {
		made++
		return answering{}, nil
	}}), &made
}

func TestConnectBeforeTheClusterIsThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, made := provider(dir)
	unavailable := func(when string) {
		t.Helper()
		_, _, err := p.Connect(t.Context(), testCluster())
		if fairway.ErrorCode(err) != fairway.CodeUnavailable || fairway.ErrorHint(err) == "" || !strings.HasPrefix(err.Error(), "connect to cluster local:demo:test: ") {
			t.Errorf("%s: %v (%s), hint %q", when, err, fairway.ErrorCode(err), fairway.ErrorHint(err))
		}
	}
	home := filepath.Join(dir, "clusters", localkubetest.LocalID)
	unavailable("without a folder")
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	unavailable("without files")
	for _, f := range []string{"kubeconfig", "ready.json"} {
		if err := os.WriteFile(filepath.Join(home, f), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	unavailable("with files that are not whole")
	server := httptest.NewTLSServer(http.NotFoundHandler())
	writeFiles(t, home, server)
	unavailable("with a server that does not know the API")
	server.Close()
	unavailable("with a server that is gone")
	if *made != 1 {
		t.Errorf("%d connections were made for one good state of the files", *made)
	}
}

func TestConnectRefusesNamesThatAreNotFolders(t *testing.T) {
	t.Parallel()
	p, _ := provider(t.TempDir())
	for _, id := range []string{"", ".", "..", "../other", "a/b", "/etc"} {
		_, _, err := p.Connect(t.Context(), &fairway.Cluster{ID: "c", LocalID: id})
		if fairway.ErrorCode(err) != fairway.CodeInvalid {
			t.Errorf("local_id %q: %v", id, err)
		}
	}
}

func TestConnectReportsAnAPIServerThatIsDown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	home := filepath.Join(dir, "clusters", localkubetest.LocalID)
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	writeFiles(t, home, server)
	p := New(Options{DataDir: dir, NewKubernetes: func(string, *fairway.Cluster) (fairway.Kubernetes, error) {
		return answering{err: fairway.Errorf(fairway.CodeUnavailable, "connection refused")}, nil
	}})
	_, _, err := p.Connect(t.Context(), testCluster())
	if fairway.ErrorCode(err) != fairway.CodeUnavailable || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error = %v", err)
	}
}

// TestConnectFollowsARestart kills a real localkube and starts it again: what
// was connected is found again, and the groups are as they were.
func TestConnectFollowsARestart(t *testing.T) {
	t.Parallel()
	lk := localkubetest.StartOwn(t)
	p, made := provider(lk.DataDir)
	connected := func() fairway.Cloud {
		t.Helper()
		_, c, err := p.Connect(t.Context(), testCluster())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first, err := connected().EnsurePool(t.Context(), workers("w", 2, 5))
	if err != nil {
		t.Fatal(err)
	}
	connected()
	if *made != 1 {
		t.Errorf("%d connections to one process", *made)
	}
	lk.Kill(t)
	if _, _, err := p.Connect(t.Context(), testCluster()); fairway.ErrorCode(err) != fairway.CodeUnavailable {
		t.Errorf("while it is down: %v", err)
	}
	lk.Restart(t)
	groups, err := connected().Groups(t.Context())
	if err != nil || len(groups) != 1 || groups[0].Generation != first.Generation || groups[0].Desired != 2 {
		t.Errorf("after the restart: %+v, %v", groups, err)
	}
	if *made != 2 {
		t.Errorf("%d connections to two processes", *made)
	}
	again, err := connected().EnsurePool(t.Context(), workers("w", 2, 5))
	if err != nil || again.Generation != first.Generation {
		t.Errorf("the same spec after the restart: %+v, %v", again, err)
	}
}
