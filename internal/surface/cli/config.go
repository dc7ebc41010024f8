package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/render"
)

// EvalOptions are the arguments of `fairway config eval`.
type EvalOptions struct {
	SubjectOptions
	// Name stands for the template in errors, Text is the template.
	Name, Text string
	// Pool is the node pool that the template sees; "" means none.
	Pool string
}

// config is `fairway config`.
func (e *env) config() *cobra.Command {
	return group(&cobra.Command{Use: "config", Short: "Help for people who write templates"}, e.configEval(), e.configNormalise(), e.configLint())
}

func (e *env) configEval() *cobra.Command {
	var o EvalOptions
	c := &cobra.Command{
		Use:   "eval CLUSTER FILE|-",
		Short: "Print what a template gives for a cluster",
		Long: `Evaluates one template for a cluster and prints the result. - reads the template from standard input. It sees what a manifest sees;
with --node-pool also .NodePool, and what the user data of that pool sees. CLUSTER is an id, alias or local_id.`,
		Example: `  echo '{{ .Cluster.ConfigItems.region }}' | fairway config eval kube-1 --registry-file clusters.yaml --directory . -
  fairway config eval kube-1 --registry-file clusters.yaml --directory . --lookups lookups.json --node-pool workers template.yaml`,
		Args: exactly("CLUSTER", "FILE"),
	}
	ready := e.subject(c, &o.SubjectOptions)
	c.Flags().StringVar(&o.Pool, "node-pool", "", "evaluate for this node pool of the cluster")
	c.RunE = func(c *cobra.Command, args []string) error {
		text, err := e.template(args[1])
		if err != nil {
			return err
		}
		if err := ready(c.Context()); err != nil {
			return err
		}
		o.Cluster, o.Name, o.Text = args[0], args[1], text
		if o.Name == "-" {
			o.Name = "stdin"
		}
		out, err := e.Eval(c.Context(), o)
		if err != nil {
			return err
		}
		_, err = io.WriteString(e.Stdout, out)
		return err
	}
	return c
}

func (e *env) configNormalise() *cobra.Command {
	return &cobra.Command{
		Use:     "normalise FILE|-",
		Aliases: []string{"normalize"},
		Short:   "Print YAML as it would be applied",
		Long: `Prints manifests as a cluster gets them: anchors and merge keys resolved, YAML 1.1 booleans and numbers turned into what they mean, keys sorted.
- reads standard input.`,
		Example: `  fairway config normalise cluster/manifests/skipper/deployment.yaml
  fairway config eval kube-1 --registry-file clusters.yaml --directory . secret.yaml | fairway config normalise -`,
		Args: exactly("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := e.template(args[0])
			if err != nil {
				return err
			}
			out, err := render.Normalise(text)
			if err != nil {
				return err
			}
			_, err = io.WriteString(e.Stdout, out)
			return err
		},
	}
}

// LintOptions are the arguments of `fairway config lint`.
type LintOptions struct {
	// SubjectOptions name the sources, and the registry file whose items count
	// as defined; "" means none.
	SubjectOptions
	// Channel is what git sources are looked at.
	Channel string
}

func (e *env) configLint() *cobra.Command {
	var o LintOptions
	var directory string
	c := &cobra.Command{
		Use:   "lint",
		Short: "Look for mistakes in a configuration repository",
		Long: `Looks at all templates without rendering them: those that do not parse, config items that are used but defined nowhere or defined but used nowhere,
components without manifests, actions behind #, images without a version, and fields that no longer exist. Exit code 1 when a finding is an error.`,
		Example: `  fairway config lint --directory .
  fairway config lint --directory . --registry-file clusters.yaml -o json`,
		Args: exactly(),
	}
	format := output(c, formatsList)
	f := c.Flags()
	f.StringArrayVar(&o.ConfigSources, "config-source", nil, "NAME:dir:PATH or NAME:git:URL; repeatable")
	f.StringVar(&directory, "directory", "", "a configuration folder; the same as --config-source main:dir:PATH")
	f.StringVar(&o.RegistryFile, "registry-file", "", "clusters.yaml whose config items count as defined")
	f.StringVar(&o.Channel, "channel", "HEAD", "branch, tag or commit of git sources")
	f.StringVar(&o.GitCredentials, "git-credentials", "", gitCredentialsHelp)
	f.StringVar(&o.WorkDir, "workdir", "", "folder for copies of git repositories (default: the user's cache)")
	defaultsFlags(c, &o.Defaults)
	c.RunE = func(c *cobra.Command, _ []string) error {
		f, err := format()
		if err != nil {
			return err
		}
		if directory != "" {
			o.ConfigSources = append(o.ConfigSources, "main:dir:"+directory)
		}
		if len(o.ConfigSources) == 0 {
			return usagef("give --directory PATH, or --config-source NAME:git:URL", "no configuration source")
		}
		findings, err := e.Lint(c.Context(), o)
		if err != nil {
			return err
		}
		if err := list(f, e.Stdout, findings, func(bool) *table { return e.lintTable(findings) }); err != nil {
			return err
		}
		wrong := 0
		for _, one := range findings {
			if one.Severity == render.LintError {
				wrong++
			}
		}
		if wrong > 0 {
			return fairway.Errorf(fairway.CodeInvalid, "%d of %d findings are errors", wrong, len(findings))
		}
		return nil
	}
	return c
}

func (e *env) lintTable(findings []render.LintFinding) *table {
	t := &table{header: []string{"FILE", "LINE", "SEVERITY", "CHECK", "FINDING", "HINT"}, width: e.Width, empty: "nothing to complain about"}
	for _, f := range findings {
		t.add(f.File, fmt.Sprint(f.Line), f.Severity, f.Check, f.Message, dash(f.Hint))
	}
	return t
}

// template reads a file, or standard input for -.
func (e *env) template(name string) (string, error) {
	var data []byte
	var err error
	if name == "-" {
		data, err = io.ReadAll(e.Stdin)
	} else {
		data, err = os.ReadFile(name)
	}
	if err != nil {
		return "", fairway.Errorf(fairway.CodeInvalid, "read the template: %w", err).WithHint("give the path of a file, or - for standard input")
	}
	return string(data), nil
}
