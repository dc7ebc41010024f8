package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/fairwayhq/fairway"
)

// Drift returns what the last look for changes by others found; one without a
// time when nobody has looked.
func (s *Store) Drift(ctx context.Context, clusterID string) (*fairway.Drift, error) {
	d := &fairway.Drift{ClusterID: clusterID}
	var report string
	err := s.reader.QueryRowContext(ctx, `SELECT report FROM drift WHERE cluster_id = $1`, clusterID).Scan(&report)
	if errors.Is(err, sql.ErrNoRows) {
		return d, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(report), d)
	}
	if err != nil {
		return nil, s.meaning(fmt.Errorf("read the drift of cluster %s: %w", clusterID, err))
	}
	return d, nil
}

// SaveDrift replaces what the last look found; CodeNotFound when there is no such
// cluster.
func (s *Store) SaveDrift(ctx context.Context, d *fairway.Drift) error {
	report, err := json.Marshal(d)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *transaction) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO drift (cluster_id, report) VALUES ($1, $2)
			ON CONFLICT (cluster_id) DO UPDATE SET report = excluded.report`, d.ClusterID, string(report))
		return err
	})
	if s.missingParent(err) {
		return notFound("cluster", d.ClusterID)
	}
	if err != nil {
		return s.meaning(fmt.Errorf("store the drift of cluster %s: %w", d.ClusterID, err))
	}
	return nil
}
