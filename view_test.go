package fairway_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

// For every cluster, at any time, the view says what it is doing.
func TestClusterView(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	type said struct {
		Doing, Waiting, Actor string
		Since                 time.Time
	}
	cases := []struct {
		name   string
		change func(c *fairway.Cluster)
		update *fairway.Update
		want   said
	}{
		{"never updated", nil, nil, said{Doing: "nothing yet", Waiting: "its first update"}},
		{"running", nil, &fairway.Update{State: fairway.UpdateRunning, Doing: "rolling", Waiting: "a budget", Since: at, Actor: "team"},
			said{"rolling", "a budget", "team", at}},
		{"running, says nothing", nil, &fairway.Update{State: fairway.UpdateRunning, CreatedAt: at}, said{Doing: "being updated", Since: at}},
		{"done", nil, &fairway.Update{State: fairway.UpdateDone, CreatedAt: at, FinishedAt: at.Add(time.Hour)}, said{Doing: "up to date", Since: at.Add(time.Hour)}},
		{"failed", nil, &fairway.Update{State: fairway.UpdateFailed, FinishedAt: at}, said{Doing: "nothing: the last update failed", Since: at}},
		{"blocked", func(c *fairway.Cluster) { c.ConfigItems = map[string]string{fairway.ItemUpdateBlock: "black friday"} },
			&fairway.Update{State: fairway.UpdateDone, FinishedAt: at},
			said{"nothing: updates are blocked", "config item cluster_update_block to be removed (black friday)", "whoever set cluster_update_block", at}},
		{"blocked, still running", func(c *fairway.Cluster) { c.ConfigItems = map[string]string{fairway.ItemUpdateBlock: ""} },
			&fairway.Update{State: fairway.UpdateRunning, Doing: "stopping", Since: at}, said{Doing: "stopping", Since: at}},
		{"decommissioned", func(c *fairway.Cluster) { c.LifecycleStatus = fairway.StatusDecommissioned }, nil, said{Doing: "nothing: decommissioned"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cluster := fairway.Cluster{ID: "x"}
			if c.change != nil {
				c.change(&cluster)
			}
			v := cluster.View(c.update)
			got := said{v.State.Doing, v.State.Waiting, v.State.Actor, v.State.Since}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("state (-want +got):\n%s", diff)
			}
			if v.Status.Problems == nil {
				t.Error("problems are nil, want an empty list")
			}
		})
	}
}
