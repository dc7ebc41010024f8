package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway/internal/surface/client"
)

// env is what the commands share: the functions, and the flags that say which
// server to ask.
type env struct {
	Functions
	find client.Flags
}

// New returns the command `fairway`. It prints no errors; see Report.
func New(f Functions) *cobra.Command {
	if f.Stdin == nil {
		f.Stdin = strings.NewReader("")
	}
	if f.Stdout == nil {
		f.Stdout = io.Discard
	}
	if f.Stderr == nil {
		f.Stderr = io.Discard
	}
	if f.Version == (VersionInfo{}) {
		f.Version = Version()
	}
	if f.Now == nil {
		f.Now = time.Now
	}
	e := &env{Functions: f}
	root := group(&cobra.Command{
		Use:   "fairway",
		Short: "Continuously delivers Kubernetes infrastructure to a fleet of clusters",
		Long: `Fairway carries every change of a configuration repository through channels (dev, alpha, beta) to every cluster of a fleet,
without a maintenance window and without disturbing what runs there.`,
		Example: `  fairway demo                       a fleet on this machine, and a change that travels through it
  fairway cluster list               what every cluster does and waits for
  fairway rollout list               how far each change has come`,
	},
		e.demo(), e.server(), e.cluster(), e.nodePool(), e.account(), e.rollout(), e.update(), e.registry(), e.audit(),
		e.render(), e.plan(), e.lookups(), e.provision(), e.config(), e.pdbController(), e.sim(), e.versionCommand())
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetIn(f.Stdin)
	root.SetOut(f.Stdout)
	root.SetErr(f.Stderr)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef(fmt.Sprintf("`%s --help` shows the flags", c.CommandPath()), "%w", err)
	})
	return root
}

// group returns a command that only holds others: alone it prints its help, and
// an unknown name below it is a usage error that names the nearest one.
func group(c *cobra.Command, subs ...*cobra.Command) *cobra.Command {
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		hint := fmt.Sprintf("`%s --help` lists the commands", c.CommandPath())
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			hint = fmt.Sprintf("did you mean `%s %s`?", c.CommandPath(), near[0])
		}
		return usagef(hint, "unknown command %q for %q", args[0], c.CommandPath())
	}
	c.SuggestionsMinimumDistance = 2
	c.AddCommand(subs...)
	return c
}

// exactly refuses any other number of arguments than the named ones.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usagef(fmt.Sprintf("usage: %s", c.UseLine()), "%s is missing", names[len(args)])
		case len(args) > len(names):
			return usagef(fmt.Sprintf("usage: %s", c.UseLine()), "unexpected argument %q", args[len(names)])
		}
		return nil
	}
}

// asks adds the flags of a command that asks a server.
func (e *env) asks(c *cobra.Command) *cobra.Command {
	c.Flags().StringVar(&e.find.Server, "server", "", "address of the server, http://HOST:PORT (or FAIRWAY_SERVER)")
	c.Flags().StringVar(&e.find.Token, "token", "", "token for the server (or FAIRWAY_TOKEN)")
	c.Flags().StringVar(&e.find.Data, "data", "", "data folder of a server on this machine, in place of --server and --token")
	return c
}

// ready returns what every command that asks a server begins with: the form of
// its output, and the server.
func (e *env) ready(output func() (format, error)) (format, *client.Client, error) {
	f, err := output()
	if err != nil {
		return format{}, nil, err
	}
	api, err := client.Find(e.find)
	return f, api, err
}
