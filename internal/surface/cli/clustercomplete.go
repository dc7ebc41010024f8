package cli

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/surface/client"
)

// completionTime is how long a completion asks the server: nobody waits for
// longer behind the tab key.
const completionTime = time.Second

// completion is what completion functions of cobra look like.
type completion = func(c *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective)

// offer asks the server for words; a server that does not answer offers none.
func (e *env) offer(c *cobra.Command, start string, ask func(ctx context.Context, api *client.Client) ([]string, error)) ([]string, cobra.ShellCompDirective) {
	const silent = cobra.ShellCompDirectiveNoFileComp
	api, err := client.Find(e.find)
	if err != nil {
		return nil, silent
	}
	parent := c.Context()
	if parent == nil {
		parent = context.Background()
	}
	ctx, cancel := context.WithTimeout(parent, completionTime)
	defer cancel()
	words, err := ask(ctx, api)
	if err != nil {
		return nil, silent
	}
	words = slices.DeleteFunc(words, func(w string) bool { return !strings.HasPrefix(w, start) })
	slices.Sort(words)
	return slices.Compact(words), silent
}

// completeClusters offers the aliases of the fleet, and ids to who types one.
func (e *env) completeClusters(c *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return e.offer(c, start, func(ctx context.Context, api *client.Client) ([]string, error) {
		all, err := api.Entries(ctx, fairway.ClusterFilter{Terse: true})
		var names []string
		for _, one := range all {
			if names = append(names, one.Alias); strings.Contains(start, ":") {
				names = append(names, one.ID)
			}
		}
		return names, err
	})
}

// completeField offers the values that the clusters of the fleet have for a
// flag, such as all channels.
func (e *env) completeField(of func(c fairway.Cluster) string) completion {
	return func(c *cobra.Command, _ []string, start string) ([]string, cobra.ShellCompDirective) {
		return e.offer(c, start, func(ctx context.Context, api *client.Client) ([]string, error) {
			return values(ctx, api, of)
		})
	}
}

func values(ctx context.Context, api *client.Client, of func(c fairway.Cluster) string) ([]string, error) {
	all, err := api.Entries(ctx, fairway.ClusterFilter{Terse: true})
	var words []string
	for _, one := range all {
		if word := of(one); word != "" {
			words = append(words, word)
		}
	}
	return words, err
}

func channelOf(c fairway.Cluster) string     { return c.Channel }
func environmentOf(c fairway.Cluster) string { return c.Environment }

// completeSet offers KEY= of fields and of the config items that the cluster
// has, and the channels of the fleet after channel=.
func (e *env) completeSet(c *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return e.completeClusters(c, args, start)
	}
	for prefix, of := range map[string]func(fairway.Cluster) string{"channel=": channelOf, "environment=": environmentOf} {
		if strings.HasPrefix(start, prefix) {
			return e.offer(c, start, func(ctx context.Context, api *client.Client) ([]string, error) {
				words, err := values(ctx, api, of)
				for i := range words {
					words[i] = prefix + words[i]
				}
				return words, err
			})
		}
	}
	words, directive := e.offer(c, start, func(ctx context.Context, api *client.Client) ([]string, error) {
		one, err := entry(ctx, api, args[0])
		if err != nil {
			return nil, err
		}
		s := settableCluster(one)
		return withEquals(slices.AppendSeq(slices.Collect(maps.Keys(s.fields)), maps.Keys(s.items))), nil
	})
	return words, directive | cobra.ShellCompDirectiveNoSpace
}

// completeUnset offers the config items that the cluster has.
func (e *env) completeUnset(c *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return e.completeClusters(c, args, start)
	}
	return e.offer(c, start, func(ctx context.Context, api *client.Client) ([]string, error) {
		one, err := entry(ctx, api, args[0])
		if err != nil {
			return nil, err
		}
		return without(slices.Collect(maps.Keys(one.ConfigItems)), args[1:]), nil
	})
}

// completePools offers clusters, then the node pools of the cluster, then what
// of returns for the pool.
func (e *env) completePools(of func(p fairway.NodePool) []string) completion {
	return func(c *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return e.completeClusters(c, args, start)
		}
		if len(args) > 1 && of == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		words, directive := e.offer(c, start, func(ctx context.Context, api *client.Client) ([]string, error) {
			one, err := entry(ctx, api, args[0])
			if err != nil {
				return nil, err
			}
			if len(args) == 1 {
				var names []string
				for _, p := range one.NodePools {
					names = append(names, p.Name)
				}
				return names, nil
			}
			p, _ := one.Pool(args[1])
			return without(of(p), args[2:]), nil
		})
		if len(words) > 0 && strings.HasSuffix(words[0], "=") {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		return words, directive
	}
}

// completeAccounts offers the ids of the accounts.
func (e *env) completeAccounts(c *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return e.offer(c, start, func(ctx context.Context, api *client.Client) ([]string, error) {
		all, err := api.Accounts(ctx)
		var ids []string
		for _, one := range all {
			ids = append(ids, one.ID)
		}
		return ids, err
	})
}

func withEquals(words []string) []string {
	for i := range words {
		words[i] += "="
	}
	return words
}

func without(words, taken []string) []string {
	return slices.DeleteFunc(words, func(w string) bool { return slices.Contains(taken, w) })
}

// completePoolsOf offers a field of the pools of a cluster.
func (e *env) completePoolsOf(c *cobra.Command, cluster, start string, of func(p fairway.NodePool) string) ([]string, cobra.ShellCompDirective) {
	return e.offer(c, start, func(ctx context.Context, api *client.Client) ([]string, error) {
		one, err := entry(ctx, api, cluster)
		if err != nil {
			return nil, err
		}
		var words []string
		for _, p := range one.NodePools {
			words = append(words, of(p))
		}
		return words, nil
	})
}
