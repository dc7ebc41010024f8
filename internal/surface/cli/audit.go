package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/surface/client"
)

// audit is `fairway audit`.
func (e *env) audit() *cobra.Command {
	return group(&cobra.Command{Use: "audit", Short: "Read the record of all changes and denials, and check that it is whole"},
		e.auditList(), e.auditVerify())
}

func (e *env) auditList() *cobra.Command {
	var filter client.AuditFilter
	var since, until string
	c := e.asks(&cobra.Command{
		Use:   "list",
		Short: "List who did what and why, newest first",
		Long:  "Lists entries of the record, newest first. Reading it needs the role admin for the whole fleet.",
		Example: `  fairway audit list --since 24h
  fairway audit list --event denied -o wide
  fairway audit list --kind cluster --id local:demo:eu:beta-1 --since 2026-03-01T00:00:00Z -o json`,
		Args: exactly(),
	})
	format := output(c, formatsList)
	f := c.Flags()
	f.StringVar(&filter.Kind, "kind", "", "only changes of this kind of object: cluster, account or registry (a file in git)")
	f.StringVar(&filter.ID, "id", "", "only changes of the object with this id")
	f.StringVar(&filter.Who, "who", "", "only what this caller did, by full name such as token:NAME")
	f.StringVar(&filter.Event, "event", "", "only created, updated, deleted, denied, warned, ...")
	f.StringVar(&since, "since", "", "only from this time on: RFC 3339, or an age such as 24h")
	f.StringVar(&until, "until", "", "only until this time: RFC 3339, or an age")
	f.Int64Var(&filter.Before, "before", 0, "only entries with a smaller number")
	f.IntVar(&filter.Limit, "limit", 100, "at most so many")
	c.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions([]string{fairway.KindCluster, fairway.KindAccount, fairway.KindRegistry, fairway.KindSession}, cobra.ShellCompDirectiveNoFileComp))
	c.RegisterFlagCompletionFunc("event", cobra.FixedCompletions(auditEvents(), cobra.ShellCompDirectiveNoFileComp))
	c.RegisterFlagCompletionFunc("id", func(c *cobra.Command, _ []string, start string) ([]string, cobra.ShellCompDirective) {
		return e.completeField(func(c fairway.Cluster) string { return c.ID })(c, nil, start)
	})
	c.RunE = func(c *cobra.Command, _ []string) error {
		if filter.Limit < 1 || filter.Limit > 10000 {
			return usagef("for example --limit 20", "--limit %d is not between 1 and 10000", filter.Limit)
		}
		var err error
		if filter.Since, err = e.moment("--since", since); err != nil {
			return err
		}
		if filter.Until, err = e.moment("--until", until); err != nil {
			return err
		}
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		all, err := api.Audit(c.Context(), filter)
		if err != nil {
			return err
		}
		return list(f, e.Stdout, all, func(wide bool) *table { return e.changeTable(all, wide, true) })
	}
	return c
}

func auditEvents() []string {
	return []string{string(fairway.ChangeCreated), string(fairway.ChangeUpdated), string(fairway.ChangeDeleted), string(fairway.ChangeDenied), string(fairway.ChangeWarned),
		string(fairway.ChangeAsked), string(fairway.ChangeApproved), string(fairway.ChangeWithdrawn), string(fairway.ChangeLoggedIn), string(fairway.ChangeLoggedOut), string(fairway.ChangeDriftRepaired),
		string(fairway.ChangePlanApproved)}
}

// moment reads a time, or an age; "" is none.
func (e *env) moment(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if age, err := time.ParseDuration(text); err == nil && age >= 0 {
		return e.Now().Add(-age), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, usagef("for example "+flag+" 24h, or "+flag+" 2026-03-01T00:00:00Z", "%s %q is neither a time nor an age", flag, text)
	}
	return at, nil
}

func (e *env) auditVerify() *cobra.Command {
	c := e.asks(&cobra.Command{
		Use:   "verify",
		Short: "Check that no entry of the record was altered, removed or put in between",
		Long: `Lets the server read the whole record and check that each entry follows from the one before by its hash. Exit code 1 when one does not.
It needs the role admin for the whole fleet.`,
		Example: "  fairway audit verify",
		Args:    exactly(),
	})
	format := output(c, formatsOne)
	c.RunE = func(c *cobra.Command, _ []string) error {
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		v, err := api.VerifyAudit(c.Context())
		if err != nil {
			return err
		}
		if err := f.print(e.Stdout, v, func(bool) *table {
			t := &table{width: e.Width}
			t.add("entries that follow from each other", fmt.Sprint(v.Entries))
			t.add("the record is whole", map[bool]string{true: "yes", false: "no"}[v.Whole])
			t.add("problem", dash(v.Problem))
			return t
		}); err != nil {
			return err
		}
		if !v.Whole {
			return fairway.Errorf(fairway.CodeConflict, "the record of changes was tampered with, or is damaged: %s", v.Problem).
				WithHint("keep the database as it is, and compare it with a backup")
		}
		return nil
	}
	return c
}
