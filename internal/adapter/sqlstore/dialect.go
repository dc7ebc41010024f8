package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"strings"

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
	t := &transaction{tx: tx, dialect: s.dialect}
	if err := do(t); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
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
}

// ExecContext is that of sql.Tx.
func (t *transaction) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return t.tx.ExecContext(ctx, query, t.clean(args)...)
}

// QueryContext is that of sql.Tx.
func (t *transaction) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.tx.QueryContext(ctx, query, t.clean(args)...)
}

// QueryRowContext is that of sql.Tx.
func (t *transaction) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return t.tx.QueryRowContext(ctx, query, t.clean(args)...)
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
