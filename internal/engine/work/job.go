package work

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/fairwayhq/fairway"
)

// River tells job kinds apart by Go types, hence one type for each of ours.
type (
	clusterUpdate  struct{ subject }
	channelRefresh struct{ subject }
	rolloutAdvance struct{ subject }
	marksSweep     struct{ subject }
	driftSweep     struct{ subject }
)

type subject struct {
	Subject string `json:"subject" river:"unique"`
}

func (s subject) of() string { return s.Subject }

func (clusterUpdate) Kind() string  { return string(ClusterUpdate) }
func (channelRefresh) Kind() string { return string(ChannelRefresh) }
func (rolloutAdvance) Kind() string { return string(RolloutAdvance) }
func (marksSweep) Kind() string     { return string(MarksSweep) }
func (driftSweep) Kind() string     { return string(DriftSweep) }

func argsOf(kind Kind, of string) (river.JobArgs, error) {
	switch s := (subject{of}); kind {
	case ClusterUpdate:
		return clusterUpdate{s}, nil
	case ChannelRefresh:
		return channelRefresh{s}, nil
	case RolloutAdvance:
		return rolloutAdvance{s}, nil
	case MarksSweep:
		return marksSweep{s}, nil
	case DriftSweep:
		return driftSweep{s}, nil
	}
	return nil, fmt.Errorf("no job kind %q", kind)
}

// queueOf gives each kind a queue of its own, so that long updates never hold
// up the short jobs that watch over them.
func queueOf(kind Kind) string { return strings.ReplaceAll(string(kind), ".", "_") }

func addWorker(workers *river.Workers, kind Kind, handler Handler, log *slog.Logger) error {
	switch kind {
	case ClusterUpdate:
		return river.AddWorkerSafely(workers, newWorker[clusterUpdate](handler, log))
	case ChannelRefresh:
		return river.AddWorkerSafely(workers, newWorker[channelRefresh](handler, log))
	case RolloutAdvance:
		return river.AddWorkerSafely(workers, newWorker[rolloutAdvance](handler, log))
	case MarksSweep:
		return river.AddWorkerSafely(workers, newWorker[marksSweep](handler, log))
	case DriftSweep:
		return river.AddWorkerSafely(workers, newWorker[driftSweep](handler, log))
	}
	return fmt.Errorf("no job kind %q", kind)
}

type args interface {
	river.JobArgs
	of() string
}

type worker[T args] struct {
	river.WorkerDefaults[T]
	handler Handler
	log     *slog.Logger

	mu     sync.Mutex     // guards failed
	failed map[string]int // errors in a row, by subject
}

func newWorker[T args](handler Handler, log *slog.Logger) *worker[T] {
	return &worker[T]{handler: handler, log: log, failed: map[string]int{}}
}

// later returns the delay after an error: doubled from one second up to
// longestRetry.
func (w *worker[T]) later(subject string) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	delay := time.Second << min(w.failed[subject], 5)
	w.failed[subject]++
	return min(delay, longestRetry)
}

func (w *worker[T]) worked(subject string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.failed, subject)
}

// Work runs the handler once and turns its answer into River's. An error becomes
// a later look, too: River would keep every error in the job's row and give the
// job up one day, while a subject is given up by its handler only.
func (w *worker[T]) Work(ctx context.Context, job *river.Job[T]) error {
	subject := job.Args.of()
	again, err := w.handler(ctx, subject)
	if err != nil && ctx.Err() == nil {
		again = w.later(subject)
		w.log.Warn("job is tried again", "kind", job.Kind, "subject", subject, "after", again.String(), "error", err, "hint", fairway.ErrorHint(err))
		return river.JobSnooze(again)
	}
	if err != nil {
		return river.JobSnooze(0) // the process ends; the next one goes on at once
	}
	w.worked(subject)
	if again < 0 {
		return nil
	}
	return river.JobSnooze(again)
}

// panicLog writes the one line about a handler that panicked, which is the only
// error that River sees; it tries again by its own policy.
type panicLog struct{ log *slog.Logger }

func (p *panicLog) HandleError(_ context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	p.log.Error("job failed", "kind", job.Kind, "job", string(job.EncodedArgs), "error", err)
	return nil
}

func (p *panicLog) HandlePanic(_ context.Context, job *rivertype.JobRow, value any, trace string) *river.ErrorHandlerResult {
	p.log.Error("job panicked, will be tried again", "kind", job.Kind, "job", string(job.EncodedArgs), "panic", value, "trace", trace)
	return nil
}

// quiet keeps River's own chatter out of the log: it informs about every start
// and statistic, and what failed is reported by our own lines.
func quiet(log *slog.Logger) *slog.Logger { return slog.New(atLeast{log.Handler()}) }

type atLeast struct{ slog.Handler }

func (h atLeast) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError && h.Handler.Enabled(ctx, level)
}
func (h atLeast) WithAttrs(attrs []slog.Attr) slog.Handler {
	return atLeast{h.Handler.WithAttrs(attrs)}
}
func (h atLeast) WithGroup(name string) slog.Handler { return atLeast{h.Handler.WithGroup(name)} }
