package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/fairwayhq/fairway"
)

// SteerUpdate writes what people say of an update, and nothing else.
func (s *Store) SteerUpdate(ctx context.Context, id string, say fairway.Steering) (*fairway.Update, error) {
	var u fairway.Update
	err := s.write(ctx, func(tx *transaction) (err error) {
		u, err = scanUpdate(tx.QueryRowContext(ctx, selectUpdate+` WHERE id = $1`+tx.forUpdate("updates"), id))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return notFound("update", id)
		case err != nil:
			return err
		case u.State.IsOver():
			return fairway.Errorf(fairway.CodeConflict, "steer update %s: it is over (%s)", id, u.State)
		case u.Aborting != "" && say.Aborting == nil:
			return fairway.Errorf(fairway.CodeConflict, "steer update %s: it is being aborted (%s)", id, u.Aborting)
		}
		if say.Paused != nil {
			u.Paused = *say.Paused
		}
		if say.Aborting != nil {
			u.Aborting = *say.Aborting
			u.Paused = ""
		}
		if say.IgnoreBrakes != nil {
			u.IgnoreBrakes = *say.IgnoreBrakes
		}
		_, err = tx.ExecContext(ctx, `UPDATE updates SET paused = $2, aborting = $3, ignore_brakes = $4 WHERE id = $1`,
			id, u.Paused, u.Aborting, u.IgnoreBrakes)
		return err
	})
	if err != nil {
		return nil, s.meaning(fmt.Errorf("steer update %s: %w", id, err))
	}
	return &u, nil
}

// RequestRotations remembers wishes for the replacement of nodes and returns
// how many were new. A zero RequestedAt is set to now.
func (s *Store) RequestRotations(ctx context.Context, wishes []fairway.Rotation) (int, error) {
	added := int64(0)
	err := s.write(ctx, func(tx *transaction) error {
		for _, w := range wishes {
			if w.RequestedAt.IsZero() {
				w.RequestedAt = micro(s.now())
			}
			r, err := tx.ExecContext(ctx, `INSERT INTO rotations (cluster_id, node, reason, requested_at) VALUES ($1, $2, $3, $4)
				ON CONFLICT (cluster_id, node) DO NOTHING`, w.ClusterID, w.Node, w.Reason, micros(w.RequestedAt))
			if s.missingParent(err) {
				return notFound("cluster", w.ClusterID)
			}
			if err != nil {
				return err
			}
			n, err := r.RowsAffected()
			if err != nil {
				return err
			}
			added += n
		}
		return nil
	})
	if err != nil {
		return 0, s.meaning(fmt.Errorf("request rotations: %w", err))
	}
	return int(added), nil
}

// Rotations returns the wishes of a cluster, or of all, by cluster and node name.
func (s *Store) Rotations(ctx context.Context, clusterID string) ([]fairway.Rotation, error) {
	var w where
	if clusterID != "" {
		w.and("cluster_id = ", clusterID)
	}
	rows, err := s.reader.QueryContext(ctx, `SELECT cluster_id, node, reason, requested_at FROM rotations`+w.String()+` ORDER BY cluster_id, node`, w.args...)
	all, err := collect(rows, err, func(r row) (o fairway.Rotation, err error) {
		return o, r.Scan(&o.ClusterID, &o.Node, &o.Reason, at{&o.RequestedAt})
	})
	if err != nil {
		return nil, s.meaning(fmt.Errorf("list rotations: %w", err))
	}
	return all, nil
}

// EndRotations forgets the wishes for nodes of a cluster.
func (s *Store) EndRotations(ctx context.Context, clusterID string, nodes []string) error {
	err := s.write(ctx, func(tx *transaction) error {
		for _, node := range nodes {
			if _, err := tx.ExecContext(ctx, `DELETE FROM rotations WHERE cluster_id = $1 AND node = $2`, clusterID, node); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return s.meaning(fmt.Errorf("end rotations of cluster %s: %w", clusterID, err))
	}
	return nil
}
