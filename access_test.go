package fairway

import (
	"strings"
	"testing"
)

func TestAuthorize(t *testing.T) {
	t.Parallel()
	prod := Place{Account: "aws:1", Environment: "production", Channel: "beta"}
	with := func(grants ...Grant) Principal { return Principal{Name: "token:ci", Grants: grants} }
	for name, c := range map[string]struct {
		who   Principal
		deed  Deed
		where Place
		want  string // "" is allowed, else a part of the refusal
	}{
		"nobody reads nothing":              {Principal{}, DeedRead, prod, "has no role"},
		"a viewer reads":                    {with(Grant{Role: RoleViewer}), DeedRead, prod, ""},
		"a viewer does not write":           {with(Grant{Role: RoleViewer}), DeedWrite, prod, "is only viewer"},
		"an agent reports":                  {with(Grant{Role: RoleAgent}), DeedReport, prod, ""},
		"an agent does not write":           {with(Grant{Role: RoleAgent}), DeedWrite, prod, "is only agent"},
		"an operator steers":                {with(Grant{Role: RoleOperator}), DeedSteer, prod, ""},
		"an operator does not approve":      {with(Grant{Role: RoleOperator}), DeedApprove, prod, "may not approve in account aws:1"},
		"an operator reads no audit":        {with(Grant{Role: RoleOperator}), DeedReadAudit, Place{}, "may not read-audit"},
		"an admin deletes":                  {with(Grant{Role: RoleAdmin}), DeedDelete, prod, ""},
		"an unknown role is none":           {with(Grant{Role: "root"}), DeedRead, prod, "is only root"},
		"inside the channel":                {with(Grant{Role: RoleOperator, Channels: []string{"beta"}}), DeedWrite, prod, ""},
		"outside the channel":               {with(Grant{Role: RoleOperator, Channels: []string{"dev"}}), DeedWrite, prod, "operator elsewhere"},
		"all limits of a grant count":       {with(Grant{Role: RoleOperator, Channels: []string{"beta"}, Environments: []string{"test"}}), DeedWrite, prod, "operator elsewhere"},
		"limits are not mixed over grants":  {with(Grant{Role: RoleViewer}, Grant{Role: RoleOperator, Accounts: []string{"aws:2"}}), DeedWrite, prod, "operator elsewhere and viewer"},
		"a limited grant covers no nowhere": {with(Grant{Role: RoleAdmin, Accounts: []string{"aws:1"}}), DeedAccount, Place{}, "admin elsewhere"},
		"one of two grants is enough":       {with(Grant{Role: RoleOperator, Accounts: []string{"aws:2"}}, Grant{Role: RoleAdmin, Accounts: []string{"aws:1"}}), DeedWrite, prod, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := Authorize(c.who, c.deed, c.where)
			switch {
			case c.want == "" && err != nil:
				t.Fatal(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Fatalf("got %v, want a refusal with %q", err, c.want)
			case c.want != "" && ErrorCode(err) != CodeForbidden:
				t.Fatalf("code %s", ErrorCode(err))
			}
		})
	}
}

// TestAuthorizeMoreIsMore: a role allows everything that the viewer may, and
// an admin everything that anybody may.
func TestAuthorizeMoreIsMore(t *testing.T) {
	t.Parallel()
	all := []Deed{DeedRead, DeedReport, DeedWrite, DeedSteer, DeedApprove, DeedDelete, DeedAccount, DeedReadAudit}
	for i, role := range Roles {
		for _, deed := range all {
			allowed := Authorize(Principal{Name: "p", Grants: []Grant{{Role: role}}}, deed, Place{}) == nil
			if i > 0 && !allowed && Authorize(Principal{Name: "p", Grants: []Grant{{Role: Roles[i-1]}}}, deed, Place{}) == nil {
				t.Errorf("%s may not %s although %s may", role, deed, Roles[i-1])
			}
			if role == RoleAdmin && !allowed {
				t.Errorf("an admin may not %s", deed)
			}
		}
	}
}
