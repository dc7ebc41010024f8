package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"net/url"
	"strings"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite" // the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/fairwayhq/fairway"
)

//go:embed migrations
var migrations embed.FS

// sqliteDialect is the embedded database, one file of one process.
type sqliteDialect struct{ path string }

// dsn returns the data source name of a pool. synchronous=FULL makes a commit
// outlive a power cut, not just the process.
func dsn(path string, readOnly bool) string {
	q := url.Values{}
	q.Set("_busy_timeout", "5000")
	q.Set("_foreign_keys", "1")
	q.Set("_journal_mode", "WAL")
	q.Set("_synchronous", "FULL")
	if readOnly {
		q.Set("_query_only", "1")
	} else {
		q.Set("_txlock", "immediate")
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

func (d sqliteDialect) migrations(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectSQLite3, db, files)
}

func (d sqliteDialect) meaning(err error) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return nil
	}
	unavailable := func(what, hint string) error {
		return fairway.Errorf(fairway.CodeUnavailable, "%s: %w", what, err).WithHint("%s", hint)
	}
	switch e.Code() & 0xff { // the primary code without its extension
	case sqlite3.SQLITE_FULL:
		return unavailable("the disk is full", hintFull(d.path))
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return unavailable("the database is read-only", hintReadOnly(d.path))
	case sqlite3.SQLITE_CANTOPEN:
		return unavailable("the database cannot be opened", hintReadOnly(d.path))
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return unavailable("the database is damaged", "restore "+d.path+" from a backup, or move it away to start empty")
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return unavailable("the database is locked", "find who else has "+d.path+" open (fuser "+d.path+") and end it")
	case sqlite3.SQLITE_IOERR:
		return unavailable("the disk does not answer as it should", "look for errors of the disk in the system log; check the space on it")
	}
	return nil
}

func (sqliteDialect) unique(err error) string {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return ""
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		// The words come twice: "constraint failed: UNIQUE constraint failed: clusters.alias (2067)".
		text := e.Error()
		if i := strings.LastIndex(text, "failed: "); i >= 0 {
			text = text[i+len("failed: "):]
		}
		columns, _, _ := strings.Cut(text, " (")
		return columns
	}
	return ""
}

func (sqliteDialect) missingParent(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code() == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
}

// One writer at a time: no transaction loses, no row needs a lock, and numbers
// come in the order of commits.

func (sqliteDialect) shared() bool                         { return false }
func (sqliteDialect) again(error) bool                     { return false }
func (sqliteDialect) clean(args []any) []any               { return args }
func (sqliteDialect) forUpdate(string) string              { return "" }
func (sqliteDialect) order(context.Context, *sql.Tx) error { return nil }
