package cli

import (
	"bytes"
	"context"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/surface/client"
)

func (e *env) clusterEdit() *cobra.Command {
	var from, reason string
	c := e.asks(&cobra.Command{
		Use:   "edit CLUSTER",
		Short: "Edit a cluster's entry in an editor",
		Long: `Opens the entry in $VISUAL or $EDITOR (else vi), as a registry file. What is saved is checked: all problems come back as comments on top,
and the editor opens again. Nothing is stored when the entry was changed by somebody else meanwhile; the text is kept then, and after
Ctrl-C and every failure, in a file that is named. Save the text as it was, or empty, to give up.`,
		Example: `  fairway cluster edit beta-1
  EDITOR="code --wait" fairway cluster edit beta-1 --reason "two more zones"
  fairway cluster edit beta-1 --from fairway-beta-1-123.yaml     go on with a text that was kept`,
		Args:              exactly("CLUSTER"),
		ValidArgsFunction: e.completeClusters,
	})
	format := output(c, formatsOne)
	c.Flags().StringVar(&from, "from", "", "begin with the text of a file")
	because(c, &reason)
	c.RunE = func(c *cobra.Command, args []string) error {
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		api = api.WithReason(reason)
		before, err := entry(c.Context(), api, args[0])
		if err != nil {
			return err
		}
		shown := before.Clone()
		shown.Owner, shown.AccountName = "", "" // those of the account
		text, err := entryText(shown)
		if err != nil {
			return err
		}
		read := func(edited []byte) (*fairway.Cluster, problems) {
			after, found := readCluster(edited, text)
			switch {
			case found != nil:
				return nil, found
			case after.ID != before.ID:
				return nil, problems{{message: "the id of a cluster never changes: it is " + before.ID}}
			case after.Owner != "" || after.AccountName != "":
				return nil, problems{{message: "owner and account_name are those of the account", hint: "`fairway account set` changes them"}}
			}
			return edit(before, after), nil
		}
		return e.editFrom(c.Context(), from, editing{
			name:  before.Alias,
			again: "fairway cluster edit " + before.Alias,
			intro: intro("cluster "+before.ID, "Node pools that are taken out are deleted; new ones come last."),
			text:  text,
			preview: func(text []byte) []string {
				after, found := read(text)
				if found != nil {
					return nil
				}
				return plainDiff(clusterChanges(before, after, true))
			},
			save: func(ctx context.Context, edited []byte) error {
				after, found := read(edited)
				if found != nil {
					return found
				}
				if err := allowed(before, after); err != nil {
					return err
				}
				return e.sendEdit(ctx, api, f, before, after)
			},
		})
	}
	return c
}

// editFrom edits a text, or what was kept of it in a file.
func (e *env) editFrom(ctx context.Context, from string, ed editing) error {
	if from == "" {
		return e.edit(ctx, ed)
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return fairway.Errorf(fairway.CodeInvalid, "read the text that was kept: %w", err).WithHint("give the path of the file: --from FILE")
	}
	ed.text = bytes.Clone(withoutHeader(text))
	ed.fresh = true
	if lines := ed.preview(ed.text); len(lines) > 0 {
		ed.intro = append(ed.intro, "What the text below changes of what stands there now:")
		for _, line := range lines {
			ed.intro = append(ed.intro, "  "+oneLine(line))
		}
	}
	return e.edit(ctx, ed)
}

// intro is what stands on top of every edit.
func intro(what, more string) []string {
	return []string{"Editing " + what + ". Lines that begin with " + mark + " are left out.", more, "Save the text as it was, or empty, to give up."}
}

// edit returns the cluster as somebody wrote it, with what only the registry
// and the manager write as it was.
func edit(before, written *fairway.Cluster) *fairway.Cluster {
	after := before.Clone()
	written.RestoreTo(after)
	after.LifecycleStatus = written.LifecycleStatus
	after.Owner, after.AccountName, after.Origin = before.Owner, before.AccountName, before.Origin
	return after
}

// sendEdit sends an edit and prints what it changed.
func (e *env) sendEdit(ctx context.Context, api *client.Client, f format, before, after *fairway.Cluster) error {
	out := clusterChanges(before, after, false)
	if !out.none() {
		if _, err := api.ChangeCluster(ctx, before, after); err != nil {
			return err
		}
	}
	e.sayOrder(before, after)
	return e.report(f, out)
}

// sayOrder says when the wanted order of node pools cannot be had.
func (e *env) sayOrder(before, after *fairway.Cluster) {
	var was, is []string
	for _, p := range before.NodePools {
		if _, stays := after.Pool(p.Name); stays {
			was = append(was, p.Name)
		}
	}
	for _, p := range after.NodePools {
		if _, old := before.Pool(p.Name); !old {
			was = append(was, p.Name)
		}
		is = append(is, p.Name)
	}
	if !slices.Equal(was, is) {
		e.say("the order of node pools of %s stays %v: the registry API cannot move any", before.Alias, was)
	}
}
