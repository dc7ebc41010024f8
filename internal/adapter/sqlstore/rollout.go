package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/fairwayhq/fairway"
)

const selectRollout = `
SELECT id, channel, revision, state, reason, hint, waves, wave, soak_since, promoted_at, created_at, finished_at FROM rollouts`

func scanRollout(r row) (o fairway.Rollout, err error) {
	return o, r.Scan(&o.ID, &o.Channel, &o.Revision, &o.State, &o.Reason, &o.Hint, packed{&o.Waves}, &o.Wave,
		at{&o.SoakSince}, at{&o.PromotedAt}, at{&o.CreatedAt}, at{&o.FinishedAt})
}

// rolloutValues are the columns of a rollout in the order of the statements.
func rolloutValues(o *fairway.Rollout) []any {
	return []any{o.ID, o.Channel, o.Revision, string(o.State), o.Reason, o.Hint, pack(o.Waves), o.Wave,
		micros(o.SoakSince), micros(o.PromotedAt), micros(o.CreatedAt), micros(o.FinishedAt)}
}

// CreateRollout stores a new rollout. An empty ID gets a new one, a zero
// CreatedAt is set to now. CodeConflict when the id is taken.
func (s *Store) CreateRollout(ctx context.Context, o *fairway.Rollout) error {
	if o.ID == "" {
		o.ID = newID(s.now())
	}
	if o.CreatedAt.IsZero() {
		o.CreatedAt = micro(s.now())
	}
	err := s.write(ctx, func(tx *transaction) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO rollouts
			(id, channel, revision, state, reason, hint, waves, wave, soak_since, promoted_at, created_at, finished_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`, rolloutValues(o)...)
		return err
	})
	if s.unique(err) != "" {
		return fairway.Errorf(fairway.CodeConflict, "create rollout %s: a rollout with this id exists already", o.ID)
	}
	if err != nil {
		return s.meaning(fmt.Errorf("create rollout %s: %w", o.ID, err))
	}
	return nil
}

// SaveRollout replaces a rollout. CodeConflict when it is over.
func (s *Store) SaveRollout(ctx context.Context, o *fairway.Rollout) error {
	err := s.write(ctx, func(tx *transaction) error {
		r, err := tx.ExecContext(ctx, `UPDATE rollouts SET channel = $2, revision = $3, state = $4, reason = $5, hint = $6,
			waves = $7, wave = $8, soak_since = $9, promoted_at = $10, created_at = $11, finished_at = $12
			WHERE id = $1 AND state NOT IN ('done', 'superseded')`, rolloutValues(o)...)
		if err := affected(r, err, "rollout", o.ID); err != nil {
			return overOrMissing(ctx, tx, err, "rollout", "rollouts", o.ID)
		}
		return nil
	})
	if err != nil {
		return s.meaning(fmt.Errorf("save rollout %s: %w", o.ID, err))
	}
	return nil
}

// Rollout returns the rollout of that id.
func (s *Store) Rollout(ctx context.Context, id string) (*fairway.Rollout, error) {
	o, err := scanRollout(s.reader.QueryRowContext(ctx, selectRollout+` WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound("rollout", id)
	}
	if err != nil {
		return nil, s.meaning(fmt.Errorf("read rollout %s: %w", id, err))
	}
	return &o, nil
}

// Rollouts returns the rollouts of a channel, newest first; "" means all channels.
func (s *Store) Rollouts(ctx context.Context, channel string, limit int) ([]fairway.Rollout, error) {
	var w where
	if channel != "" {
		w.and("channel = ", channel)
	}
	bound := w.limit(limit, 100)
	rows, err := s.reader.QueryContext(ctx, selectRollout+w.String()+` ORDER BY created_at DESC, id DESC`+bound, w.args...)
	all, err := collect(rows, err, scanRollout)
	if err != nil {
		return nil, s.meaning(fmt.Errorf("list rollouts: %w", err))
	}
	return all, nil
}

// Revision returns the revision that was last saved for a channel.
func (s *Store) Revision(ctx context.Context, channel string) (*fairway.Revision, error) {
	r := fairway.Revision{Channel: channel}
	err := s.reader.QueryRowContext(ctx, `SELECT id, seen_at FROM revisions WHERE channel = $1`, channel).Scan(&r.ID, at{&r.SeenAt})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fairway.Errorf(fairway.CodeNotFound, "no revision was seen on channel %q yet", channel)
	}
	if err != nil {
		return nil, s.meaning(fmt.Errorf("read the revision of channel %s: %w", channel, err))
	}
	return &r, nil
}

// SaveRevision makes a revision the newest one seen on its channel.
func (s *Store) SaveRevision(ctx context.Context, r fairway.Revision) error {
	err := s.write(ctx, func(tx *transaction) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO revisions (channel, id, seen_at) VALUES ($1, $2, $3)
			ON CONFLICT (channel) DO UPDATE SET id = excluded.id, seen_at = excluded.seen_at`, r.Channel, r.ID, micros(r.SeenAt))
		return err
	})
	if err != nil {
		return s.meaning(fmt.Errorf("save revision %s of channel %s: %w", r.ID, r.Channel, err))
	}
	return nil
}
