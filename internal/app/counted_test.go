package app_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// requests counts what passes a proxy.
type requests struct {
	mu    sync.Mutex
	verbs map[string]int // guarded by mu
	wrote []string       // guarded by mu
}

// counted puts a proxy before the API server of a kubeconfig, and returns its
// counts and the path of a kubeconfig that leads through it.
func counted(t testing.TB, kubeconfig string) (*requests, string) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	r := &requests{verbs: map[string]int{}}
	proxy := &httputil.ReverseProxy{Transport: transport, FlushInterval: -1, Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.note(q)
		proxy.ServeHTTP(w, q)
	}))
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
		"clusters": [{"name": "c", "cluster": {"server": %q}}], "users": [{"name": "c", "user": {}}]}`, server.URL)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return r, path
}

func (r *requests) note(q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.verbs[q.Method]++
	// The lease is not of the configuration.
	if q.Method != http.MethodGet && !strings.Contains(q.URL.Path, "/coordination.k8s.io/") {
		r.wrote = append(r.wrote, q.Method+" "+q.URL.Path)
	}
}

func (r *requests) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.verbs, r.wrote = map[string]int{}, nil
}

// all are the requests by verb.
func (r *requests) all() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]int{}
	for verb, n := range r.verbs {
		out[verb] = n
	}
	return out
}

// writes are the requests that write anything but the lease.
func (r *requests) writes() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.wrote)
}
