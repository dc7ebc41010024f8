package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"

	"github.com/pressly/goose/v3"

	"github.com/fairwayhq/fairway"
)

// dialect is what the two databases do differently.
type dialect interface {
	// meaning gives an error of the database the code and hint that callers act
	// on; nil for an error that says nothing more.
	meaning(err error) error
	// unique returns which unique constraint an error speaks of
	// ("clusters.alias"), "" when it speaks of none.
	unique(err error) string
	// missingParent reports whether a row was refused because what it refers to
	// does not exist.
	missingParent(err error) bool
	// again reports whether a transaction lost against another and may be run anew.
	again(err error) bool
	// clean returns the arguments of a statement as the database can store them.
	clean(args []any) []any
	// forUpdate is what follows a SELECT whose row, of that table, is written back.
	forUpdate(table string) string
	// order makes the transactions that hand out numbers one after another, so
	// that a reader that has seen a number has seen all below.
	order(ctx context.Context, tx *sql.Tx) error
	// shared reports whether several processes write the database, so that
	// changes get their numbers only after their commits.
	shared() bool
	// migrations runs the schema of this database.
	migrations(db *sql.DB) (*goose.Provider, error)
}

// mostRuns is how often a transaction is run that keeps losing against others.
const mostRuns = 10

// write runs one transaction; an error rolls it back.
func (s *Store) write(ctx context.Context, do func(tx *transaction) error) error {
	for run := 1; ; run++ {
		err := s.writeOnce(ctx, do)
		if err == nil || run == mostRuns || !s.again(err) {
			return err
		}
	}
}

func (s *Store) writeOnce(ctx context.Context, do func(tx *transaction) error) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	t := &transaction{tx: tx, dialect: s.dialect, prepared: &s.prepared}
	if err := do(t); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	if !s.shared() {
		s.prepared.prepare(ctx, s.writer, t.wanted)
	}
	switch {
	case !t.recorded:
	case s.shared():
		select {
		case s.unchained <- struct{}{}:
		default: // it is told already
		}
	default:
		s.changed.tell()
	}
	return nil
}

// transaction is a transaction in a dialect.
type transaction struct {
	tx *sql.Tx
	dialect
	recorded bool // a change was recorded
	prepared *prepared
	wanted   []string // statements that were not prepared
}

// statement returns the prepared statement of a query, nil when there is none.
func (t *transaction) statement(ctx context.Context, query string) *sql.Stmt {
	if t.shared() {
		return nil // the driver remembers them itself
	}
	if known := t.prepared.get(query); known != nil {
		return t.tx.StmtContext(ctx, known)
	}
	t.wanted = append(t.wanted, query)
	return nil
}

// ExecContext is that of sql.Tx.
func (t *transaction) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if known := t.statement(ctx, query); known != nil {
		return known.ExecContext(ctx, t.clean(args)...)
	}
	return t.tx.ExecContext(ctx, query, t.clean(args)...)
}

// QueryContext is that of sql.Tx.
func (t *transaction) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.tx.QueryContext(ctx, query, t.clean(args)...)
}

// QueryRowContext is that of sql.Tx.
func (t *transaction) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if known := t.statement(ctx, query); known != nil {
		return known.QueryRowContext(ctx, t.clean(args)...)
	}
	return t.tx.QueryRowContext(ctx, query, t.clean(args)...)
}

// readRow is QueryRowContext of the reader for a query that is used all the time.
func (s *Store) readRow(ctx context.Context, query string, args ...any) *sql.Row {
	if s.shared() {
		return s.reader.QueryRowContext(ctx, query, args...)
	}
	if s.reading.get(query) == nil {
		s.reading.prepare(ctx, s.reader, []string{query})
	}
	if known := s.reading.get(query); known != nil {
		return known.QueryRowContext(ctx, args...)
	}
	return s.reader.QueryRowContext(ctx, query, args...)
}

// prepared keeps statements that are used again and again: SQLite takes as long
// to read a statement as to carry it out.
type prepared struct {
	mu  sync.Mutex // guards all
	all map[string]*sql.Stmt
}

func (p *prepared) get(query string) *sql.Stmt {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all[query]
}

// prepare prepares statements for the next time, outside of the transaction that
// has the only connection. What fails stays as it was.
func (p *prepared) prepare(ctx context.Context, db *sql.DB, queries []string) {
	for _, q := range queries {
		if p.get(q) != nil {
			continue
		}
		stmt, err := db.PrepareContext(ctx, q)
		if err != nil {
			return
		}
		p.mu.Lock()
		if p.all == nil {
			p.all = map[string]*sql.Stmt{}
		}
		if p.all[q] == nil {
			p.all[q] = stmt
		} else {
			stmt.Close()
		}
		p.mu.Unlock()
	}
}

// meaning gives an error of the database the code and hint that callers act on.
// Errors that have a code already, and cancellations, stay as they are.
func (s *Store) meaning(err error) error {
	if err == nil {
		return nil
	}
	if _, known := errors.AsType[*fairway.Error](err); known {
		return err
	}
	if errors.Is(err, sql.ErrConnDone) || strings.HasSuffix(err.Error(), "sql: database is closed") {
		return fairway.Errorf(fairway.CodeUnavailable, "%w", err)
	}
	if said := s.dialect.meaning(err); said != nil {
		return said
	}
	return err
}
