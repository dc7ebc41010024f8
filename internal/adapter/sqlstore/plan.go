package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/fairwayhq/fairway"
)

// SavePlan stores the plan of an update in place of the one before; CodeNotFound
// when there is no such update.
func (s *Store) SavePlan(ctx context.Context, p *fairway.UpdatePlan) error {
	err := s.write(ctx, func(tx *transaction) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO plans (update_id, plan) VALUES ($1, $2)
			ON CONFLICT (update_id) DO UPDATE SET plan = excluded.plan`, p.UpdateID, pack(p))
		return err
	})
	if s.missingParent(err) {
		return notFound("update", p.UpdateID)
	}
	if err != nil {
		return s.meaning(fmt.Errorf("save the plan of update %s: %w", p.UpdateID, err))
	}
	return nil
}

const selectPlan = `SELECT plan FROM plans WHERE update_id = $1`

// Plan returns the plan of an update.
func (s *Store) Plan(ctx context.Context, updateID string) (*fairway.UpdatePlan, error) {
	var p fairway.UpdatePlan
	err := s.reader.QueryRowContext(ctx, selectPlan, updateID).Scan(packed{&p})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, noPlan(updateID)
	}
	if err != nil {
		return nil, s.meaning(fmt.Errorf("read the plan of update %s: %w", updateID, err))
	}
	return &p, nil
}

func noPlan(updateID string) error {
	return fairway.Errorf(fairway.CodeNotFound, "update %s has no plan yet", updateID)
}

// ApprovePlan records the word of a second person for the plan as it is now.
func (s *Store) ApprovePlan(ctx context.Context, updateID, digest string, who fairway.Principal, reason string) (*fairway.Approval, error) {
	var a *fairway.Approval
	err := s.write(ctx, func(tx *transaction) error {
		u, err := scanUpdate(tx.QueryRowContext(ctx, selectUpdate+` WHERE id = $1`+tx.forUpdate("updates"), updateID))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return notFound("update", updateID)
		case err != nil:
			return err
		case u.State.IsOver():
			return fairway.Errorf(fairway.CodeConflict, "it is over (%s)", u.State)
		}
		var p fairway.UpdatePlan
		err = tx.QueryRowContext(ctx, selectPlan, updateID).Scan(packed{&p})
		if errors.Is(err, sql.ErrNoRows) {
			return fairway.Errorf(fairway.CodeConflict, "update %s has no plan yet: there is nothing to approve", updateID)
		}
		if err != nil {
			return err
		}
		if a, err = p.Approve(who, digest, reason, micro(s.now())); err != nil {
			return err
		}
		before, err := approvalsOf(ctx, tx, updateID)
		if err != nil {
			return err
		}
		for _, b := range before {
			if b.Digest == a.Digest {
				a = &b // the first word stays
				return nil
			}
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO approvals (update_id, digest, approval, at) VALUES ($1, $2, $3, $4)`,
			updateID, a.Digest, pack(a), micros(a.At)); err != nil {
			return err
		}
		after := map[string]any{"/update": updateID, "/what": a.What, "/digest": a.Digest}
		if reason != "" {
			after["/reason"] = reason
		}
		return tx.record(ctx, fairway.Change{Kind: fairway.KindCluster, ID: u.ClusterID, Event: fairway.ChangePlanApproved, After: after}, s.now(), "", "")
	})
	if err != nil {
		return nil, s.meaning(fmt.Errorf("approve the plan of update %s: %w", updateID, err))
	}
	return a, nil
}

// Approvals returns the approvals of an update, oldest first.
func (s *Store) Approvals(ctx context.Context, updateID string) ([]fairway.Approval, error) {
	all, err := approvalsOf(ctx, s.reader, updateID)
	if err != nil {
		return nil, s.meaning(fmt.Errorf("list the approvals of update %s: %w", updateID, err))
	}
	return all, nil
}

// asks is what can be asked for rows: the database, or a transaction.
type asks interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func approvalsOf(ctx context.Context, from asks, updateID string) ([]fairway.Approval, error) {
	rows, err := from.QueryContext(ctx, `SELECT approval FROM approvals WHERE update_id = $1 ORDER BY at, digest`, updateID)
	return collect(rows, err, func(r row) (a fairway.Approval, err error) { return a, r.Scan(packed{&a}) })
}
