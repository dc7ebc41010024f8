package cli_test

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway/internal/surface/cli"
)

// Every command of the registry teaches by an example, and says what each flag does.
func TestHelpTeaches(t *testing.T) {
	t.Parallel()
	seen := 0
	var look func(c *cobra.Command)
	look = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			look(sub)
		}
		if c.HasSubCommands() {
			return
		}
		seen++
		path := c.CommandPath()
		if c.Short == "" || !strings.Contains(c.Example, path) {
			t.Errorf("%s: short %q, example %q", path, c.Short, c.Example)
		}
	}
	for _, c := range cli.New(cli.Functions{}).Commands() {
		switch c.Name() {
		case "cluster", "node-pool", "account", "audit", "registry":
			look(c)
		}
	}
	if seen < 25 {
		t.Errorf("saw only %d commands", seen)
	}
}
