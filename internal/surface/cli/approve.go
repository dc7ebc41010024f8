package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/surface/client"
)

func (e *env) updateApprove() *cobra.Command {
	var reason string
	c := e.steers(&cobra.Command{
		Use:   "approve UPDATE|CLUSTER",
		Short: "Agree to what an update is going to delete",
		Long: `Gives the word of a second person for the plan that an update waits with, named by its id or by its cluster: it deletes more than
max(3, 5 %) of the cluster's objects, or a Namespace, CustomResourceDefinition or PersistentVolume with what it holds. What is agreed
to is printed first. Nobody who made the change may approve it, and another plan of the update needs another approval.`,
		Example: `  fairway update show beta-1
  fairway update approve beta-1 --reason "the old monitoring goes, as agreed"`,
	}, func(ctx context.Context, api *client.Client, name string) (*fairway.Update, error) {
		u, err := newest(ctx, api, name)
		if err != nil {
			return nil, err
		}
		digest := ""
		if p := u.Plan; p != nil && p.Approval != "" {
			digest = p.ApprovalDigest
			fmt.Fprintf(e.Stderr, "update %s of %s %s\n", u.ID, u.ClusterID, p.Approval)
			for _, line := range deletionLines(p) {
				fmt.Fprintln(e.Stderr, "  "+line)
			}
		}
		return api.ApproveUpdate(ctx, u.ID, digest, reason)
	})
	reasonFlag(c, &reason)
	return c
}

// newest returns an update by its id, or the newest one of a cluster.
func newest(ctx context.Context, api *client.Client, name string) (*client.UpdateView, error) {
	u, err := api.Update(ctx, name)
	if fairway.ErrorCode(err) != fairway.CodeNotFound {
		return u, err
	}
	all, err := api.Updates(ctx, fairway.UpdateFilter{ClusterID: name, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fairway.Errorf(fairway.CodeConflict, "cluster %s was never updated", name)
	}
	return api.Update(ctx, all[0].ID)
}

// mostLines is how many lines of one kind a card has.
const mostLines = 20

// planRows adds the plan of an update to its card.
func planRows(t *table, u *client.UpdateView) {
	p := u.Plan
	if p == nil {
		return
	}
	t.add("plan", p.Verdict)
	if p.Approval != "" {
		t.add("plan needs", "approval: "+p.Approval)
	}
	for _, a := range u.Approvals {
		text := "by " + a.ByName
		if a.Reason != "" {
			text += ": " + a.Reason
		}
		t.add("approved", text+" ("+a.What+")")
	}
	for _, line := range deletionLines(p) {
		t.add("plan deletes", line)
	}
	for _, pool := range p.Pools {
		if n := pool.Replaced + pool.Removed; n > 0 {
			t.add("plan replaces", fmt.Sprintf("%d of %d nodes of pool %s", n, pool.Nodes, pool.Pool))
		}
	}
	for _, f := range p.Findings {
		t.add("finding", strings.Join([]string{f.Severity, f.Check, f.Object, f.Reason}, ", "))
	}
}

// deletionLines are what a plan deletes, each on a line.
func deletionLines(p *fairway.UpdatePlan) []string {
	var lines []string
	for _, d := range p.Deletions {
		text := d.Ref.String()
		if d.Contents != "" {
			text += " with " + d.Contents
		}
		if d.Done {
			text += " (gone)"
		}
		lines = append(lines, text)
	}
	if more := len(lines) - mostLines; more > 0 {
		lines = append(lines[:mostLines], fmt.Sprintf("and %d more", more))
	}
	return lines
}
