package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/nearest"
)

// nodePool is `fairway node-pool`.
func (e *env) nodePool() *cobra.Command {
	return group(&cobra.Command{Use: "node-pool", Aliases: []string{"node-pools", "np"}, Short: "Look at the node pools of clusters, and change them"},
		e.poolList(), e.poolShow(), e.poolCreate(), e.poolEdit(), e.poolSet(), e.poolUnset(), e.poolDelete())
}

// poolOf returns a pool of a cluster; the error names the nearest one.
func poolOf(c *fairway.Cluster, name string) (*fairway.NodePool, error) {
	var names []string
	for i := range c.NodePools {
		if c.NodePools[i].Name == name {
			return &c.NodePools[i], nil
		}
		names = append(names, c.NodePools[i].Name)
	}
	err := fairway.Errorf(fairway.CodeNotFound, "cluster %s has no node pool %q", c.Alias, name)
	if near := nearest.To(name, slices.Values(names)); near != "" {
		return nil, err.WithHint("did you mean %q?", near)
	}
	return nil, err.WithHint("`fairway node-pool list %s` shows them", c.Alias)
}

func (e *env) poolList() *cobra.Command {
	c := e.asks(&cobra.Command{
		Use:   "list CLUSTER",
		Short: "List the node pools of a cluster",
		Example: `  fairway node-pool list beta-1
  fairway node-pool list beta-1 -o jsonpath='{.items[*].name}'`,
		Args:              exactly("CLUSTER"),
		ValidArgsFunction: e.completeClusters,
	})
	format := output(c, formatsList)
	c.RunE = func(c *cobra.Command, args []string) error {
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		one, err := entry(c.Context(), api, args[0])
		if err != nil {
			return err
		}
		return list(f, e.Stdout, one.NodePools, func(wide bool) *table { return e.poolTable(one.NodePools, wide) })
	}
	return c
}

func (e *env) poolTable(pools []fairway.NodePool, wide bool) *table {
	t := &table{header: []string{"POOL", "PROFILE", "INSTANCE TYPES", "DISCOUNT", "MIN", "MAX", "ITEMS"}, width: e.Width, empty: "no node pools"}
	if wide {
		t.header[6], t.width = "CONFIG ITEMS", 0
	}
	for _, p := range pools {
		items := fmt.Sprint(len(p.ConfigItems))
		if wide {
			var all []string
			for _, key := range slices.Sorted(maps.Keys(p.ConfigItems)) {
				all = append(all, key+"="+p.ConfigItems[key])
			}
			items = dash(strings.Join(all, ","))
		}
		t.add(p.Name, p.Profile, dash(strings.Join(p.InstanceTypes, ",")), p.DiscountStrategy, fmt.Sprint(p.MinSize), fmt.Sprint(p.MaxSize), items)
	}
	return t
}

func (e *env) poolShow() *cobra.Command {
	c := e.asks(&cobra.Command{
		Use:               "show CLUSTER POOL",
		Short:             "Show one node pool",
		Example:           "  fairway node-pool show beta-1 worker -o yaml",
		Args:              exactly("CLUSTER", "POOL"),
		ValidArgsFunction: e.completePools(nil),
	})
	format := output(c, formatsOne)
	c.RunE = func(c *cobra.Command, args []string) error {
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		one, err := entry(c.Context(), api, args[0])
		if err != nil {
			return err
		}
		p, err := poolOf(one, args[1])
		if err != nil {
			return err
		}
		return f.print(e.Stdout, p, func(wide bool) *table {
			t := &table{width: e.Width}
			if wide {
				t.width = 0
			}
			t.add("name", p.Name)
			t.add("profile", p.Profile)
			t.add("instance_types", dash(strings.Join(p.InstanceTypes, ", ")))
			t.add("discount_strategy", p.DiscountStrategy)
			t.add("min_size", fmt.Sprint(p.MinSize))
			t.add("max_size", fmt.Sprint(p.MaxSize))
			for _, key := range slices.Sorted(maps.Keys(p.ConfigItems)) {
				t.add(itemPrefix+key, p.ConfigItems[key])
			}
			return t
		})
	}
	return c
}
