package auth

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

// TestLoginWithSecret: the secret goes to the token endpoint as the issuer
// wants it, once, and nowhere else; it is read anew for each login.
func TestLoginWithSecret(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		methods      string
		inForm       bool
		status       int
		want         fairway.Code
		secret, body string
	}{
		"in the header":             {`["client_secret_basic"]`, false, 400, fairway.CodeUnauthorized, "s3cret-one", `{"error":"invalid_grant"}`},
		"in the header by default":  {`[]`, false, 401, fairway.CodeUnauthorized, "s3cret-one", `{"error":"invalid_client"}`},
		"in the form":               {`["client_secret_post"]`, true, 400, fairway.CodeUnauthorized, "s3cret-one", `{"error":"invalid_grant"}`},
		"the issuer has trouble":    {`[]`, false, 503, fairway.CodeUnavailable, "s3cret-one", "s3cret-one"},
		"a redirect is not gone to": {`[]`, false, 307, fairway.CodeUnauthorized, "s3cret-one", ""},
		"an answer without a token": {`[]`, false, 200, fairway.CodeUnauthorized, "s3cret-one", `{"access_token":"a","token_type":"Bearer"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var seen []string
			var server *httptest.Server
			server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/.well-known/openid-configuration" {
					fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":%q,"token_endpoint":%q,"jwks_uri":%q,"token_endpoint_auth_methods_supported":%s}`,
						server.URL, server.URL+"/auth", server.URL+"/token", server.URL+"/keys", c.methods)
					return
				}
				_, header, _ := r.BasicAuth()
				mu.Lock()
				seen = append(seen, fmt.Sprintf("%s header=%s form=%s", r.URL.Path, header, r.FormValue("client_secret")))
				mu.Unlock()
				w.Header().Set("Location", "/elsewhere")
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			}))
			t.Cleanup(server.Close)
			file := filepath.Join(t.TempDir(), "secret")
			if err := os.WriteFile(file, []byte("before\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			a, err := New(Options{Access: Access{Issuers: []Issuer{{URL: server.URL, Audiences: []string{"x"}, ClientID: "web", ClientSecretFile: file}}}})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(c.secret+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			l := fairway.Login{Issuer: server.URL, RedirectURL: "https://f.example.com/auth/callback", State: "s", Nonce: "n", Verifier: strings.Repeat("v", 43)}
			there, err := a.AuthURL(t.Context(), l)
			if err != nil || strings.Contains(there, c.secret) || strings.Contains(there, l.Verifier) {
				t.Fatalf("sent to %s, %v", there, err)
			}
			_, err = a.Exchange(t.Context(), l, "code")
			if fairway.ErrorCode(err) != c.want || strings.Contains(err.Error(), c.secret) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			want := "/token header=" + c.secret + " form="
			if c.inForm {
				want = "/token header= form=" + c.secret
			}
			if len(seen) != 1 || seen[0] != want {
				t.Errorf("the issuer saw %q, want one request with %q", seen, want)
			}
		})
	}
}

// TestLoginTrouble: an issuer out of reach is no fault of the browser, and over
// by itself; endpoints in clear are not used.
func TestLoginTrouble(t *testing.T) {
	t.Parallel()
	p, c := newProvider(t), &clock{at: time.Now()}
	p.down.Store(true)
	a, err := New(Options{Access: Access{Issuers: []Issuer{{URL: p.url, Audiences: []string{"x"}, ClientID: "web"}, {URL: "https://other.example.com", Audiences: []string{"x"}}}}, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	if got := a.LoginIssuers(); len(got) != 1 || got[0] != p.url {
		t.Errorf("logged in with %v", got)
	}
	if _, err := a.AuthURL(t.Context(), fairway.Login{Issuer: "https://other.example.com"}); fairway.ErrorCode(err) != fairway.CodeInvalid {
		t.Errorf("an issuer without client: %v", err)
	}
	if _, err := a.AuthURL(t.Context(), fairway.Login{Issuer: p.url}); fairway.ErrorCode(err) != fairway.CodeUnavailable {
		t.Errorf("out of reach: %v", err)
	}
	p.down.Store(false)
	c.add(fetchEvery)
	if _, err := a.AuthURL(t.Context(), fairway.Login{Issuer: p.url, Verifier: "v"}); err != nil {
		t.Errorf("back: %v", err)
	}

	inClear := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"issuer":"http://%s","authorization_endpoint":"https://i.example.com/a","token_endpoint":"http://i.example.com/t","jwks_uri":"https://i.example.com/k"}`, r.Host)
	}))
	t.Cleanup(inClear.Close)
	a, err = New(Options{Access: Access{Issuers: []Issuer{{URL: inClear.URL, Audiences: []string{"x"}, ClientID: "web"}}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.AuthURL(t.Context(), fairway.Login{Issuer: inClear.URL}); err == nil || !strings.Contains(err.Error(), "http://i.example.com/t") {
		t.Errorf("a token endpoint in clear: %v", err)
	}
}

func TestParseAccessOfLogin(t *testing.T) {
	t.Parallel()
	_, err := ParseAccess([]byte(`
public_url: https://f.example.com/path
issuers:
- {url: https://a.example.com, audiences: [a], scopes: [openid]}
- {url: https://b.example.com, audiences: [a], client_id: web, scopes: [email]}
`))
	for _, want := range []string{"public_url", "issuers[0]: client_id is needed", "issuers[1]: scopes need openid"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
	for _, bad := range []string{"http://f.example.com", "f.example.com", "https://u@f.example.com", "https://f.example.com/"} {
		if _, err := ParseAccess([]byte("public_url: " + bad)); err == nil {
			t.Errorf("public_url %s is accepted", bad)
		}
	}
	if _, err := New(Options{Access: Access{Issuers: []Issuer{{URL: "https://a.example.com", ClientID: "web", ClientSecretFile: "/nowhere"}}}}); err == nil {
		t.Error("a secret that is not there is accepted")
	}
}
