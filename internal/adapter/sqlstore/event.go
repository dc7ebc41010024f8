package sqlstore

import (
	"context"
	"fmt"

	"github.com/fairwayhq/fairway"
)

// AppendEvent stores an event and sets its Seq; a zero At is set to now.
func (s *Store) AppendEvent(ctx context.Context, e *fairway.Event) error {
	if e.At.IsZero() {
		e.At = micro(s.now())
	}
	err := s.write(ctx, func(tx *transaction) error {
		if err := tx.order(ctx, tx.tx); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `INSERT INTO events (at, cluster_id, rollout_id, update_id, kind, message)
			VALUES ($1, $2, $3, $4, $5, $6) RETURNING seq`,
			micros(e.At), e.ClusterID, e.RolloutID, e.UpdateID, e.Kind, e.Message).Scan(&e.Seq)
	})
	if err != nil {
		return s.meaning(fmt.Errorf("store event %s: %w", e.Kind, err))
	}
	return nil
}

// Events returns the events after a sequence number, in order.
func (s *Store) Events(ctx context.Context, clusterID string, after int64, limit int) ([]fairway.Event, error) {
	var w where
	w.and("seq > ", after)
	if clusterID != "" {
		w.and("cluster_id = ", clusterID)
	}
	bound := w.limit(limit, 500)
	rows, err := s.reader.QueryContext(ctx, `SELECT seq, at, cluster_id, rollout_id, update_id, kind, message FROM events`+
		w.String()+` ORDER BY seq`+bound, w.args...)
	all, err := collect(rows, err, func(r row) (e fairway.Event, err error) {
		return e, r.Scan(&e.Seq, at{&e.At}, &e.ClusterID, &e.RolloutID, &e.UpdateID, &e.Kind, &e.Message)
	})
	if err != nil {
		return nil, s.meaning(fmt.Errorf("list events: %w", err))
	}
	return all, nil
}
