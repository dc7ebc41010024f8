package gitauth

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fairwayhq/fairway"
)

const (
	githubAPI = "https://api.github.com"
	// jwtLife is how long a signed request for a token is good; GitHub accepts
	// ten minutes at most. jwtBack makes it begin in the past, for clocks that
	// differ.
	jwtLife, jwtBack = 8 * time.Minute, time.Minute
	// renewBefore is how long before its end a token is replaced: longer than a
	// fetch of a large repository takes.
	renewBefore = 15 * time.Minute
)

// app is a GitHub App that is installed where the repositories are.
type app struct {
	AppID          int64  `json:"app_id"`
	InstallationID int64  `json:"installation_id"`
	PrivateKeyFile string `json:"private_key_file"`
	// APIURL is https://api.github.com when "", and https://HOST/api/v3 of a
	// GitHub Enterprise Server.
	APIURL string `json:"api_url"`

	mu      sync.Mutex // held while a token is asked for, so that it is asked for once
	current string     // guarded by mu
	until   time.Time  // guarded by mu
}

// prepare says what is wrong. The key is read again for every token.
func (a *app) prepare(dir string, _ Options) (problems []string) {
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if a.AppID <= 0 || a.InstallationID <= 0 {
		bad("app_id and installation_id are numbers; the app's settings and the URL of its installation show them")
	}
	a.APIURL = strings.TrimRight(cmp.Or(a.APIURL, githubAPI), "/")
	u, err := url.Parse(a.APIURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && place{host: u.Host}.loopback()) {
		bad("api_url %q is not an https URL", a.APIURL)
	}
	if a.PrivateKeyFile == "" {
		bad("private_key_file is missing")
		return problems
	}
	if !filepath.IsAbs(a.PrivateKeyFile) {
		a.PrivateKeyFile = filepath.Join(dir, a.PrivateKeyFile)
	}
	if _, err := a.key(); err != nil {
		bad("%v", err)
	}
	return problems
}

func (a *app) about() string {
	return fmt.Sprintf("GitHub App %d, installation %d", a.AppID, a.InstallationID)
}

// key reads the private key.
func (a *app) key() (*rsa.PrivateKey, error) {
	text, err := os.ReadFile(a.PrivateKeyFile)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s is no PEM file", a.PrivateKeyFile)
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		if key, ok := key.(*rsa.PrivateKey); ok {
			return key, nil
		}
	}
	return nil, fmt.Errorf("%s holds no RSA private key", a.PrivateKeyFile)
}

// token returns a token of the installation that is good for a while.
func (a *app) token(ctx context.Context, o Options) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current != "" && o.Now().Before(a.until.Add(-renewBefore)) {
		return a.current, nil
	}
	token, until, err := a.ask(ctx, o)
	if err != nil {
		// GitHub may be away for a moment, and the old token be good still.
		if a.current != "" && o.Now().Before(a.until) && fairway.Retryable(err) {
			return a.current, nil
		}
		return "", err
	}
	a.current, a.until = token, until
	return token, nil
}

// forget drops a token that was refused, unless another one has taken its place.
// It reports whether another one may be had.
func (a *app) forget(token string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current == token {
		a.current = ""
	}
	return true
}

// ask gets a new token from GitHub.
func (a *app) ask(ctx context.Context, o Options) (string, time.Time, error) {
	key, err := a.key()
	if err != nil {
		return "", time.Time{}, fairway.Errorf(fairway.CodeUnavailable, "%s: %w", a.about(), err).WithHint("put the app's private key there")
	}
	signed, err := a.signed(key, o.Now())
	if err != nil {
		return "", time.Time{}, err
	}
	address := fmt.Sprintf("%s/app/installations/%d/access_tokens", a.APIURL, a.InstallationID)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, http.NoBody)
	if err != nil {
		return "", time.Time{}, err
	}
	request.Header.Set("Authorization", "Bearer "+signed)
	request.Header.Set("Accept", "application/vnd.github+json")
	request.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	answer, err := o.HTTP.Do(request)
	if err != nil {
		return "", time.Time{}, fairway.Errorf(fairway.CodeUnavailable, "%s: ask for a token: %w", a.about(), err).WithHint("is %s reachable from here?", a.APIURL)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return "", time.Time{}, fairway.Errorf(fairway.CodeUnavailable, "%s: read the token: %w", a.about(), err)
	}
	if answer.StatusCode != http.StatusCreated {
		return "", time.Time{}, a.refused(answer.StatusCode, body)
	}
	var got struct {
		Token     string    `json:"token"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	if err := json.Unmarshal(body, &got); err != nil || got.Token == "" {
		return "", time.Time{}, fairway.Errorf(fairway.CodeUnavailable, "%s: %s answered something else than a token", a.about(), a.APIURL).WithHint("check api_url")
	}
	return got.Token, got.ExpiresAt, nil
}

// signed is the JSON Web Token by which the app proves who it is.
func (a *app) signed(key *rsa.PrivateKey, now time.Time) (string, error) {
	claims := fmt.Sprintf(`{"iat":%d,"exp":%d,"iss":"%s"}`, now.Add(-jwtBack).Unix(), now.Add(jwtLife).Unix(), strconv.FormatInt(a.AppID, 10))
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode([]byte(claims))
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("%s: sign: %w", a.about(), err)
	}
	return text + "." + encode(signature), nil
}

// refused explains an answer of GitHub.
func (a *app) refused(status int, body []byte) error {
	var said struct {
		Message string `json:"message"`
	}
	_ = json.Unmarshal(body, &said) // it may be a page of a proxy
	message := cmp.Or(said.Message, string(bytes.TrimSpace(body[:min(len(body), 100)])), http.StatusText(status))
	err := fairway.Errorf(fairway.CodeUnavailable, "%s: ask for a token: %d: %w", a.about(), status, errors.New(message))
	switch status {
	case http.StatusUnauthorized:
		return err.WithHint("is app_id that of the key %s, is the key not revoked, and is this machine's clock right?", a.PrivateKeyFile)
	case http.StatusForbidden:
		return err.WithHint("the installation is suspended, or asks too often; the settings of the organisation show it")
	case http.StatusNotFound:
		return err.WithHint("installation_id is none of this app; the URL of the installation's settings ends in it")
	}
	return err.WithHint("it is tried again at the next refresh")
}
