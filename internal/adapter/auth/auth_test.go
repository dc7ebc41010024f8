package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc/oidctest"

	"github.com/fairwayhq/fairway"
)

// provider is an issuer whose keys can be changed.
type provider struct {
	url     string
	fetches atomic.Int32
	down    atomic.Bool

	mu   sync.Mutex
	keys map[string]*ecdsa.PrivateKey
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{keys: map[string]*ecdsa.PrivateKey{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.fetches.Add(1)
		if p.down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		s := &oidctest.Server{}
		for id, key := range p.keys {
			s.PublicKeys = append(s.PublicKeys, oidctest.PublicKey{PublicKey: key.Public(), KeyID: id, Algorithm: "ES256"})
		}
		s.SetIssuer(p.url)
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	p.rotate(t, "k1")
	return p
}

// rotate makes a key the only one.
func (p *provider) rotate(t *testing.T, id string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = map[string]*ecdsa.PrivateKey{id: key}
}

// sign returns a token with claims over those of a good one.
func (p *provider) sign(t *testing.T, now time.Time, over map[string]any) string {
	t.Helper()
	claims := map[string]any{"iss": p.url, "sub": "s-1", "aud": "fairway", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"email": "ops@example.com", "groups": []string{"platform", "all"}}
	for k, v := range over {
		if claims[k] = v; v == nil {
			delete(claims, k)
		}
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, key := range p.keys {
		return oidctest.SignIDToken(key, id, "ES256", string(text))
	}
	return ""
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }

func (c *clock) add(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.at = c.at.Add(d) }

func newAuthenticator(t *testing.T, p *provider, c *clock) *Authenticator {
	t.Helper()
	access, err := ParseAccess([]byte(fmt.Sprintf(`
issuers:
- url: %s
  audiences: [fairway, other]
bindings:
- role: operator
  claims: {groups: platform}
  channels: [beta]
- role: viewer
  claims: {email: ops@example.com}
`, p.url)))
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(Options{Access: access, Now: c.now, Tokens: []Token{{Name: "ci", Role: fairway.RoleAdmin, Secret: "0123456789abcdef"}}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	p, c := newProvider(t), &clock{at: time.Now()}
	a := newAuthenticator(t, p, c)
	now := c.now()
	unsigned := func(alg string) string {
		part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
		return part(`{"alg":"`+alg+`"}`) + "." + part(fmt.Sprintf(`{"iss":%q,"sub":"s","aud":"fairway","exp":%d}`, p.url, now.Add(time.Hour).Unix())) + "."
	}
	other := newProvider(t)
	good := p.sign(t, now, nil)
	signed, others := strings.Split(good, "."), strings.Split(p.sign(t, now, map[string]any{"sub": "s-2"}), ".")
	forged := signed[0] + "." + others[1] + "." + signed[2]
	for name, c := range map[string]struct {
		token string
		want  string // "" is known
	}{
		"good":                           {good, ""},
		"an audience of several":         {p.sign(t, now, map[string]any{"aud": []string{"x", "other"}}), ""},
		"expired within the leeway":      {p.sign(t, now, map[string]any{"exp": now.Add(-4 * time.Minute).Unix()}), ""},
		"issued by a clock ahead":        {p.sign(t, now, map[string]any{"iat": now.Add(4 * time.Minute).Unix()}), ""},
		"static":                         {"0123456789abcdef", ""},
		"empty":                          {"", "no bearer token"},
		"unknown":                        {"0123456789abcdeg", "not known"},
		"expired":                        {p.sign(t, now, map[string]any{"exp": now.Add(-6 * time.Minute).Unix()}), "expired at"},
		"without expiry":                 {p.sign(t, now, map[string]any{"exp": nil}), "expired at"},
		"not yet valid":                  {p.sign(t, now, map[string]any{"nbf": now.Add(6 * time.Minute).Unix()}), "valid only later"},
		"issued in the future":           {p.sign(t, now, map[string]any{"iat": now.Add(6 * time.Minute).Unix()}), "valid only later"},
		"for others":                     {p.sign(t, now, map[string]any{"aud": "someone"}), "for audience"},
		"without audience":               {p.sign(t, now, map[string]any{"aud": nil}), "for audience"},
		"without subject":                {p.sign(t, now, map[string]any{"sub": nil}), "no subject"},
		"of another issuer":              {other.sign(t, now, nil), "not believed here"},
		"another's that claims this one": {other.sign(t, now, map[string]any{"iss": p.url}), "not valid"},
		"alg none":                       {unsigned("none"), "not valid"},
		"alg HS256":                      {unsigned("HS256"), "not valid"},
		"changed payload":                {forged, "not valid"},
		"no JWT":                         {"a.b.c", "not known"},
		"too long":                       {strings.Repeat("x", longest+1), "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			who, err := a.Authenticate(t.Context(), c.token)
			switch {
			case c.want == "" && err != nil:
				t.Fatal(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Fatalf("got %v and %v, want a refusal with %q", who, err, c.want)
			case c.want != "" && fairway.ErrorCode(err) != fairway.CodeUnauthorized:
				t.Fatalf("code %s", fairway.ErrorCode(err))
			case err != nil && strings.Contains(err.Error(), c.token) && c.token != "":
				t.Fatalf("the error holds the token: %v", err)
			}
		})
	}
}

func TestAuthenticateGivesGrantsByClaims(t *testing.T) {
	t.Parallel()
	p, c := newProvider(t), &clock{at: time.Now()}
	a := newAuthenticator(t, p, c)
	who, err := a.Authenticate(t.Context(), p.sign(t, c.now(), nil))
	if err != nil {
		t.Fatal(err)
	}
	if who.Name != p.url+"#s-1" || who.String() != "ops@example.com" {
		t.Errorf("name %q, called %q", who.Name, who)
	}
	if err := fairway.Authorize(who, fairway.DeedWrite, fairway.Place{Channel: "beta"}); err != nil {
		t.Error(err)
	}
	if fairway.Authorize(who, fairway.DeedWrite, fairway.Place{Channel: "dev"}) == nil {
		t.Error("may write outside its channel")
	}
	who, err = a.Authenticate(t.Context(), p.sign(t, c.now(), map[string]any{"groups": "other", "email": "x@example.com"}))
	if err != nil || len(who.Grants) != 0 {
		t.Errorf("no binding matches, got %v, %v", who, err)
	}
}

// TestKeysRotate: a token signed with a new key is believed without a restart,
// one with the old key is not once its key is gone, and tokens with invented
// keys do not make a request to the issuer each.
func TestKeysRotate(t *testing.T) {
	t.Parallel()
	p, c := newProvider(t), &clock{at: time.Now()}
	a := newAuthenticator(t, p, c)
	old := p.sign(t, c.now(), nil)
	if _, err := a.Authenticate(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	p.rotate(t, "k2")
	c.add(fetchEvery)
	if _, err := a.Authenticate(t.Context(), p.sign(t, c.now(), nil)); err != nil {
		t.Fatalf("the new key: %v", err)
	}
	if _, err := a.Authenticate(t.Context(), old); err == nil {
		t.Fatal("a token of a key that is gone is believed")
	}
	stranger := newProvider(t)
	before := p.fetches.Load()
	for range 50 {
		a.Authenticate(t.Context(), stranger.sign(t, c.now(), map[string]any{"iss": p.url}))
	}
	if n := p.fetches.Load() - before; n > 1 {
		t.Errorf("50 tokens with unknown keys made %d requests", n)
	}
}

// TestIssuerOutOfReach: that is no fault of the caller, and over by itself.
func TestIssuerOutOfReach(t *testing.T) {
	t.Parallel()
	p, c := newProvider(t), &clock{at: time.Now()}
	p.down.Store(true)
	a := newAuthenticator(t, p, c)
	token := p.sign(t, c.now(), nil)
	if _, err := a.Authenticate(t.Context(), token); fairway.ErrorCode(err) != fairway.CodeUnavailable {
		t.Fatalf("got %v, want unavailable", err)
	}
	if _, err := a.Authenticate(t.Context(), "0123456789abcdef"); err != nil {
		t.Fatalf("a static token needs no issuer: %v", err)
	}
	p.down.Store(false)
	c.add(fetchEvery)
	if _, err := a.Authenticate(t.Context(), token); err != nil {
		t.Fatal(err)
	}
}

func TestParseAccessNamesEveryProblem(t *testing.T) {
	t.Parallel()
	_, err := ParseAccess([]byte(`
issuers:
- url: http://issuer.example.com
- url: https://issuer.example.com
  audiences: [a]
  algorithms: [HS256]
bindings:
- role: root
  claims: {a: b}
- role: viewer
  issuer: https://nobody.example.com
`))
	for _, want := range []string{"issuers[0]: url", "issuers[0]: audiences", "HS256", `role "root"`, "bindings[0]: issuer is needed", "bindings[1]: claims", "none of the issuers"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
	if _, err := ParseAccess([]byte("issuer: []")); err == nil {
		t.Error("an unknown field is accepted")
	}
}

func TestParseToken(t *testing.T) {
	t.Parallel()
	got, err := ParseToken("ci=operator:0123456789abcdef:x=y")
	if want := (Token{Name: "ci", Role: fairway.RoleOperator, Secret: "0123456789abcdef:x=y"}); err != nil || got != want {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", "ci", "ci=operator", "=operator:0123456789abcdef", "ci=root:0123456789abcdef", "ci=admin:short-Secret"} {
		if _, err := ParseToken(bad); err == nil || strings.Contains(err.Error(), "short-Secret") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestHolds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		claim any
		value string
		want  bool
	}{
		"text": {"a", "a", true}, "other text": {"a", "b", false}, "list": {[]any{"x", "a"}, "a", true}, "nested list": {[]any{[]any{"a"}}, "a", false},
		"true": {true, "true", true}, "number": {float64(7), "7", true}, "missing": {nil, "", false}, "object": {map[string]any{"a": "a"}, "a", false},
	} {
		if got := holds(c.claim, c.value); got != c.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}
