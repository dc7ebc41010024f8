package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
)

// Options say who is believed.
type Options struct {
	Access Access
	// Tokens are callers that are known by a fixed secret.
	Tokens []Token
	// Now is the time that tokens are judged by; nil means time.Now.
	Now fairway.Clock
}

// Authenticator finds out who calls. It is safe for concurrent use.
type Authenticator struct {
	access  Access
	tokens  []Token
	issuers map[string]*issuer
}

var _ fairway.Authenticator = (*Authenticator)(nil)

// New returns an Authenticator. It reads the CA files, and calls no issuer
// before the first token of it is shown.
func New(o Options) (*Authenticator, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &Authenticator{access: o.Access, tokens: o.Tokens, issuers: map[string]*issuer{}}
	for _, is := range o.Access.Issuers {
		known, err := newIssuer(is, o.Now)
		if err != nil {
			return nil, err
		}
		a.issuers[is.URL] = known
	}
	return a, nil
}

// Static returns an Authenticator that knows these tokens and no issuer.
func Static(tokens ...Token) *Authenticator { return &Authenticator{tokens: tokens} }

// longest is the most characters of a bearer token that is looked at.
const longest = 16 << 10

// Authenticate returns who shows the token.
func (a *Authenticator) Authenticate(ctx context.Context, bearer string) (fairway.Principal, error) {
	switch {
	case bearer == "":
		return fairway.Principal{}, refused("no bearer token")
	case len(bearer) > longest:
		return fairway.Principal{}, refused("the bearer token has more than %d characters", longest)
	}
	if t, known := find(a.tokens, bearer); known {
		return fairway.Principal{Name: "token:" + t.Name, Display: t.Name, Grants: []fairway.Grant{{Role: t.Role}}}, nil
	}
	name, isJWT := issuerOf(bearer)
	if !isJWT {
		return fairway.Principal{}, refused("the bearer token is not known")
	}
	is := a.issuers[name]
	if is == nil {
		return fairway.Principal{}, refused("the bearer token is of an issuer that is not believed here")
	}
	subject, claims, err := is.verify(ctx, bearer, is.Audiences)
	if err != nil {
		return fairway.Principal{}, err
	}
	return fairway.Principal{Name: name + "#" + subject, Display: is.display(claims), Grants: a.access.grants(name, claims)}, nil
}

func refused(format string, args ...any) error {
	return fairway.Errorf(fairway.CodeUnauthorized, format, args...).
		WithHint("send `Authorization: Bearer TOKEN` with a token of one of the server's issuers, or the server's own token from the file that DATA/server.json names")
}

// issuerOf reads which issuer a JWT says it is from. Nothing of it is believed
// but which keys to verify it with.
func issuerOf(token string) (string, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", false
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return "", false
	}
	return claims.Issuer, true
}
