package sqlstore

import (
	"context"
	"fmt"

	"github.com/fairwayhq/fairway"
)

// Accounts returns the infrastructure accounts by id.
func (s *Store) Accounts(ctx context.Context) ([]fairway.InfrastructureAccount, error) {
	rows, err := s.reader.QueryContext(ctx, `SELECT id, type, name, owner, cost_center, environment, criticality_level,
		external_id, lifecycle_status FROM infrastructure_accounts ORDER BY id`)
	all, err := collect(rows, err, func(r row) (a fairway.InfrastructureAccount, err error) {
		return a, r.Scan(&a.ID, &a.Type, &a.Name, &a.Owner, &a.CostCenter, &a.Environment, &a.CriticalityLevel, &a.ExternalID, &a.LifecycleStatus)
	})
	if err != nil {
		return nil, s.meaning(fmt.Errorf("list infrastructure accounts: %w", err))
	}
	return all, nil
}

// PutAccount creates or replaces the account of that id.
func (s *Store) PutAccount(ctx context.Context, a fairway.InfrastructureAccount) error {
	err := s.write(ctx, func(tx *transaction) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO infrastructure_accounts
			(id, type, name, owner, cost_center, environment, criticality_level, external_id, lifecycle_status)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (id) DO UPDATE SET type = excluded.type, name = excluded.name, owner = excluded.owner,
				cost_center = excluded.cost_center, environment = excluded.environment,
				criticality_level = excluded.criticality_level, external_id = excluded.external_id,
				lifecycle_status = excluded.lifecycle_status`,
			a.ID, a.Type, a.Name, a.Owner, a.CostCenter, a.Environment, a.CriticalityLevel, a.ExternalID, a.LifecycleStatus)
		return err
	})
	if err != nil {
		return s.meaning(fmt.Errorf("store infrastructure account %s: %w", a.ID, err))
	}
	return nil
}
