package sqlstore

import (
	"database/sql"
	"errors"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/fairwayhq/fairway"
)

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
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	unavailable := func(what, hint string) error {
		return fairway.Errorf(fairway.CodeUnavailable, "%s: %w", what, err).WithHint("%s", hint)
	}
	switch e.Code() & 0xff { // the primary code without its extension
	case sqlite3.SQLITE_FULL:
		return unavailable("the disk is full", hintFull(s.path))
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return unavailable("the database is read-only", hintReadOnly(s.path))
	case sqlite3.SQLITE_CANTOPEN:
		return unavailable("the database cannot be opened", hintReadOnly(s.path))
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return unavailable("the database is damaged", "restore "+s.path+" from a backup, or move it away to start empty")
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return unavailable("the database is locked", "find who else has "+s.path+" open (fuser "+s.path+") and end it")
	case sqlite3.SQLITE_IOERR:
		return unavailable("the disk does not answer as it should", "look for errors of the disk in the system log; check the space on it")
	}
	return err
}

// unique returns which unique constraint an error speaks of
// ("clusters.alias"), "" when it speaks of none.
func unique(err error) string {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return ""
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		_, columns, _ := strings.Cut(e.Error(), "failed: ")
		columns, _, _ = strings.Cut(columns, " (")
		return columns
	}
	return ""
}

// missingParent reports whether a row was refused because what it refers to
// does not exist.
func missingParent(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code() == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
}
