package cli

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway/internal/pure/render"
)

// RenderOptions are the arguments of `fairway render`.
type RenderOptions struct {
	SubjectOptions
	// Out is the folder to write to, below it one folder per cluster; "" means
	// that nothing is written.
	Out string
	// Components and Only choose parts, see render.FilesInput.
	Components, Only []string
}

// Rendered are the files of a cluster.
type Rendered struct {
	// LocalID names the folder of the cluster.
	LocalID string
	Files   []render.File
}

// render is `fairway render`.
func (e *env) render() *cobra.Command {
	var o RenderOptions
	c := &cobra.Command{
		Use:   "render CLUSTER",
		Short: "Render a cluster's stacks, user data, archives and manifests",
		Long: `Renders everything that an update would send to a cluster and to its cloud, without sending anything. CLUSTER is an id, alias or local_id.
With --out the files are written below DIR/<local_id>/, in place of those of an earlier rendering; without it the texts are printed.
Clusters on AWS need --lookups. Secrets are masked, and what cannot be masked is left out, unless --reveal-secrets is given.`,
		Example: `  fairway render kube-1 --registry-file clusters.yaml --config-source main:dir:. --lookups lookups.json --out rendered
  fairway render kube-1 --registry-file clusters.yaml --config-source main:git:https://git.example.org/config.git --component skipper
  fairway render kube-1 --registry-file clusters.yaml --directory . --only node-pools/workers --only cluster`,
		Args: exactly("CLUSTER"),
	}
	ready := e.subject(c, &o.SubjectOptions)
	c.Flags().StringVar(&o.Out, "out", "", "folder to write the files to")
	c.Flags().StringArrayVar(&o.Components, "component", nil, "only this component of the manifests; repeatable")
	c.Flags().StringArrayVar(&o.Only, "only", nil, "only this part: config, cluster, etcd, deletions, manifests, node-pools, cf-manifests, manifests/COMPONENT or node-pools/POOL; repeatable")
	c.RunE = func(c *cobra.Command, args []string) error {
		o.Cluster = args[0]
		if len(o.ConfigSources) == 0 && c.Flags().Lookup("directory").Value.String() == "" {
			return usagef("give --config-source NAME:dir:PATH or NAME:git:URL", "no configuration source")
		}
		if err := ready(c.Context()); err != nil {
			return err
		}
		rendered, err := e.Render(c.Context(), o)
		if err != nil {
			return err
		}
		if o.Out != "" {
			fmt.Fprintf(e.Stderr, "%d files written to %s\n", len(rendered.Files), path.Join(o.Out, rendered.LocalID))
			return nil
		}
		return printFiles(e.Stdout, rendered.Files)
	}
	return c
}

// printFiles prints the texts one after another, each below its name, so that
// manifests can be piped on as they are. Archives are not printed, nor the
// forms of what is printed already.
func printFiles(w io.Writer, files []render.File) error {
	for _, f := range files {
		if strings.HasPrefix(f.Path, "s3/") || strings.HasPrefix(f.Path, "manifests-rendered/") || strings.HasSuffix(f.Path, ".b64") {
			continue
		}
		text := f.Content
		if !bytes.HasSuffix(text, []byte("\n")) {
			text = append(bytes.Clone(text), '\n')
		}
		if _, err := fmt.Fprintf(w, "---\n# %s\n%s", f.Path, text); err != nil {
			return err
		}
	}
	return nil
}
