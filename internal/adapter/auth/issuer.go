package auth

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/fairwayhq/fairway"
)

const (
	// leeway is how far the clocks of issuer and server may differ, in both
	// directions: five minutes is what identity providers grant each other.
	leeway = 5 * time.Minute
	// fetchEvery is how often an issuer's documents are fetched at most. Tokens
	// with invented key ids would otherwise make a request to the issuer each.
	fetchEvery = 5 * time.Second
	// fetchTimeout ends one request to an issuer.
	fetchTimeout = 10 * time.Second
	// mostKeys bounds the documents of an issuer, in bytes.
	mostKeys = 1 << 20
)

// issuer verifies the tokens of one issuer.
type issuer struct {
	Issuer
	now fairway.Clock
	// client fetches documents, and sparingly; direct sends everything else.
	client, direct *http.Client

	mu       sync.Mutex // guards verifier and login
	verifier *oidc.IDTokenVerifier
	login    *oauth2.Config
}

func newIssuer(is Issuer, now fairway.Clock) (*issuer, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if is.CAFile != "" {
		pem, err := os.ReadFile(is.CAFile)
		if err != nil {
			return nil, fairway.Errorf(fairway.CodeInvalid, "read the CA file of issuer %s: %w", is.URL, err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fairway.Errorf(fairway.CodeInvalid, "the CA file %s of issuer %s holds no certificate", is.CAFile, is.URL)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	if is.ClientSecretFile != "" {
		if _, err := is.secret(); err != nil {
			return nil, err
		}
	}
	return &issuer{Issuer: is, now: now,
		client: &http.Client{Timeout: fetchTimeout, Transport: &sparing{next: transport, now: now, kept: map[string]kept{}}},
		// What is sent there holds secrets: not to where a redirect points.
		direct: &http.Client{Timeout: fetchTimeout, Transport: transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// verify returns subject and claims of a token that is what it says, and made
// for one of the audiences.
func (is *issuer) verify(ctx context.Context, token string, audiences []string) (string, map[string]any, error) {
	verifier, err := is.ready(ctx)
	if err != nil {
		return "", nil, err
	}
	id, err := verifier.Verify(oidc.ClientContext(ctx, is.client), token)
	if err != nil {
		if strings.Contains(err.Error(), "fetching keys") {
			return "", nil, is.unavailable(err)
		}
		return "", nil, refused("the bearer token of %s is not valid: %w", is.URL, err)
	}
	if !slices.ContainsFunc(id.Audience, func(a string) bool { return slices.Contains(audiences, a) }) {
		return "", nil, refused("the bearer token is for audience %q, not for %q", id.Audience, audiences)
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return "", nil, refused("the claims of the bearer token: %w", err)
	}
	now := is.now()
	switch {
	case id.Subject == "":
		return "", nil, refused("the bearer token names no subject")
	case id.Expiry.IsZero() || now.After(id.Expiry.Add(leeway)):
		return "", nil, refused("the bearer token expired at %s; it is %s here", id.Expiry.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	case id.IssuedAt.After(now.Add(leeway)), notBefore(claims).After(now.Add(leeway)):
		return "", nil, refused("the bearer token is valid only later; it is %s here", now.UTC().Format(time.RFC3339))
	}
	return id.Subject, claims, nil
}

func notBefore(claims map[string]any) time.Time {
	seconds, ok := claims["nbf"].(float64)
	if !ok {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0)
}

// ready returns the verifier, and finds the issuer's keys first if need be: at
// start the issuer may be out of reach.
func (is *issuer) ready(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	is.mu.Lock()
	defer is.mu.Unlock()
	if is.verifier != nil {
		return is.verifier, nil
	}
	keys := is.JWKS
	if keys == "" {
		provider, err := oidc.NewProvider(oidc.ClientContext(ctx, is.client), is.URL)
		if err != nil {
			return nil, is.unavailable(err)
		}
		var found struct {
			JWKS string `json:"jwks_uri"`
		}
		if err := provider.Claims(&found); err != nil || found.JWKS == "" {
			return nil, is.unavailable(fmt.Errorf("its discovery document names no jwks_uri"))
		}
		keys = found.JWKS
	}
	algs := is.Algorithms
	if len(algs) == 0 {
		algs = []string{oidc.RS256, oidc.ES256}
	}
	// Audience and times are checked here: the library knows one audience only,
	// and no leeway for expiry. The key set keeps its context for its whole life.
	is.verifier = oidc.NewVerifier(is.URL, oidc.NewRemoteKeySet(oidc.ClientContext(context.Background(), is.client), keys),
		&oidc.Config{SkipClientIDCheck: true, SkipExpiryCheck: true, SupportedSigningAlgs: algs})
	return is.verifier, nil
}

func (is *issuer) unavailable(err error) error {
	return fairway.Errorf(fairway.CodeUnavailable, "the keys of issuer %s cannot be had: %w", is.URL, err).
		WithHint("try again; if it lasts, see whether the server reaches %s", is.URL)
}

// display returns what people call the caller.
func (is *issuer) display(claims map[string]any) string {
	for _, claim := range []string{is.DisplayClaim, "email", "sub"} {
		if text, ok := claims[claim].(string); ok && text != "" {
			return text
		}
	}
	return ""
}

// sparing answers from what it fetched a moment ago.
type sparing struct {
	next http.RoundTripper
	now  fairway.Clock

	mu   sync.Mutex // guards kept
	kept map[string]kept
}

type kept struct {
	at     time.Time
	status int
	header http.Header
	body   []byte
}

// RoundTrip implements http.RoundTripper.
func (s *sparing) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	url := r.URL.String()
	k, known := s.kept[url]
	if age := s.now().Sub(k.at); !known || age < 0 || age >= fetchEvery {
		response, err := s.next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(io.LimitReader(response.Body, mostKeys))
		if err != nil {
			return nil, err
		}
		k = kept{at: s.now(), status: response.StatusCode, header: response.Header, body: body}
		s.kept[url] = k
	}
	return &http.Response{StatusCode: k.status, Status: http.StatusText(k.status), Proto: r.Proto, ProtoMajor: 1, ProtoMinor: 1,
		Header: k.header.Clone(), Body: io.NopCloser(bytes.NewReader(k.body)), ContentLength: int64(len(k.body)), Request: r}, nil
}
