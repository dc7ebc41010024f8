package httpapi

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/fairwayhq/fairway"
)

// Token is a caller that is known by a fixed secret.
type Token struct {
	// Name says who it is, for people.
	Name string
	// Role is viewer, operator, admin or agent.
	Role string
	// Token is the secret; an empty one never matches.
	Token string
}

// The roles of a caller.
const (
	RoleViewer   = "viewer"
	RoleOperator = "operator"
	RoleAdmin    = "admin"
	RoleAgent    = "agent"
)

// may decides what a role may do: viewers read, the others write too. Unknown
// roles may nothing.
func may(role, method string) bool {
	switch role {
	case RoleOperator, RoleAdmin, RoleAgent:
		return true
	case RoleViewer:
		return method == http.MethodGet || method == http.MethodHead
	}
	return false
}

// authenticated lets known callers pass that may do what they ask for.
func (a *api) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, known := a.caller(r)
		switch {
		case !known:
			w.Header().Set("WWW-Authenticate", `Bearer realm="fairway"`)
			a.fail(w, r, fairway.Errorf(fairway.CodeUnauthorized, "no valid bearer token").
				WithHint("send `Authorization: Bearer TOKEN`; the server's own token lies in the file that DATA/server.json names"))
		case !may(caller.Role, r.Method):
			a.fail(w, r, fairway.Errorf(fairway.CodeForbidden, "%s may not %s %s as %s", caller.Name, r.Method, r.URL.Path, caller.Role).
				WithHint("use a token with role operator or admin"))
		default:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, caller.Name)))
		}
	})
}

// callerKey is where a request keeps the name of its caller.
type callerKey struct{}

// callerOf returns the name of the caller of a request.
func callerOf(ctx context.Context) string {
	name, _ := ctx.Value(callerKey{}).(string)
	return name
}

// caller finds whose token a request shows. All tokens are compared, each in
// constant time, so that the time says nothing about any.
func (a *api) caller(r *http.Request) (found Token, known bool) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return Token{}, false
	}
	shown := sha256.Sum256([]byte(secret))
	for _, t := range a.Tokens {
		held := sha256.Sum256([]byte(t.Token))
		if subtle.ConstantTimeCompare(shown[:], held[:]) == 1 && t.Token != "" {
			found, known = t, true
		}
	}
	return found, known
}
