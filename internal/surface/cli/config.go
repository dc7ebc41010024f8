package cli

import (
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
	return group(&cobra.Command{Use: "config", Short: "Help for people who write templates"}, e.configEval(), e.configNormalise())
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
