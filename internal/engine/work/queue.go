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
	"sync"
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
	// Database is the URL of a PostgreSQL database that holds the jobs instead,
	// for several processes; "" means Path.
	Database string
	// ID names this process among those of the database; it is needed with one,
	// and must be new for each start.
	ID string
	// Handlers has the handler of each kind; a kind without one is not worked.
	Handlers map[Kind]Handler
	// Workers is how many jobs of a kind run at once; 0 means 8.
	Workers int
	// Log gets one line per job that ended with an error. Required.
	Log *slog.Logger
}

// Queue is a persistent queue of jobs. Its methods are safe for concurrent use.
type Queue struct {
	client client
	close  func() error
	// beside runs beside the jobs until its context ends; may be nil.
	beside func(ctx context.Context)

	running sync.WaitGroup
	end     context.CancelFunc // ends beside
}

// client is what both kinds of river.Client can do.
type client interface {
	Start(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
	Insert(ctx context.Context, args river.JobArgs, opts *river.InsertOpts) (*rivertype.JobInsertResult, error)
}

const (
	// jobTimeout bounds one piece of work; handlers stop by themselves well before.
	jobTimeout = 5 * time.Minute
	// pollInterval is how late a job that asked for a look again may be.
	pollInterval = 400 * time.Millisecond
	// maxAttempts bounds how often a handler that panics is tried.
	maxAttempts = 1 << 14
	// longestRetry caps the delay after repeated errors.
	longestRetry = 30 * time.Second
)

// Open opens the queue. Jobs that a dead process left running are made
// available again: in a file at once, since it belongs to one process, which
// holds the lock of the data folder; in a shared database while it runs.
func Open(ctx context.Context, o Options) (*Queue, error) {
	q := &Queue{}
	open, hint := q.openSQLite, "check that the disk has room and that the folder can be written; the queue holds nothing that is not found again: with the server stopped, the file may be deleted"
	if o.Database != "" {
		open, hint = q.openPostgres, "see whether PostgreSQL runs and can be reached from here"
	}
	if err := open(ctx, o); err != nil {
		if q.close != nil {
			q.close()
		}
		return nil, fairway.Errorf(fairway.CodeUnavailable, "open job queue %s: %w", o.Path, err).WithHint("%s", hint)
	}
	return q, nil
}

func (q *Queue) openSQLite(ctx context.Context, o Options) error {
	dsn := "file:" + (&url.URL{Path: o.Path}).EscapedPath() + "?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)"
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return err
	}
	q.close = db.Close
	// River's SQLite driver wants a single connection (its package comment).
	db.SetMaxOpenConns(1)
	driver := riversqlite.New(db)
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
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("take over jobs: %w", err)
		}
	}
	config, err := riverConfig(o)
	if err != nil {
		return err
	}
	client, err := river.NewClient(driver, config)
	if err != nil {
		return err
	}
	q.client = client
	return nil
}

// riverConfig is what River is told on either database.
func riverConfig(o Options) (*river.Config, error) {
	workers := river.NewWorkers()
	queues := map[string]river.QueueConfig{}
	for _, kind := range slices.Sorted(maps.Keys(o.Handlers)) {
		if err := addWorker(workers, kind, o.Handlers[kind], o.Log); err != nil {
			return nil, err
		}
		queues[queueOf(kind)] = river.QueueConfig{MaxWorkers: cmp.Or(o.Workers, 8)}
	}
	return &river.Config{
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
	}, nil
}

// Start begins to work; it returns when the queue runs.
func (q *Queue) Start(ctx context.Context) error {
	if err := q.client.Start(ctx); err != nil {
		return fmt.Errorf("start job queue: %w", err)
	}
	if q.beside != nil {
		beside, end := context.WithCancel(context.WithoutCancel(ctx))
		q.end = end
		q.running.Go(func() { q.beside(beside) })
	}
	return nil
}

// Stop ends all work: handlers see their context cancelled. It waits for them
// until ctx ends, then closes the database.
func (q *Queue) Stop(ctx context.Context) error {
	err := q.client.StopAndCancel(ctx)
	if q.end != nil {
		q.end()
		q.running.Wait()
	}
	return errors.Join(err, q.close())
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
