package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/fairwayhq/fairway"
)

const selectDecommission = `SELECT cluster_id, by_whom, by_name, reason, requested_at, approver, approver_name, approved_at, due_at FROM decommissions`

func scanDecommission(r row) (d fairway.Decommission, err error) {
	return d, r.Scan(&d.ClusterID, &d.By, &d.ByName, &d.Reason, at{&d.RequestedAt}, &d.Approver, &d.ApproverName, at{&d.ApprovedAt}, at{&d.DueAt})
}

// RequestDecommission remembers the wish to end a cluster; a zero RequestedAt is
// set to now.
func (s *Store) RequestDecommission(ctx context.Context, d fairway.Decommission) error {
	if d.RequestedAt.IsZero() {
		d.RequestedAt = micro(s.now())
	}
	err := s.write(ctx, func(tx *transaction) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO decommissions (cluster_id, by_whom, by_name, reason, requested_at, approver, approver_name, approved_at, due_at)
			VALUES ($1, $2, $3, $4, $5, '', '', 0, 0)`, d.ClusterID, d.By, d.ByName, d.Reason, micros(d.RequestedAt)); err != nil {
			return err
		}
		return tx.recordWish(ctx, d.ClusterID, fairway.ChangeAsked, s.now())
	})
	switch {
	case s.unique(err) != "":
		return fairway.Errorf(fairway.CodeConflict, "the end of cluster %s was asked for already", d.ClusterID).
			WithHint("a second person approves it with `fairway cluster decommission %s --approve`", d.ClusterID)
	case s.missingParent(err):
		return notFound("cluster", d.ClusterID)
	case err != nil:
		return s.meaning(fmt.Errorf("ask for the end of cluster %s: %w", d.ClusterID, err))
	}
	return nil
}

func (tx *transaction) recordWish(ctx context.Context, clusterID string, event fairway.ChangeEvent, now time.Time) error {
	return tx.record(ctx, fairway.Change{Kind: fairway.KindCluster, ID: clusterID, Event: event}, now, "", "")
}

// ApproveDecommission records the word of a second person.
func (s *Store) ApproveDecommission(ctx context.Context, clusterID string, who fairway.Principal, now time.Time) (*fairway.Decommission, error) {
	var d fairway.Decommission
	err := s.write(ctx, func(tx *transaction) (err error) {
		d, err = scanDecommission(tx.QueryRowContext(ctx, selectDecommission+` WHERE cluster_id = $1`+tx.forUpdate("decommissions"), clusterID))
		if errors.Is(err, sql.ErrNoRows) {
			return noWish(clusterID)
		}
		if err != nil {
			return err
		}
		if err := d.Approve(who, micro(now)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE decommissions SET approver = $2, approver_name = $3, approved_at = $4, due_at = $5 WHERE cluster_id = $1`,
			clusterID, d.Approver, d.ApproverName, micros(d.ApprovedAt), micros(d.DueAt)); err != nil {
			return err
		}
		return tx.recordWish(ctx, clusterID, fairway.ChangeApproved, s.now())
	})
	if err != nil {
		return nil, s.meaning(fmt.Errorf("approve the end of cluster %s: %w", clusterID, err))
	}
	return &d, nil
}

func noWish(clusterID string) error {
	return fairway.Errorf(fairway.CodeNotFound, "nobody has asked for the end of cluster %s", clusterID).
		WithHint("ask for it with `fairway cluster decommission %s`", clusterID)
}

// EndDecommission forgets the wish.
func (s *Store) EndDecommission(ctx context.Context, clusterID string, done bool) error {
	err := s.write(ctx, func(tx *transaction) error {
		r, err := tx.ExecContext(ctx, `DELETE FROM decommissions WHERE cluster_id = $1`, clusterID)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return cmp.Or(err, noWish(clusterID))
		}
		if done {
			return nil // the change of the cluster itself is recorded
		}
		return tx.recordWish(ctx, clusterID, fairway.ChangeWithdrawn, s.now())
	})
	if err != nil {
		return s.meaning(fmt.Errorf("end the wish for the end of cluster %s: %w", clusterID, err))
	}
	return nil
}

// Decommissions returns all wishes by cluster id.
func (s *Store) Decommissions(ctx context.Context) ([]fairway.Decommission, error) {
	rows, err := s.reader.QueryContext(ctx, selectDecommission+` ORDER BY cluster_id`)
	all, err := collect(rows, err, scanDecommission)
	if err != nil {
		return nil, s.meaning(fmt.Errorf("list decommissions: %w", err))
	}
	return all, nil
}
