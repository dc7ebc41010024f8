package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/fairwayhq/fairway"
)

const selectUpdate = `
SELECT id, cluster_id, rollout_id, channel, revision, version, state, doing, waiting, since, actor, nodes_done, nodes_total,
       evictions, evictions_refused, attempts, error, hint, blocked, created_at, started_at, finished_at, reason, evictions_forced,
       paused, aborting, ignore_brakes FROM updates`

func scanUpdate(r row) (u fairway.Update, err error) {
	return u, r.Scan(&u.ID, &u.ClusterID, &u.RolloutID, &u.Channel, &u.Revision, &u.Version, &u.State, &u.Doing, &u.Waiting,
		at{&u.Since}, &u.Actor, &u.NodesDone, &u.NodesTotal, &u.Evictions, &u.EvictionsRefused, &u.Attempts, &u.Error, &u.Hint,
		packed{&u.Blocked}, at{&u.CreatedAt}, at{&u.StartedAt}, at{&u.FinishedAt}, &u.Reason, &u.EvictionsForced,
		&u.Paused, &u.Aborting, &u.IgnoreBrakes)
}

// updateValues are the columns of an update in the order of the statements, but
// for those that SteerUpdate writes.
func updateValues(u *fairway.Update) []any {
	return []any{u.ID, u.ClusterID, u.RolloutID, u.Channel, u.Revision, u.Version, string(u.State), u.Doing, u.Waiting,
		micros(u.Since), u.Actor, u.NodesDone, u.NodesTotal, u.Evictions, u.EvictionsRefused, u.Attempts, u.Error, u.Hint,
		pack(u.Blocked), micros(u.CreatedAt), micros(u.StartedAt), micros(u.FinishedAt), u.Reason, u.EvictionsForced}
}

// CreateUpdate stores a new update. An empty ID gets a new one, a zero
// CreatedAt is set to now. CodeConflict when the id is taken or the cluster
// has an update that is not over.
func (s *Store) CreateUpdate(ctx context.Context, u *fairway.Update) error {
	if u.ID == "" {
		u.ID = newID(s.now())
	}
	if u.CreatedAt.IsZero() {
		u.CreatedAt = micro(s.now())
	}
	err := s.write(ctx, func(tx *transaction) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO updates (id, cluster_id, rollout_id, channel, revision, version, state, doing,
			waiting, since, actor, nodes_done, nodes_total, evictions, evictions_refused, attempts, error, hint, blocked,
			created_at, started_at, finished_at, reason, evictions_forced, paused, aborting, ignore_brakes)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27)`,
			append(updateValues(u), u.Paused, u.Aborting, u.IgnoreBrakes)...)
		return err
	})
	return s.updateError("create", u, err)
}

// SaveUpdate replaces an update, but for what SteerUpdate writes. CodeConflict
// when it is over: a process that did not notice must not bring it back.
func (s *Store) SaveUpdate(ctx context.Context, u *fairway.Update) error {
	err := s.write(ctx, func(tx *transaction) error {
		r, err := tx.ExecContext(ctx, `UPDATE updates SET cluster_id = $2, rollout_id = $3, channel = $4, revision = $5, version = $6,
			state = $7, doing = $8, waiting = $9, since = $10, actor = $11, nodes_done = $12, nodes_total = $13, evictions = $14,
			evictions_refused = $15, attempts = $16, error = $17, hint = $18, blocked = $19, created_at = $20, started_at = $21,
			finished_at = $22, reason = $23, evictions_forced = $24 WHERE id = $1 AND state IN ('pending', 'running')`, updateValues(u)...)
		if err := affected(r, err, "update", u.ID); err != nil {
			return overOrMissing(ctx, tx, err, "update", "updates", u.ID)
		}
		return nil
	})
	return s.updateError("save", u, err)
}

// updateError says what a write of an update ran into.
func (s *Store) updateError(verb string, u *fairway.Update, err error) error {
	switch s.unique(err) {
	case "":
		if err == nil {
			return nil
		}
		return s.meaning(fmt.Errorf("%s update %s: %w", verb, u.ID, err))
	case "updates.id":
		return fairway.Errorf(fairway.CodeConflict, "%s update %s: an update with this id exists already", verb, u.ID)
	}
	return fairway.Errorf(fairway.CodeConflict, "%s update %s: cluster %s has another update that is not over", verb, u.ID, u.ClusterID).
		WithHint("`fairway update list --cluster %s --active` shows it", u.ClusterID)
}

// Update returns the update of that id.
func (s *Store) Update(ctx context.Context, id string) (*fairway.Update, error) {
	u, err := scanUpdate(s.reader.QueryRowContext(ctx, selectUpdate+` WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound("update", id)
	}
	if err != nil {
		return nil, s.meaning(fmt.Errorf("read update %s: %w", id, err))
	}
	return &u, nil
}

// Updates returns the updates that pass the filter, newest first.
func (s *Store) Updates(ctx context.Context, filter fairway.UpdateFilter) ([]fairway.Update, error) {
	var w where
	if filter.ClusterID != "" {
		w.and("cluster_id = ", filter.ClusterID)
	}
	if filter.RolloutID != "" {
		w.and("rollout_id = ", filter.RolloutID)
	}
	if filter.Active {
		w.also("state IN ('pending', 'running')")
	}
	if filter.Newest {
		w.also(`NOT EXISTS (SELECT 1 FROM updates newer WHERE newer.cluster_id = updates.cluster_id
			AND (newer.created_at, newer.id) > (updates.created_at, updates.id))`)
	}
	limit := w.limit(filter.Limit, 100)
	rows, err := s.reader.QueryContext(ctx, selectUpdate+w.String()+` ORDER BY created_at DESC, id DESC`+limit, w.args...)
	all, err := collect(rows, err, scanUpdate)
	if err != nil {
		return nil, s.meaning(fmt.Errorf("list updates: %w", err))
	}
	return all, nil
}

// Steps returns the steps of an update in the order of their start; those that
// have not started come last.
func (s *Store) Steps(ctx context.Context, updateID string) ([]fairway.Step, error) {
	rows, err := s.reader.QueryContext(ctx, `SELECT update_id, name, state, detail, started_at, finished_at FROM steps WHERE update_id = $1`, updateID)
	all, err := collect(rows, err, func(r row) (p fairway.Step, err error) {
		return p, r.Scan(&p.UpdateID, &p.Name, &p.State, &p.Detail, at{&p.StartedAt}, at{&p.FinishedAt})
	})
	if err != nil {
		return nil, s.meaning(fmt.Errorf("list steps of update %s: %w", updateID, err))
	}
	slices.SortFunc(all, func(a, b fairway.Step) int {
		switch {
		case a.StartedAt.IsZero() != b.StartedAt.IsZero():
			if a.StartedAt.IsZero() {
				return 1
			}
			return -1
		case !a.StartedAt.Equal(b.StartedAt):
			return a.StartedAt.Compare(b.StartedAt)
		}
		return slices.Index(fairway.StepNames, a.Name) - slices.Index(fairway.StepNames, b.Name)
	})
	return all, nil
}

// SaveStep creates or replaces the step of that name; CodeNotFound when there
// is no such update.
func (s *Store) SaveStep(ctx context.Context, p *fairway.Step) error {
	err := s.write(ctx, func(tx *transaction) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO steps (update_id, name, state, detail, started_at, finished_at)
			VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (update_id, name) DO UPDATE SET state = excluded.state, detail = excluded.detail,
				started_at = excluded.started_at, finished_at = excluded.finished_at`,
			p.UpdateID, string(p.Name), string(p.State), p.Detail, micros(p.StartedAt), micros(p.FinishedAt))
		return err
	})
	if s.missingParent(err) {
		return notFound("update", p.UpdateID)
	}
	if err != nil {
		return s.meaning(fmt.Errorf("save step %s of update %s: %w", p.Name, p.UpdateID, err))
	}
	return nil
}
