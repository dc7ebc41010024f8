package work

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/fairwayhq/fairway"
)

// Options says how a queue is opened.
type Options struct {
	// Path is the SQLite file of the jobs; it is made when missing.
	Path string
	// Handlers has the handler of each kind; a kind without one is not worked.
	Handlers map[Kind]Handler
	// Workers is how many jobs of a kind run at once; 0 means 8.
	Workers int
	// Log gets one line per job that ended with an error. Required.
	Log *slog.Logger
}

// Queue is a persistent queue of jobs. Its methods are safe for concurrent use.
type Queue struct {
	db     *sql.DB
	client *river.Client[*sql.Tx]
}

const (
	// jobTimeout bounds one piece of work; handlers stop by themselves well before.
	jobTimeout = 5 * time.Minute
	// pollInterval is how late a job that asked for a look again may be.
	pollInterval = 200 * time.Millisecond
	// maxAttempts bounds how often a handler that panics is tried.
	maxAttempts = 1 << 14
	// longestRetry caps the delay after repeated errors.
	longestRetry = 30 * time.Second
)

// Open opens the queue at a path. Jobs that a dead process left running are
// made available again: an embedded queue belongs to one process, which holds
// the lock of the data folder.
func Open(ctx context.Context, o Options) (*Queue, error) {
	dsn := "file:" + (&url.URL{Path: o.Path}).EscapedPath() + "?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)"
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("open job queue %s: %w", o.Path, err)
	}
	// River's SQLite driver wants a single connection (its package comment).
	db.SetMaxOpenConns(1)
	q := &Queue{db: db}
	if err := q.open(ctx, o); err != nil {
		db.Close()
		return nil, fairway.Errorf(fairway.CodeUnavailable, "open job queue %s: %w", o.Path, err).
			WithHint("check that the disk has room and that the folder can be written; the queue holds nothing that is not found again: with the server stopped, the file may be deleted")
	}
	return q, nil
}

func (q *Queue) open(ctx context.Context, o Options) error {
	driver := riversqlite.New(q.db)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: quiet(o.Log)})
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	for _, statement := range []string{
		`UPDATE river_job SET state = 'available' WHERE state = 'running'`,
		`DELETE FROM river_leader`,
	} {
		if _, err := q.db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("take over jobs: %w", err)
		}
	}
	workers := river.NewWorkers()
	queues := map[string]river.QueueConfig{}
	for _, kind := range slices.Sorted(maps.Keys(o.Handlers)) {
		if err := addWorker(workers, kind, o.Handlers[kind], o.Log); err != nil {
			return err
		}
		queues[queueOf(kind)] = river.QueueConfig{MaxWorkers: cmp.Or(o.Workers, 8)}
	}
	q.client, err = river.NewClient(driver, &river.Config{
		ErrorHandler:      &panicLog{o.Log},
		FetchPollInterval: pollInterval,
		JobTimeout:        jobTimeout,
		Logger:            quiet(o.Log),
		MaxAttempts:       maxAttempts,
		Queues:            queues,
		// A finished job is of no interest; rows must not pile up.
		CompletedJobRetentionPeriod: time.Minute,
		CancelledJobRetentionPeriod: time.Minute,
		DiscardedJobRetentionPeriod: time.Hour,
		Workers:                     workers,
	})
	return err
}

// Start begins to work; it returns when the queue runs.
func (q *Queue) Start(ctx context.Context) error {
	if err := q.client.Start(ctx); err != nil {
		return fmt.Errorf("start job queue: %w", err)
	}
	return nil
}

// Stop ends all work: handlers see their context cancelled. It waits for them
// until ctx ends, then closes the file.
func (q *Queue) Stop(ctx context.Context) error {
	err := q.client.StopAndCancel(ctx)
	return errors.Join(err, q.db.Close())
}

// Enqueue asks for a look at a subject; it does nothing when such a job waits
// or runs already.
func (q *Queue) Enqueue(ctx context.Context, kind Kind, subject string) error {
	args, err := argsOf(kind, subject)
	if err != nil {
		return err
	}
	if _, err := q.client.Insert(ctx, args, &river.InsertOpts{
		Queue: queueOf(kind),
		UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
			rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
			rivertype.JobStateRunning, rivertype.JobStateScheduled,
		}},
	}); err != nil {
		return fmt.Errorf("enqueue %s %s: %w", kind, subject, err)
	}
	return nil
}
