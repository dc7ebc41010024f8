package sqlstore

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

func TestLockedByAnother(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fairway.db")
	s := openTest(t, path)
	_, err := Open(t.Context(), path, time.Now)
	wantUnavailable(t, err, "process "+strconv.Itoa(os.Getpid()))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	openTest(t, path)
}

func TestDamaged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fairway.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("this is no database. ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), path, time.Now)
	wantUnavailable(t, err, "damaged")
}

func TestFolderMissing(t *testing.T) {
	t.Parallel()
	_, err := Open(t.Context(), filepath.Join(t.TempDir(), "none", "fairway.db"), time.Now)
	wantUnavailable(t, err, "no such file")
}

// SQLite's own limit of pages gives the same answer as a disk without room.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	s := openTest(t, filepath.Join(t.TempDir(), "fairway.db"))
	if _, err := s.writer.ExecContext(t.Context(), `PRAGMA max_page_count = 60`); err != nil {
		t.Fatal(err)
	}
	kept := 0
	var err error
	for range 1000 {
		if err = s.AppendEvent(t.Context(), &fairway.Event{Kind: "x", Message: strings.Repeat("y", 4096)}); err != nil {
			break
		}
		kept++
	}
	wantUnavailable(t, err, "disk is full")
	all, err := s.Events(t.Context(), "", 0, 10000)
	if err != nil || len(all) != kept || kept == 0 {
		t.Errorf("%d events are there of %d acknowledged (error %v)", len(all), kept, err)
	}
	// With room again it goes on by itself.
	if _, err := s.writer.ExecContext(t.Context(), `PRAGMA max_page_count = 100000`); err != nil {
		t.Fatal(err)
	}
	if err := s.AppendEvent(t.Context(), &fairway.Event{Kind: "x", Message: strings.Repeat("y", 4096)}); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// SQLite refuses writes on a query_only connection with the answer that a file
// without write permission gives, which the superuser never gets.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fairway.db")
	s := openTest(t, path)
	if _, err := s.writer.ExecContext(t.Context(), `PRAGMA query_only = 1`); err != nil {
		t.Fatal(err)
	}
	wantUnavailable(t, s.AppendEvent(t.Context(), &fairway.Event{Kind: "x"}), "read-only")
}

// Another program that holds the write lock makes writes wait, and then fail
// with a hint; reads go on.
func TestWriteLockHeldElsewhere(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fairway.db")
	s := openTest(t, path)
	if _, err := s.writer.ExecContext(t.Context(), `PRAGMA busy_timeout = 50`); err != nil {
		t.Fatal(err)
	}
	other, err := openPool(path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	tx, err := other.BeginTx(t.Context(), nil) // immediate: takes the write lock
	if err != nil {
		t.Fatal(err)
	}
	wantUnavailable(t, s.AppendEvent(t.Context(), &fairway.Event{Kind: "x"}), "locked")
	if _, err := s.Events(t.Context(), "", 0, 0); err != nil {
		t.Errorf("reading beside a writer: %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := s.AppendEvent(t.Context(), &fairway.Event{Kind: "x"}); err != nil {
		t.Errorf("after the lock is free: %v", err)
	}
}
