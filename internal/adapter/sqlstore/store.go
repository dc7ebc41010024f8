package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/fairwayhq/fairway"
)

// Store is a fairway.Store on one SQLite file, which one process at a time has
// open, or on a PostgreSQL database, which many share. It is safe for
// concurrent use.
type Store struct {
	dialect
	now    fairway.Clock
	writer *sql.DB // SQLite: one connection, since it has one writer at a time anyway
	reader *sql.DB // SQLite: query_only connections, which never wait for the writer
	lock   *os.File

	prepared, reading prepared // SQLite: statements of writer and reader

	changed   broadcast
	unchained chan struct{} // says that changes wait for their numbers
	stop      func()        // ends what runs beside the calls; may be nil
}

var _ fairway.Store = (*Store)(nil)

// Open opens a database and brings its schema up to date: the PostgreSQL
// database of a URL postgres://..., else the SQLite file of a path, which is
// made when it is missing. It returns CodeUnavailable with a hint when the
// database cannot be used: out of reach, locked by another process, read-only,
// damaged, disk full.
func Open(ctx context.Context, name string, now fairway.Clock) (*Store, error) {
	if IsPostgres(name) {
		s := &Store{now: now, unchained: make(chan struct{}, 1)}
		if err := s.openPostgres(ctx, name); err != nil {
			if s.dialect == nil {
				return nil, err
			}
			s.Close()
			return nil, s.meaning(fmt.Errorf("open database: %w", err))
		}
		return s, nil
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	lock, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	s := &Store{dialect: sqliteDialect{path}, now: now, lock: lock}
	if err := s.openSQLite(ctx, path); err != nil {
		s.Close()
		return nil, s.meaning(fmt.Errorf("open database %s: %w", path, err))
	}
	return s, nil
}

// openSQLite connects both pools and migrates.
func (s *Store) openSQLite(ctx context.Context, path string) (err error) {
	if s.writer, err = sql.Open("sqlite", dsn(path, false)); err != nil {
		return err
	}
	s.writer.SetMaxOpenConns(1)
	if s.reader, err = sql.Open("sqlite", dsn(path, true)); err != nil {
		return err
	}
	s.reader.SetMaxOpenConns(max(4, 2*runtime.NumCPU()))
	s.reader.SetMaxIdleConns(max(4, 2*runtime.NumCPU()))
	if err := s.migrate(ctx); err != nil {
		return err
	}
	return s.writable(ctx)
}

// migrate brings the schema to the newest version.
func (s *Store) migrate(ctx context.Context) error {
	provider, err := s.migrations(s.writer)
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

// writable makes the installation's id, or writes it again as it is: a database
// that cannot be written is found out at the start and not at the first update.
func (s *Store) writable(ctx context.Context) error {
	return s.write(ctx, func(tx *transaction) error {
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
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
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
