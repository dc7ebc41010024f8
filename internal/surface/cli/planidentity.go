package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/fairwayhq/fairway/internal/pure/plan"
)

// planIdentity is `fairway plan identity`.
func (e *env) planIdentity() *cobra.Command {
	var namespace, out string
	var groups []string
	var readOnly bool
	c := &cobra.Command{
		Use:   "identity",
		Short: "Print what makes the identity that plans and cannot write",
		Long: `Prints a service account that may read and ask for dry runs, and the ValidatingAdmissionPolicy that refuses its every other write.
A plan that is made as this identity compares what differs by dry runs of the API server, with all defaults and webhooks; any other plan compares
by managed fields and asks for get and list alone.

Objects of custom kinds are read and tried where --group names their API groups. Roles and the kinds of admission itself are compared by managed fields
in any case: the identity has no right to write them.`,
		Example: `  fairway plan identity --group cert-manager.io | kubectl apply -f -
  kubectl -n kube-system create token fairway-plan --duration 1h       a token for a kubeconfig of its own`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			if out != "yaml" && out != "json" {
				return usagef("yaml or json", "unknown output %q", out)
			}
			for _, g := range groups {
				if g == "" || g == "*" || plan.IsAdministration(g) {
					return usagef("name the API groups of custom objects, such as cert-manager.io", "the identity gets no rights on the API group %q", g)
				}
			}
			objects := plan.Identity(namespace, groups, readOnly)
			if out == "json" {
				list, err := json.MarshalIndent(map[string]any{"apiVersion": "v1", "kind": "List", "items": objects}, "", "  ")
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(e.Stdout, string(list))
				return err
			}
			for i, o := range objects {
				text, err := yaml.Marshal(o)
				if err != nil {
					return err
				}
				if i > 0 {
					text = append([]byte("---\n"), text...)
				}
				if _, err := e.Stdout.Write(text); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().StringVarP(&namespace, "namespace", "n", "kube-system", "namespace of the service account")
	c.Flags().StringSliceVar(&groups, "group", nil, "API group of custom objects that it reads, and tries in dry runs (repeatable)")
	c.Flags().BoolVar(&readOnly, "read-only", false, "no dry runs: a service account that may read, and nothing else")
	c.Flags().StringVarP(&out, "output", "o", "yaml", "yaml or json")
	return c
}
