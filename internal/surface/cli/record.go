package cli

import (
	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway/internal/pure/render"
)

// RecordOptions are the arguments of `fairway lookups record`.
type RecordOptions struct {
	SubjectOptions
	// Names are the clusters, by id, alias or local id.
	Names []string
	// Out is the file to write.
	Out string
	// Flags are those of the run that is recorded.
	Flags render.RecordedOptions
}

// lookups is `fairway lookups`.
func (e *env) lookups() *cobra.Command {
	return group(&cobra.Command{Use: "lookups", Short: "Answers of the cloud that rendering depends on"}, e.lookupsRecord())
}

func (e *env) lookupsRecord() *cobra.Command {
	var o RecordOptions
	c := &cobra.Command{
		Use:   "record CLUSTER...",
		Short: "Record what AWS answers, for rendering offline",
		Long: `Renders clusters with the answers of their AWS account and writes these to a file for --lookups: images, instance types, networks, certificates with their roots,
aliases of keys, outputs and names of stacks. All calls only read; nothing is decrypted, and the file holds no secrets. Credentials are found as by every tool of AWS
(environment, profile, web identity, metadata service) and must belong to the clusters' account; all clusters are of one account and region.
Certificates' roots are written beside the file, as FILE.roots.pem.`,
		Example: `  AWS_PROFILE=test fairway lookups record kube-1 --registry-file clusters.yaml --config-source main:dir:. --out lookups.json
  fairway render kube-1 --registry-file clusters.yaml --config-source main:dir:. --lookups lookups.json --out rendered`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("usage: "+c.UseLine(), "CLUSTER is missing")
			}
			return nil
		},
	}
	ready := e.subject(c, &o.SubjectOptions)
	f := c.Flags()
	f.StringVar(&o.Out, "out", "", "the JSON file to write")
	f.BoolVar(&o.Flags.ManageEtcdStack, "manage-etcd-stack", false, "the etcd stack belongs to the clusters")
	f.BoolVar(&o.Flags.ApplyOnly, "apply-only", false, "no nodes are rolled in the run")
	f.StringVar((*string)(&o.Flags.Engine), "engine", "", "whose bytes are rendered: head or 2024-10 (default: Fairway's own)")
	c.RunE = func(c *cobra.Command, args []string) error {
		o.Names = args
		switch {
		case o.Out == "":
			return usagef("give --out lookups.json", "no file to write to")
		case o.Lookups != "":
			return usagef("leave it out: the answers are those of AWS", "--lookups cannot be recorded")
		case len(o.ConfigSources) == 0 && c.Flags().Lookup("directory").Value.String() == "":
			return usagef("give --config-source NAME:dir:PATH or NAME:git:URL", "no configuration source")
		}
		if err := ready(c.Context()); err != nil {
			return err
		}
		return e.Record(c.Context(), o)
	}
	return c
}
