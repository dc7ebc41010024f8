package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/surface/client"
)

func (e *env) clusterDecommission() *cobra.Command {
	var approve, withdraw, all bool
	var confirm, reason string
	c := e.asks(&cobra.Command{
		Use:   "decommission {CLUSTER | --list}",
		Short: "Ask for the end of a cluster, approve it, or withdraw it",
		Long: `Asks for the end of a cluster: its id has to be typed, or given by --confirm. A cluster that is not protected is taken down at once.
A protected one (environment production, or config item deletion_protection=true) waits until a second person approves, and 24 hours
more; until then anybody who may change the cluster can withdraw it.`,
		Example: `  fairway cluster decommission old-1 --reason "moved to new-1"
  fairway cluster decommission old-1 --confirm aws:123456789012:eu-central-1:old-1
  fairway cluster decommission --list               what was asked for
  fairway cluster decommission old-1 --approve
  fairway cluster decommission old-1 --withdraw`,
		Args: func(c *cobra.Command, args []string) error {
			if all {
				return exactly()(c, args)
			}
			return exactly("CLUSTER")(c, args)
		},
		ValidArgsFunction: e.completeClusters,
	})
	format := output(c, formatsList)
	c.Flags().BoolVar(&all, "list", false, "list the clusters whose end was asked for")
	c.Flags().BoolVar(&approve, "approve", false, "approve what somebody else has asked for")
	c.Flags().BoolVar(&withdraw, "withdraw", false, "take the wish back while the end has not begun")
	c.Flags().StringVar(&confirm, "confirm", "", "the id of the cluster, in place of typing it")
	because(c, &reason)
	c.RunE = func(c *cobra.Command, args []string) error {
		if approve && withdraw {
			return usagef("give one of them", "--approve and --withdraw exclude each other")
		}
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		if all {
			return e.decommissions(c.Context(), api, f)
		}
		api = api.WithReason(reason)
		var state *client.DecommissionState
		switch {
		case approve:
			state, err = api.ApproveDecommission(c.Context(), args[0])
		case withdraw:
			state, err = api.WithdrawDecommission(c.Context(), args[0])
		default:
			state, err = e.decommission(c.Context(), api, args[0], confirm, reason)
		}
		if err != nil {
			return err
		}
		return f.print(e.Stdout, state, func(wide bool) *table { return e.stateTable(state, wide) })
	}
	return c
}

// decommission asks for the end of a cluster once its id was typed.
func (e *env) decommission(ctx context.Context, api *client.Client, name, confirm, reason string) (*client.DecommissionState, error) {
	v, err := api.Cluster(ctx, name)
	if err != nil {
		return nil, err
	}
	if confirm == "" {
		what := fmt.Sprintf("This ends cluster %s (channel %s, environment %s) with everything in it.", v.Alias, v.Channel, v.Environment)
		if v.IsProtected() {
			what = fmt.Sprintf("This asks for the end of cluster %s (channel %s, environment %s). A second person has to approve it.", v.Alias, v.Channel, v.Environment)
		}
		if confirm, err = e.ask(ctx, what+"\nType its id, "+v.ID+", to go on: ", "give --confirm "+v.ID); err != nil {
			return nil, err
		}
	}
	if confirm != v.ID {
		return nil, fairway.Errorf(fairway.CodeInvalid, "%q is not the id of cluster %s; nothing was done", confirm, v.Alias).
			WithHint("the whole id is %s", v.ID)
	}
	return api.Decommission(ctx, v.ID, confirm, reason)
}

func (e *env) stateTable(s *client.DecommissionState, wide bool) *table {
	t := &table{width: e.Width}
	if wide {
		t.width = 0
	}
	t.add("state", strings.ReplaceAll(s.State, "-", " "))
	t.add("next", s.Next)
	if w := s.Wish; w != nil {
		t.add("cluster", w.ClusterID)
		t.add("asked by", w.ByName)
		t.add("reason", dash(w.Reason))
		t.add("approved by", dash(w.ApproverName))
	}
	return t
}

// decommissions lists what was asked for and has not begun.
func (e *env) decommissions(ctx context.Context, api *client.Client, f format) error {
	wishes, err := api.Decommissions(ctx)
	if err != nil {
		return err
	}
	return list(f, e.Stdout, wishes, func(wide bool) *table {
		t := &table{header: []string{"CLUSTER", "ASKED BY", "AGE", "APPROVED BY", "BEGINS", "REASON"}, width: e.Width, empty: "nobody has asked for the end of a cluster"}
		if wide {
			t.width = 0
		}
		for _, w := range wishes {
			begins := "once somebody else approves it"
			if !w.DueAt.IsZero() {
				begins = w.DueAt.UTC().Format(time.RFC3339)
			}
			t.add(w.ClusterID, w.ByName, age(e.Now(), w.RequestedAt), dash(w.ApproverName), begins, dash(w.Reason))
		}
		return t
	})
}
