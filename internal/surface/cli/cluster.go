package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/surface/client"
)

// cluster is `fairway cluster`.
func (e *env) cluster() *cobra.Command {
	return group(&cobra.Command{Use: "cluster", Aliases: []string{"clusters"}, Short: "Look at the clusters of the fleet, and change them"},
		e.clusterList(), e.clusterShow(), e.clusterCreate(), e.clusterEdit(), e.clusterSet(), e.clusterUnset(),
		e.clusterDiff(), e.clusterHistory(), e.clusterRestore(),
		e.clusterBlock(), e.clusterUnblock(), e.clusterDecommission(), e.clusterRotate(), e.clusterDrift())
}

func (e *env) clusterList() *cobra.Command {
	var filter fairway.ClusterFilter
	c := e.asks(&cobra.Command{
		Use:   "list",
		Short: "List clusters, and what each does and waits for",
		Example: `  fairway cluster list
  fairway cluster list --channel beta -o wide
  fairway cluster list -o jsonpath='{range .items[*]}{.alias}{"\t"}{.state.doing}{"\n"}{end}'`,
		Args: exactly(),
	})
	format := output(c, formatsList)
	c.Flags().StringVar(&filter.Channel, "channel", "", "only clusters of this channel")
	c.Flags().StringVar(&filter.Environment, "environment", "", "only clusters of this environment")
	c.Flags().StringVar(&filter.LifecycleStatus, "lifecycle-status", "", "only clusters of this lifecycle status")
	c.Flags().StringVar(&filter.Search, "search", "", "only clusters that mention each of these words in id, alias, owner or config items")
	c.RegisterFlagCompletionFunc("channel", e.completeField(channelOf))
	c.RegisterFlagCompletionFunc("environment", e.completeField(environmentOf))
	c.RegisterFlagCompletionFunc("lifecycle-status", cobra.FixedCompletions(lifecycleStatuses(), cobra.ShellCompDirectiveNoFileComp))
	c.RunE = func(c *cobra.Command, _ []string) error {
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		all, err := api.Clusters(c.Context(), filter)
		if err != nil {
			return err
		}
		return list(f, e.Stdout, all, func(wide bool) *table { return e.clusterTable(all, wide) })
	}
	return c
}

func (e *env) clusterTable(all []client.ClusterView, wide bool) *table {
	t := &table{header: []string{"CLUSTER", "CHANNEL", "LIFECYCLE", "VERSION", "NODES", "DOING", "WAITING FOR", "SINCE"}, width: e.Width, empty: "no clusters"}
	if wide {
		t.header = append(t.header, "WHO CAN ACT", "ID", "PROVIDER", "REGION", "ENVIRONMENT", "PROBLEMS")
		t.width = 0
	}
	for _, c := range all {
		row := []string{c.Alias, c.Channel, string(c.LifecycleStatus), dash(short(c.Status.CurrentVersion)), nodes(c.State.NodesDone, c.State.NodesTotal),
			c.State.Doing, dash(c.State.Waiting), age(e.Now(), c.State.Since)}
		if wide {
			row = append(row, dash(c.State.Actor), c.ID, c.Provider, c.Region, c.Environment, fmt.Sprint(len(c.Status.Problems)))
		}
		t.add(row...)
	}
	return t
}

// nodes says how many nodes are done, "-" when there is nothing to do.
func nodes(done, total int) string {
	if total == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d", done, total)
}

func (e *env) clusterShow() *cobra.Command {
	var origin bool
	var at int64
	c := e.asks(&cobra.Command{
		Use:   "show CLUSTER",
		Short: "Show one cluster: its entry, its pools and what it is doing",
		Long:  "Shows a cluster by its alias, id or local id.",
		Example: `  fairway cluster show beta-1
  fairway cluster show beta-1 --origin     where values come from that nobody gave
  fairway cluster show beta-1 --at 17      its entry as it was after change 17
  fairway cluster show beta-1 -o yaml`,
		Args:              exactly("CLUSTER"),
		ValidArgsFunction: e.completeClusters,
	})
	format := output(c, formatsOne)
	c.Flags().BoolVar(&origin, "origin", false, "say where each value comes from")
	c.Flags().Int64Var(&at, "at", 0, "show the entry as it was after the change with this number")
	c.RunE = func(c *cobra.Command, args []string) error {
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		if c.Flag("at").Changed {
			return e.showAt(c.Context(), api, f, args[0], at)
		}
		v, err := api.Cluster(c.Context(), args[0])
		if err != nil {
			return err
		}
		return f.print(e.Stdout, v, func(wide bool) *table { return e.clusterCard(v, origin, wide) })
	}
	return c
}

// showAt prints the entry of a cluster as it was after a change: for people as
// a registry file has it.
func (e *env) showAt(ctx context.Context, api *client.Client, f format, name string, seq int64) error {
	if seq < 1 {
		return usagef("`fairway cluster history "+name+"` shows the numbers", "--at %d is not the number of a change", seq)
	}
	was, err := api.ClusterAt(ctx, name, seq)
	if err != nil {
		return err
	}
	if f.name == "json" || f.name == "yaml" {
		return f.print(e.Stdout, was, nil)
	}
	text, err := yamlText(clusterNode(was, true))
	if err == nil {
		_, err = e.Stdout.Write(text)
	}
	return err
}

// clusterCard shows one cluster line by line.
func (e *env) clusterCard(v *client.ClusterView, origin, wide bool) *table {
	t := &table{width: e.Width}
	if wide {
		t.width = 0
	}
	line := func(name, value string) {
		row := []string{name, dash(value)}
		if origin {
			row = append(row, originOf(v.Origin, name, value))
		}
		t.add(row...)
	}
	line("id", v.ID)
	line("alias", v.Alias)
	line("doing", v.State.Doing)
	line("waiting for", v.State.Waiting)
	line("since", age(e.Now(), v.State.Since))
	line("who can act", v.State.Actor)
	for _, row := range stops(v.Alias, v.State.Update, v.State.Paused, v.State.Aborting) {
		line(row[0], row[1])
	}
	line("nodes done", nodes(v.State.NodesDone, v.State.NodesTotal))
	line("drift", driftLine(v.Drift, func() string { return age(e.Now(), v.Drift.At) }))
	line("last error", v.State.Error)
	line("hint", v.State.Hint)
	line("update", v.State.UpdateID)
	line("current_version", v.Status.CurrentVersion)
	line("next_version", v.Status.NextVersion)
	for _, p := range v.Status.Problems {
		line("problem", p.Title)
	}
	line("lifecycle_status", string(v.LifecycleStatus))
	line("channel", v.Channel)
	line("environment", v.Environment)
	line("criticality_level", fmt.Sprint(v.CriticalityLevel))
	line("provider", v.Provider)
	line("region", v.Region)
	line("infrastructure_account", v.InfrastructureAccount)
	line("local_id", v.LocalID)
	line("api_server_url", v.APIServerURL)
	line("owner", v.Owner)
	for _, key := range slices.Sorted(maps.Keys(v.ConfigItems)) {
		line("config_items."+key, v.ConfigItems[key])
	}
	for _, p := range v.NodePools {
		at := "node_pools." + p.Name + "."
		line(at+"profile", p.Profile)
		line(at+"instance_types", strings.Join(p.InstanceTypes, ", "))
		line(at+"discount_strategy", p.DiscountStrategy)
		line(at+"size", fmt.Sprintf("%d to %d", p.MinSize, p.MaxSize))
		for _, key := range slices.Sorted(maps.Keys(p.ConfigItems)) {
			line(at+"config_items."+key, p.ConfigItems[key])
		}
	}
	return t
}

// fields are the lines of a card that come from the registry entry and so have
// an origin; those below config_items and node_pools come besides.
var fields = []string{"id", "alias", "lifecycle_status", "channel", "environment", "criticality_level", "provider", "region",
	"infrastructure_account", "local_id", "api_server_url", "owner"}

// originOf says where a value comes from.
func originOf(origin map[string]string, name, value string) string {
	if from, ok := origin[name]; ok {
		return from
	}
	entry := slices.Contains(fields, name) || strings.HasPrefix(name, "config_items.") || strings.HasPrefix(name, "node_pools.")
	if entry && value != "" {
		return "registry"
	}
	return ""
}

// lifecycleStatuses are the values of lifecycle_status as texts.
func lifecycleStatuses() []string {
	var out []string
	for _, s := range fairway.LifecycleStatuses {
		out = append(out, string(s))
	}
	return out
}
