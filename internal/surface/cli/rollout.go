package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/surface/client"
)

// rollout is `fairway rollout`.
func (e *env) rollout() *cobra.Command {
	return group(&cobra.Command{Use: "rollout", Aliases: []string{"rollouts"}, Short: "Look at how changes travel over channels"},
		e.rolloutList(), e.rolloutShow())
}

func (e *env) rolloutList() *cobra.Command {
	var channel string
	c := e.asks(&cobra.Command{
		Use:   "list",
		Short: "List rollouts, newest first",
		Example: `  fairway rollout list
  fairway rollout list --channel beta -o json`,
		Args: exactly(),
	})
	format := output(c, formatsList)
	c.Flags().StringVar(&channel, "channel", "", "only rollouts of this channel")
	c.RunE = func(c *cobra.Command, _ []string) error {
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		all, err := api.Rollouts(c.Context(), channel)
		if err != nil {
			return err
		}
		return list(f, e.Stdout, all, func(wide bool) *table { return e.rolloutTable(all, wide) })
	}
	return c
}

func (e *env) rolloutTable(all []fairway.Rollout, wide bool) *table {
	t := &table{header: []string{"ROLLOUT", "CHANNEL", "REVISION", "STATE", "WAVE", "REASON", "AGE"}, width: e.Width, empty: "no rollouts"}
	if wide {
		t.header = append(t.header, "TOOK", "HINT")
		t.width = 0
	}
	for _, r := range all {
		row := []string{r.ID, r.Channel, short(r.Revision), string(r.State), wave(r), dash(r.Reason), age(e.Now(), r.CreatedAt)}
		if wide {
			row = append(row, took(r), dash(r.Hint))
		}
		t.add(row...)
	}
	return t
}

// wave says which wave is under way, counted from 1.
func wave(r fairway.Rollout) string {
	return fmt.Sprintf("%d/%d", min(r.Wave+1, len(r.Waves)), len(r.Waves))
}

func took(r fairway.Rollout) string {
	if r.FinishedAt.IsZero() {
		return "-"
	}
	return span(r.FinishedAt.Sub(r.CreatedAt))
}

func (e *env) rolloutShow() *cobra.Command {
	c := e.asks(&cobra.Command{
		Use:     "show ROLLOUT",
		Short:   "Show one rollout with its waves",
		Example: "  fairway rollout show 01HXW2E5",
		Long:    "Shows a rollout by its id, of which a beginning that fits only one is enough.",
		Args:    exactly("ROLLOUT"),
	})
	format := output(c, formatsOne)
	c.RunE = func(c *cobra.Command, args []string) error {
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		r, err := findRollout(c, api, args[0])
		if err != nil {
			return err
		}
		return f.print(e.Stdout, r, func(wide bool) *table { return e.rolloutCard(r, wide) })
	}
	return c
}

// findRollout takes an id, or the beginning of one that fits only one rollout.
func findRollout(c *cobra.Command, api *client.Client, id string) (*fairway.Rollout, error) {
	r, err := api.Rollout(c.Context(), id)
	if fairway.ErrorCode(err) != fairway.CodeNotFound {
		return r, err
	}
	all, listed := api.Rollouts(c.Context(), "")
	if listed != nil {
		return nil, listed
	}
	var found []fairway.Rollout
	for _, one := range all {
		if strings.HasPrefix(one.ID, id) {
			found = append(found, one)
		}
	}
	switch len(found) {
	case 0:
		return nil, fairway.Errorf(fairway.CodeNotFound, "%w", err).WithHint("`fairway rollout list` shows all rollouts")
	case 1:
		return &found[0], nil
	}
	return nil, fairway.Errorf(fairway.CodeInvalid, "%q is the beginning of %d rollouts", id, len(found)).WithHint("give more of the id")
}

func (e *env) rolloutCard(r *fairway.Rollout, wide bool) *table {
	t := &table{width: e.Width}
	if wide {
		t.width = 0
	}
	t.add("id", r.ID)
	t.add("channel", r.Channel)
	t.add("revision", r.Revision)
	t.add("state", string(r.State))
	t.add("reason", dash(r.Reason))
	t.add("hint", dash(r.Hint))
	t.add("soaking for", age(e.Now(), r.SoakSince))
	t.add("promoted", age(e.Now(), r.PromotedAt))
	t.add("age", age(e.Now(), r.CreatedAt))
	t.add("took", took(*r))
	for i, ids := range r.Waves {
		state := "later"
		switch {
		case i < r.Wave || r.State == fairway.RolloutDone:
			state = "done"
		case i == r.Wave && !r.State.IsOver():
			state = "under way"
		}
		t.add(fmt.Sprintf("wave %d", i+1), fmt.Sprintf("%s: %s", state, strings.Join(ids, ", ")))
	}
	return t
}
