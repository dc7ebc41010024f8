package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/surface/client"
)

// update is `fairway update`.
func (e *env) update() *cobra.Command {
	return group(&cobra.Command{Use: "update", Aliases: []string{"updates"}, Short: "Look at updates of single clusters, and steer them"},
		e.updateList(), e.updateShow(), e.updatePause(), e.updateResume(), e.updateAbort(), e.updateApprove())
}

func (e *env) updateList() *cobra.Command {
	var filter fairway.UpdateFilter
	c := e.asks(&cobra.Command{
		Use:   "list",
		Short: "List updates, newest first",
		Example: `  fairway update list --active
  fairway update list --cluster beta-1 --limit 5`,
		Args: exactly(),
	})
	format := output(c, formatsList)
	c.Flags().StringVar(&filter.ClusterID, "cluster", "", "only updates of this cluster (id, alias or local id)")
	c.Flags().StringVar(&filter.RolloutID, "rollout", "", "only updates of this rollout")
	c.Flags().BoolVar(&filter.Active, "active", false, "only those that are not over")
	c.Flags().IntVar(&filter.Limit, "limit", 100, "at most so many")
	c.RegisterFlagCompletionFunc("cluster", e.completeClusters)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if filter.Limit < 1 || filter.Limit > 10000 {
			return usagef("for example --limit 20", "--limit %d is not between 1 and 10000", filter.Limit)
		}
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		all, err := api.Updates(c.Context(), filter)
		if err != nil {
			return err
		}
		return list(f, e.Stdout, all, func(wide bool) *table { return e.updateTable(all, wide) })
	}
	return c
}

func (e *env) updateTable(all []fairway.Update, wide bool) *table {
	t := &table{header: []string{"UPDATE", "CLUSTER", "REVISION", "STATE", "NODES", "DOING", "WAITING FOR", "AGE"}, width: e.Width, empty: "no updates"}
	if wide {
		t.header = append(t.header, "ATTEMPTS", "EVICTIONS", "REFUSED", "ERROR")
		t.width = 0
	}
	for _, u := range all {
		waiting := u.Waiting
		if waiting == u.Doing {
			waiting = "" // what it does is to wait
		}
		row := []string{u.ID, u.ClusterID, short(u.Revision), string(u.State), nodes(u.NodesDone, u.NodesTotal), dash(u.Doing), dash(waiting), age(e.Now(), u.CreatedAt)}
		if wide {
			row = append(row, fmt.Sprint(u.Attempts), fmt.Sprint(u.Evictions), fmt.Sprint(u.EvictionsRefused), dash(u.Error))
		}
		t.add(row...)
	}
	return t
}

func (e *env) updateShow() *cobra.Command {
	c := e.asks(&cobra.Command{
		Use:     "show UPDATE",
		Short:   "Show one update with its plan and its steps",
		Example: "  fairway update show 01HXW2E5CSD2G4FPQJ8P8R6GJ3",
		Args:    exactly("UPDATE"),
	})
	format := output(c, formatsOne)
	c.RunE = func(c *cobra.Command, args []string) error {
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		u, err := api.Update(c.Context(), args[0])
		if fairway.ErrorCode(err) == fairway.CodeNotFound {
			return fairway.Errorf(fairway.CodeNotFound, "%w", err).WithHint("`fairway update list` shows all updates")
		}
		if err != nil {
			return err
		}
		return f.print(e.Stdout, u, func(wide bool) *table { return e.updateCard(u, wide) })
	}
	return c
}

func (e *env) updateCard(u *client.UpdateView, wide bool) *table {
	t := &table{width: e.Width}
	if wide {
		t.width = 0
	}
	t.add("id", u.ID)
	t.add("cluster", u.ClusterID)
	t.add("rollout", dash(u.RolloutID))
	t.add("version", dash(u.Version))
	t.add("reason", dash(u.Reason))
	t.add("state", string(u.State))
	t.add("doing", dash(u.Doing))
	t.add("waiting for", dash(u.Waiting))
	t.add("since", age(e.Now(), u.Since))
	t.add("who can act", dash(u.Actor))
	for _, row := range stops(u.ID, u.State, u.Paused, u.Aborting) {
		t.add(row...)
	}
	planRows(t, u)
	t.add("nodes done", nodes(u.NodesDone, u.NodesTotal))
	t.add("evictions", fmt.Sprintf("%d accepted, %d refused, %d forced", u.Evictions, u.EvictionsRefused, u.EvictionsForced))
	t.add("attempts", fmt.Sprint(u.Attempts))
	t.add("error", dash(u.Error))
	t.add("hint", dash(u.Hint))
	for _, b := range u.Blocked {
		t.add("blocked node", blocked(b))
	}
	for _, s := range u.Steps {
		text := string(s.State)
		if !s.FinishedAt.IsZero() && !s.StartedAt.IsZero() {
			text += " in " + span(s.FinishedAt.Sub(s.StartedAt))
		}
		if s.Detail != "" {
			text += ": " + s.Detail
		}
		t.add("step "+string(s.Name), text)
	}
	return t
}

// blocked says in a sentence what keeps a node from being rolled.
func blocked(b fairway.BlockedNode) string {
	text := b.Node + ": " + b.Reason
	if b.Pod != "" {
		text += ", pod " + b.Pod
	}
	if b.Budget != "" {
		text += ", budget " + b.Budget
	}
	return text
}
