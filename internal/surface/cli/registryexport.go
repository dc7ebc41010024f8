package cli

import (
	"bufio"
	"cmp"
	"slices"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway"
)

func (e *env) registryExport() *cobra.Command {
	var filter fairway.ClusterFilter
	var status bool
	c := e.asks(&cobra.Command{
		Use:   "export",
		Short: "Print the registry as a registry file",
		Long: `Prints all clusters and accounts as a clusters.yaml, sorted by id. The same registry gives the same bytes at any time, so the file can be
kept in git; importing it changes nothing. Config items are printed as they are stored: encrypted ones stay encrypted, and those in
clear are in clear. What the manager reports is left out unless --status is given.`,
		Example: `  fairway registry export > clusters.yaml
  fairway registry export --channel beta --status`,
		Args: exactly(),
	})
	c.Flags().StringVar(&filter.Channel, "channel", "", "only clusters of this channel")
	c.Flags().StringVar(&filter.Environment, "environment", "", "only clusters of this environment")
	c.Flags().StringVar(&filter.InfrastructureAccount, "infrastructure-account", "", "only clusters of this account")
	c.Flags().BoolVar(&status, "status", false, "also print what the manager has reported of each cluster")
	c.RegisterFlagCompletionFunc("channel", e.completeField(channelOf))
	c.RegisterFlagCompletionFunc("environment", e.completeField(environmentOf))
	c.RegisterFlagCompletionFunc("infrastructure-account", e.completeAccounts)
	c.RunE = func(c *cobra.Command, _ []string) error {
		_, api, err := e.ready(func() (format, error) { return format{}, nil })
		if err != nil {
			return err
		}
		clusters, err := api.Entries(c.Context(), filter)
		if err != nil {
			return err
		}
		accounts, err := api.Accounts(c.Context())
		if err != nil {
			return err
		}
		return e.export(clusters, accounts, status, filter.Channel+filter.Environment+filter.InfrastructureAccount == "")
	}
	return c
}

// export writes a registry file. Of accounts only those of the clusters are
// written, unless it is the whole registry.
func (e *env) export(clusters []fairway.Cluster, accounts []fairway.InfrastructureAccount, status, whole bool) error {
	out := bufio.NewWriter(e.Stdout)
	var failed error
	write := func(text []byte, err error) {
		out.Write(text) // the writer keeps its error for Flush
		failed = cmp.Or(failed, err)
	}
	slices.SortFunc(clusters, func(a, b fairway.Cluster) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(accounts, func(a, b fairway.InfrastructureAccount) int { return cmp.Compare(a.ID, b.ID) })
	used, known := map[string]bool{}, map[string]bool{}
	for _, c := range clusters {
		used[c.InfrastructureAccount] = true
	}
	accounts = slices.DeleteFunc(accounts, func(a fairway.InfrastructureAccount) bool { return !whole && !used[a.ID] })
	for _, a := range accounts {
		known[a.ID] = true
	}
	if len(clusters) == 0 {
		out.WriteString("clusters: []\n")
	} else {
		out.WriteString("clusters:\n")
	}
	for _, c := range clusters {
		if known[c.InfrastructureAccount] {
			c.AccountName = "" // said once, by the account; the owner stays for readers of the ecosystem
		}
		write(listText(clusterNode(&c, status)))
	}
	if len(accounts) > 0 {
		out.WriteString("infrastructure_accounts:\n")
	}
	for _, a := range accounts {
		write(listText(accountNode(a)))
	}
	return cmp.Or(failed, out.Flush())
}
