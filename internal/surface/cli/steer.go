package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/surface/client"
)

// stops says how an update under way is stopped, and how it goes on; nothing
// once it is over.
func stops(name string, state fairway.UpdateState, paused, aborting string) [][]string {
	switch {
	case state == "" || state.IsOver():
		return nil
	case aborting != "":
		return [][]string{{"aborted by", aborting}}
	case paused != "":
		return [][]string{{"paused by", paused}, {"to go on", "fairway update resume " + name}, {"to end it", "fairway update abort " + name}}
	}
	return [][]string{{"to pause it", "fairway update pause " + name}, {"to end it", "fairway update abort " + name}}
}

func (e *env) updatePause() *cobra.Command {
	var reason string
	c := e.steers(&cobra.Command{
		Use:   "pause UPDATE|CLUSTER",
		Short: "Pause an update where it is, until it is resumed",
		Long: `Pauses an update, named by its id or by its cluster: nothing more is drained, evicted, ended or applied. Nodes that are marked
stay so, and new nodes stay. The pause outlives restarts, and a newer update of the cluster begins paused.`,
		Example: `  fairway update pause beta-1 --reason "the database team looks at its leaders"`,
	}, func(ctx context.Context, api *client.Client, name string) (*fairway.Update, error) {
		return api.PauseUpdate(ctx, name, reason)
	})
	reasonFlag(c, &reason)
	return c
}

func (e *env) updateResume() *cobra.Command {
	var ignoreBrakes bool
	c := e.steers(&cobra.Command{
		Use:   "resume UPDATE|CLUSTER",
		Short: "Let a paused update go on",
		Long: `Lets a paused update go on, named by its id or by its cluster. With --ignore-brakes it also replaces nodes although the cluster is
not well, for the rest of this update; budgets and capacity are kept all the same.`,
		Example: `  fairway update resume beta-1
  fairway update resume beta-1 --ignore-brakes`,
	}, func(ctx context.Context, api *client.Client, name string) (*fairway.Update, error) {
		return api.ResumeUpdate(ctx, name, ignoreBrakes)
	})
	c.Flags().BoolVar(&ignoreBrakes, "ignore-brakes", false, "replace nodes although the cluster is not well")
	return c
}

func (e *env) updateAbort() *cobra.Command {
	var reason string
	c := e.steers(&cobra.Command{
		Use:   "abort UPDATE|CLUSTER",
		Short: "End an update, and take back what it began with nodes",
		Long: `Ends an update, named by its id or by its cluster. Marks and additional nodes are taken away; nodes that were replaced and objects
that were applied stay. The rollout that it belongs to halts: a new commit goes on, or a change of the cluster's registry entry.`,
		Example: `  fairway update abort beta-1 --reason "wrong image"`,
	}, func(ctx context.Context, api *client.Client, name string) (*fairway.Update, error) {
		return api.AbortUpdate(ctx, name, reason)
	})
	reasonFlag(c, &reason)
	return c
}

func reasonFlag(c *cobra.Command, reason *string) {
	c.Flags().StringVar(reason, "reason", "", "why, for whoever looks at the update")
}

// steers makes a command that says something of one update.
func (e *env) steers(c *cobra.Command, say func(ctx context.Context, api *client.Client, name string) (*fairway.Update, error)) *cobra.Command {
	e.asks(c)
	c.Args, c.ValidArgsFunction = exactly("UPDATE|CLUSTER"), e.completeClusters
	format := output(c, formatsOne)
	c.RunE = func(c *cobra.Command, args []string) error {
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		u, err := say(c.Context(), api, args[0])
		if err != nil {
			return err
		}
		return f.print(e.Stdout, u, func(wide bool) *table {
			t := &table{width: e.Width}
			if wide {
				t.width = 0
			}
			t.add("update", u.ID)
			t.add("cluster", u.ClusterID)
			t.add("state", string(u.State))
			for _, row := range stops(args[0], u.State, u.Paused, u.Aborting) {
				t.add(row...)
			}
			return t
		})
	}
	return c
}

func (e *env) clusterRotate() *cobra.Command {
	var r fairway.RotationRequest
	c := e.asks(&cobra.Command{
		Use:   "rotate CLUSTER",
		Short: "Replace nodes that are not out of date",
		Long: `Asks for the replacement of nodes, by the rules of any update: budgets, capacity and zones are kept. A node has to pass all flags
that are given; without any, every node of a node pool is replaced. The wish is kept until the node is gone or the update is aborted.`,
		Example: `  fairway cluster rotate beta-1 --node node-a --node node-b
  fairway cluster rotate beta-1 --pool workers --older-than 720h --dry-run`,
		Args:              exactly("CLUSTER"),
		ValidArgsFunction: e.completeClusters,
	})
	format := output(c, formatsOne)
	c.Flags().StringArrayVar(&r.Nodes, "node", nil, "name of a node; can be given again")
	c.Flags().StringVar(&r.Pool, "pool", "", "only nodes of this node pool")
	c.Flags().DurationVar(&r.OlderThan, "older-than", 0, "only nodes of at least this age, such as 720h")
	c.Flags().BoolVar(&r.DryRun, "dry-run", false, "only say which nodes would be replaced")
	reasonFlag(c, &r.Reason)
	c.RunE = func(c *cobra.Command, args []string) error {
		if r.OlderThan < 0 {
			return usagef("for example --older-than 720h", "--older-than %s is negative", r.OlderThan)
		}
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		r.Cluster = args[0]
		answer, err := api.Rotate(c.Context(), r)
		if err != nil {
			return err
		}
		return f.print(e.Stdout, answer, func(wide bool) *table { return e.rotationTable(args[0], r.DryRun, answer, wide) })
	}
	return c
}

func (e *env) rotationTable(cluster string, dryRun bool, answer *fairway.RotationAnswer, wide bool) *table {
	t := &table{header: []string{"NODE", "POOL", "AGE", "WHAT"}, width: e.Width, empty: "no node is meant: nothing to rotate"}
	if wide {
		t.width = 0
	}
	what := "is replaced by update " + answer.UpdateID + "; `fairway update show " + answer.UpdateID + "` follows it"
	switch {
	case dryRun:
		what = "would be replaced"
	case answer.Waiting != "":
		what = "is replaced once that is over: " + answer.Waiting
	case answer.UpdateID == "":
		what = "is replaced by the next update of " + cluster
	}
	for _, n := range answer.Nodes {
		t.add(n.Node, n.Pool, span(e.Now().Sub(n.CreatedAt).Truncate(time.Second)), what)
	}
	return t
}
