package work

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

const (
	// poolSize is how many connections the queue of one process has at most.
	poolSize = 10
	// inheritEvery is how often a process looks for jobs of processes that died.
	inheritEvery = 2 * time.Second
	// lockSpace keeps the advisory locks of processes apart from others' locks
	// (the first of the two 32-bit keys); "fair".
	lockSpace = 0x66616972
)

// openPostgres opens the queue in a database that several processes share.
func (q *Queue) openPostgres(ctx context.Context, o Options) error {
	config, err := pgxpool.ParseConfig(o.Database)
	if err != nil {
		return fmt.Errorf("the database URL is not valid") // the library's message may hold the password
	}
	config.MaxConns = poolSize
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	q.close = func() error { pool.Close(); return nil }
	driver := riverpgxv5.New(pool)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: quiet(o.Log)})
	if err != nil {
		return err
	}
	if err := migratePostgres(ctx, pool, migrator); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	shared, err := riverConfig(o)
	if err != nil {
		return err
	}
	shared.ID = o.ID
	client, err := river.NewClient(driver, shared)
	if err != nil {
		return err
	}
	q.client = client
	// Before the first job: a process without its lock counts as dead.
	conn, err := alive(ctx, pool, o)
	if err != nil {
		return err
	}
	q.close = func() error { defer pool.Close(); return conn.Close(context.WithoutCancel(ctx)) }
	q.beside = func(ctx context.Context) { inherit(ctx, conn, pool, o) }
	return nil
}

// alive returns a connection that holds the lock of this process.
func alive(ctx context.Context, pool *pgxpool.Pool, o Options) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, pool.Config().ConnConfig)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1, $2)`, lockSpace, lockOf(o.ID)); err != nil {
		conn.Close(ctx)
		return nil, err
	}
	return conn, nil
}

// migratePostgres lets processes that start together migrate one after another.
func migratePostgres(ctx context.Context, pool *pgxpool.Pool, migrator *rivermigrate.Migrator[pgx.Tx]) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1, 0)`, lockSpace); err != nil {
		return err
	}
	defer conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1, 0)`, lockSpace)
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

// lockOf is the advisory lock that a process holds while it lives.
func lockOf(id string) int32 {
	h := fnv.New32a()
	h.Write([]byte(id))
	return int32(h.Sum32() | 1) // never 0, the lock of migrations
}

// inherit shows that this process lives, by a lock that its connection holds,
// and makes the jobs of processes whose lock is gone available again: a process
// that was killed loses its connections at once. It ends with the context.
//
// One that lost its connection and lives on may have its jobs run elsewhere
// while it still works on them: the lease in the managed cluster keeps the two
// apart, and it notices at its next step.
func inherit(ctx context.Context, conn *pgx.Conn, pool *pgxpool.Pool, o Options) {
	tick := time.NewTicker(inheritEvery)
	defer tick.Stop()
	defer func() { conn.Close(context.WithoutCancel(ctx)) }()
	for {
		err := inheritOnce(ctx, conn, o)
		if err != nil && ctx.Err() == nil {
			o.Log.Warn("looking for jobs of dead processes", "error", err)
			conn.Close(ctx)
			if again, err := alive(ctx, pool, o); err == nil {
				conn = again
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func inheritOnce(ctx context.Context, conn *pgx.Conn, o Options) error {
	rows, err := conn.Query(ctx, `SELECT DISTINCT attempted_by[array_upper(attempted_by, 1)] FROM river_job WHERE state = 'running'`)
	if err != nil {
		return err
	}
	workers, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, id := range workers {
		if id == o.ID {
			continue
		}
		// The check and the change are one statement: the worker may come back.
		tag, err := conn.Exec(ctx, `UPDATE river_job SET state = 'available', scheduled_at = now()
			WHERE state = 'running' AND attempted_by[array_upper(attempted_by, 1)] = $1 AND NOT EXISTS (
				SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2
				AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
				AND classid = $2 AND objid = $3)`, id, uint32(lockSpace), uint32(lockOf(id)))
		if err != nil {
			return err
		}
		if n := tag.RowsAffected(); n > 0 {
			o.Log.Info("took over jobs of a process that is gone", "process", id, "jobs", n)
		}
	}
	return nil
}
