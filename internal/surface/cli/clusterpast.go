package cli

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/surface/client"
)

// historyPage is how many changes are asked for at once.
const historyPage = 200

func (e *env) clusterHistory() *cobra.Command {
	var limit int
	var all bool
	c := e.asks(&cobra.Command{
		Use:   "history CLUSTER",
		Short: "Show what was changed on a cluster: when, by whom and why",
		Long: `Lists the changes of a cluster, newest first. What the manager reports of its status is left out unless --all is given. A cluster
that is gone is named by its id.`,
		Example: `  fairway cluster history beta-1
  fairway cluster history beta-1 --all --limit 500 -o json
  fairway cluster diff beta-1 --from 17 --to 23     what happened between two of them`,
		Args:              exactly("CLUSTER"),
		ValidArgsFunction: e.completeClusters,
	})
	format := output(c, formatsList)
	c.Flags().IntVar(&limit, "limit", 50, "at most so many")
	c.Flags().BoolVar(&all, "all", false, "also what the manager reports of the status")
	c.RunE = func(c *cobra.Command, args []string) error {
		if limit < 1 || limit > 10000 {
			return usagef("for example --limit 20", "--limit %d is not between 1 and 10000", limit)
		}
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		found, left, err := history(c.Context(), api, args[0], limit, all)
		if err != nil {
			return err
		}
		if err := list(f, e.Stdout, found, func(wide bool) *table { return e.changeTable(found, wide, false) }); err != nil {
			return err
		}
		if left > 0 {
			e.say("%s of the manager are not shown; --all shows them", plural(left, "report"))
		}
		return nil
	}
	return c
}

// history returns the newest changes of a cluster, and how many reports of the
// manager among them were left out.
func history(ctx context.Context, api *client.Client, cluster string, limit int, all bool) (found []fairway.Change, left int, err error) {
	for before := int64(0); ; {
		page, err := api.History(ctx, cluster, before, historyPage)
		if err != nil {
			return nil, 0, err
		}
		for _, one := range page {
			if !all && isReport(one) {
				left++
				continue
			}
			if found = append(found, one); len(found) == limit {
				return found, left, nil
			}
		}
		if len(page) < historyPage {
			return found, left, nil
		}
		before = page[len(page)-1].Seq
	}
}

// isReport reports whether a change is only the manager's word on the status.
func isReport(c fairway.Change) bool {
	if c.Event != fairway.ChangeUpdated || len(c.Before)+len(c.After) == 0 {
		return false
	}
	for _, side := range []map[string]any{c.Before, c.After} {
		for pointer := range side {
			if !strings.HasPrefix(pointer, "/status") {
				return false
			}
		}
	}
	return true
}

// changeTable shows entries of the record; objects says of what they are.
func (e *env) changeTable(all []fairway.Change, wide, objects bool) *table {
	t := &table{header: []string{"SEQ", "AGE", "WHO", "EVENT"}, width: e.Width, empty: "no changes"}
	if objects {
		t.header = append(t.header, "OBJECT")
	}
	t.header = append(t.header, "WHAT", "REASON")
	if wide {
		t.header = append(t.header, "AT", "FROM")
		t.width = 0
	}
	for _, c := range all {
		who := c.Display
		if who == "" {
			who = c.Who
		}
		row := []string{fmt.Sprint(c.Seq), age(e.Now(), c.At), who, string(c.Event)}
		if objects {
			row = append(row, strings.TrimSuffix(c.Kind+" "+c.ID, " "))
		}
		row = append(row, dash(whatChanged(c, wide)), dash(c.Reason))
		if wide {
			row = append(row, c.At.UTC().Format(time.RFC3339), dash(c.From))
		}
		t.add(row...)
	}
	return t
}

// whatChanged says in a line what a change did.
func whatChanged(c fairway.Change, wide bool) string {
	if c.Event == fairway.ChangeCreated || c.Event == fairway.ChangeDeleted {
		return ""
	}
	names := map[string]any{}
	maps.Copy(names, c.Before)
	maps.Copy(names, c.After)
	var words []string
	for _, pointer := range slices.Sorted(maps.Keys(names)) {
		was, hadIt := c.Before[pointer]
		is, hasIt := c.After[pointer]
		name := pointerName(pointer)
		switch {
		case !hasIt:
			words = append(words, "-"+name)
		case !hadIt:
			words = append(words, name+"="+shorten(valueText(is), 40))
		default:
			words = append(words, name+"="+shorten(valueText(was), 40)+"->"+shorten(valueText(is), 40))
		}
	}
	if more := len(words) - 3; more > 0 && !wide {
		words = append(words[:3], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, ", ")
}

func (e *env) clusterDiff() *cobra.Command {
	var from, to int64
	var status, exitCode bool
	c := e.asks(&cobra.Command{
		Use:   "diff CLUSTER",
		Short: "Show how a cluster differs between two of its versions",
		Long: `Compares two versions of a cluster's entry, each named by the number of a change (` + "`fairway cluster history`" + `). Without --to the newer
one is what stands there now, without --from the older one is what stood there before the newest change that people made.`,
		Example: `  fairway cluster diff beta-1                       the newest change
  fairway cluster diff beta-1 --from 17             everything since change 17
  fairway cluster diff beta-1 --from 17 --to 23`,
		Args:              exactly("CLUSTER"),
		ValidArgsFunction: e.completeClusters,
	})
	format := output(c, formatsOne)
	c.Flags().Int64Var(&from, "from", 0, "number of the change after which the older version stood")
	c.Flags().Int64Var(&to, "to", 0, "number of the change after which the newer version stood")
	c.Flags().BoolVar(&status, "status", false, "also compare what the manager has reported")
	c.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 4 when there is a difference")
	c.RunE = func(c *cobra.Command, args []string) error {
		if from < 0 || to < 0 {
			return usagef("`fairway cluster history` shows the numbers", "the number of a change is at least 1")
		}
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		d, err := e.differ(c.Context(), api, args[0], from, to, status)
		if err != nil {
			return err
		}
		if f.name == "json" || f.name == "yaml" {
			err = f.print(e.Stdout, d, nil)
		} else {
			err = e.diffTo(e.Stdout, "", d.Before, d.After)
		}
		if err != nil {
			return err
		}
		if len(d.Before)+len(d.After) == 0 {
			e.say("no difference")
			return nil
		}
		return changed(exitCode)
	}
	return c
}

// differ compares two versions of a cluster; 0 is the standard one.
func (e *env) differ(ctx context.Context, api *client.Client, name string, from, to int64, status bool) (*client.Difference, error) {
	if from == 0 {
		newest, err := newestChange(ctx, api, name, to)
		if err != nil {
			return nil, err
		}
		if newest.Event == fairway.ChangeCreated {
			after := maps.Clone(newest.After)
			maps.DeleteFunc(after, func(pointer string, _ any) bool { return strings.HasPrefix(pointer, "/status") && !status })
			return &client.Difference{Before: map[string]any{}, After: after}, nil
		}
		from = newest.Seq - 1
		if to == 0 {
			to = newest.Seq
		}
	}
	older, err := api.ClusterAt(ctx, name, from)
	if err != nil {
		return nil, err
	}
	var newer *fairway.Cluster
	if to == 0 {
		newer, err = entry(ctx, api, name)
	} else {
		newer, err = api.ClusterAt(ctx, name, to)
	}
	if err != nil {
		return nil, err
	}
	d := &client.Difference{}
	if status {
		d.Before, d.After = fairway.Diff(older, newer)
		return d, nil
	}
	d.Before, d.After = fairway.Diff(decided(older), decided(newer))
	return d, nil
}

// newestChange returns the newest change that is no report of the manager, up
// to a number; 0 means the newest of all.
func newestChange(ctx context.Context, api *client.Client, name string, upTo int64) (*fairway.Change, error) {
	before := int64(0)
	if upTo > 0 {
		before = upTo + 1
	}
	for {
		page, err := api.History(ctx, name, before, historyPage)
		if err != nil {
			return nil, err
		}
		for _, one := range page {
			if isChange(one) && !isReport(one) {
				return &one, nil
			}
		}
		if len(page) < historyPage {
			return nil, fairway.Errorf(fairway.CodeNotFound, "cluster %q has no changes up to that number", name).
				WithHint("`fairway cluster history %s` shows them", name)
		}
		before = page[len(page)-1].Seq
	}
}

// isChange reports whether an entry of the record changed its object.
func isChange(c fairway.Change) bool {
	return c.Event == fairway.ChangeCreated || c.Event == fairway.ChangeUpdated || c.Event == fairway.ChangeDeleted
}

func (e *env) clusterRestore() *cobra.Command {
	var to int64
	var dryRun bool
	var reason string
	c := e.asks(&cobra.Command{
		Use:   "restore CLUSTER --to SEQ",
		Short: "Make a cluster's entry what it was after a change",
		Long: `Makes fields, config items and node pools of a cluster what they were after the change with that number. Its id, status and
lifecycle_status stay. The restoration is a change like any other, and can be taken back in the same way.`,
		Example: `  fairway cluster history beta-1
  fairway cluster restore beta-1 --to 17 --dry-run
  fairway cluster restore beta-1 --to 17 --reason "the new image does not boot"`,
		Args:              exactly("CLUSTER"),
		ValidArgsFunction: e.completeClusters,
	})
	format := output(c, formatsOne)
	c.Flags().Int64Var(&to, "to", 0, "number of the change after which the cluster was as it shall be")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "only print what would change")
	because(c, &reason)
	c.RunE = func(c *cobra.Command, args []string) error {
		if to < 1 {
			return usagef("`fairway cluster history "+args[0]+"` shows the numbers", "--to SEQ is missing")
		}
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		out, err := restore(c.Context(), api.WithReason(reason), args[0], to, dryRun)
		if err != nil {
			return err
		}
		return e.report(f, out)
	}
	return c
}

// restore restores a cluster. When somebody writes meanwhile it is looked at
// again, and goes on only if the restoration still changes the same: the
// manager reports the status at any time.
func restore(ctx context.Context, api *client.Client, name string, to int64, dryRun bool) (changes, error) {
	var first *client.Difference
	for n := 1; ; n++ {
		before, err := entry(ctx, api, name)
		if err != nil {
			return changes{}, err
		}
		d, err := api.Restore(ctx, before.ID, before.ETag, to, true)
		if err == nil {
			out := changes{Kind: fairway.KindCluster, ID: before.ID, DryRun: dryRun, Event: fairway.ChangeUpdated, Before: d.Before, After: d.After}
			switch {
			case out.none():
				out.Event = ""
				return out, nil
			case dryRun:
				return out, nil
			case first != nil && !reflect.DeepEqual(first, d):
				return out, fairway.Errorf(fairway.CodePrecondition, "cluster %s was changed by somebody else meanwhile", before.ID).
					WithHint("`fairway cluster history %s` shows by whom; then try again", name)
			}
			first = d
			if _, err = api.Restore(ctx, before.ID, before.ETag, to, false); err == nil {
				return out, nil
			}
		}
		if fairway.ErrorCode(err) != fairway.CodePrecondition || n == lost {
			return changes{}, err
		}
	}
}
