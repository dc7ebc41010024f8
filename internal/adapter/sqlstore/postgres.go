package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/fairwayhq/fairway"
)

// postgresDialect is a PostgreSQL database that several processes share.
type postgresDialect struct{ where string } // the database without its password

const (
	// poolSize is how many connections a process has at most: PostgreSQL allows
	// 100 in all by default, for all replicas together.
	poolSize = 20
	// orderLock is the key of the advisory lock that gives out numbers one by
	// one; any number that nobody else uses in the database.
	orderLock = 0x66616972776179 // "fairway"
)

// IsPostgres reports whether a name of a database is the URL of a PostgreSQL
// database rather than the path of a file.
func IsPostgres(name string) bool {
	return strings.HasPrefix(name, "postgres://") || strings.HasPrefix(name, "postgresql://")
}

// openPostgres connects to a database by its URL.
func (s *Store) openPostgres(ctx context.Context, url string) error {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		// The library's message may hold the password.
		return fairway.Errorf(fairway.CodeInvalid, "the database URL is not valid").
			WithHint("give it as postgres://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full")
	}
	s.dialect = postgresDialect{where: fmt.Sprintf("%s on %s", config.Database, config.Host)}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(poolSize)
	db.SetMaxIdleConns(poolSize)
	db.SetConnMaxIdleTime(5 * time.Minute)
	s.writer, s.reader = db, db
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if err := s.writable(ctx); err != nil {
		return err
	}
	keep, stop := context.WithCancel(context.Background())
	kept := make(chan struct{})
	go func() { defer close(kept); s.keepChain(keep) }()
	s.stop = func() { stop(); <-kept }
	return nil
}

func (postgresDialect) migrations(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations/postgres")
	if err != nil {
		return nil, err
	}
	// Replicas that start together migrate one after another.
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker))
}

// The classes and codes of SQLSTATE that callers can do something about
// (PostgreSQL manual, appendix A).
const (
	stateUnique        = "23505"
	stateForeignKey    = "23503"
	stateSerialization = "40001"
	stateDeadlock      = "40P01"
	stateReadOnly      = "25006"
	stateDiskFull      = "53100"
	classConnection    = "08"
	classResources     = "53"
	classOperator      = "57" // shut down, crashed, starting
	classAuthorization = "28"
	stateNoDatabase    = "3D000"
	stateNoRight       = "42501"
)

func (d postgresDialect) meaning(err error) error {
	unavailable := func(what, hint string) error {
		return fairway.Errorf(fairway.CodeUnavailable, "database %s: %s: %w", d.where, what, err).WithHint("%s", hint)
	}
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		_, connect := errors.AsType[*pgconn.ConnectError](err)
		_, network := errors.AsType[net.Error](err)
		if connect || network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "bad connection") || strings.Contains(err.Error(), "conn closed") {
			if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
				return nil
			}
			return unavailable("it does not answer", "see whether PostgreSQL runs and can be reached from here; nothing that was acknowledged is lost")
		}
		return nil
	}
	switch {
	case e.Code == stateDiskFull:
		return unavailable("its disk is full", "free space where PostgreSQL keeps its data")
	case e.Code == stateReadOnly:
		return unavailable("it is read-only", "connect to the primary (target_session_attrs=read-write in the URL)")
	case e.Code == stateNoDatabase:
		return unavailable("there is no such database", "create it: createdb NAME")
	case e.Code == stateNoRight, strings.HasPrefix(e.Code, classAuthorization):
		return unavailable("the user is not allowed to", "check user and password in the URL, and that the user owns the database")
	case strings.HasPrefix(e.Code, classConnection), strings.HasPrefix(e.Code, classOperator), strings.HasPrefix(e.Code, classResources):
		return unavailable("it cannot answer now", "see PostgreSQL's log; nothing that was acknowledged is lost")
	}
	return nil
}

// constraints names those that are not named after their table and column.
var constraints = map[string]string{
	"clusters_alias": "clusters.alias",
}

func (postgresDialect) unique(err error) string {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || e.Code != stateUnique {
		return ""
	}
	if e.ConstraintName == e.TableName+"_pkey" {
		return e.TableName + ".id"
	}
	if name, ok := constraints[e.ConstraintName]; ok {
		return name
	}
	return e.ConstraintName
}

func (postgresDialect) missingParent(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == stateForeignKey
}

func (postgresDialect) again(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == stateSerialization || e.Code == stateDeadlock)
}

// clean replaces what PostgreSQL cannot store in a text: NUL, by its symbol.
// A foreign program's error message must not keep an update from being saved.
func (postgresDialect) clean(args []any) []any {
	for i, a := range args {
		if text, ok := a.(string); ok {
			if !strings.ContainsRune(text, 0) {
				text = strings.ToValidUTF8(text, "\uFFFD")
			} else {
				text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\u2400")
			}
			args[i] = text
		}
	}
	return args
}

func (postgresDialect) shared() bool                  { return true }
func (postgresDialect) forUpdate(table string) string { return " FOR UPDATE OF " + table }

func (postgresDialect) order(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(orderLock))
	return err
}
