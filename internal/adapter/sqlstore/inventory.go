package sqlstore

import (
	"context"
	"fmt"

	"github.com/fairwayhq/fairway"
)

// Inventory returns the inventory of a cluster in the order it was set; empty
// for a cluster that has none.
func (s *Store) Inventory(ctx context.Context, clusterID string) ([]fairway.InventoryItem, error) {
	rows, err := s.reader.QueryContext(ctx, `SELECT api_version, kind, namespace, name, component, digest, owned, departed
		FROM inventory WHERE cluster_id = $1 ORDER BY position`, clusterID)
	all, err := collect(rows, err, func(r row) (i fairway.InventoryItem, err error) {
		return i, r.Scan(&i.Ref.APIVersion, &i.Ref.Kind, &i.Ref.Namespace, &i.Ref.Name, &i.Component, &i.Digest, &i.Owned, &i.Left)
	})
	if err != nil {
		return nil, s.meaning(fmt.Errorf("read the inventory of cluster %s: %w", clusterID, err))
	}
	return all, nil
}

// SetInventory replaces the inventory of a cluster; CodeNotFound when there is
// no such cluster.
func (s *Store) SetInventory(ctx context.Context, clusterID string, items []fairway.InventoryItem) error {
	err := s.write(ctx, func(tx *transaction) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM inventory WHERE cluster_id = $1`, clusterID); err != nil {
			return err
		}
		for n, i := range items {
			if _, err := tx.ExecContext(ctx, `INSERT INTO inventory (cluster_id, position, api_version, kind, namespace, name, component, digest, owned, departed)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, clusterID, n, i.Ref.APIVersion, i.Ref.Kind, i.Ref.Namespace, i.Ref.Name, i.Component, i.Digest, i.Owned, i.Left); err != nil {
				return err
			}
		}
		return nil
	})
	if s.missingParent(err) {
		return notFound("cluster", clusterID)
	}
	if err != nil {
		return s.meaning(fmt.Errorf("store the inventory of cluster %s: %w", clusterID, err))
	}
	return nil
}
