package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/fairwayhq/fairway"
)

//go:embed migrations
var migrations embed.FS

// Store is a fairway.Store on one SQLite file. It is safe for concurrent use;
// one process at a time has a file open.
type Store struct {
	path   string
	now    fairway.Clock
	writer *sql.DB // one connection: SQLite has one writer at a time anyway
	reader *sql.DB // query_only connections, which never wait for the writer
	lock   *os.File
}

var _ fairway.Store = (*Store)(nil)

// Open opens the database file at path, makes it when it is missing, and brings
// its schema up to date. It returns CodeUnavailable with a hint when the file
// cannot be used: locked by another process, read-only, damaged, disk full.
func Open(ctx context.Context, path string, now fairway.Clock) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	lock, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, now: now, lock: lock}
	if err := s.open(ctx); err != nil {
		s.Close()
		return nil, s.meaning(fmt.Errorf("open database %s: %w", path, err))
	}
	return s, nil
}

// open connects both pools and migrates.
func (s *Store) open(ctx context.Context) (err error) {
	if s.writer, err = sql.Open("sqlite", dsn(s.path, false)); err != nil {
		return err
	}
	s.writer.SetMaxOpenConns(1)
	if s.reader, err = sql.Open("sqlite", dsn(s.path, true)); err != nil {
		return err
	}
	s.reader.SetMaxOpenConns(max(4, 2*runtime.NumCPU()))
	s.reader.SetMaxIdleConns(max(4, 2*runtime.NumCPU()))
	if err := s.migrate(ctx); err != nil {
		return err
	}
	return s.writable(ctx)
}

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

// migrate brings the schema to the newest version.
func (s *Store) migrate(ctx context.Context) error {
	provider, err := provider(s.writer)
	if err != nil {
		return err
	}
	current, err := provider.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read its schema version: %w", err)
	}
	sources := provider.ListSources()
	if newest := sources[len(sources)-1].Version; current > newest {
		return fairway.Errorf(fairway.CodeUnavailable, "its schema version %d is newer than version %d, the newest this program knows", current, newest).
			WithHint("start the newer fairway that wrote it, or restore a backup from before")
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate its schema: %w", err)
	}
	return nil
}

// provider returns goose's runner of the migrations on a database.
func provider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectSQLite3, db, files)
}

// writable makes the installation's id, or writes it again as it is: a database
// that cannot be written is found out at the start and not at the first update.
func (s *Store) writable(ctx context.Context) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO meta (key, value) VALUES ('instance', $1)
			ON CONFLICT (key) DO UPDATE SET value = meta.value`, newID(s.now()))
		return err
	})
}

// Instance returns the random id that was made with the database.
func (s *Store) Instance(ctx context.Context) (string, error) {
	var id string
	err := s.reader.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = 'instance'`).Scan(&id)
	if err != nil {
		return "", s.meaning(fmt.Errorf("read the installation's id: %w", err))
	}
	return id, nil
}

// Close waits for the calls under way, closes the file and lets others open it.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.reader, s.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
		s.lock = nil
	}
	return errors.Join(errs...)
}

// write runs one transaction on the writer; an error rolls it back.
func (s *Store) write(ctx context.Context, do func(tx *sql.Tx) error) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}
