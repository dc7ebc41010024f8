package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway"
)

// ProvisionOptions are the arguments of `fairway provision`.
type ProvisionOptions struct {
	SubjectOptions
	// Kubeconfig leads to the cluster.
	Kubeconfig string
	// ApproveDeletions says yes to deletions that need the word of a second person.
	ApproveDeletions bool
}

// provision is `fairway provision`.
func (e *env) provision() *cobra.Command {
	var o ProvisionOptions
	c := &cobra.Command{
		Use:   "provision CLUSTER",
		Short: "Bring one existing cluster to its configuration, once, without a server",
		Long: `Renders the configuration of a cluster and carries out the update, as a server would: deletions before, manifests in their order, deletions after,
and then waits until everything is healthy. Nodes are left alone: they belong to whoever made the cluster.
Before anything is written it plans: it stops at what would go wrong, and at deletions of more than max(3, 5 %) of the cluster's objects or of a
Namespace, CustomResourceDefinition or PersistentVolume with what it holds (exit code 3), unless --approve-deletions is given.
While it runs it holds the lease kube-system/fairway of the cluster, so that it never works against a server. It can be interrupted and started again.
Look first with ` + "`fairway plan`" + `, which takes the same arguments and writes nothing.`,
		Example: `  fairway plan kube-1 --registry-file clusters.yaml --config-source main:dir:. --kubeconfig ~/.kube/config
  fairway provision kube-1 --registry-file clusters.yaml --config-source main:dir:. --kubeconfig ~/.kube/config`,
		Args: exactly("CLUSTER"),
	}
	ready := e.subject(c, &o.SubjectOptions)
	c.Flags().StringVar(&o.Kubeconfig, "kubeconfig", "", "kubeconfig of the cluster")
	c.Flags().BoolVar(&o.ApproveDeletions, "approve-deletions", false, "carry out deletions that somebody other than the author has to agree to; look at them with fairway plan first")
	c.RunE = func(c *cobra.Command, args []string) error {
		o.Cluster = args[0]
		switch {
		case o.To != "":
			return usagef("set the cluster's channel in the registry file", "--to is for looking only")
		case len(o.ConfigSources) == 0 && c.Flags().Lookup("directory").Value.String() == "":
			return usagef("give --config-source NAME:dir:PATH or NAME:git:URL", "no configuration source")
		case o.RegistryFile == "":
			return usagef("give --registry-file clusters.yaml; the clusters of a server are updated by the server", "no registry file")
		case o.Kubeconfig == "":
			return usagef("give --kubeconfig FILE", "no way to the cluster")
		}
		if err := ready(c.Context()); err != nil {
			return err
		}
		update, err := e.Provision(c.Context(), o)
		if err != nil {
			return err
		}
		switch update.State {
		case fairway.UpdateDone:
			fmt.Fprintf(e.Stderr, "%s is at %s\n", update.ClusterID, short(update.Version))
			return nil
		case fairway.UpdateFailed:
			return fairway.Errorf(fairway.CodeInvalid, "provision %s: %s", update.ClusterID, update.Error).WithHint("%s", update.Hint)
		}
		return Incomplete(fairway.Errorf(fairway.CodePrecondition, "provision %s ended %s: %s", update.ClusterID, update.State, update.Error).WithHint("%s", update.Hint))
	}
	return c
}
