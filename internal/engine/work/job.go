package work

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// River tells job kinds apart by Go types, hence one type for each of ours.
type (
	clusterUpdate  struct{ subject }
	channelRefresh struct{ subject }
	rolloutAdvance struct{ subject }
	marksSweep     struct{ subject }
)

type subject struct {
	Subject string `json:"subject" river:"unique"`
}

func (s subject) of() string { return s.Subject }

func (clusterUpdate) Kind() string  { return string(ClusterUpdate) }
func (channelRefresh) Kind() string { return string(ChannelRefresh) }
func (rolloutAdvance) Kind() string { return string(RolloutAdvance) }
func (marksSweep) Kind() string     { return string(MarksSweep) }

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
	}
	return nil, fmt.Errorf("no job kind %q", kind)
}

// queueOf gives each kind a queue of its own, so that long updates never hold
// up the short jobs that watch over them.
func queueOf(kind Kind) string { return strings.ReplaceAll(string(kind), ".", "_") }

func addWorker(workers *river.Workers, kind Kind, handler Handler) error {
	switch kind {
	case ClusterUpdate:
		return river.AddWorkerSafely(workers, &worker[clusterUpdate]{handler: handler})
	case ChannelRefresh:
		return river.AddWorkerSafely(workers, &worker[channelRefresh]{handler: handler})
	case RolloutAdvance:
		return river.AddWorkerSafely(workers, &worker[rolloutAdvance]{handler: handler})
	case MarksSweep:
		return river.AddWorkerSafely(workers, &worker[marksSweep]{handler: handler})
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
}

// Work runs the handler once and turns its answer into River's.
func (w *worker[T]) Work(ctx context.Context, job *river.Job[T]) error {
	again, err := w.handler(ctx, job.Args.of())
	if err != nil {
		return err
	}
	if again < 0 {
		return nil
	}
	return river.JobSnooze(again)
}

// retryPolicy doubles the delay from one second up to longestRetry.
type retryPolicy struct{}

func (retryPolicy) NextRetry(job *rivertype.JobRow) time.Time {
	delay := time.Second << min(len(job.Errors), 5)
	return time.Now().UTC().Add(min(delay, longestRetry))
}

// errorLog writes the one line per failed piece of work.
type errorLog struct{ log *slog.Logger }

func (e *errorLog) HandleError(_ context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	e.log.Warn("job failed, will be tried again", "kind", job.Kind, "job", string(job.EncodedArgs), "error", err)
	return nil
}

func (e *errorLog) HandlePanic(_ context.Context, job *rivertype.JobRow, value any, trace string) *river.ErrorHandlerResult {
	e.log.Error("job panicked, will be tried again", "kind", job.Kind, "job", string(job.EncodedArgs), "panic", value, "trace", trace)
	return nil
}

// quiet keeps River's own chatter out of the log: it informs about every start
// and statistic, and our errorLog already reports what failed.
func quiet(log *slog.Logger) *slog.Logger { return slog.New(atLeast{log.Handler()}) }

type atLeast struct{ slog.Handler }

func (h atLeast) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError && h.Handler.Enabled(ctx, level)
}
func (h atLeast) WithAttrs(attrs []slog.Attr) slog.Handler {
	return atLeast{h.Handler.WithAttrs(attrs)}
}
func (h atLeast) WithGroup(name string) slog.Handler { return atLeast{h.Handler.WithGroup(name)} }
