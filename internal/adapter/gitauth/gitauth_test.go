package gitauth

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
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

var start = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

// folder holds a file of credentials and what it names.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFor(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"token": "of-the-file\n", "key": "k", "hosts": "h", "c.yaml": `credentials:
- {url: "https://git.example.org", token_env: WIDE}
- {url: "https://git.example.org/team/", token_file: token, username: robot}
- {url: "git@git.example.org:", ssh_key_file: key, known_hosts_file: hosts}
- {url: "https://git.example.org/team/secret.git", token_env: NARROW}
`})
	env := map[string]string{"WIDE": "wide", "NARROW": " narrow\n"}
	all, err := Read(filepath.Join(dir, "c.yaml"), Options{Env: func(name string) string { return env[name] }})
	if err != nil {
		t.Fatal(err)
	}
	for location, want := range map[string]string{
		"https://git.example.org/a.git":           "x-access-token wide",
		"https://GIT.example.org:443/a":           "x-access-token wide",
		"https://git.example.org/team/a":          "robot of-the-file",
		"https://git.example.org/teamwork/a":      "x-access-token wide",
		"https://git.example.org/team/secret":     "x-access-token narrow",
		"https://git.example.org/team/secret.git": "x-access-token narrow",
		"https://git.example.org:8443/a":          "",
		"https://git.example.org.evil.example/a":  "",
		"http://git.example.org/a":                "",
		"git@git.example.org:team/a.git":          filepath.Join(dir, "key") + " " + filepath.Join(dir, "hosts"),
		"ssh://git@git.example.org:22/team/a":     filepath.Join(dir, "key") + " " + filepath.Join(dir, "hosts"),
		"ssh://other@git.example.org/team/a":      "",
		"/srv/config.git":                         "",
		"../config.git":                           "",
	} {
		c, err := all.For(t.Context(), location)
		got := ""
		if c != nil {
			got = strings.TrimSpace(c.Username + " " + c.Password)
			if c.SSHKey != "" {
				got = c.SSHKey + " " + c.KnownHosts
			}
			if c.Password != "" && strings.Contains(c.About, c.Password) {
				t.Errorf("%s tells the secret: %s", location, c.About)
			}
		}
		if err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", location, got, err, want)
		}
	}
	// Read again each time; a token that is gone is said.
	env["WIDE"] = ""
	if _, err := all.For(t.Context(), "https://git.example.org/a"); fairway.ErrorCode(err) != fairway.CodeUnavailable || !strings.Contains(err.Error(), "WIDE is empty") {
		t.Errorf("an empty token: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := all.For(t.Context(), "https://git.example.org/team/a"); err != nil || c.Password != "new" {
		t.Errorf("the file was not read again: %+v %v", c, err)
	}
}

func TestRead_Wrong(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, want string }{
		"nothing":               {"", "there are no credentials"},
		"an unknown key":        {"credentials:\n- {url: 'https://a.example', token: x}\n", `unknown field "token"`},
		"no way":                {"credentials:\n- {url: 'https://a.example'}\n", "exactly one of"},
		"two ways":              {"credentials:\n- {url: 'https://a.example', token_env: A, token_file: key}\n", "exactly one of"},
		"a key for https":       {"credentials:\n- {url: 'https://a.example', ssh_key_file: key}\n", "an SSH key is for ssh://"},
		"a token for ssh":       {"credentials:\n- {url: 'git@a.example:x', token_env: A}\n", "tokens are for https://"},
		"a token in clear":      {"credentials:\n- {url: 'http://a.example', token_env: A}\n", "would travel in clear"},
		"a password in the URL": {"credentials:\n- {url: 'https://u:hunter22@a.example', token_env: A}\n", "it holds a password"},
		"a file that is not":    {"credentials:\n- {url: 'https://a.example', token_file: nowhere}\n", "nowhere: no such file"},
		"no URL":                {"credentials:\n- {url: a.example, token_env: A}\n", `url "a.example"`},
		"an app half told":      {"credentials:\n- {url: 'https://a.example', github_app: {app_id: 1}}\n", "installation_id are numbers; the app's settings and the URL of its installation show them; credentials[0]: github_app: private_key_file is missing"},
		"an app's key":          {"credentials:\n- {url: 'https://a.example', github_app: {app_id: 1, installation_id: 2, private_key_file: key}}\n", "key is no PEM file"},
		"all at once":           {"credentials:\n- {url: a, token_env: A}\n- {url: 'https://a.example'}\n", "credentials[1]: give exactly one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, map[string]string{"key": "k", "c.yaml": tc.text})
			_, err := Read(filepath.Join(dir, "c.yaml"), Options{})
			if fairway.ErrorCode(err) != fairway.CodeInvalid || !strings.Contains(err.Error(), tc.want) || fairway.ErrorHint(err) == "" {
				t.Errorf("error %v, want %q", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter22") {
				t.Error("the error tells a password")
			}
		})
	}
}

// hub plays the part of GitHub that gives out tokens.
type hub struct {
	*httptest.Server
	key *rsa.PrivateKey
	now func() time.Time

	mu     sync.Mutex
	given  int // guarded by mu
	status int // instead of a token; guarded by mu
}

func newHub(t *testing.T, now func() time.Time) *hub {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{key: key, now: now}
	h.Server = httptest.NewServer(http.HandlerFunc(h.serve))
	t.Cleanup(h.Close)
	return h
}

func (h *hub) serve(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	refuse := func(status int, why string) {
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(map[string]string{"message": why})
	}
	switch {
	case h.status != 0:
		refuse(h.status, "as the test wants it")
	case r.Method != http.MethodPost || r.URL.Path != "/app/installations/22/access_tokens":
		refuse(http.StatusNotFound, "Not Found")
	case !h.believes(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")):
		refuse(http.StatusUnauthorized, "A JSON web token could not be decoded")
	default:
		h.given++
		w.WriteHeader(http.StatusCreated)
		json.NewEncoder(w).Encode(map[string]any{"token": fmt.Sprintf("ghs_%d", h.given), "expires_at": h.now().Add(time.Hour)})
	}
}

// believes checks a JSON Web Token as GitHub does.
func (h *hub) believes(token string) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err != nil || rsa.VerifyPKCS1v15(&h.key.PublicKey, crypto.SHA256, sum[:], signature) != nil {
		return false
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Issued  int64  `json:"iat"`
		Expires int64  `json:"exp"`
		Issuer  string `json:"iss"`
	}
	now := h.now().Unix()
	return err == nil && json.Unmarshal(text, &claims) == nil && claims.Issuer == "11" &&
		claims.Issued <= now && claims.Expires > now && claims.Expires-claims.Issued <= 600
}

// TestGitHubApp: a token is asked for once, replaced before it expires and when
// it was refused, and kept while GitHub is away.
func TestGitHubApp(t *testing.T) {
	t.Parallel()
	now := start
	clock := func() time.Time { return now }
	h := newHub(t, clock)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(h.key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"PKCS #1": {Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(h.key)},
		"PKCS #8": {Type: "PRIVATE KEY", Bytes: pkcs8},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, map[string]string{"key.pem": string(pem.EncodeToMemory(block)), "c.yaml": fmt.Sprintf(
				"credentials:\n- {url: 'https://github.example/fleet', github_app: {app_id: 11, installation_id: 22, private_key_file: key.pem, api_url: '%s/'}}\n", h.URL)})
			all, err := Read(filepath.Join(dir, "c.yaml"), Options{Now: clock})
			if err != nil {
				t.Fatal(err)
			}
			now, h.given = start, 0
			for _, step := range []struct {
				name    string
				after   time.Duration
				status  int
				forget  bool
				want    string
				failing string
			}{
				{"the first", 0, 0, false, "ghs_1", ""},
				{"kept", 30 * time.Minute, 0, false, "ghs_1", ""},
				{"replaced before it expires", 20 * time.Minute, 0, false, "ghs_2", ""},
				{"replaced when refused", 0, 0, true, "ghs_3", ""},
				{"kept while GitHub is away", 50 * time.Minute, 502, false, "ghs_3", ""},
				{"expired while GitHub is away", 15 * time.Minute, 502, false, "", "502"},
				{"suspended", 0, 403, false, "", "suspended"},
				{"revoked key", 0, 401, false, "", "is the key not revoked"},
				{"and well again", 0, 0, false, "ghs_4", ""},
			} {
				now = now.Add(step.after)
				h.mu.Lock()
				h.status = step.status
				h.mu.Unlock()
				if step.forget {
					if c, err := all.For(t.Context(), "https://github.example/fleet/config"); err != nil || !c.Rejected() {
						t.Fatalf("%s: %v", step.name, err)
					}
				}
				c, err := all.For(t.Context(), "https://github.example/fleet/config")
				switch {
				case step.failing != "":
					if fairway.ErrorCode(err) != fairway.CodeUnavailable || !strings.Contains(err.Error()+fairway.ErrorHint(err), step.failing) {
						t.Errorf("%s: %v", step.name, err)
					}
				case err != nil || c.Password != step.want || c.Username != "x-access-token":
					t.Errorf("%s: got %+v, %v, want %s", step.name, c, err, step.want)
				}
			}
		})
	}
	dir := folder(t, map[string]string{"key.pem": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(h.key)})), "c.yaml": fmt.Sprintf(
		"credentials:\n- {url: 'https://github.example', github_app: {app_id: 11, installation_id: 23, private_key_file: key.pem, api_url: '%s'}}\n", h.URL)})
	all, err := Read(filepath.Join(dir, "c.yaml"), Options{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all.For(t.Context(), "https://github.example/a"); err == nil || !strings.Contains(fairway.ErrorHint(err), "installation_id") {
		t.Errorf("another app's installation: %v", err)
	}
}
