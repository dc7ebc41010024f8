package auth

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"sigs.k8s.io/yaml"

	"github.com/fairwayhq/fairway"
)

// Access is the content of the file that --access names: whose tokens are
// believed, and which claims give which role.
type Access struct {
	Issuers  []Issuer  `json:"issuers"`
	Bindings []Binding `json:"bindings"`
	// PublicURL is where browsers find the server, as https://HOST, when that is
	// not what the server itself is asked for, behind a proxy; "" means it is.
	PublicURL string `json:"public_url,omitempty"`
}

// Issuer is an OpenID Connect issuer.
type Issuer struct {
	// URL is the issuer as its tokens name it.
	URL string `json:"url"`
	// Audiences are those for one of which a token must be made; at least one.
	Audiences []string `json:"audiences"`
	// JWKS is where its keys lie; "" asks its discovery document.
	JWKS string `json:"jwks,omitempty"`
	// CAFile holds the certificates that its server is verified with; "" means
	// the system's.
	CAFile string `json:"ca_file,omitempty"`
	// Algorithms are those that its tokens may be signed with; empty means
	// RS256 and ES256. "none" and symmetric ones are refused.
	Algorithms []string `json:"algorithms,omitempty"`
	// DisplayClaim names callers for people; "" means email, else sub.
	DisplayClaim string `json:"display_claim,omitempty"`
	// ClientID is the server's own name at the issuer. With one, people can log
	// in with the issuer in a browser; "" means that they cannot.
	ClientID string `json:"client_id,omitempty"`
	// ClientSecretFile holds the secret that goes with it; "" means that the
	// server is a public client. It is read at every login.
	ClientSecretFile string `json:"client_secret_file,omitempty"`
	// Scopes are asked for at login; empty means openid, email and profile.
	Scopes []string `json:"scopes,omitempty"`
}

// Binding gives a role to callers with certain claims.
type Binding struct {
	Role fairway.Role `json:"role"`
	// Issuer limits the binding to the tokens of one issuer. It may be left out
	// when there is only one.
	Issuer string `json:"issuer,omitempty"`
	// Claims must all be so in the token: a text (or number or boolean) equal
	// to the value, or a list that holds it. At least one is needed.
	Claims map[string]string `json:"claims"`
	// The part of the fleet; empty is all of it.
	Accounts     []string `json:"accounts,omitempty"`
	Environments []string `json:"environments,omitempty"`
	Channels     []string `json:"channels,omitempty"`
}

// algorithms that a token may be signed with.
var algorithms = []string{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA"}

// ParseAccess reads an access file (YAML or JSON). Unknown fields and
// everything that would never match are errors, all at once.
func ParseAccess(text []byte) (Access, error) {
	var a Access
	if err := yaml.UnmarshalStrict(text, &a); err != nil {
		return Access{}, fairway.Errorf(fairway.CodeInvalid, "parse the access file: %w", err).
			WithHint("it has issuers (url, audiences) and bindings (role, claims); docs/registry.md shows one")
	}
	if problems := a.problems(); len(problems) > 0 {
		return Access{}, fairway.Errorf(fairway.CodeInvalid, "the access file: %s", strings.Join(problems, "; ")).
			WithHint("docs/registry.md shows a complete access file")
	}
	for i := range a.Bindings {
		if a.Bindings[i].Issuer == "" {
			a.Bindings[i].Issuer = a.Issuers[0].URL
		}
	}
	return a, nil
}

func (a Access) problems() []string {
	var out []string
	bad := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if u, err := url.Parse(a.PublicURL); a.PublicURL != "" && (err != nil || u.Host == "" || u.Scheme != "https" && !isLoopback(u) || u.Scheme+"://"+u.Host != a.PublicURL) {
		bad("public_url: %q is not of the form https://HOST, with nothing after it", a.PublicURL)
	}
	var known []string
	for i, is := range a.Issuers {
		where := fmt.Sprintf("issuers[%d]", i)
		if u, err := url.Parse(is.URL); err != nil || u.Host == "" || u.Scheme != "https" && !isLoopback(u) {
			bad("%s: url %q is not an https URL", where, is.URL)
		}
		if slices.Contains(known, is.URL) {
			bad("%s: url %q stands there twice", where, is.URL)
		}
		known = append(known, is.URL)
		if len(is.Audiences) == 0 || slices.Contains(is.Audiences, "") {
			bad("%s: audiences is needed: without it, tokens that were made for others would be believed", where)
		}
		if is.ClientID == "" && (is.ClientSecretFile != "" || len(is.Scopes) > 0) {
			bad("%s: client_id is needed with client_secret_file and scopes", where)
		}
		if len(is.Scopes) > 0 && !slices.Contains(is.Scopes, oidc.ScopeOpenID) {
			bad("%s: scopes need openid: without it, the issuer does not say who logged in", where)
		}
		for _, alg := range is.Algorithms {
			if !slices.Contains(algorithms, alg) {
				bad("%s: algorithm %q is not one of %s", where, alg, strings.Join(algorithms, ", "))
			}
		}
	}
	for i, b := range a.Bindings {
		where := fmt.Sprintf("bindings[%d]", i)
		if !slices.Contains(fairway.Roles, b.Role) {
			bad("%s: role %q is not one of %v", where, b.Role, fairway.Roles)
		}
		if len(b.Claims) == 0 {
			bad("%s: claims is needed: without it, everybody whom the issuer knows would be %s", where, b.Role)
		}
		switch {
		case b.Issuer == "" && len(known) != 1:
			bad("%s: issuer is needed, since there are %d issuers", where, len(known))
		case b.Issuer != "" && !slices.Contains(known, b.Issuer):
			bad("%s: issuer %q is none of the issuers", where, b.Issuer)
		}
	}
	return out
}

// isLoopback allows plain HTTP to this machine, where there is no network to
// listen on.
func isLoopback(u *url.URL) bool {
	return u.Scheme == "http" && slices.Contains([]string{"127.0.0.1", "localhost", "::1"}, u.Hostname())
}

// grants returns what the bindings give to a caller with these claims.
func (a Access) grants(issuer string, claims map[string]any) []fairway.Grant {
	var out []fairway.Grant
	for _, b := range a.Bindings {
		if b.Issuer == issuer && matches(b.Claims, claims) {
			out = append(out, fairway.Grant{Role: b.Role, Accounts: b.Accounts, Environments: b.Environments, Channels: b.Channels})
		}
	}
	return out
}

func matches(wanted map[string]string, claims map[string]any) bool {
	for name, value := range wanted {
		if !holds(claims[name], value) {
			return false
		}
	}
	return len(wanted) > 0
}

// holds reports whether a claim is a value or a list with it.
func holds(claim any, value string) bool {
	switch c := claim.(type) {
	case nil:
		return false
	case string:
		return c == value
	case []any:
		return slices.ContainsFunc(c, func(one any) bool {
			_, nested := one.([]any)
			return !nested && holds(one, value)
		})
	case bool, float64:
		return fmt.Sprint(c) == value
	}
	return false
}
