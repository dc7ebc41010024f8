package sqlstore

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/sqlstore/storetest"
	"github.com/fairwayhq/fairway/internal/postgrestest"
)

// openTest opens a store at a path and closes it with the test.
func openTest(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	storetest.Exercise(t, func(t *testing.T) fairway.Store { return openTest(t, filepath.Join(t.TempDir(), "fairway.db")) })
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	storetest.Exercise(t, func(t *testing.T) fairway.Store { return openTest(t, postgrestest.Database(t)) })
}

func TestOpenAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a folder with ? and # and %41", "fairway.db")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	first, err := Open(t.Context(), path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	id, err := first.Instance(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := first.AppendEvent(t.Context(), &fairway.Event{Kind: "kept"}); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := openTest(t, path)
	if again, err := second.Instance(t.Context()); err != nil || again != id {
		t.Errorf("the instance is %q after a restart, was %q (error %v)", again, id, err)
	}
	if all, err := second.Events(t.Context(), "", 0, 0); err != nil || len(all) != 1 {
		t.Errorf("events after a restart: %v, error %v", all, err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the database is elsewhere: %v", err)
	}
}

// A commit must be on the disk before it is acknowledged, and readers must not
// be able to write.
func TestPragmas(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "fairway.db"))
	for _, c := range []struct {
		db           *sql.DB
		pragma, want string
	}{
		{s.writer, "journal_mode", "wal"}, {s.writer, "synchronous", "2"}, {s.writer, "foreign_keys", "1"}, {s.writer, "busy_timeout", "5000"},
		{s.writer, "query_only", "0"}, {s.reader, "query_only", "1"}, {s.reader, "journal_mode", "wal"},
	} {
		var got string
		if err := c.db.QueryRowContext(t.Context(), "PRAGMA "+c.pragma).Scan(&got); err != nil || got != c.want {
			t.Errorf("%s is %q, want %q (error %v)", c.pragma, got, c.want, err)
		}
	}
	if _, err := s.reader.ExecContext(t.Context(), "DELETE FROM meta"); err == nil {
		t.Error("a reader could write")
	}
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "m.db")
		db, err := sql.Open("sqlite", dsn(path, false))
		if err != nil {
			t.Fatal(err)
		}
		exerciseMigrations(t, db, sqliteDialect{path}, sqliteSchema)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		db, err := sql.Open("pgx", postgrestest.Database(t))
		if err != nil {
			t.Fatal(err)
		}
		exerciseMigrations(t, db, postgresDialect{}, postgresSchema)
	})
}

// exerciseMigrations walks up, down and up again and compares the schemas.
func exerciseMigrations(t *testing.T, db *sql.DB, d dialect, schema func(t *testing.T, db *sql.DB) string) {
	defer db.Close()
	p, err := d.migrations(db)
	if err != nil {
		t.Fatal(err)
	}
	up := func() string {
		if _, err := p.Up(t.Context()); err != nil {
			t.Fatal(err)
		}
		return schema(t, db)
	}
	empty := schema(t, db)
	first := up()
	if _, err := p.DownTo(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(empty, withoutGoose(schema(t, db))); diff != "" {
		t.Errorf("down leaves (-empty +left):\n%s", diff)
	}
	if diff := cmp.Diff(first, up()); diff != "" {
		t.Errorf("up, down, up differs from up (-first +second):\n%s", diff)
	}
	if !strings.Contains(first, "updates_one_active") {
		t.Errorf("the schema is not what it should be:\n%s", first)
	}
}

// postgresSchema lists columns and indexes in the order of their names: a
// column that was dropped and added again stands last, which means nothing.
func postgresSchema(t *testing.T, db *sql.DB) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `
		SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') AS line
		FROM information_schema.columns WHERE table_schema = 'public'
		UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
		UNION ALL SELECT conrelid::regclass::text || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
		ORDER BY line`)
	all, err := collect(rows, err, func(r row) (s string, err error) { return s, r.Scan(&s) })
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, ";\n")
}

func sqliteSchema(t *testing.T, db *sql.DB) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT COALESCE(sql, name) FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name`)
	all, err := collect(rows, err, func(r row) (s string, err error) { return s, r.Scan(&s) })
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, ";\n")
}

// withoutGoose leaves out goose's own table, which stays after a down.
func withoutGoose(schema string) string {
	var kept []string
	for _, statement := range strings.Split(schema, ";\n") {
		if !strings.Contains(statement, "goose") {
			kept = append(kept, statement)
		}
	}
	return strings.Join(kept, ";\n")
}

func TestNewerSchema(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fairway.db")
	s, err := Open(t.Context(), path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.writer.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), path, time.Now)
	wantUnavailable(t, err, "newer")
}

// wantUnavailable wants CodeUnavailable with a hint and a word in the message.
func wantUnavailable(t *testing.T, err error, word string) {
	t.Helper()
	if err == nil {
		t.Fatal("got no error")
	}
	if fairway.ErrorCode(err) != fairway.CodeUnavailable || fairway.ErrorHint(err) == "" || !strings.Contains(err.Error(), word) {
		t.Errorf("got error %q of code %q with hint %q, want unavailable with a hint and %q", err, fairway.ErrorCode(err), fairway.ErrorHint(err), word)
	}
}

func TestIDsSortByTime(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	old := ""
	for range 1000 {
		id := newID(at)
		if len(id) != 26 || id <= old {
			t.Fatalf("id %q follows %q", id, old)
		}
		old, at = id, at.Add(time.Millisecond)
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "fairway.db"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Accounts(context.Background()); fairway.ErrorCode(err) != fairway.CodeUnavailable {
		t.Errorf("a closed store answers with %v", err)
	}
}
