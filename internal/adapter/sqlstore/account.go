package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/fairwayhq/fairway"
)

const selectAccount = `SELECT id, type, name, owner, cost_center, environment, criticality_level, external_id, lifecycle_status, etag
FROM infrastructure_accounts`

func scanAccount(r row) (a fairway.InfrastructureAccount, err error) {
	err = r.Scan(&a.ID, &a.Type, &a.Name, &a.Owner, &a.CostCenter, &a.Environment, &a.CriticalityLevel, &a.ExternalID, &a.LifecycleStatus, &a.ETag)
	if a.ETag == "" && err == nil {
		a.ETag = etag(a) // written before there were tags
	}
	return a, err
}

// Accounts returns the infrastructure accounts by id.
func (s *Store) Accounts(ctx context.Context) ([]fairway.InfrastructureAccount, error) {
	rows, err := s.reader.QueryContext(ctx, selectAccount+` ORDER BY id`)
	all, err := collect(rows, err, scanAccount)
	if err != nil {
		return nil, s.meaning(fmt.Errorf("list infrastructure accounts: %w", err))
	}
	return all, nil
}

// PutAccount creates or replaces the account of that id.
func (s *Store) PutAccount(ctx context.Context, a fairway.InfrastructureAccount) error {
	_, err := s.ChangeAccount(ctx, a.ID, func(stored *fairway.InfrastructureAccount, _ bool) error {
		*stored = a
		return nil
	})
	return err
}

// ChangeAccount lets the function change the account of that id, or fill a new
// one, and stores it, as one step.
func (s *Store) ChangeAccount(ctx context.Context, id string, do func(a *fairway.InfrastructureAccount, exists bool) error) (*fairway.InfrastructureAccount, error) {
	var a fairway.InfrastructureAccount
	err := s.write(ctx, func(tx *transaction) error {
		var before *fairway.InfrastructureAccount
		switch known, err := scanAccount(tx.QueryRowContext(ctx, selectAccount+` WHERE id = $1`+tx.forUpdate("infrastructure_accounts"), id)); {
		case err == nil:
			before, a = &known, known
		case errors.Is(err, sql.ErrNoRows):
			a = fairway.InfrastructureAccount{ID: id}
		default:
			return err
		}
		if err := do(&a, before != nil); err != nil {
			return err
		}
		a.ETag = etag(a)
		_, err := tx.ExecContext(ctx, `INSERT INTO infrastructure_accounts
			(id, type, name, owner, cost_center, environment, criticality_level, external_id, lifecycle_status, etag)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			ON CONFLICT (id) DO UPDATE SET type = excluded.type, name = excluded.name, owner = excluded.owner,
				cost_center = excluded.cost_center, environment = excluded.environment,
				criticality_level = excluded.criticality_level, external_id = excluded.external_id,
				lifecycle_status = excluded.lifecycle_status, etag = excluded.etag`,
			a.ID, a.Type, a.Name, a.Owner, a.CostCenter, a.Environment, a.CriticalityLevel, a.ExternalID, a.LifecycleStatus, a.ETag)
		if err != nil {
			return err
		}
		return tx.recordAccount(ctx, before, a, s.now())
	})
	if err != nil {
		return nil, s.meaning(fmt.Errorf("store infrastructure account %s: %w", id, err))
	}
	return &a, nil
}

// recordAccount records a change of an account; before is nil when it is created.
func (tx *transaction) recordAccount(ctx context.Context, before *fairway.InfrastructureAccount, after fairway.InfrastructureAccount, now time.Time) error {
	c := fairway.Change{Kind: fairway.KindAccount, ID: after.ID, Event: fairway.ChangeUpdated, ETag: after.ETag}
	if before == nil {
		c.Event = fairway.ChangeCreated
		c.Before, c.After = fairway.Diff(nil, after)
	} else if c.Before, c.After = fairway.Diff(*before, after); len(c.Before)+len(c.After) == 0 {
		return nil
	}
	return tx.record(ctx, c, now, pack(after), "")
}
