package cli

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway/internal/surface/client"
)

// demo is `fairway demo`.
func (e *env) demo() *cobra.Command {
	var o DemoOptions
	c := &cobra.Command{
		Use:   "demo",
		Short: "Bring up a fleet on this machine and carry a change through it",
		Long: `Starts clusters (real control planes with simulated nodes), a git repository with the channels dev, alpha and beta, and a manager.
Then it merges a change into dev and shows how it travels from channel to channel while workloads keep running. It ends with a summary and exit code 0 only if
everything converged, no disruption budget was broken and no request failed. Ctrl-C stops everything.`,
		Example: `  fairway demo
  fairway demo --keep                    stay up afterwards, to look around
  fairway demo --clusters 2              only dev and alpha
  fairway demo --change my.diff -o json`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("`fairway demo --help` shows what it takes", "unexpected argument %q", args[0])
			}
			switch {
			case o.Clusters < 1 || o.Clusters > 9:
				return usagef("for example --clusters 4", "--clusters %d is not between 1 and 9", o.Clusters)
			case o.Output != "table" && o.Output != "json":
				return usagef("table or json", "unknown output %q of the demo", o.Output)
			}
			if o.Change != "" {
				if _, err := os.Stat(o.Change); err != nil {
					return usagef("make one with `git diff > my.diff` in a clone of the configuration", "read the change: %w", err)
				}
			}
			return e.Demo(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.DataDir, "data", client.DemoData, "the demo's folder")
	f.IntVar(&o.Clusters, "clusters", 4, "how many clusters: 1 = dev, 2 = dev and alpha, more add beta clusters")
	f.StringVar(&o.Change, "change", "", "a `git diff` to merge in place of the built-in change")
	f.BoolVar(&o.Keep, "keep", false, "stay in the foreground after the summary until interrupted")
	f.StringVarP(&o.Output, "output", "o", "table", "summary as table or json")
	f.StringVar(&o.Localkube, "localkube", "", "the localkube program (default: beside this program, or on the PATH)")
	f.BoolVar(&o.Debug, "debug", false, "write more into DATA/logs")
	f.Lookup("change").Usage = "a `file` with a git diff to merge in place of the built-in change"
	c.AddCommand(e.watch())
	return c
}

// watch is `fairway demo watch`, which the demo starts as a process of its own.
func (e *env) watch() *cobra.Command {
	var o WatchOptions
	c := &cobra.Command{
		Use:    "watch",
		Short:  "Watch the demo's clusters independently of the manager",
		Hidden: true,
		Args:   exactly(),
		RunE:   func(c *cobra.Command, _ []string) error { return e.Watch(c.Context(), o) },
	}
	c.Flags().StringVar(&o.DataDir, "data", client.DemoData, "the demo's folder")
	c.Flags().StringSliceVar(&o.Clusters, "clusters", nil, "local ids of the clusters to watch (default: all)")
	return c
}
