package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/fairwayhq/fairway"
)

var _ fairway.Audit = (*Store)(nil)

// etag returns the entity tag of an object: it changes with its content and
// with nothing else.
func etag(object any) string {
	sum := sha256.Sum256([]byte(pack(object)))
	return hex.EncodeToString(sum[:8])
}

// record appends a change to the record, within the transaction that makes it.
func (tx *transaction) record(ctx context.Context, c fairway.Change, now time.Time, object, status string) error {
	o := fairway.OriginOf(ctx)
	c.At, c.Who, c.Display, c.From, c.Reason = micro(now), o.Who, o.Display, o.From, o.Reason
	tx.recorded = true
	var seq any
	if !tx.shared() {
		head, err := readHead(ctx, tx)
		if err != nil {
			return err
		}
		c.Seq = head.seq + 1
		// What is hashed is what will be read back.
		c.Hash = reread(c).ChainHash(head.hash)
		if err := writeHead(ctx, tx, chainHead{c.Seq, c.Hash}); err != nil {
			return err
		}
		seq = c.Seq
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO changes (id, seq, at, kind, object_id, event, who, display, origin, reason, was, became, etag, hash, object, status)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
		newID(now), seq, micros(c.At), c.Kind, c.ID, string(c.Event), c.Who, c.Display, c.From, c.Reason, pack(c.Before), pack(c.After), c.ETag, c.Hash, object, status)
	return err
}

// reread returns a change as it comes back from the database.
func reread(c fairway.Change) fairway.Change {
	for _, m := range []*map[string]any{&c.Before, &c.After} {
		text := pack(*m)
		*m = nil
		if err := json.Unmarshal([]byte(text), m); err != nil {
			panic(err) // pack has just made it
		}
	}
	return c
}

// recordCluster records that a cluster was created or deleted: before or after
// is nil.
func (tx *transaction) recordCluster(ctx context.Context, before, after *fairway.Cluster, now time.Time) error {
	c, object := fairway.Change{Kind: fairway.KindCluster, Event: fairway.ChangeCreated}, after
	if after == nil {
		c.Event, object = fairway.ChangeDeleted, before
		c.Before, c.After = fairway.Diff(before, nil)
	} else {
		c.ETag = after.ETag
		c.Before, c.After = fairway.Diff(nil, after)
	}
	c.ID = object.ID
	return tx.record(ctx, c, now, pack(object), pack(object.Status))
}

// Record appends an entry that is no change of an object.
func (s *Store) Record(ctx context.Context, c fairway.Change) error {
	err := s.write(ctx, func(tx *transaction) error { return tx.record(ctx, c, s.now(), "", "") })
	if err != nil {
		return s.meaning(fmt.Errorf("record that %s was %s: %w", c.ID, c.Event, err))
	}
	return nil
}

const selectChange = `SELECT seq, at, kind, object_id, event, who, display, origin, reason, was, became, etag, hash FROM changes`

func scanChange(r row) (c fairway.Change, err error) {
	return c, r.Scan(&c.Seq, at{&c.At}, &c.Kind, &c.ID, &c.Event, &c.Who, &c.Display, &c.From, &c.Reason, packed{&c.Before}, packed{&c.After}, &c.ETag, &c.Hash)
}

// Changes returns the entries that pass the filter.
func (s *Store) Changes(ctx context.Context, f fairway.ChangeFilter) ([]fairway.Change, error) {
	var w where
	w.also("seq IS NOT NULL")
	w.and("seq > ", f.After)
	if f.Before > 0 {
		w.and("seq < ", f.Before)
	}
	if len(f.Kinds) > 0 {
		w.in("kind", f.Kinds)
	}
	if f.ID != "" {
		w.and("object_id = ", f.ID)
	}
	if len(f.Events) > 0 {
		var events []string
		for _, e := range f.Events {
			events = append(events, string(e))
		}
		w.in("event", events)
	}
	if f.Who != "" {
		w.args = append(w.args, f.Who)
		w.also(fmt.Sprintf("(who = $%d OR display = $%d)", len(w.args), len(w.args)))
	}
	if !f.Since.IsZero() {
		w.and("at >= ", micros(f.Since))
	}
	if !f.Until.IsZero() {
		w.and("at < ", micros(f.Until))
	}
	order := " ORDER BY seq"
	if f.Newest {
		order = " ORDER BY seq DESC"
	}
	limit := w.limit(f.Limit, 500)
	rows, err := s.reader.QueryContext(ctx, selectChange+w.String()+order+limit, w.args...)
	all, err := collect(rows, err, scanChange)
	if err != nil {
		return nil, s.meaning(fmt.Errorf("list changes: %w", err))
	}
	return all, nil
}

// in adds "column IN (...)".
func (w *where) in(column string, values []string) {
	var marks []string
	for _, v := range values {
		w.args = append(w.args, v)
		marks = append(marks, fmt.Sprintf("$%d", len(w.args)))
	}
	w.also(column + " IN (" + strings.Join(marks, ", ") + ")")
}

// ChangeBounds returns the numbers of the oldest and the newest entry; both are
// 0 when there is none.
func (s *Store) ChangeBounds(ctx context.Context) (oldest, newest int64, err error) {
	err = s.reader.QueryRowContext(ctx, `SELECT COALESCE(MIN(seq), 0), COALESCE(MAX(seq), 0) FROM changes`).Scan(&oldest, &newest)
	if err != nil {
		return 0, 0, s.meaning(fmt.Errorf("read the bounds of the changes: %w", err))
	}
	return oldest, newest, nil
}

// ClusterAt returns a cluster as it was after the change with that number.
func (s *Store) ClusterAt(ctx context.Context, id string, seq int64) (*fairway.Cluster, error) {
	var object, status, event, tag string
	err := s.reader.QueryRowContext(ctx, `
		SELECT (SELECT object FROM changes WHERE kind = 'cluster' AND object_id = $1 AND seq <= $2 AND object <> '' ORDER BY seq DESC LIMIT 1),
		       status, event, etag
		FROM changes WHERE kind = 'cluster' AND object_id = $1 AND seq <= $2 AND event IN ('created', 'updated', 'deleted')
		      AND $2 <= (SELECT seq FROM chain WHERE head = 1) ORDER BY seq DESC LIMIT 1`,
		id, seq).Scan(&object, &status, &event, &tag)
	if errors.Is(err, sql.ErrNoRows) || err == nil && event == string(fairway.ChangeDeleted) {
		return nil, fairway.Errorf(fairway.CodeNotFound, "cluster %q did not exist after change %d", id, seq).
			WithHint("`fairway cluster history %s` shows its changes", id)
	}
	if err != nil {
		return nil, s.meaning(fmt.Errorf("read cluster %s as of change %d: %w", id, seq, err))
	}
	var c fairway.Cluster
	if err := json.Unmarshal([]byte(object), &c); err != nil {
		return nil, fmt.Errorf("read cluster %s as of change %d: %w", id, seq, err)
	}
	c.Status = fairway.ClusterStatus{} // decoding would keep what is left out
	if err := json.Unmarshal([]byte(status), &c.Status); err != nil {
		return nil, fmt.Errorf("read cluster %s as of change %d: %w", id, seq, err)
	}
	c.ETag = tag
	return &c, nil
}

// AccountAt returns an account as it was after the change with that number.
func (s *Store) AccountAt(ctx context.Context, id string, seq int64) (*fairway.InfrastructureAccount, error) {
	var a fairway.InfrastructureAccount
	var tag string
	err := s.reader.QueryRowContext(ctx, `SELECT object, etag FROM changes WHERE kind = 'account' AND object_id = $1 AND seq <= $2 AND object <> '' ORDER BY seq DESC LIMIT 1`,
		id, seq).Scan(packed{&a}, &tag)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fairway.Errorf(fairway.CodeNotFound, "infrastructure account %q did not exist after change %d", id, seq)
	}
	if err != nil {
		return nil, s.meaning(fmt.Errorf("read infrastructure account %s as of change %d: %w", id, seq, err))
	}
	a.ETag = tag
	return &a, nil
}

// broadcast tells many that something has happened.
type broadcast struct {
	mu sync.Mutex // guards c
	c  chan struct{}
}

func (b *broadcast) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.c == nil {
		b.c = make(chan struct{})
	}
	return b.c
}

func (b *broadcast) tell() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.c != nil {
		close(b.c)
		b.c = nil
	}
}

// Changed returns a channel that is closed at the next change.
func (s *Store) Changed() <-chan struct{} { return s.changed.wait() }
