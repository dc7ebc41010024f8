package sqlstore

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/fairwayhq/fairway"
)

const (
	// answersKept is how long an answer can be had again.
	answersKept = 24 * time.Hour
	// answerAbandoned is how long a request may be worked on until its key is free.
	answerAbandoned = 2 * time.Minute
)

// BeginAnswer takes a key for a request. Old keys are forgotten on the way.
func (s *Store) BeginAnswer(ctx context.Context, a fairway.KeptAnswer) (*fairway.KeptAnswer, error) {
	var kept *fairway.KeptAnswer
	err := s.write(ctx, func(tx *transaction) error {
		kept = nil
		now := s.now()
		if _, err := tx.ExecContext(ctx, `DELETE FROM answers WHERE at < $1`, micros(now.Add(-answersKept))); err != nil {
			return err
		}
		r, err := tx.ExecContext(ctx, `INSERT INTO answers (key, request, status, content_type, body, at) VALUES ($1, $2, 0, '', '', $3)
			ON CONFLICT (key) DO NOTHING`, a.Key, a.Request, micros(now))
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 1 {
			return err
		}
		var one fairway.KeptAnswer
		var body string
		if err := tx.QueryRowContext(ctx, `SELECT key, request, status, content_type, body, at FROM answers WHERE key = $1`, a.Key).
			Scan(&one.Key, &one.Request, &one.Status, &one.ContentType, &body, at{&one.At}); err != nil {
			return err
		}
		if one.Status == 0 && now.Sub(one.At) > answerAbandoned {
			// Whoever worked on it died; the caller that comes again does it.
			_, err := tx.ExecContext(ctx, `UPDATE answers SET request = $2, at = $3 WHERE key = $1`, a.Key, a.Request, micros(now))
			return err
		}
		one.Body, err = base64.StdEncoding.DecodeString(body)
		kept = &one
		return err
	})
	if err != nil {
		return nil, s.meaning(fmt.Errorf("look up an idempotency key: %w", err))
	}
	return kept, nil
}

// KeepAnswer keeps the answer under its key; status 0 gives the key up.
func (s *Store) KeepAnswer(ctx context.Context, a fairway.KeptAnswer) error {
	err := s.write(ctx, func(tx *transaction) error {
		if a.Status == 0 {
			_, err := tx.ExecContext(ctx, `DELETE FROM answers WHERE key = $1 AND status = 0`, a.Key)
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE answers SET status = $2, content_type = $3, body = $4 WHERE key = $1`,
			a.Key, a.Status, a.ContentType, base64.StdEncoding.EncodeToString(a.Body))
		return err
	})
	if err != nil {
		return s.meaning(fmt.Errorf("keep an answer: %w", err))
	}
	return nil
}
