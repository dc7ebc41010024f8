package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

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
		c, err = scanCluster(tx.QueryRowContext(ctx, selectOwnCluster+tx.forUpdate(), id))
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
		_, err = tx.ExecContext(ctx, `UPDATE clusters SET alias = $2, infrastructure_account = $3, local_id = $4,
			api_server_url = $5, channel = $6, environment = $7, criticality_level = $8, lifecycle_status = $9, provider = $10,
			region = $11, config_items = $12, node_pools = $13, current_version = $14, last_version = $15, next_version = $16,
			problems = $17, owner = $18, account_name = $19, origin = $20, etag = $21 WHERE id = $1`, clusterValues(&c)...)
		if err != nil {
			return err
		}
		if err := tx.recordCluster(ctx, before, &c, s.now()); err != nil {
			return err
		}
		joined, err := scanCluster(tx.QueryRowContext(ctx, selectCluster+` WHERE c.id = $1`, id))
		if err == nil {
			c = joined
		}
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

// selectOwnCluster reads a cluster without what its account adds, so that
// writing it back does not make that its own.
const selectOwnCluster = `
SELECT id, alias, infrastructure_account, local_id, api_server_url, channel, environment,
       criticality_level, lifecycle_status, provider, region, config_items, node_pools,
       current_version, last_version, next_version, problems, owner, account_name, origin, etag, created_at
FROM clusters WHERE id = $1`

// DeleteCluster removes a decommissioned cluster with its inventory; its
// updates and events stay. Anything else than decommissioned is CodeInvalid.
func (s *Store) DeleteCluster(ctx context.Context, id string) error {
	err := s.write(ctx, func(tx *transaction) error {
		c, err := scanCluster(tx.QueryRowContext(ctx, selectOwnCluster+tx.forUpdate(), id))
		if errors.Is(err, sql.ErrNoRows) {
			return notFound("cluster", id)
		}
		if err != nil {
			return err
		}
		if c.LifecycleStatus != fairway.StatusDecommissioned {
			return fairway.Errorf(fairway.CodeInvalid, "delete cluster %s: its lifecycle_status is %s", id, c.LifecycleStatus).
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
