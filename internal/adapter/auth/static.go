package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
)

// Token is a caller that is known by a fixed secret.
type Token struct {
	// Name says who it is, for people.
	Name string
	Role fairway.Role
	// Secret is what the caller shows; an empty one never matches.
	Secret string
}

// leastSecret is the least number of characters of a secret that is given by
// hand: 16 random letters and digits are 95 bits.
const leastSecret = 16

// ParseToken reads the value of --static-token: NAME=ROLE:TOKEN.
func ParseToken(text string) (Token, error) {
	name, rest, ok := strings.Cut(text, "=")
	role, secret, ok2 := strings.Cut(rest, ":")
	t := Token{Name: name, Role: fairway.Role(role), Secret: secret}
	invalid := func(format string, args ...any) error {
		return fairway.Errorf(fairway.CodeInvalid, format, args...).
			WithHint("give it as NAME=ROLE:TOKEN, for example ci=operator:$(openssl rand -hex 16)")
	}
	switch {
	case !ok || !ok2 || name == "":
		// Not the text itself: it may hold a secret.
		return Token{}, invalid("a static token is not of the form NAME=ROLE:TOKEN")
	case !slices.Contains(fairway.Roles, t.Role):
		return Token{}, invalid("the role %q of static token %s is not one of %v", role, name, fairway.Roles)
	case len(secret) < leastSecret:
		return Token{}, invalid("static token %s has %d characters, fewer than %d", name, len(secret), leastSecret)
	}
	return t, nil
}

// find returns the token that is shown. All are compared, each in constant
// time, so that the time says nothing about any.
func find(tokens []Token, shown string) (found Token, known bool) {
	sum := sha256.Sum256([]byte(shown))
	for _, t := range tokens {
		held := sha256.Sum256([]byte(t.Secret))
		if subtle.ConstantTimeCompare(sum[:], held[:]) == 1 && t.Secret != "" {
			found, known = t, true
		}
	}
	return found, known
}
