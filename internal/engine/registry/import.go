// Package registry brings what a registry file says into the store.
//
// A file never deletes: a cluster that is missing from it stays. And it never
// writes status or lifecycle_status of a cluster that exists, because both are
// the manager's.
package registry

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/fairwayhq/fairway"
)

// Outcome is what an import did, by alias of cluster.
type Outcome struct {
	Created, Changed []string
	// Missing are clusters of the store that the file does not name; nothing
	// happened to them.
	Missing []string
}

// Import creates and changes clusters so that the store says what the file says.
func Import(ctx context.Context, store fairway.Registry, clusters []fairway.Cluster, accounts []fairway.InfrastructureAccount) (Outcome, error) {
	var out Outcome
	for _, a := range accounts {
		if err := store.PutAccount(ctx, a); err != nil {
			return out, fmt.Errorf("import account %s: %w", a.ID, err)
		}
	}
	stored, err := store.Clusters(ctx, fairway.ClusterFilter{})
	if err != nil {
		return out, err
	}
	missing := map[string]fairway.Cluster{}
	for _, c := range stored {
		missing[c.ID] = c
	}
	for _, c := range clusters {
		have, known := missing[c.ID]
		delete(missing, c.ID)
		if !known {
			c.Status = fairway.ClusterStatus{}
			if err := store.CreateCluster(ctx, &c); err != nil {
				return out, fmt.Errorf("import cluster %s: %w", c.ID, err)
			}
			out.Created = append(out.Created, c.Alias)
			continue
		}
		if same(have, c) {
			continue
		}
		if _, err := store.UpdateCluster(ctx, c.ID, change(c)); err != nil {
			return out, fmt.Errorf("import cluster %s: %w", c.ID, err)
		}
		out.Changed = append(out.Changed, c.Alias)
	}
	for _, c := range missing {
		out.Missing = append(out.Missing, c.Alias)
	}
	slices.Sort(out.Missing)
	return out, nil
}

// change is everything of a cluster that a file decides.
func change(c fairway.Cluster) fairway.ClusterUpdate {
	return fairway.ClusterUpdate{
		Alias: &c.Alias, InfrastructureAccount: &c.InfrastructureAccount, LocalID: &c.LocalID, APIServerURL: &c.APIServerURL,
		Channel: &c.Channel, Environment: &c.Environment, Provider: &c.Provider, Region: &c.Region,
		CriticalityLevel: &c.CriticalityLevel, ConfigItems: &c.ConfigItems, NodePools: &c.NodePools,
		Owner: &c.Owner, AccountName: &c.AccountName, Origin: &c.Origin,
	}
}

// same reports whether a file would change nothing that matters.
func same(stored, file fairway.Cluster) bool {
	file.LifecycleStatus = stored.LifecycleStatus
	return stored.Alias == file.Alias && stored.Owner == file.Owner && stored.AccountName == file.AccountName && stored.Hash() == file.Hash() &&
		maps.Equal(stored.ConfigItems, file.ConfigItems) && samePools(stored.NodePools, file.NodePools)
}

// samePools compares field by field, because the hash has no separators
// (contract 7, row 7) and two different entries can share one.
func samePools(a, b []fairway.NodePool) bool {
	return slices.EqualFunc(a, b, func(x, y fairway.NodePool) bool {
		if len(x.ConfigItems) == 0 && len(y.ConfigItems) == 0 {
			x.ConfigItems, y.ConfigItems = nil, nil
		}
		return reflect.DeepEqual(x, y)
	})
}
