package cli_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/plan"
	"github.com/fairwayhq/fairway/internal/surface/cli"
)

// Colours are for terminals that show them, and for people who want them.
func TestPlan_Colours(t *testing.T) {
	for _, c := range []struct {
		width         int
		noColor, term string
		out           string
		want          bool
	}{
		{100, "", "xterm", "table", true}, {0, "", "xterm", "table", false}, {100, "1", "xterm", "table", false}, {100, "", "dumb", "table", false},
		{100, "", "xterm", "json", false}, {100, "", "xterm", "markdown", false},
	} {
		t.Setenv("NO_COLOR", c.noColor)
		t.Setenv("TERM", c.term)
		var stdout, stderr strings.Builder
		bundle := &fairway.Bundle{Components: []fairway.Component{{Name: "a", Objects: []fairway.Object{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "x"}}}}}}
		command := cli.New(cli.Functions{
			Stdout: &stdout, Stderr: &stderr, Width: c.width,
			Plan: func(context.Context, cli.PlanOptions) (*plan.Fleet, error) {
				return plan.Together([]*plan.Plan{plan.Build(plan.Input{Cluster: &fairway.Cluster{ID: "one", Alias: "one"}, Bundle: bundle})}, nil), nil
			},
		})
		command.SetArgs([]string{"plan", "one", "--offline", "--registry-file", filepath.Join("testdata", "none"), "--directory", ".", "-o", c.out})
		if err := command.Execute(); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(stdout.String(), "\x1b["); got != c.want {
			t.Errorf("%+v: %q", c, stdout.String())
		}
	}
}
