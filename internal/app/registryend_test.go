package app_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc/oidctest"

	"github.com/fairwayhq/fairway/internal/app"
)

// bare is a server without clusters.
func bare(t *testing.T, change func(o *app.Options)) *fleet {
	t.Helper()
	f := &fleet{t: t, data: t.TempDir(), change: change}
	f.makeRepository()
	f.writeRegistry(fleetOptions{})
	f.start()
	return f
}

// signer is an issuer of tokens whose key can be changed.
type signer struct {
	url string

	mu  sync.Mutex // guards id and key
	id  string
	key *ecdsa.PrivateKey
}

func newSigner(t *testing.T) *signer {
	t.Helper()
	s := &signer{}
	s.rotate(t, "k1")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		issuer := &oidctest.Server{PublicKeys: []oidctest.PublicKey{{PublicKey: s.key.Public(), KeyID: s.id, Algorithm: "ES256"}}}
		issuer.SetIssuer(s.url)
		issuer.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *signer) rotate(t *testing.T, id string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.id, s.key = id, key
}

// token signs claims with the newest key.
func (s *signer) token(group, audience string, issued, expires time.Duration) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	return oidctest.SignIDToken(s.key, s.id, "ES256", fmt.Sprintf(`{"iss":%q,"sub":"s-1","aud":%q,"iat":%d,"exp":%d,"groups":[%q],"email":"ops@example.com"}`,
		s.url, audience, now.Add(issued).Unix(), now.Add(expires).Unix(), group))
}

// Tokens of an issuer, good and bad, at a whole server: who is believed, what
// the role allows, and what the answer to each bad one is.
func TestRegistry_Tokens(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	access := filepath.Join(t.TempDir(), "access.yaml")
	if err := os.WriteFile(access, []byte(fmt.Sprintf("issuers:\n- {url: %q, audiences: [fairway]}\nbindings:\n- {role: viewer, claims: {groups: lookers}}\n- {role: admin, claims: {groups: keepers}}\n", s.url)), 0o600); err != nil {
		t.Fatal(err)
	}
	f := bare(t, func(o *app.Options) { o.AccessFile = access })
	ask := func(token, method string) (int, string, http.Header) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+f.app.Addr()+"/infrastructure-accounts", strings.NewReader(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(text), response.Header
	}
	good := s.token("lookers", "fairway", 0, time.Hour)
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
	cases := []struct {
		name, token string
		status      int
		says        string
	}{
		{"good", good, 200, "items"}, {"of a clock 4 minutes behind", s.token("lookers", "fairway", -time.Hour, -4*time.Minute), 200, "items"},
		{"of a clock 4 minutes ahead", s.token("lookers", "fairway", 4*time.Minute, time.Hour), 200, "items"},
		{"without a role", s.token("strangers", "fairway", 0, time.Hour), 200, `"items":[]`}, {"expired", s.token("lookers", "fairway", -time.Hour, -6*time.Minute), 401, "expired at"},
		{"of the future", s.token("lookers", "fairway", 6*time.Minute, time.Hour), 401, "valid only later"}, {"for another audience", s.token("lookers", "others", 0, time.Hour), 401, "for audience"},
		{"alg=none", none, 401, "not valid"}, {"changed", parts[0] + "." + parts[1] + "." + parts[2][:len(parts[2])-4] + "AAAA", 401, "not valid"}, {"no token at all", "nonsense", 401, "not known"},
	}
	for _, c := range cases {
		status, text, header := ask(c.token, http.MethodGet)
		if status != c.status || !strings.Contains(text, c.says) || status == 401 && header.Get("WWW-Authenticate") == "" || strings.Contains(text, c.token) {
			t.Errorf("%s: %d %s", c.name, status, text)
		}
	}
	// What the role decides is asked only of a body that can be read.
	if status, text, _ := ask(good, http.MethodPost); status != 400 && status != 403 {
		t.Errorf("a viewer writes: %d %s", status, text)
	}
	s.rotate(t, "k2")
	f.await("a token of the new key is believed", 30*time.Second, func() (bool, string) {
		status, text, _ := ask(s.token("keepers", "fairway", 0, time.Hour), http.MethodGet)
		return status == 200, text
	})
	if status, text, _ := ask(good, http.MethodGet); status != 401 {
		t.Errorf("a token of the key before: %d %s", status, text)
	}
}

// A server that is stopped answers the requests that have begun, cuts none, ends
// the watches, and takes no new connections.
func TestRegistry_StoppedInTheMiddleOfRequests(t *testing.T) {
	t.Parallel()
	f := &fleet{t: t, data: t.TempDir()}
	f.makeRepository()
	f.writeRegistry(fleetOptions{})
	stop := f.start()
	token, address := f.token(), f.app.Addr()
	const requests = 20
	account := func(i int) string {
		return fmt.Sprintf(`{"id":"local:a-%d","type":"aws","name":"n","owner":"o","cost_center":"c","environment":"test","criticality_level":1,"external_id":"1","lifecycle_status":"ready"}`, i)
	}
	dial := func() net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(time.Minute))
		return conn
	}
	// Half of each body is sent when the server is told to stop.
	conns := make([]net.Conn, requests)
	for i := range conns {
		conns[i] = dial()
		body := account(i)
		fmt.Fprintf(conns[i], "POST /infrastructure-accounts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", token, len(body))
		// The server asks for the body: the handler has begun.
		head := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
		if _, err := io.ReadFull(conns[i], head); err != nil || !strings.HasPrefix(string(head), "HTTP/1.1 100") {
			t.Fatalf("%q %v", head, err)
		}
		io.WriteString(conns[i], body[:20])
	}
	watch := dial()
	fmt.Fprintf(watch, "GET /api/v1/watch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", token)
	if _, err := io.ReadAtLeast(watch, make([]byte, 1024), 20); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	go func() { defer close(stopped); stop() }()
	f.await("the server takes no new connections", 20*time.Second, func() (bool, string) {
		conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", address)
		if err == nil {
			conn.Close()
		}
		return err != nil, "it does"
	})
	if rest, err := io.ReadAll(watch); err != nil {
		t.Errorf("the watch ends with %q, %v", rest, err)
	}
	for i, conn := range conns {
		io.WriteString(conn, account(i)[20:])
		said, err := io.ReadAll(conn)
		if err != nil || !strings.HasPrefix(string(said), "HTTP/1.1 201") {
			t.Errorf("request %d: %q, error %v", i, said, err)
		}
	}
	<-stopped
	f.start()
	all, err := f.client.Accounts(t.Context())
	if err != nil || len(all) != requests {
		t.Errorf("%d accounts are stored of %d that were answered, error %v", len(all), requests, err)
	}
}
