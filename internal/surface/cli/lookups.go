package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/registryfile"
	"github.com/fairwayhq/fairway/internal/surface/client"
)

// SubjectOptions say which cluster is meant, and what rendering it depends on.
type SubjectOptions struct {
	// Cluster is an id, an alias or a local id.
	Cluster string
	// RegistryFile is the clusters.yaml with the cluster and its siblings; ""
	// means that Clusters holds those of a server.
	RegistryFile string
	Clusters     []fairway.Cluster
	// Defaults are for entries of RegistryFile that leave them out; they win
	// over those of fairway.yaml.
	Defaults registryfile.Defaults
	// ConfigSources are NAME:git:URL or NAME:dir:PATH, in order.
	ConfigSources []string
	// Lookups is a file with recorded answers; "" means that there are none.
	Lookups string
	// To is the branch, tag or commit to look at instead of the cluster's channel,
	// or SOURCE=REVISION for single sources, with commas; "" means the channel.
	To string
	// GitCredentials is a file that says by what right git repositories are read;
	// "" means what git finds by itself.
	GitCredentials string
	// WorkDir is for copies of git repositories; "" means the user's cache.
	WorkDir string
	// RevealSecrets keeps secrets in what is rendered.
	RevealSecrets bool
}

const gitCredentialsHelp = "YAML file: SSH keys, tokens and GitHub Apps for git repositories, by URL (default: what git finds by itself, such as an SSH agent)"

// subject adds the flags of SubjectOptions to a command. The returned function
// checks them, and asks the server for the clusters when no file is named.
func (e *env) subject(c *cobra.Command, o *SubjectOptions) func(context.Context) error {
	e.asks(c)
	var directory string
	f := c.Flags()
	f.StringVar(&o.RegistryFile, "registry-file", "", "clusters.yaml with the cluster; the others in it are its siblings (default: the clusters of the server)")
	f.StringArrayVar(&o.ConfigSources, "config-source", nil, "NAME:dir:PATH or NAME:git:URL; repeatable, later ones override defaults of earlier ones")
	f.StringVar(&directory, "directory", "", "a configuration folder; the same as --config-source main:dir:PATH")
	f.StringVar(&o.Lookups, "lookups", "", "JSON file with recorded answers of the cloud")
	f.StringVar(&o.GitCredentials, "git-credentials", "", gitCredentialsHelp)
	f.StringVar(&o.To, "to", "", "branch, tag or commit of git sources to look at instead of the cluster's channel; SOURCE=REVISION[,...] for one of several sources")
	f.StringVar(&o.WorkDir, "workdir", "", "folder for copies of git repositories (default: the user's cache)")
	f.BoolVar(&o.RevealSecrets, "reveal-secrets", false, "show secrets; without it *** stands in their place")
	defaultsFlags(c, &o.Defaults)
	return func(ctx context.Context) error {
		o.Defaults.From = "flags"
		if directory != "" {
			if len(o.ConfigSources) > 0 {
				return usagef("name the folder as another source: --config-source NAME:dir:PATH", "--directory and --config-source exclude each other")
			}
			o.ConfigSources = []string{"main:dir:" + directory}
		}
		if o.RegistryFile != "" {
			return nil
		}
		api, err := client.Find(e.find)
		if err != nil {
			return usagef("give --registry-file clusters.yaml, or name a server with --server or --data", "there is no registry to find the cluster in: %w", err)
		}
		all, err := api.Clusters(ctx, fairway.ClusterFilter{})
		if err != nil {
			return err
		}
		for _, one := range all {
			o.Clusters = append(o.Clusters, one.Cluster)
		}
		return nil
	}
}
