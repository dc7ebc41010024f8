package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/surface/client"
)

// lost is how often a change is made anew because somebody else was faster.
const lost = 5

// because adds the flag --reason of commands that write to the registry.
func because(c *cobra.Command, reason *string) {
	c.Flags().StringVar(reason, "reason", "", "why; recorded with the change")
}

// entry returns the registry entry of a cluster that is named by its id, alias
// or local id.
func entry(ctx context.Context, api *client.Client, name string) (*fairway.Cluster, error) {
	v, err := api.Cluster(ctx, name)
	if err != nil {
		return nil, err
	}
	return api.Entry(ctx, v.ID)
}

// changeEntry lets the function change a cluster and sends what differs. What
// the function does can be done to any version of the cluster, so it is done
// again when somebody else has written meanwhile: both changes are kept.
func changeEntry(ctx context.Context, api *client.Client, name string, dryRun bool, change func(c *fairway.Cluster) error) (changes, error) {
	for n := 1; ; n++ {
		before, err := entry(ctx, api, name)
		if err != nil {
			return changes{}, err
		}
		after := before.Clone()
		if err := change(after); err != nil {
			return changes{}, err
		}
		out := clusterChanges(before, after, dryRun)
		if err := allowed(before, after); err != nil {
			return out, err
		}
		if dryRun || out.none() {
			return out, nil
		}
		_, err = api.ChangeCluster(ctx, before, after)
		if fairway.ErrorCode(err) != fairway.CodePrecondition || n == lost {
			return out, err
		}
	}
}

// allowed refuses what the server would refuse, before anything is sent.
func allowed(before, after *fairway.Cluster) error {
	if err := refuse("cluster "+before.Alias, fairway.NewFindings(before.Validate(), after.Validate())); err != nil {
		return err
	}
	return fairway.Transition(before, after)
}

// writes makes a command that changes one cluster by a function, and prints
// what it changed.
func (e *env) writes(c *cobra.Command, change func(args []string) (func(c *fairway.Cluster) error, error)) *cobra.Command {
	e.asks(c)
	var dryRun bool
	var reason string
	format := output(c, formatsOne)
	c.Flags().BoolVar(&dryRun, "dry-run", false, "only print what would change")
	because(c, &reason)
	c.RunE = func(c *cobra.Command, args []string) error {
		do, err := change(args)
		if err != nil {
			return err
		}
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		out, err := changeEntry(c.Context(), api.WithReason(reason), args[0], dryRun, do)
		if err != nil {
			return err
		}
		return e.report(f, out)
	}
	return c
}

// report prints what was changed, and says so.
func (e *env) report(f format, out changes) error {
	if err := e.printChanges(f, out); err != nil {
		return err
	}
	switch {
	case out.Event == "":
		e.say("%s %s is like that already: nothing to do", out.Kind, out.ID)
	case out.DryRun:
		e.say("%s %s would be %s; nothing was done", out.Kind, out.ID, out.Event)
	default:
		e.say("%s %s %s", out.Kind, out.ID, out.Event)
	}
	return nil
}

func (e *env) clusterSet() *cobra.Command {
	var files []string
	c := e.writes(&cobra.Command{
		Use:   "set CLUSTER KEY=VALUE...",
		Short: "Set fields and config items of a cluster",
		Long: `Sets fields (alias, channel, environment, criticality_level, region, api_server_url, ...) and config items of a cluster, all at once or
not at all. What is no field is a config item; config_items.KEY=VALUE is one in any case. What others change meanwhile is kept.`,
		Example: `  fairway cluster set beta-1 channel=stable
  fairway cluster set beta-1 node_image=v3 coredns_replicas=4 --dry-run
  fairway cluster set beta-1 --file audit_policy=policy.yaml --reason "new audit policy"`,
		Args:              atLeast(1, "CLUSTER", "KEY=VALUE"),
		ValidArgsFunction: e.completeSet,
	}, func(args []string) (func(c *fairway.Cluster) error, error) {
		all, err := e.assignments(args[1:], files)
		if err != nil {
			return nil, err
		}
		if len(all) == 0 {
			return nil, usagef("for example channel=beta", "KEY=VALUE is missing")
		}
		return func(c *fairway.Cluster) error {
			s := settableCluster(c)
			for _, a := range all {
				if err := s.set(a); err != nil {
					return err
				}
			}
			return nil
		}, nil
	})
	c.Flags().StringArrayVar(&files, "file", nil, "KEY=PATH: the value is the content of a file; can be given again")
	return c
}

func (e *env) clusterUnset() *cobra.Command {
	return e.writes(&cobra.Command{
		Use:   "unset CLUSTER KEY...",
		Short: "Remove config items of a cluster",
		Example: `  fairway cluster unset beta-1 node_image
  fairway cluster unset beta-1 node_image coredns_replicas --dry-run`,
		Args:              atLeast(2, "CLUSTER", "KEY"),
		ValidArgsFunction: e.completeUnset,
	}, func(args []string) (func(c *fairway.Cluster) error, error) {
		return func(c *fairway.Cluster) error {
			s := settableCluster(c)
			for _, key := range args[1:] {
				if err := s.unset(key); err != nil {
					return err
				}
			}
			return nil
		}, nil
	})
}

func (e *env) clusterBlock() *cobra.Command {
	var c *cobra.Command
	c = e.writes(&cobra.Command{
		Use:   "block CLUSTER --reason WHY",
		Short: "Stop updates of a cluster, and prevent new ones",
		Long: `Sets the config item cluster_update_block. An update under way stops where it is as soon as the manager sees it; none begins until
` + "`fairway cluster unblock`" + `. The reason is shown wherever somebody asks why nothing happens.`,
		Example:           `  fairway cluster block beta-1 --reason "load test until Friday"`,
		Args:              exactly("CLUSTER"),
		ValidArgsFunction: e.completeClusters,
	}, func([]string) (func(c *fairway.Cluster) error, error) {
		reason := c.Flag("reason").Value.String()
		if reason == "" {
			return nil, usagef(`for example --reason "load test until Friday"`, "--reason is missing")
		}
		return func(c *fairway.Cluster) error {
			c.ConfigItems = ownItems(c.ConfigItems)
			c.ConfigItems[fairway.ItemUpdateBlock] = reason
			return nil
		}, nil
	})
	return c
}

func (e *env) clusterUnblock() *cobra.Command {
	return e.writes(&cobra.Command{
		Use:               "unblock CLUSTER",
		Short:             "Let updates of a cluster begin again",
		Example:           `  fairway cluster unblock beta-1 --reason "load test is over"`,
		Args:              exactly("CLUSTER"),
		ValidArgsFunction: e.completeClusters,
	}, func([]string) (func(c *fairway.Cluster) error, error) {
		return func(c *fairway.Cluster) error {
			c.ConfigItems = ownItems(c.ConfigItems)
			delete(c.ConfigItems, fairway.ItemUpdateBlock)
			return nil
		}, nil
	})
}

// atLeast refuses fewer arguments than a number; the last name may come again.
func atLeast(n int, names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < n {
			return usagef("usage: "+c.UseLine(), "%s is missing", names[len(args)])
		}
		return nil
	}
}
