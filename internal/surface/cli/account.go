package cli

import (
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/nearest"
)

// account is `fairway account`.
func (e *env) account() *cobra.Command {
	return group(&cobra.Command{Use: "account", Aliases: []string{"accounts"}, Short: "Look at infrastructure accounts, and change them"},
		e.accountList(), e.accountShow(), e.accountCreate(), e.accountSet())
}

// accountFields are the fields of an account besides its id, in the order of
// the registry.
var accountFields = []string{"type", "name", "owner", "cost_center", "environment", "criticality_level", "external_id", "lifecycle_status"}

// accountValues are the values of an account, by field.
func accountValues(a *fairway.InfrastructureAccount) map[string]any {
	return map[string]any{"id": a.ID, "type": a.Type, "name": a.Name, "owner": a.Owner, "cost_center": a.CostCenter, "environment": a.Environment,
		"criticality_level": a.CriticalityLevel, "external_id": a.ExternalID, "lifecycle_status": a.LifecycleStatus}
}

func (e *env) accountList() *cobra.Command {
	c := e.asks(&cobra.Command{
		Use:     "list",
		Short:   "List infrastructure accounts",
		Example: "  fairway account list -o wide",
		Args:    exactly(),
	})
	format := output(c, formatsList)
	c.RunE = func(c *cobra.Command, _ []string) error {
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		all, err := api.Accounts(c.Context())
		if err != nil {
			return err
		}
		return list(f, e.Stdout, all, func(wide bool) *table {
			t := &table{header: []string{"ACCOUNT", "NAME", "OWNER", "ENVIRONMENT", "LIFECYCLE"}, width: e.Width, empty: "no accounts"}
			if wide {
				t.header = append(t.header, "TYPE", "EXTERNAL ID", "COST CENTER", "CRITICALITY")
				t.width = 0
			}
			for _, a := range all {
				row := []string{a.ID, a.Name, dash(a.Owner), dash(a.Environment), a.LifecycleStatus}
				if wide {
					row = append(row, a.Type, dash(a.ExternalID), dash(a.CostCenter), fmt.Sprint(a.CriticalityLevel))
				}
				t.add(row...)
			}
			return t
		})
	}
	return c
}

func (e *env) accountShow() *cobra.Command {
	c := e.asks(&cobra.Command{
		Use:               "show ACCOUNT",
		Short:             "Show one infrastructure account",
		Example:           "  fairway account show aws:123456789012",
		Args:              exactly("ACCOUNT"),
		ValidArgsFunction: e.completeAccounts,
	})
	format := output(c, formatsOne)
	c.RunE = func(c *cobra.Command, args []string) error {
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		a, err := api.Account(c.Context(), args[0])
		if err != nil {
			return err
		}
		return f.print(e.Stdout, a, func(wide bool) *table {
			t := &table{width: e.Width}
			if wide {
				t.width = 0
			}
			values := accountValues(a)
			for _, name := range append([]string{"id"}, accountFields...) {
				t.add(name, dash(fmt.Sprint(values[name])))
			}
			return t
		})
	}
	return c
}

// setAccount sets fields of an account.
func setAccount(a *fairway.InfrastructureAccount, all []assignment) error {
	fields := map[string]func(string) error{
		"type": text(&a.Type), "name": text(&a.Name), "owner": text(&a.Owner), "cost_center": text(&a.CostCenter), "environment": text(&a.Environment),
		"external_id": text(&a.ExternalID), "lifecycle_status": text(&a.LifecycleStatus),
		"criticality_level": whole("criticality_level", 32, func(n int64) { a.CriticalityLevel = int32(n) }),
	}
	for _, one := range all {
		set, ok := fields[one.key]
		switch {
		case ok:
			if err := set(one.value); err != nil {
				return err
			}
		case one.key == "id":
			return fairway.Errorf(fairway.CodeInvalid, "the id of an account never changes")
		default:
			err := fairway.Errorf(fairway.CodeInvalid, "unknown field %q", one.key)
			if near := nearest.To(one.key, maps.Keys(fields)); near != "" {
				return err.WithHint("did you mean %q?", near)
			}
			return err.WithHint("fields are %v", accountFields)
		}
	}
	return refuse("account "+a.ID, a.Validate())
}

// accountWrites adds what commands that write an account have.
func (e *env) accountWrites(c *cobra.Command, dryRun *bool, reason *string) func() (format, error) {
	e.asks(c)
	c.Flags().BoolVar(dryRun, "dry-run", false, "only print what would change")
	because(c, reason)
	return output(c, formatsOne)
}

func (e *env) accountCreate() *cobra.Command {
	var dryRun bool
	var reason string
	c := &cobra.Command{
		Use:   "create ACCOUNT [KEY=VALUE...]",
		Short: "Add an infrastructure account",
		Long: `Adds an account. type and external_id are taken from the id, name from it as a whole, and lifecycle_status is ready, unless they are
given.`,
		Example: "  fairway account create aws:123456789012 name=shop owner=team-shop cost_center=4711 environment=production",
		Args:    atLeast(1, "ACCOUNT"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return withEquals(slices.Clone(accountFields)), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		},
	}
	format := e.accountWrites(c, &dryRun, &reason)
	c.RunE = func(c *cobra.Command, args []string) error {
		given, err := e.assignments(args[1:], nil)
		if err != nil {
			return err
		}
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		a := newAccount(args[0])
		if err := setAccount(&a, given); err != nil {
			return err
		}
		if !dryRun {
			if _, err := api.WithReason(reason).CreateAccount(c.Context(), a); err != nil {
				return err
			}
		}
		return e.report(f, accountChanges(nil, &a, dryRun))
	}
	return c
}

// newAccount is an account of which only the id is known.
func newAccount(id string) fairway.InfrastructureAccount {
	a := fairway.InfrastructureAccount{ID: id, Name: id, CriticalityLevel: 1, LifecycleStatus: "ready"}
	for i := range id {
		if id[i] == ':' {
			a.Type, a.ExternalID = id[:i], id[i+1:]
			break
		}
	}
	return a
}

// accountChanges are the differences of two accounts; a nil before is one that
// does not exist yet.
func accountChanges(before, after *fairway.InfrastructureAccount, dryRun bool) changes {
	out := changes{Kind: fairway.KindAccount, ID: after.ID, DryRun: dryRun, Event: fairway.ChangeCreated}
	if before == nil {
		out.Before, out.After = fairway.Diff(nil, after)
		return out
	}
	out.Before, out.After = fairway.Diff(before, after)
	if out.Event = fairway.ChangeUpdated; out.none() {
		out.Event = ""
	}
	return out
}

func (e *env) accountSet() *cobra.Command {
	var dryRun bool
	var reason string
	c := &cobra.Command{
		Use:     "set ACCOUNT KEY=VALUE...",
		Short:   "Set fields of an infrastructure account",
		Example: "  fairway account set aws:123456789012 owner=team-checkout --dry-run",
		Args:    atLeast(2, "ACCOUNT", "KEY=VALUE"),
		ValidArgsFunction: func(c *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return e.completeAccounts(c, args, start)
			}
			return withEquals(slices.Clone(accountFields)), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		},
	}
	format := e.accountWrites(c, &dryRun, &reason)
	c.RunE = func(c *cobra.Command, args []string) error {
		given, err := e.assignments(args[1:], nil)
		if err != nil {
			return err
		}
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		api = api.WithReason(reason)
		before, err := api.Account(c.Context(), args[0])
		if err != nil {
			return err
		}
		after := *before
		if err := setAccount(&after, given); err != nil {
			return err
		}
		out := accountChanges(before, &after, dryRun)
		if !dryRun && !out.none() {
			// Only what differs is sent, so what others change meanwhile stays.
			if _, err := api.PatchAccount(c.Context(), after.ID, "", accountFieldsChanged(before, &after)); err != nil {
				return err
			}
		}
		return e.report(f, out)
	}
	return c
}

// accountFieldsChanged are the fields that a PATCH has to give.
func accountFieldsChanged(before, after *fairway.InfrastructureAccount) map[string]any {
	was, is := accountValues(before), accountValues(after)
	maps.DeleteFunc(is, func(name string, v any) bool { return was[name] == v })
	return is
}
