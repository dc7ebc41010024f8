package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/registryfile"
	"github.com/fairwayhq/fairway/internal/surface/client"
)

func (e *env) registryImport() *cobra.Command {
	var defaults registryfile.Defaults
	var yes, dryRun, exitCode, deletePools bool
	var reason string
	c := e.asks(&cobra.Command{
		Use:   "import FILE",
		Short: "Bring a clusters.yaml into the registry of a server",
		Long: `Reads a registry file, prints what it would change on the server, and does that after a question. Clusters and accounts that the file does
not have stay as they are; node pools too, unless --delete-pools is given. status and lifecycle_status of clusters that exist are the
manager's and are never written; fields that an entry leaves out keep their values. Each cluster is only changed if it still is what
the plan was made from, so running it again goes on where it ended.`,
		Example: `  fairway registry import clusters.yaml --dry-run --exit-code
  fairway registry import clusters.yaml --yes --reason "import of the old registry"
  fairway registry export --server http://old:8080 | fairway registry import - --yes`,
		Args: exactly("FILE"),
	})
	defaultsFlags(c, &defaults)
	format := output(c, formatsList)
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "only print the plan")
	c.Flags().BoolVar(&exitCode, "exit-code", false, "with --dry-run: exit with 4 when the plan has changes")
	c.Flags().BoolVar(&deletePools, "delete-pools", false, "delete node pools that the file's entry of their cluster does not have")
	because(c, &reason)
	c.RunE = func(c *cobra.Command, args []string) error {
		if exitCode && !dryRun {
			return usagef("give --dry-run as well", "--exit-code is about a plan that is not carried out")
		}
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		api = api.WithReason(reason)
		p := &importing{deletePools: deletePools, dryRun: dryRun}
		if err := e.planImport(c.Context(), api, args[0], defaults, p); err != nil {
			return err
		}
		if err := e.printPlan(f, p); err != nil {
			return err
		}
		switch {
		case len(p.writes) == 0:
			return nil
		case dryRun:
			return changed(exitCode)
		}
		ok, err := e.confirmed(c.Context(), yes, fmt.Sprintf("Apply %s to %s?", plural(len(p.writes), "change"), api.Address()))
		if err != nil {
			return err
		}
		if !ok {
			e.say("nothing was done")
			return nil
		}
		return e.applyImport(c.Context(), p)
	}
	return c
}

// write is one object that an import writes.
type write struct {
	changes
	send func(ctx context.Context) error
}

// importing is the plan of an import.
type importing struct {
	deletePools, dryRun bool
	writes              []write
	same                int
	missing             []string // clusters that the file does not have
	notes               []string
}

// planImport compares a file with the server.
func (e *env) planImport(ctx context.Context, api *client.Client, path string, defaults registryfile.Defaults, p *importing) error {
	data, err := e.readFile(path)
	if err != nil {
		return err
	}
	defaults.From = "flags"
	file, err := registryfile.Parse(data, defaults)
	if err != nil {
		return fairway.Errorf(fairway.CodeInvalid, "%s: %w", path, err).WithHint("`fairway registry check %s` shows all findings", path)
	}
	for _, w := range file.Warnings {
		e.say("warning: %s: %s", path, w)
	}
	accounts, err := api.Accounts(ctx)
	if err != nil {
		return err
	}
	clusters, err := api.Entries(ctx, fairway.ClusterFilter{})
	if err != nil {
		return err
	}
	for _, a := range file.Accounts {
		p.account(api, accounts, a)
	}
	stored := map[string]*fairway.Cluster{}
	for i := range clusters {
		stored[clusters[i].ID] = &clusters[i]
	}
	var refused []string
	for i := range file.Clusters {
		one := &file.Clusters[i]
		if err := p.cluster(api, stored[one.ID], one); err != nil {
			refused = append(refused, err.Error())
		}
		delete(stored, one.ID)
	}
	for _, c := range stored {
		p.missing = append(p.missing, c.Alias)
	}
	slices.Sort(p.missing)
	if len(refused) > 0 {
		return fairway.Errorf(fairway.CodeInvalid, "%s: the server would refuse %s", path, strings.Join(refused, "; "))
	}
	return nil
}

// account plans one account of the file.
func (p *importing) account(api *client.Client, stored []fairway.InfrastructureAccount, a fairway.InfrastructureAccount) {
	i := slices.IndexFunc(stored, func(one fairway.InfrastructureAccount) bool { return one.ID == a.ID })
	if i < 0 {
		p.writes = append(p.writes, write{accountChanges(nil, &a, p.dryRun), func(ctx context.Context) error {
			_, err := api.CreateAccount(ctx, a)
			return err
		}})
		return
	}
	before := stored[i]
	after := filled(before, a)
	out := accountChanges(&before, &after, p.dryRun)
	if out.none() {
		p.same++
		return
	}
	p.writes = append(p.writes, write{out, func(ctx context.Context) error {
		now, err := api.Account(ctx, a.ID)
		if err != nil {
			return err
		}
		if len(accountFieldsChanged(&before, now)) > 0 {
			return fairway.Errorf(fairway.CodePrecondition, "account %s was changed by somebody else meanwhile", a.ID).WithHint("run it again")
		}
		_, err = api.PatchAccount(ctx, a.ID, now.ETag, accountFieldsChanged(&before, &after))
		return err
	}})
}

// filled gives an account of a file what it leaves out from the stored one:
// what it leaves out is empty, or derived from the id.
func filled(before, a fairway.InfrastructureAccount) fairway.InfrastructureAccount {
	derived := newAccount(a.ID)
	for _, f := range []struct {
		to             *string
		stored, assume string
	}{
		{&a.Type, before.Type, derived.Type}, {&a.Name, before.Name, derived.Name}, {&a.ExternalID, before.ExternalID, derived.ExternalID},
		{&a.LifecycleStatus, before.LifecycleStatus, derived.LifecycleStatus}, {&a.Owner, before.Owner, ""},
		{&a.CostCenter, before.CostCenter, ""}, {&a.Environment, before.Environment, ""},
	} {
		if *f.to == "" || *f.to == f.assume {
			*f.to = f.stored
		}
	}
	if a.CriticalityLevel == 0 {
		a.CriticalityLevel = before.CriticalityLevel
	}
	a.ETag = before.ETag
	return a
}

// cluster plans one cluster of the file.
func (p *importing) cluster(api *client.Client, before, one *fairway.Cluster) error {
	if before == nil {
		if err := refuse("cluster "+one.ID, one.Validate()); err != nil {
			return err
		}
		p.writes = append(p.writes, write{clusterChanges(nil, one, p.dryRun), func(ctx context.Context) error {
			_, err := api.CreateCluster(ctx, *one)
			return err
		}})
		return nil
	}
	after := p.wanted(before, one)
	out := clusterChanges(before, after, p.dryRun)
	if out.none() {
		p.same++
		return nil
	}
	if err := refuse("cluster "+one.ID, fairway.NewFindings(before.Validate(), after.Validate())); err != nil {
		return err
	}
	p.writes = append(p.writes, write{out, func(ctx context.Context) error {
		now, err := api.Entry(ctx, before.ID)
		if err != nil {
			return err
		}
		if !clusterChanges(before, now, false).none() && !onlyLifecycle(before, now) {
			return fairway.Errorf(fairway.CodePrecondition, "cluster %s was changed by somebody else meanwhile", before.ID).WithHint("run it again")
		}
		wanted := after.Clone()
		wanted.LifecycleStatus = now.LifecycleStatus
		_, err = api.ChangeCluster(ctx, now, wanted)
		return err
	}})
	return nil
}

// onlyLifecycle reports whether two clusters differ in nothing but
// lifecycle_status, which the manager may write at any time.
func onlyLifecycle(a, b *fairway.Cluster) bool {
	x := *a
	x.LifecycleStatus = b.LifecycleStatus
	return clusterChanges(&x, b, false).none()
}

// wanted is what a stored cluster becomes by its entry in the file.
func (p *importing) wanted(before, one *fairway.Cluster) *fairway.Cluster {
	after := edit(before, one)
	after.LifecycleStatus = before.LifecycleStatus
	given := func(field string) bool { return !strings.HasPrefix(one.Origin[field], "default: ") }
	if !given("alias") {
		after.Alias = before.Alias
	}
	if !given("local_id") {
		after.LocalID = before.LocalID
	}
	if !given("criticality_level") {
		after.CriticalityLevel = before.CriticalityLevel
	}
	if !given("channel") {
		after.Channel = before.Channel
	}
	if !given("provider") {
		after.Provider = before.Provider
	}
	if !given("infrastructure_account") {
		after.InfrastructureAccount = before.InfrastructureAccount
	}
	pools := slices.Clone(after.NodePools)
	for i, pool := range pools {
		old, exists := before.Pool(pool.Name)
		if !exists {
			continue
		}
		if !given("node_pools." + pool.Name + ".profile") {
			pools[i].Profile = old.Profile
		}
		if !given("node_pools." + pool.Name + ".discount_strategy") {
			pools[i].DiscountStrategy = old.DiscountStrategy
		}
	}
	after.NodePools = pools
	for _, old := range before.NodePools {
		if _, stays := after.Pool(old.Name); !stays && !p.deletePools {
			after.NodePools = append(after.NodePools, old)
			p.notes = append(p.notes, fmt.Sprintf("node pool %s of %s is not in the file and stays; --delete-pools deletes it", old.Name, before.Alias))
		}
	}
	return after
}

// printPlan prints what an import does, as -o says.
func (e *env) printPlan(f format, p *importing) error {
	var err error
	if f.name == "table" || f.name == "wide" {
		for _, w := range p.writes {
			sign, colour := "~", yellow
			if w.Event == fairway.ChangeCreated {
				sign, colour = "+", green
			}
			fmt.Fprintln(e.Stdout, e.paint(colour, sign+" "+w.Kind+" "+w.ID))
			if w.Event == fairway.ChangeCreated && f.name != "wide" {
				continue
			}
			if err = e.diffTo(e.Stdout, "    ", w.Before, w.After); err != nil {
				return err
			}
		}
	} else {
		all := make([]changes, len(p.writes))
		for i, w := range p.writes {
			all[i] = w.changes
		}
		err = list(f, e.Stdout, all, nil)
	}
	for _, note := range p.notes {
		e.say("note: %s", note)
	}
	if len(p.missing) > 0 {
		e.say("%s not in the file, and stay as they are: %s", plural(len(p.missing), "cluster"), shorten(strings.Join(p.missing, ", "), 200))
	}
	created := 0
	for _, w := range p.writes {
		if w.Event == fairway.ChangeCreated {
			created++
		}
	}
	e.say("plan: %d to create, %d to change, %d as they are", created, len(p.writes)-created, p.same)
	return err
}

// applyImport carries the plan out, object by object. One that fails does not
// keep the others from being written; Ctrl-C ends it between two.
func (e *env) applyImport(ctx context.Context, p *importing) error {
	done := 0
	var failed []error
	for _, w := range p.writes {
		if ctx.Err() != nil {
			e.say("%d of %s carried out; run it again to go on", done, plural(len(p.writes), "change"))
			return ctx.Err()
		}
		err := w.send(ctx)
		switch code := fairway.ErrorCode(err); {
		case err == nil:
			done++
			continue
		case errors.Is(err, context.Canceled):
			continue
		case code == fairway.CodeUnavailable || code == fairway.CodeUnauthorized:
			e.say("%d of %s carried out; run it again to go on", done, plural(len(p.writes), "change"))
			return err
		}
		failed = append(failed, fmt.Errorf("%s %s: %w", w.Kind, w.ID, err))
		e.say("%s %s: %v", w.Kind, w.ID, err)
	}
	e.say("%d of %s carried out", done, plural(len(p.writes), "change"))
	if len(failed) > 0 {
		return fairway.Errorf(fairway.ErrorCode(failed[0]), "%s not carried out; the first: %w", plural(len(failed), "change"), failed[0]).
			WithHint("the others are stored; mend the file and run it again")
	}
	return nil
}
