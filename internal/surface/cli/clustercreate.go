package cli

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/fairwayhq/fairway"
)

// createFlags are the fields of a cluster that `cluster create` has a flag for.
var createFlags = []struct{ field, help string }{
	{"id", "unique and never changed, such as aws:123456789012:eu-central-1:kube-1"},
	{"alias", "what people call it (default: the local id)"},
	{"infrastructure_account", "the account that it lives in, such as aws:123456789012"},
	{"local_id", "unique in its account and region (default: the last part of the id)"},
	{"api_server_url", "where its API server is found"},
	{"channel", "branch, tag or commit of the configuration"},
	{"environment", "such as production or test"},
	{"criticality_level", "1 non-critical, 2 standard, 3 PCI (default: 1)"},
	{"lifecycle_status", "where it stands (default: requested)"},
	{"provider", "one of " + strings.Join(fairway.Providers, ", ")},
	{"region", "where it runs"},
}

func (e *env) clusterCreate() *cobra.Command {
	var path, reason string
	var items []string
	var dryRun bool
	c := e.asks(&cobra.Command{
		Use:   "create {-f FILE | --id ID ...}",
		Short: "Add a cluster to the registry",
		Long: `Creates a cluster from a file (YAML or JSON: one entry alone, or a registry file with one entry; - reads standard input), from flags, or
from both: flags win. Everything that is wrong is said at once, and nothing is stored then. Node pools come from the file, or later by
` + "`fairway node-pool create`" + `.`,
		Example: `  fairway cluster create -f kube-1.yaml --dry-run
  fairway cluster show kube-1 -o yaml | fairway cluster create -f - --id local:demo:eu:kube-2 --alias kube-2
  fairway cluster create --id local:demo:eu:kube-1 --infrastructure-account local:demo --api-server-url https://127.0.0.1:6443 \
      --channel dev --environment test --provider local --region eu --config node_image=v3`,
		Args: exactly(),
	})
	format := output(c, formatsOne)
	c.Flags().StringVarP(&path, "filename", "f", "", "file with the cluster, or - for standard input")
	for _, f := range createFlags {
		c.Flags().String(strings.ReplaceAll(f.field, "_", "-"), "", f.help)
	}
	c.Flags().StringArrayVar(&items, "config", nil, "KEY=VALUE, a config item; can be given again")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "only check, and print what would be created")
	because(c, &reason)
	c.RegisterFlagCompletionFunc("channel", e.completeField(channelOf))
	c.RegisterFlagCompletionFunc("environment", e.completeField(environmentOf))
	c.RegisterFlagCompletionFunc("infrastructure-account", e.completeAccounts)
	c.RegisterFlagCompletionFunc("provider", cobra.FixedCompletions(fairway.Providers, cobra.ShellCompDirectiveNoFileComp))
	c.RegisterFlagCompletionFunc("lifecycle-status", cobra.FixedCompletions(lifecycleStatuses(), cobra.ShellCompDirectiveNoFileComp))
	c.RunE = func(c *cobra.Command, _ []string) error {
		flags := map[string]string{}
		for _, f := range createFlags {
			if flag := c.Flag(strings.ReplaceAll(f.field, "_", "-")); flag.Changed {
				flags[f.field] = flag.Value.String()
			}
		}
		config, err := e.assignments(items, nil)
		if err != nil {
			return err
		}
		if path == "" && len(flags) == 0 {
			return usagef("`fairway cluster create --help` shows both", "neither -f FILE nor --id is given")
		}
		f, api, err := e.ready(format)
		if err != nil {
			return err
		}
		text := []byte("{}")
		if path != "" {
			if text, err = e.readFile(path); err != nil {
				return err
			}
		}
		one, err := newCluster(cmp.Or(path, "flags"), text, flags, config)
		if err != nil {
			return err
		}
		out := clusterChanges(nil, one, dryRun)
		if !dryRun {
			if _, err := api.WithReason(reason).CreateCluster(c.Context(), *one); err != nil {
				return err
			}
		}
		return e.report(f, out)
	}
	return c
}

// newCluster reads a cluster from a text and puts flags over it.
func newCluster(name string, text []byte, flags map[string]string, items []assignment) (*fairway.Cluster, error) {
	if found := syntax(text); found != nil {
		return nil, fairway.Errorf(fairway.CodeInvalid, "%s: %w", name, found)
	}
	text, err := overlaid(text, flags)
	if err != nil {
		return nil, fairway.Errorf(fairway.CodeInvalid, "%s: %w", name, err)
	}
	one, found := readCluster(text, nil)
	if len(found) > 0 {
		return nil, fairway.Errorf(fairway.CodeInvalid, "%s: %w", name, found)
	}
	one.Status, one.Owner, one.AccountName, one.Origin = fairway.ClusterStatus{}, "", "", nil
	one.ConfigItems = ownItems(one.ConfigItems)
	for _, a := range items {
		one.ConfigItems[strings.TrimPrefix(a.key, itemPrefix)] = a.value
	}
	return one, refuse("cluster "+one.ID, one.Validate())
}

// overlaid puts fields over those of the entry in a text, and takes out what
// `cluster show` adds to it. A text that needs none of that stays as it is, so
// that its lines can be found again.
func overlaid(text []byte, flags map[string]string) ([]byte, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, err
	}
	entry := root.Content[0]
	if clusters := valueOf(entry, "clusters"); clusters != nil {
		if clusters.Kind != yaml.SequenceNode || len(clusters.Content) != 1 || clusters.Content[0].Kind != yaml.MappingNode {
			return text, nil // said better by who reads it
		}
		entry = clusters.Content[0]
	}
	touched := len(flags) > 0
	for _, shown := range []string{"state", "origin"} {
		touched = remove(entry, shown) || touched
	}
	for _, field := range slices.Sorted(maps.Keys(flags)) {
		remove(entry, field)
		value := textNode(flags[field])
		if field == "criticality_level" {
			value = &yaml.Node{Kind: yaml.ScalarNode, Value: flags[field]} // a number, if it is one
		}
		entry.Content = append(entry.Content, textNode(field), value)
	}
	if valueOf(entry, "lifecycle_status") == nil {
		entry.Content = append(entry.Content, textNode("lifecycle_status"), textNode(string(fairway.StatusRequested)))
		touched = true
	}
	if !touched {
		return text, nil
	}
	entry.Style = 0
	return yamlText(&root)
}

// valueOf returns the value of a key, nil when there is none.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// remove takes a key out of a map and reports whether it was there.
func remove(n *yaml.Node, key string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content = slices.Delete(n.Content, i, i+2)
			return true
		}
	}
	return false
}
