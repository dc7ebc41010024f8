package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
)

// CreateCluster stores a new cluster; a zero CreatedAt is set to now.
// CodeConflict when its id, its alias, or its local id in the account and
// region is taken.
func (s *Store) CreateCluster(ctx context.Context, c *fairway.Cluster) error {
	if c.CreatedAt.IsZero() {
		c.CreatedAt = micro(s.now())
	}
	err := s.write(ctx, func(tx *transaction) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO clusters (id, alias, infrastructure_account, local_id, api_server_url,
			channel, environment, criticality_level, lifecycle_status, provider, region, config_items, node_pools,
			current_version, last_version, next_version, problems, owner, account_name, origin, etag, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)`,
			append(clusterValues(c), micros(c.CreatedAt))...)
		if err != nil {
			return err
		}
		return tx.recordCluster(ctx, nil, c, s.now())
	})
	if s.unique(err) != "" {
		// Which of its constraints a row breaks first is up to the database.
		if _, known := s.Cluster(ctx, c.ID); known == nil {
			return fairway.Errorf(fairway.CodeConflict, "create cluster %s: a cluster with this id exists already", c.ID)
		}
	}
	return s.clusterError("create", c, err)
}

// clusterValues are the columns of a cluster but for created_at, in the order
// of the statements.
func clusterValues(c *fairway.Cluster) []any {
	c.ETag = etag(c)
	return []any{c.ID, c.Alias, c.InfrastructureAccount, c.LocalID, c.APIServerURL, c.Channel, c.Environment,
		c.CriticalityLevel, string(c.LifecycleStatus), c.Provider, c.Region, pack(c.ConfigItems), pack(c.NodePools),
		c.Status.CurrentVersion, c.Status.LastVersion, c.Status.NextVersion, pack(c.Status.Problems),
		c.Owner, c.AccountName, pack(c.Origin), c.ETag}
}

// clusterError says what a write of a cluster ran into.
func (s *Store) clusterError(verb string, c *fairway.Cluster, err error) error {
	switch s.unique(err) {
	case "":
		if err == nil {
			return nil
		}
		return s.meaning(fmt.Errorf("%s cluster %s: %w", verb, c.ID, err))
	case "clusters.id":
		return fairway.Errorf(fairway.CodeConflict, "%s cluster %s: a cluster with this id exists already", verb, c.ID)
	case "clusters.alias":
		return fairway.Errorf(fairway.CodeConflict, "%s cluster %s: the alias %q is taken by another cluster", verb, c.ID, c.Alias).
			WithHint("give it another alias")
	}
	return fairway.Errorf(fairway.CodeConflict, "%s cluster %s: the local id %q is taken by another cluster of account %s in region %q",
		verb, c.ID, c.LocalID, c.InfrastructureAccount, c.Region).WithHint("give it another local_id")
}

// UpdateCluster changes the given fields and returns the cluster as it is then.
func (s *Store) UpdateCluster(ctx context.Context, id string, u fairway.ClusterUpdate) (*fairway.Cluster, error) {
	return s.ChangeCluster(ctx, id, func(c *fairway.Cluster) error {
		u.Apply(c)
		return nil
	})
}

// ChangeCluster reads a cluster, lets the function change it, and writes it
// back, all in one transaction, so that of two writers none overwrites what the
// other one did.
func (s *Store) ChangeCluster(ctx context.Context, id string, do func(c *fairway.Cluster) error) (*fairway.Cluster, error) {
	var c fairway.Cluster
	err := s.write(ctx, func(tx *transaction) (err error) {
		var owner, account string
		c, err = scanClusterAnd(tx.QueryRowContext(ctx, selectToChange+tx.forUpdate("c"), id), &owner, &account)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound("cluster", id)
		}
		if err != nil {
			return err
		}
		before := c.Clone()
		if err := do(&c); err != nil {
			return err
		}
		if c.Status.Problems == nil {
			c.Status.Problems = []fairway.Problem{} // as it is read back
		}
		if err := tx.storeCluster(ctx, before, &c, s.now()); err != nil {
			return err
		}
		if c.InfrastructureAccount != before.InfrastructureAccount {
			err = tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(owner), ''), COALESCE(MAX(name), '') FROM infrastructure_accounts WHERE id = $1`, c.InfrastructureAccount).Scan(&owner, &account)
		}
		c.Owner, c.AccountName = cmp.Or(c.Owner, owner), cmp.Or(c.AccountName, account)
		return err
	})
	if c.ID == "" {
		c.ID = id
	}
	if err := s.clusterError("change", &c, err); err != nil {
		return nil, err
	}
	return &c, nil
}

// storeCluster writes a changed cluster and records the change. The status,
// which changes most, is written without the rest.
func (tx *transaction) storeCluster(ctx context.Context, before, after *fairway.Cluster, now time.Time) error {
	change := fairway.Change{Kind: fairway.KindCluster, ID: after.ID, Event: fairway.ChangeUpdated}
	change.Before, change.After = fairway.Diff(before, after)
	if len(change.Before)+len(change.After) == 0 && maps.Equal(before.Origin, after.Origin) {
		return nil // nothing has changed: nothing to remember
	}
	object := ""
	if onlyStatus(change) && maps.Equal(before.Origin, after.Origin) {
		after.ETag = etag(after)
		if _, err := tx.ExecContext(ctx, `UPDATE clusters SET current_version = $2, last_version = $3, next_version = $4, problems = $5, etag = $6 WHERE id = $1`,
			after.ID, after.Status.CurrentVersion, after.Status.LastVersion, after.Status.NextVersion, pack(after.Status.Problems), after.ETag); err != nil {
			return err
		}
	} else {
		object = pack(after)
		if _, err := tx.ExecContext(ctx, `UPDATE clusters SET alias = $2, infrastructure_account = $3, local_id = $4,
			api_server_url = $5, channel = $6, environment = $7, criticality_level = $8, lifecycle_status = $9, provider = $10,
			region = $11, config_items = $12, node_pools = $13, current_version = $14, last_version = $15, next_version = $16,
			problems = $17, owner = $18, account_name = $19, origin = $20, etag = $21 WHERE id = $1`, clusterValues(after)...); err != nil {
			return err
		}
	}
	if len(change.Before)+len(change.After) == 0 {
		return nil // where values come from is no part of the object
	}
	change.ETag = after.ETag
	return tx.record(ctx, change, now, object, pack(after.Status))
}

// onlyStatus reports whether a change is of a cluster's status alone.
func onlyStatus(c fairway.Change) bool {
	for _, side := range []map[string]any{c.Before, c.After} {
		for pointer := range side {
			if !strings.HasPrefix(pointer, "/status/") {
				return false
			}
		}
	}
	return true
}

// selectOwnCluster reads a cluster without what its account adds, so that
// writing it back does not make that its own.
const selectOwnCluster = `SELECT ` + ownColumns + ` FROM clusters c WHERE c.id = $1`

// selectToChange has that beside it.
const selectToChange = `SELECT ` + ownColumns + `, COALESCE(a.owner, ''), COALESCE(a.name, '')
FROM clusters c LEFT JOIN infrastructure_accounts a ON a.id = c.infrastructure_account WHERE c.id = $1`

const ownColumns = `c.id, c.alias, c.infrastructure_account, c.local_id, c.api_server_url, c.channel, c.environment,
       c.criticality_level, c.lifecycle_status, c.provider, c.region, c.config_items, c.node_pools,
       c.current_version, c.last_version, c.next_version, c.problems, c.owner, c.account_name, c.origin, c.etag, c.created_at`

// DeleteCluster removes a decommissioned cluster with its inventory; its
// updates and events stay. Anything else than decommissioned is CodeInvalid.
func (s *Store) DeleteCluster(ctx context.Context, id string) error {
	err := s.write(ctx, func(tx *transaction) error {
		c, err := scanCluster(tx.QueryRowContext(ctx, selectOwnCluster+tx.forUpdate("c"), id))
		if errors.Is(err, sql.ErrNoRows) {
			return notFound("cluster", id)
		}
		if err != nil {
			return err
		}
		if c.LifecycleStatus != fairway.StatusDecommissioned {
			return fairway.Errorf(fairway.CodeInvalid, "its lifecycle_status is %s", c.LifecycleStatus).
				WithHint("set it to decommission-requested; it can be deleted when it is decommissioned")
		}
		if _, err = tx.ExecContext(ctx, `DELETE FROM clusters WHERE id = $1`, id); err != nil {
			return err
		}
		return tx.recordCluster(ctx, &c, nil, s.now())
	})
	if err != nil {
		return s.meaning(fmt.Errorf("delete cluster %s: %w", id, err))
	}
	return nil
}
