package cli

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/fairwayhq/fairway"
)

// changePool is a change of a cluster that changes one of its pools.
func changePool(pool string, change func(p *fairway.NodePool) error) func(c *fairway.Cluster) error {
	return func(c *fairway.Cluster) error {
		p, err := poolOf(c, pool)
		if err != nil {
			return err
		}
		return change(p)
	}
}

func (e *env) poolSet() *cobra.Command {
	var files []string
	c := e.writes(&cobra.Command{
		Use:   "set CLUSTER POOL KEY=VALUE...",
		Short: "Set fields and config items of a node pool",
		Long: `Sets fields (profile, instance_types, discount_strategy, min_size, max_size) and config items of a node pool. What is no field is a config
item; config_items.KEY=VALUE is one in any case.`,
		Example: `  fairway node-pool set beta-1 worker min_size=3 max_size=12
  fairway node-pool set beta-1 worker instance_types=m5.large,m5a.large --dry-run
  fairway node-pool set beta-1 worker taints=dedicated=db:NoSchedule`,
		Args: atLeast(2, "CLUSTER", "POOL"),
		ValidArgsFunction: e.completePools(func(p fairway.NodePool) []string {
			s := settablePool(&p)
			return withEquals(slices.AppendSeq(slices.Collect(maps.Keys(s.fields)), maps.Keys(s.items)))
		}),
	}, func(args []string) (func(c *fairway.Cluster) error, error) {
		all, err := e.assignments(args[2:], files)
		if err != nil {
			return nil, err
		}
		if len(all) == 0 {
			return nil, usagef("for example max_size=12", "KEY=VALUE is missing")
		}
		return changePool(args[1], func(p *fairway.NodePool) error {
			s := settablePool(p)
			for _, a := range all {
				if err := s.set(a); err != nil {
					return err
				}
			}
			return nil
		}), nil
	})
	c.Flags().StringArrayVar(&files, "file", nil, "KEY=PATH: the value is the content of a file; can be given again")
	return c
}

func (e *env) poolUnset() *cobra.Command {
	return e.writes(&cobra.Command{
		Use:     "unset CLUSTER POOL KEY...",
		Short:   "Remove config items of a node pool",
		Example: "  fairway node-pool unset beta-1 worker taints",
		Args:    atLeast(3, "CLUSTER", "POOL", "KEY"),
		ValidArgsFunction: e.completePools(func(p fairway.NodePool) []string {
			return slices.Collect(maps.Keys(p.ConfigItems))
		}),
	}, func(args []string) (func(c *fairway.Cluster) error, error) {
		return changePool(args[1], func(p *fairway.NodePool) error {
			s := settablePool(p)
			for _, key := range args[2:] {
				if err := s.unset(key); err != nil {
					return err
				}
			}
			return nil
		}), nil
	})
}

func (e *env) poolCreate() *cobra.Command {
	var path, profile, discount string
	var types []string
	var least, most int64
	var items []string
	var c *cobra.Command
	c = e.writes(&cobra.Command{
		Use:   "create CLUSTER POOL",
		Short: "Add a node pool to a cluster",
		Long: `Adds a node pool, from flags, or from a file that holds it as in a registry file (- reads standard input); flags win. It comes last in the
order of the cluster's pools.`,
		Example: `  fairway node-pool create beta-1 gpu --profile worker-gpu --instance-types g5.xlarge --min-size 0 --max-size 4
  fairway node-pool show beta-1 worker -o yaml | fairway node-pool create beta-2 worker -f -`,
		Args: exactly("CLUSTER", "POOL"),
		ValidArgsFunction: func(c *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
			return e.completeClusters(c, args, start)
		},
	}, func(args []string) (func(c *fairway.Cluster) error, error) {
		p := fairway.NodePool{DiscountStrategy: "none"}
		if path != "" {
			text, err := e.readFile(path)
			if err != nil {
				return nil, err
			}
			read, found := readPool(named(text, args[1]))
			if found != nil {
				return nil, fairway.Errorf(fairway.CodeInvalid, "%s: %w", path, found)
			}
			p = *read
		}
		p.Name = args[1]
		config, err := e.assignments(items, nil)
		if err != nil {
			return nil, err
		}
		for name, set := range map[string]func(){
			"profile": func() { p.Profile = profile }, "discount-strategy": func() { p.DiscountStrategy = discount },
			"instance-types": func() { p.InstanceTypes = types }, "min-size": func() { p.MinSize = least }, "max-size": func() { p.MaxSize = most },
		} {
			if c.Flag(name).Changed {
				set()
			}
		}
		p.ConfigItems = ownItems(p.ConfigItems)
		for _, a := range config {
			p.ConfigItems[a.key] = a.value
		}
		return func(c *fairway.Cluster) error {
			if _, exists := c.Pool(p.Name); exists {
				return fairway.Errorf(fairway.CodeConflict, "cluster %s has a node pool %q already", c.Alias, p.Name).
					WithHint("`fairway node-pool set %s %s KEY=VALUE` changes it", c.Alias, p.Name)
			}
			c.NodePools = append(c.NodePools, p)
			return nil
		}, nil
	})
	c.Flags().StringVarP(&path, "filename", "f", "", "file with the node pool, or - for standard input")
	c.Flags().StringVar(&profile, "profile", "", "a folder below cluster/node-pools of the configuration")
	c.Flags().StringSliceVar(&types, "instance-types", nil, "instance types, separated by commas")
	c.Flags().StringVar(&discount, "discount-strategy", "none", "none, spot or spot_max_price")
	c.Flags().Int64Var(&least, "min-size", 0, "least nodes")
	c.Flags().Int64Var(&most, "max-size", 0, "most nodes")
	c.Flags().StringArrayVar(&items, "config", nil, "KEY=VALUE, a config item; can be given again")
	c.RegisterFlagCompletionFunc("discount-strategy", cobra.FixedCompletions(fairway.DiscountStrategies, cobra.ShellCompDirectiveNoFileComp))
	c.RegisterFlagCompletionFunc("profile", e.completeProfiles)
	return c
}

// named gives a pool's text a name, without moving any line.
func named(text []byte, name string) []byte {
	var root yaml.Node
	if yaml.Unmarshal(text, &root) != nil || len(root.Content) == 0 || root.Content[0].Kind != yaml.MappingNode {
		return text // what is wrong is said by who reads it
	}
	value := valueOf(root.Content[0], "name")
	switch {
	case value == nil && root.Content[0].Style&yaml.FlowStyle == 0:
		return append(append(bytes.TrimRight(text, "\n"), "\nname: "...), name+"\n"...)
	case value != nil && value.Value == name:
		return text
	}
	remove(root.Content[0], "name")
	root.Content[0].Content = append(root.Content[0].Content, textNode("name"), textNode(name))
	out, err := yamlText(&root)
	if err != nil {
		return text
	}
	return out
}

func (e *env) poolDelete() *cobra.Command {
	var yes, dryRun bool
	var reason string
	c := e.asks(&cobra.Command{
		Use:   "delete CLUSTER POOL",
		Short: "Remove a node pool from a cluster",
		Long:  "Removes a node pool from the cluster's entry, after a question. The next update of the cluster replaces its nodes by those of other pools.",
		Example: `  fairway node-pool delete beta-1 gpu
  fairway node-pool delete beta-1 gpu --yes --reason "nobody uses it"`,
		Args:              exactly("CLUSTER", "POOL"),
		ValidArgsFunction: e.completePools(nil),
	})
	format := output(c, formatsOne)
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "only print what would change")
	because(c, &reason)
	c.RunE = func(c *cobra.Command, args []string) error {
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		one, err := entry(c.Context(), api, args[0])
		if err != nil {
			return err
		}
		if _, err := poolOf(one, args[1]); err != nil {
			return err
		}
		if !dryRun {
			ok, err := e.confirmed(c.Context(), yes, fmt.Sprintf("Delete node pool %s of cluster %s?", args[1], one.Alias))
			if err != nil {
				return err
			}
			if !ok {
				e.say("nothing was done")
				return nil
			}
		}
		out, err := changeEntry(c.Context(), api.WithReason(reason), one.ID, dryRun, func(c *fairway.Cluster) error {
			if _, err := poolOf(c, args[1]); err != nil {
				return err
			}
			c.NodePools = slices.DeleteFunc(c.NodePools, func(p fairway.NodePool) bool { return p.Name == args[1] })
			return nil
		})
		if err != nil {
			return err
		}
		return e.report(f, out)
	}
	return c
}

func (e *env) poolEdit() *cobra.Command {
	var from, reason string
	c := e.asks(&cobra.Command{
		Use:   "edit CLUSTER POOL",
		Short: "Edit a node pool in an editor",
		Long:  "Opens the node pool in $VISUAL or $EDITOR; all else is as with `fairway cluster edit`.",
		Example: `  fairway node-pool edit beta-1 worker
  fairway node-pool edit beta-1 worker --reason "room for the sale"`,
		Args:              exactly("CLUSTER", "POOL"),
		ValidArgsFunction: e.completePools(nil),
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
		p, err := poolOf(before, args[1])
		if err != nil {
			return err
		}
		text, err := yamlText(poolNode(*p))
		if err != nil {
			return err
		}
		return e.editFrom(c.Context(), from, editing{
			name: before.Alias + "-" + p.Name, again: "fairway node-pool edit " + before.Alias + " " + p.Name, text: text,
			intro: intro("node pool "+p.Name+" of cluster "+before.ID, "Its name cannot be changed."),
			preview: func(text []byte) []string {
				written, found := readPool(text)
				if found != nil {
					return nil
				}
				after := before.Clone()
				if changePool(p.Name, func(to *fairway.NodePool) error { *to = *written; return nil })(after) != nil {
					return nil
				}
				return plainDiff(clusterChanges(before, after, true))
			},
			save: func(ctx context.Context, edited []byte) error {
				written, found := readPool(edited)
				if found != nil {
					return found
				}
				if written.Name != p.Name {
					return problems{{message: "the name of a node pool never changes: it is " + p.Name, hint: "`fairway node-pool create` makes another one"}}
				}
				after := before.Clone()
				if err := changePool(p.Name, func(to *fairway.NodePool) error { *to = *written; return nil })(after); err != nil {
					return err
				}
				return e.sendEdit(ctx, api, f, before, after)
			},
		})
	}
	return c
}

// completeProfiles offers the profiles that pools of the cluster have.
func (e *env) completeProfiles(c *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return e.completePoolsOf(c, args[0], start, func(p fairway.NodePool) string { return p.Profile })
}
