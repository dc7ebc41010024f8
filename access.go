package fairway

import (
	"context"
	"fmt"
	"slices"
)

// Role is what a caller is trusted with.
type Role string

// The roles, from the least to the most.
const (
	// RoleViewer reads the fleet.
	RoleViewer Role = "viewer"
	// RoleAgent is a program that runs clusters, as the ecosystem's lifecycle
	// manager does: it reads, writes the status and lifecycle_status of
	// clusters, and sets config items.
	RoleAgent Role = "agent"
	// RoleOperator changes clusters, and steers updates and rollouts.
	RoleOperator Role = "operator"
	// RoleAdmin does everything: also accounts, deletions, approvals of
	// decommissioning, and reading the audit.
	RoleAdmin Role = "admin"
)

// Roles are all roles.
var Roles = []Role{RoleViewer, RoleAgent, RoleOperator, RoleAdmin}

// Grant gives a role in a part of the fleet. Empty lists mean everywhere, set
// ones are combined with AND.
type Grant struct {
	Role         Role     `json:"role"`
	Accounts     []string `json:"accounts,omitempty"`
	Environments []string `json:"environments,omitempty"`
	Channels     []string `json:"channels,omitempty"`
}

// Principal is who asks. The zero value may nothing.
type Principal struct {
	// Name is unique among all callers: "token:NAME", or the issuer's URL, "#"
	// and the subject.
	Name string
	// Display is what people call them: an email address or a name; "" means Name.
	Display string
	Grants  []Grant
}

// String returns what people call the principal.
func (p Principal) String() string {
	if p.Display != "" {
		return p.Display
	}
	return p.Name
}

// Deed is what a caller wants to do.
type Deed string

// The deeds.
const (
	DeedRead      Deed = "read"
	DeedReport    Deed = "report"  // status and lifecycle_status of a cluster, config items
	DeedWrite     Deed = "write"   // clusters, node pools, config items
	DeedSteer     Deed = "steer"   // updates and rollouts: pause, resume, abort, halt, rotate
	DeedApprove   Deed = "approve" // what somebody else has asked for
	DeedDelete    Deed = "delete"  // a decommissioned cluster
	DeedAccount   Deed = "account" // infrastructure accounts
	DeedReadAudit Deed = "read-audit"
)

// deeds says which deeds a role allows.
var deeds = map[Role][]Deed{
	RoleViewer:   {DeedRead},
	RoleAgent:    {DeedRead, DeedReport},
	RoleOperator: {DeedRead, DeedReport, DeedWrite, DeedSteer},
	RoleAdmin:    {DeedRead, DeedReport, DeedWrite, DeedSteer, DeedApprove, DeedDelete, DeedAccount, DeedReadAudit},
}

// Place is the part of the fleet that something belongs to. Empty fields are
// those that it has none of: a channel's rollout has no account.
type Place struct {
	Account, Environment, Channel string
}

// PlaceOf returns where a cluster belongs.
func PlaceOf(c *Cluster) Place {
	return Place{Account: c.InfrastructureAccount, Environment: c.Environment, Channel: c.Channel}
}

// Authorize is the one function that decides: nil when the principal may do
// that there, else CodeForbidden with what is missing. A grant that is limited
// to some accounts (environments, channels) does not cover what belongs to none.
func Authorize(p Principal, deed Deed, where Place) error {
	var roles []string
	for _, g := range p.Grants {
		if !slices.Contains(deeds[g.Role], deed) {
			roles = append(roles, string(g.Role))
			continue
		}
		if covers(g.Accounts, where.Account) && covers(g.Environments, where.Environment) && covers(g.Channels, where.Channel) {
			return nil
		}
		roles = append(roles, string(g.Role)+" elsewhere")
	}
	slices.Sort(roles)
	have := "has no role"
	if roles = slices.Compact(roles); len(roles) > 0 {
		have = fmt.Sprintf("is only %s", listed(roles))
	}
	return Errorf(CodeForbidden, "%s may not %s%s: %s", p, deed, where.text(), have).
		WithHint("ask an administrator of the registry for the role %s there", least(deed))
}

// MayAnywhere reports whether the principal may do that in any part of the fleet.
func MayAnywhere(p Principal, deed Deed) bool {
	return slices.ContainsFunc(p.Grants, func(g Grant) bool { return slices.Contains(deeds[g.Role], deed) })
}

func covers(list []string, value string) bool {
	return len(list) == 0 || value != "" && slices.Contains(list, value)
}

// least returns the least role that allows a deed.
func least(deed Deed) Role {
	for _, r := range Roles {
		if slices.Contains(deeds[r], deed) {
			return r
		}
	}
	return RoleAdmin
}

func (w Place) text() string {
	text := ""
	for _, part := range []struct{ name, value string }{{"account", w.Account}, {"environment", w.Environment}, {"channel", w.Channel}} {
		if part.value != "" {
			text += fmt.Sprintf(", %s %s", part.name, part.value)
		}
	}
	if text == "" {
		return ""
	}
	return " in" + text[1:]
}

func listed(items []string) string {
	text := items[0]
	for _, i := range items[1:] {
		text += " and " + i
	}
	return text
}

// Authenticator finds out who shows a bearer token. CodeUnauthorized with the
// reason when nobody is known by it, CodeUnavailable when that cannot be told
// now. Implementations are safe for concurrent use.
type Authenticator interface {
	Authenticate(ctx context.Context, bearer string) (Principal, error)
}

// LoginProvider lets people log in with a browser, by the authorization code
// flow with PKCE. Implementations are safe for concurrent use.
type LoginProvider interface {
	// LoginIssuers returns the URLs of the issuers that can be logged in with.
	LoginIssuers() []string
	// AuthURL returns where the browser is sent to. CodeUnavailable when the
	// issuer cannot be asked now.
	AuthURL(ctx context.Context, l Login) (string, error)
	// Exchange returns who logged in, for the code that the browser came back
	// with. CodeUnauthorized when the issuer or its answer says no,
	// CodeUnavailable when that cannot be told now.
	Exchange(ctx context.Context, l Login, code string) (Principal, error)
}

// Login is one attempt of somebody to log in. All fields are needed.
type Login struct {
	// Issuer is the URL of the issuer.
	Issuer string
	// RedirectURL is where the issuer sends the browser back to.
	RedirectURL string
	// State, Nonce and Verifier are made for this attempt and hard to guess: the
	// browser, the ID token and the exchange must each show theirs.
	State, Nonce, Verifier string
}
