package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/fairwayhq/fairway"
)

var _ fairway.LoginProvider = (*Authenticator)(nil)

// LoginIssuers returns the URLs of the issuers that can be logged in with, in
// the order of the access file.
func (a *Authenticator) LoginIssuers() []string {
	var out []string
	for _, is := range a.access.Issuers {
		if is.ClientID != "" {
			out = append(out, is.URL)
		}
	}
	return out
}

// PublicURL returns where browsers find the server; "" when the access file
// does not say.
func (a *Authenticator) PublicURL() string { return a.access.PublicURL }

// AuthURL returns where the browser is sent to.
func (a *Authenticator) AuthURL(ctx context.Context, l fairway.Login) (string, error) {
	_, config, err := a.loginWith(ctx, l)
	if err != nil {
		return "", err
	}
	return config.AuthCodeURL(l.State, oidc.Nonce(l.Nonce), oauth2.S256ChallengeOption(l.Verifier)), nil
}

// Exchange returns who logged in.
func (a *Authenticator) Exchange(ctx context.Context, l fairway.Login, code string) (fairway.Principal, error) {
	is, config, err := a.loginWith(ctx, l)
	if err != nil {
		return fairway.Principal{}, err
	}
	if is.ClientSecretFile != "" {
		if config.ClientSecret, err = is.secret(); err != nil {
			return fairway.Principal{}, fairway.Errorf(fairway.CodeInternal, "log in: %w", err) // for the log, not for the browser
		}
	}
	token, err := config.Exchange(oidc.ClientContext(ctx, is.direct), code, oauth2.VerifierOption(l.Verifier))
	if err != nil {
		return fairway.Principal{}, is.exchangeError(err)
	}
	text, _ := token.Extra("id_token").(string)
	if text == "" || len(text) > longest {
		return fairway.Principal{}, notLoggedIn("issuer %s gave no ID token that can be read", is.URL)
	}
	subject, claims, err := is.verify(ctx, text, []string{is.ClientID})
	if err != nil {
		if fairway.ErrorCode(err) != fairway.CodeUnauthorized {
			return fairway.Principal{}, err
		}
		return fairway.Principal{}, notLoggedIn("log in with %s: %w", is.URL, err)
	}
	if party, named := claims["azp"]; named && party != is.ClientID {
		return fairway.Principal{}, notLoggedIn("the ID token of %s was made for another client", is.URL)
	}
	if l.Nonce == "" || claims["nonce"] != l.Nonce {
		return fairway.Principal{}, notLoggedIn("the ID token of %s is of another login: its nonce differs", is.URL)
	}
	return fairway.Principal{Name: is.URL + "#" + subject, Display: is.display(claims), Grants: a.access.grants(is.URL, claims)}, nil
}

func notLoggedIn(format string, args ...any) error {
	return fairway.Errorf(fairway.CodeUnauthorized, format, args...).WithHint("log in again at /auth/login")
}

// loginWith returns the issuer of a login, and how it is asked.
func (a *Authenticator) loginWith(ctx context.Context, l fairway.Login) (*issuer, oauth2.Config, error) {
	is := a.issuers[l.Issuer]
	if is == nil || is.ClientID == "" {
		return nil, oauth2.Config{}, fairway.Errorf(fairway.CodeInvalid, "nobody can log in with issuer %q here", l.Issuer)
	}
	config, err := is.loginConfig(ctx)
	config.RedirectURL = l.RedirectURL
	return is, config, err
}

// loginConfig returns a copy of how the issuer is asked, and finds it out first
// if need be.
func (is *issuer) loginConfig(ctx context.Context) (oauth2.Config, error) {
	is.mu.Lock()
	defer is.mu.Unlock()
	if is.login != nil {
		return *is.login, nil
	}
	unavailable := func(err error) (oauth2.Config, error) {
		return oauth2.Config{}, fairway.Errorf(fairway.CodeUnavailable, "how to log in with issuer %s cannot be found out: %w", is.URL, err).
			WithHint("try again; if it lasts, see whether the server reaches %s", is.URL)
	}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, is.client), is.URL)
	if err != nil {
		return unavailable(err)
	}
	var found struct {
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := provider.Claims(&found); err != nil {
		return unavailable(err)
	}
	endpoint := provider.Endpoint()
	for _, address := range []string{endpoint.AuthURL, endpoint.TokenURL} {
		if u, err := url.Parse(address); err != nil || u.Host == "" || u.Scheme != "https" && !isLoopback(u) {
			return unavailable(fmt.Errorf("its discovery document names the endpoint %q, which is not an https URL", address))
		}
	}
	// Said here and not tried out by the library: a code is good for one try.
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if is.ClientSecretFile == "" || len(found.Methods) > 0 && !slices.Contains(found.Methods, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	scopes := is.Scopes
	if len(scopes) == 0 {
		scopes = []string{oidc.ScopeOpenID, "email", "profile"}
	}
	is.login = &oauth2.Config{ClientID: is.ClientID, Endpoint: endpoint, Scopes: scopes}
	return *is.login, nil
}

// exchangeError tells a no of the issuer from one that does not answer. Of its
// answer only the code of the error is shown: the rest may hold anything.
func (is *issuer) exchangeError(err error) error {
	var answer *oauth2.RetrieveError
	if errors.As(err, &answer) {
		if answer.Response.StatusCode < http.StatusInternalServerError {
			return notLoggedIn("issuer %s refused the login: status %d, error %q", is.URL, answer.Response.StatusCode, answer.ErrorCode)
		}
		err = fmt.Errorf("status %d", answer.Response.StatusCode)
	}
	return fairway.Errorf(fairway.CodeUnavailable, "exchange the code at issuer %s: %w", is.URL, err).
		WithHint("log in again; if it lasts, see whether the server reaches %s", is.URL)
}

// secret reads the client's secret.
func (is Issuer) secret() (string, error) {
	text, err := os.ReadFile(is.ClientSecretFile)
	if err != nil {
		return "", fairway.Errorf(fairway.CodeInvalid, "read the client secret for issuer %s: %w", is.URL, err)
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" {
		return "", fairway.Errorf(fairway.CodeInvalid, "the client secret file %s for issuer %s is empty", is.ClientSecretFile, is.URL)
	}
	return secret, nil
}
