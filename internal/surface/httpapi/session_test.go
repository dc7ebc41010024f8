package httpapi_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc/oidctest"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/auth"
	"github.com/fairwayhq/fairway/internal/surface/httpapi"
)

// idp is an issuer at which everybody logs in by asking: it gives codes that
// are good once, for the verifier whose challenge it saw.
type idp struct {
	url string
	key *ecdsa.PrivateKey

	mu    sync.Mutex
	codes map[string]url.Values // what the code was asked for with
	over  map[string]any        // claims that differ in ID tokens
	asked url.Values            // the last request for a code
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &idp{key: key, codes: map[string]url.Values{}}
	documents := &oidctest.Server{PublicKeys: []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: "k", Algorithm: "ES256"}}}
	mux := http.NewServeMux()
	mux.Handle("/", documents)
	mux.HandleFunc("GET /auth", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		q, code := r.URL.Query(), rand.Text()
		p.codes[code], p.asked = q, q
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {q.Get("state")}}.Encode(), http.StatusFound)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		q, known := p.codes[r.FormValue("code")]
		delete(p.codes, r.FormValue("code"))
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		w.Header().Set("Content-Type", "application/json")
		if !known || q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) ||
			r.FormValue("client_id") != q.Get("client_id") || r.FormValue("redirect_uri") != q.Get("redirect_uri") {
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"error":"invalid_grant"}`)
			return
		}
		now := time.Now()
		claims := map[string]any{"iss": p.url, "sub": "s-1", "aud": q.Get("client_id"), "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
			"nonce": q.Get("nonce"), "email": "dev@example.com", "groups": []string{"engineering"}}
		for k, v := range p.over {
			claims[k] = v
		}
		text, _ := json.Marshal(claims)
		json.NewEncoder(w).Encode(map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": oidctest.SignIDToken(key, "k", "ES256", string(text))})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p.url = server.URL
	documents.SetIssuer(server.URL)
	return p
}

// answerWith makes ID tokens differ from now on.
func (p *idp) answerWith(over map[string]any) { p.mu.Lock(); defer p.mu.Unlock(); p.over = over }

// lastAsked returns what the last code was asked for with.
func (p *idp) lastAsked() url.Values { p.mu.Lock(); defer p.mu.Unlock(); return p.asked }

// passing is a clock that is put forward by hand.
type passing struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *passing) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return time.Now().Add(c.ahead) }

func (c *passing) add(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.ahead += d }

// loginServer is a server that an issuer can be logged in with, as a viewer.
func loginServer(t *testing.T, p *idp) (*server, *passing) {
	t.Helper()
	access, err := auth.ParseAccess(fmt.Appendf(nil, `
issuers:
- {url: %q, audiences: [fairway], client_id: web}
bindings:
- {role: viewer, claims: {groups: engineering}}
`, p.url))
	if err != nil {
		t.Fatal(err)
	}
	// The issuer's tokens are judged by the real time, sessions by the other.
	a, err := auth.New(auth.Options{Access: access})
	if err != nil {
		t.Fatal(err)
	}
	c := &passing{}
	s := serverWith(t, func(o *httpapi.Options) { o.Login, o.Now = a, c.now })
	return s, c
}

// browser keeps cookies and goes where it is sent, up to a stop.
type browser struct {
	t    *testing.T
	s    *server
	http *http.Client
	stop string // a path that it does not go to
}

func (s *server) browser() *browser {
	jar, _ := cookiejar.New(nil)
	b := &browser{t: s.t, s: s}
	b.http = &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if b.stop != "" && strings.HasPrefix(r.URL.Path, b.stop) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	return b
}

func (b *browser) do(method, path string, header ...string) answer {
	b.t.Helper()
	address := path
	if strings.HasPrefix(path, "/") {
		address = b.s.url + path
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader("{}"))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

// want does it and wants a status.
func (b *browser) want(status int, method, path string, header ...string) answer {
	b.t.Helper()
	a := b.do(method, path, header...)
	if a.status != status {
		b.t.Fatalf("%s %s: got %d, want %d: %s", method, path, a.status, status, a.body)
	}
	return a
}

// login logs in and returns to /auth/me.
func (b *browser) login() answer {
	b.t.Helper()
	return b.want(200, "GET", "/auth/login?return=/auth/me")
}

// callback logs in up to the callback, and returns its address.
func (b *browser) callback() *url.URL {
	b.t.Helper()
	b.stop = "/auth/callback"
	defer func() { b.stop = "" }()
	there, err := url.Parse(b.want(http.StatusFound, "GET", "/auth/login").header.Get("Location"))
	if err != nil {
		b.t.Fatal(err)
	}
	return there
}

// cookie returns the value of a cookie of the server; "" is none.
func (b *browser) cookie(name string) string {
	at, _ := url.Parse(b.s.url + "/auth/callback")
	for _, c := range b.http.Jar.Cookies(at) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// TestLogin: from nobody to a viewer and back, on both APIs.
func TestLogin(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	s, _ := loginServer(t, p)
	s.do("POST", "/kubernetes-clusters", one("kube-1", nil), 201)
	b := s.browser()
	b.want(401, "GET", "/auth/me")
	me := decode[struct {
		Name, Display string
		Roles         []string
	}](t, b.login())
	if me.Name != p.url+"#s-1" || me.Display != "dev@example.com" || len(me.Roles) != 1 || me.Roles[0] != "viewer" {
		t.Errorf("me: %+v", me)
	}
	if q := p.lastAsked(); q.Get("scope") != "openid email profile" || q.Get("client_id") != "web" || q.Get("redirect_uri") != s.url+"/auth/callback" ||
		q.Get("code_challenge_method") != "S256" || len(q.Get("nonce")) < 43 || len(q.Get("state")) < 43 {
		t.Errorf("the issuer was asked with %v", q)
	}
	b.want(200, "GET", kube1)
	b.want(200, "GET", "/api/v1/clusters")
	b.want(403, "PATCH", kube1)
	b.want(403, "GET", "/api/v1/audit")
	b.want(401, "GET", kube1, "Authorization", "Bearer wrong") // whoever shows a token is judged by it
	old := b.cookie("fairway_session")
	b.want(204, "POST", "/auth/logout", "Sec-Fetch-Site", "same-origin")
	if b.cookie("fairway_session") != "" {
		t.Error("the cookie is kept after logout")
	}
	b.want(401, "GET", kube1)
	b.want(401, "GET", kube1, "Cookie", "fairway_session="+old)
	b.want(204, "POST", "/auth/logout")
}

// TestSessionCookie: scripts cannot read it, other sites cannot send it with
// writes, and it changes at every login.
func TestSessionCookie(t *testing.T) {
	t.Parallel()
	s, _ := loginServer(t, newIDP(t))
	b := s.browser()
	there := b.callback()
	b.stop = "/"
	done := b.want(http.StatusSeeOther, "GET", there.String(), "Cookie", "fairway_session=fixed; fairway_login="+b.cookie("fairway_login"))
	cookies := strings.Join(done.header.Values("Set-Cookie"), "\n")
	for _, want := range []string{"fairway_session=", "Path=/;", "HttpOnly", "SameSite=Lax", "Max-Age=43200", "fairway_login=;"} {
		if !strings.Contains(cookies, want) {
			t.Errorf("%q is missing in %s", want, cookies)
		}
	}
	if strings.Contains(cookies, "Secure") {
		t.Errorf("a cookie for TLS on a server without: %s", cookies)
	}
	first := b.cookie("fairway_session")
	if first == "" || first == "fixed" {
		t.Fatalf("the session is %q", first)
	}
	b.stop = ""
	b.login()
	if second := b.cookie("fairway_session"); second == first || second == "" {
		t.Errorf("the second login has the session %q", second)
	}
	s.browser().want(401, "GET", "/auth/me", "Cookie", "fairway_session="+first)
	s.browser().want(401, "GET", "/auth/me", "Cookie", "fairway_session=fixed")
}

// TestSessionEnds: an hour without a request, or twelve with.
func TestSessionEnds(t *testing.T) {
	t.Parallel()
	s, clock := loginServer(t, newIDP(t))
	b := s.browser()
	b.login()
	clock.add(59 * time.Minute)
	b.want(200, "GET", "/auth/me")
	clock.add(61 * time.Minute)
	b.want(401, "GET", "/auth/me")
	b.login()
	for range 14 {
		clock.add(50 * time.Minute)
		b.want(200, "GET", "/auth/me")
	}
	clock.add(30 * time.Minute)
	b.want(401, "GET", "/auth/me")
}

// TestLoginRefused: what was not begun in this browser, or was used before.
func TestLoginRefused(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	s, clock := loginServer(t, p)
	refused := func(b *browser, why, address string) {
		t.Helper()
		if a := b.do("GET", address); a.status != 401 || !strings.Contains(a.body, why) || b.cookie("fairway_session") != "" {
			t.Errorf("got %d, want 401 with %q: %s", a.status, why, a.body)
		}
	}
	const notBegun = "did not begin"
	with := func(u *url.URL, name, value string) string {
		q := u.Query()
		q.Set(name, value)
		return u.Path + "?" + q.Encode()
	}
	b := s.browser()
	there := b.callback()
	refused(s.browser(), notBegun, there.String()) // another browser
	refused(b, notBegun, with(there, "state", "wrong"))
	refused(b, notBegun, there.String()) // the attempt is used up
	b = s.browser()
	refused(b, notBegun, with(b.callback(), "state", ""))
	refused(b, "refused the login", with(b.callback(), "error", "access_denied"))
	refused(b, "the answer is of issuer", with(b.callback(), "iss", "https://other.example.com"))
	refused(b, "invalid_grant", with(b.callback(), "code", "invented"))
	there = b.callback()
	clock.add(11 * time.Minute)
	refused(b, notBegun, there.String())

	// A code that was used: in the same attempt, and in another one's.
	there = b.callback()
	b.stop = "/"
	b.want(http.StatusSeeOther, "GET", there.String())
	b.stop = ""
	if a := b.do("GET", there.String()); a.status != 401 || !strings.Contains(a.body, notBegun) {
		t.Errorf("replayed: %d %s", a.status, a.body)
	}
	b = s.browser()
	refused(b, "invalid_grant", with(b.callback(), "code", there.Query().Get("code")))
	stolen := s.browser().callback().Query().Get("code") // unused, of another browser's attempt
	refused(b, "invalid_grant", with(b.callback(), "code", stolen))

	for name, over := range map[string]map[string]any{
		"its nonce differs":   {"nonce": "other"},
		"for audience":        {"aud": "fairway"}, // that of bearer tokens is not that of logins
		"for another client":  {"azp": "other"},
		"expired at":          {"exp": time.Now().Add(-time.Hour).Unix()},
		"names no subject":    {"sub": ""},
		"is of another login": {"nonce": nil},
	} {
		p.answerWith(over)
		b := s.browser()
		refused(b, name, b.callback().String())
	}
}

// TestLoginReturns: only to this server.
func TestLoginReturns(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	s, _ := loginServer(t, p)
	b := s.browser()
	for _, bad := range []string{"https://evil.example.com", "//evil.example.com", `/\evil.example.com`, "/\t/evil.example.com", "clusters", "javascript:alert(1)", `\\evil.example.com`} {
		b.want(400, "GET", "/auth/login?return="+url.QueryEscape(bad))
	}
	b.want(400, "GET", "/auth/login?issuer=https://evil.example.com")
	b.stop = "/clusters"
	if a := b.want(http.StatusSeeOther, "GET", "/auth/login?return="+url.QueryEscape("/clusters?q=a")+"&issuer="+url.QueryEscape(p.url)); a.header.Get("Location") != "/clusters?q=a" {
		t.Errorf("sent to %s", a.header.Get("Location"))
	}
	b.stop = ""
	serverWith(t, nil).browser().want(404, "GET", "/auth/login")
}

// TestCrossSite: another site's page cannot write with the session of whoever
// looks at it; bearer tokens, which no browser adds by itself, may come from
// anywhere.
func TestCrossSite(t *testing.T) {
	t.Parallel()
	s, _ := loginServer(t, newIDP(t))
	b := s.browser()
	b.login()
	const pause = "/api/v1/updates/kube-1/pause"
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example.com"}} {
		for _, path := range []string{pause, "/auth/logout"} {
			if a := b.want(403, "POST", path, header...); !strings.Contains(a.body, "cross-origin") {
				t.Errorf("%s with %v: %s", path, header, a.body)
			}
		}
		b.want(200, "GET", "/auth/me", header...)
		if a := s.as(adminToken, "POST", "/kubernetes-clusters", "{", header...); a.status != 400 {
			t.Errorf("a bearer token with %v: %d %s", header, a.status, a.body)
		}
	}
	if a := b.want(403, "POST", pause, "Sec-Fetch-Site", "same-origin"); strings.Contains(a.body, "cross-origin") || !strings.Contains(a.body, "viewer") {
		t.Errorf("from its own site: %s", a.body)
	}
}

// TestSessionsAreRecorded: who logged in and out, who could not, and what another
// site tried, stand in the record with nothing secret.
func TestSessionsAreRecorded(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	s, _ := loginServer(t, p)
	b := s.browser()
	b.login()
	session := b.cookie("fairway_session")
	b.want(403, "POST", "/auth/logout", "Sec-Fetch-Site", "cross-site")
	b.want(204, "POST", "/auth/logout")
	b.want(204, "POST", "/auth/logout") // nobody any more
	p.answerWith(map[string]any{"aud": "somebody else"})
	there := b.callback()
	b.want(401, "GET", there.String())
	text := s.as(adminToken, "GET", "/api/v1/audit?kind=session", "").body
	var all struct{ Items []fairway.Change }
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	var got []string
	for _, c := range all.Items {
		if c.From == "" {
			t.Errorf("it is not recorded from where: %+v", c)
		}
		got = append(got, fmt.Sprintf("%s %s %v", c.Who, c.Event, c.After["/deed"]))
	}
	who := p.url + "#s-1"
	want := []string{p.url + " denied log in", who + " logged-out <nil>", who + " denied POST /auth/logout", who + " logged-in <nil>"}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the record says %q, want %q", got, want)
	}
	for _, secret := range []string{session, there.Query().Get("code"), there.Query().Get("state")} {
		if secret == "" || strings.Contains(text, secret) {
			t.Errorf("%q is in the record: %s", secret, text)
		}
	}
}

// TestPublicURL: behind a proxy with TLS, the issuer sends browsers to the
// proxy, and cookies are for TLS only.
func TestPublicURL(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	access, err := auth.ParseAccess(fmt.Appendf(nil, "public_url: https://fairway.example.com\nissuers: [{url: %q, audiences: [fairway], client_id: web}]", p.url))
	if err != nil {
		t.Fatal(err)
	}
	a, err := auth.New(auth.Options{Access: access})
	if err != nil {
		t.Fatal(err)
	}
	s := serverWith(t, func(o *httpapi.Options) { o.Login, o.PublicURL = a, a.PublicURL() })
	b := s.browser()
	b.stop = "/"
	began := b.want(http.StatusSeeOther, "GET", "/auth/login")
	there, err := url.Parse(began.header.Get("Location"))
	if err != nil || there.Query().Get("redirect_uri") != "https://fairway.example.com/auth/callback" {
		t.Errorf("sent to %v, %v", there, err)
	}
	if c := began.header.Get("Set-Cookie"); !strings.Contains(c, "Secure") || !strings.Contains(c, "HttpOnly") || !strings.Contains(c, "SameSite=Lax") {
		t.Errorf("the cookie is %s", c)
	}
	b.want(204, "POST", "/auth/logout", "Origin", "https://fairway.example.com")
}

// TestLoginOverTLS: the address is https and the cookies are for TLS only.
func TestLoginOverTLS(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	access, err := auth.ParseAccess(fmt.Appendf(nil, "issuers: [{url: %q, audiences: [fairway], client_id: web}]", p.url))
	if err != nil {
		t.Fatal(err)
	}
	a, err := auth.New(auth.Options{Access: access})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(httpapi.New(httpapi.Options{Store: newServer(t).store, Login: a}))
	t.Cleanup(server.Close)
	jar, _ := cookiejar.New(nil)
	client := server.Client() // trusts the certificate, and goes to the issuer as well
	client.Jar = jar
	var set []string // cookies that were given, not those that were taken back
	client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		for _, c := range r.Response.Header.Values("Set-Cookie") {
			if !strings.Contains(c, "Max-Age=0") {
				set = append(set, c)
			}
		}
		return nil
	}
	response, err := client.Get(server.URL + "/auth/login?return=/auth/me")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 200 || len(set) != 2 {
		t.Fatalf("status %d, cookies %v", response.StatusCode, set)
	}
	for _, c := range set {
		if !strings.Contains(c, "; Secure") {
			t.Errorf("a cookie that goes in clear as well: %s", c)
		}
	}
}
