package httpapi_test

import (
	"encoding/json"
	"io"
	"net/http"
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

const (
	adminToken  = "admin-token-of-this-test"
	viewerToken = "viewer-token-of-this-test"
)

// server is a real server on a real store.
type server struct {
	t     *testing.T
	url   string
	store *sqlstore.Store
}

func newServer(t *testing.T) *server {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), filepath.Join(t.TempDir(), "fairway.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	s := httptest.NewServer(httpapi.New(httpapi.Options{Store: store, Version: "test", Authenticator: auth.Static(
		auth.Token{Name: "admin", Role: fairway.RoleAdmin, Secret: adminToken}, auth.Token{Name: "viewer", Role: fairway.RoleViewer, Secret: viewerToken},
		auth.Token{Name: "empty", Role: fairway.RoleAdmin})}))
	t.Cleanup(s.Close)
	return &server{t, s.URL, store}
}

// answer is what the server said.
type answer struct {
	status int
	header http.Header
	body   string
}

// as sends a request with a token; "" sends none.
func (s *server) as(token, method, path, body string, header ...string) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

// do sends a request as admin and wants a status.
func (s *server) do(method, path, body string, want int) answer {
	s.t.Helper()
	a := s.as(adminToken, method, path, body)
	if a.status != want {
		s.t.Fatalf("%s %s: got %d, want %d: %s", method, path, a.status, want, a.body)
	}
	return a
}

// decode reads JSON into a value of a type.
func decode[T any](t *testing.T, a answer) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("read %q: %v", a.body, err)
	}
	return v
}

// one is the body of POST for a cluster, with fields replaced or, by nil, left out.
func one(name string, change map[string]any) string {
	c := map[string]any{
		"id": "aws:123456789012:eu-central-1:" + name, "alias": name, "infrastructure_account": "aws:123456789012", "local_id": name,
		"api_server_url": "https://" + name + ".example.org", "channel": "dev", "environment": "test", "criticality_level": 1,
		"lifecycle_status": "requested", "provider": "zalando-aws", "region": "eu-central-1",
		"config_items": map[string]string{"key_a": "1"},
		"node_pools":   []any{pool("worker", nil)},
	}
	return text(c, change)
}

func pool(name string, change map[string]any) map[string]any {
	p := map[string]any{"name": name, "profile": "worker-default", "instance_types": []string{"m5.large"}, "discount_strategy": "none", "min_size": 1, "max_size": 3}
	for k, v := range change {
		p[k] = v
		if v == nil {
			delete(p, k)
		}
	}
	return p
}

func text(v, change map[string]any) string {
	for k, to := range change {
		v[k] = to
		if to == nil {
			delete(v, k)
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

const kube1 = "/kubernetes-clusters/aws:123456789012:eu-central-1:kube-1"

// stored returns a cluster of the store.
func (s *server) stored(name string) *fairway.Cluster {
	s.t.Helper()
	c, err := s.store.FindCluster(s.t.Context(), name)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}
