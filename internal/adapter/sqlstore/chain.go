package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/fairwayhq/fairway"
)

// chainHead is the newest entry of the record.
type chainHead struct {
	seq  int64
	hash string
}

func readHead(ctx context.Context, tx *transaction) (h chainHead, err error) {
	return h, tx.QueryRowContext(ctx, `SELECT seq, hash FROM chain WHERE head = 1`+tx.forUpdate("chain")).Scan(&h.seq, &h.hash)
}

func writeHead(ctx context.Context, tx *transaction, h chainHead) error {
	_, err := tx.ExecContext(ctx, `UPDATE chain SET seq = $1, hash = $2 WHERE head = 1`, h.seq, h.hash)
	return err
}

const (
	// chainEvery is how often a process looks for entries that another process
	// wrote, or left without a number when it died.
	chainEvery = 200 * time.Millisecond
	// chainPause is how long new entries wait for others.
	chainPause = 20 * time.Millisecond
	// chainBatch bounds one transaction.
	chainBatch = 500
)

// keepChain gives entries their numbers, in the order in which they are seen
// committed, until the context ends. Numbers that were given out within the
// writing transactions would either make all writers wait for each other, or
// appear out of order to readers, who would miss the late ones.
func (s *Store) keepChain(ctx context.Context) {
	tick := time.NewTicker(chainEvery)
	defer tick.Stop()
	last := int64(-1)
	for {
		for {
			n, head, err := s.chainOnce(ctx)
			if err == nil && (n > 0 || head != last) {
				last = head
				s.changed.tell()
			}
			if err != nil || n < chainBatch {
				break // what failed is found again at the next tick
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-s.unchained:
			// Writers that come together get their numbers together.
			select {
			case <-ctx.Done():
				return
			case <-time.After(chainPause):
			}
		case <-tick.C:
		}
	}
}

// chainOnce gives numbers to the entries that have none.
func (s *Store) chainOnce(ctx context.Context) (n int, newest int64, err error) {
	// Without a lock first: most looks find nothing.
	var waiting bool
	if err := s.reader.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM changes WHERE seq IS NULL), (SELECT seq FROM chain WHERE head = 1)`).Scan(&waiting, &newest); err != nil || !waiting {
		return 0, newest, err
	}
	err = s.write(ctx, func(tx *transaction) error {
		n = 0
		head, err := readHead(ctx, tx)
		if err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `SELECT id, at, kind, object_id, event, who, display, origin, reason, was, became, etag
			FROM changes WHERE seq IS NULL ORDER BY nr LIMIT $1`, chainBatch)
		type entry struct {
			row string
			fairway.Change
		}
		entries, err := collect(rows, err, func(r row) (e entry, err error) {
			return e, r.Scan(&e.row, at{&e.At}, &e.Kind, &e.ID, &e.Event, &e.Who, &e.Display, &e.From, &e.Reason, packed{&e.Before}, packed{&e.After}, &e.ETag)
		})
		if err != nil {
			return err
		}
		for _, e := range entries {
			e.Seq = head.seq + 1
			head = chainHead{e.Seq, e.ChainHash(head.hash)}
			if _, err := tx.ExecContext(ctx, `UPDATE changes SET seq = $1, hash = $2 WHERE id = $3`, head.seq, head.hash, e.row); err != nil {
				return err
			}
		}
		n, newest = len(entries), head.seq
		return writeHead(ctx, tx, head)
	})
	return n, newest, err
}

// VerifyChain reads the whole record and returns how many entries it has.
// CodeConflict names the first entry that does not follow from the one before.
func (s *Store) VerifyChain(ctx context.Context) (int64, error) {
	var seq int64
	hash := ""
	for {
		entries, err := s.Changes(ctx, fairway.ChangeFilter{After: seq, Limit: 1000})
		if err != nil {
			return seq, err
		}
		for _, c := range entries {
			if c.Seq != seq+1 {
				return seq, fairway.Errorf(fairway.CodeConflict, "the record is broken: entry %d is missing", seq+1).WithHint("compare with a backup of the database")
			}
			if c.Hash != c.ChainHash(hash) {
				return seq, fairway.Errorf(fairway.CodeConflict, "the record is broken: entry %d, or the one before it, was altered", c.Seq).WithHint("compare with a backup of the database")
			}
			seq, hash = c.Seq, c.Hash
		}
		if len(entries) < 1000 {
			break
		}
	}
	var head chainHead
	if err := s.reader.QueryRowContext(ctx, `SELECT seq, hash FROM chain WHERE head = 1`).Scan(&head.seq, &head.hash); err != nil {
		return seq, s.meaning(fmt.Errorf("read the head of the record: %w", err))
	}
	if head.seq < seq || head.seq == seq && head.hash != hash {
		return seq, fairway.Errorf(fairway.CodeConflict, "the record is broken: it ends at %d, its head says %d", seq, head.seq).WithHint("compare with a backup of the database")
	}
	if head.seq > seq { // written meanwhile, or cut off
		if newest, err := s.Changes(ctx, fairway.ChangeFilter{After: seq, Limit: 1}); err != nil || len(newest) == 0 {
			return seq, fairway.Errorf(fairway.CodeConflict, "the record is broken: it ends at %d, its head says %d", seq, head.seq).WithHint("compare with a backup of the database")
		}
	}
	return seq, nil
}
