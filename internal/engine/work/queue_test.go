package work_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairwayhq/fairway/internal/engine/work"
)

func open(t *testing.T, path string, handlers map[work.Kind]work.Handler) *work.Queue {
	t.Helper()
	q, err := work.Open(t.Context(), work.Options{Path: path, Handlers: handlers, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func start(t *testing.T, q *work.Queue) {
	t.Helper()
	if err := q.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
}

func stop(t *testing.T, q *work.Queue) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := q.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func TestQueue_LooksAgainUntilDone(t *testing.T) {
	t.Parallel()
	looks := make(chan string, 10)
	var n atomic.Int32
	q := open(t, filepath.Join(t.TempDir(), "jobs.db"), map[work.Kind]work.Handler{
		work.RolloutAdvance: func(_ context.Context, subject string) (time.Duration, error) {
			looks <- subject
			if n.Add(1) < 3 {
				return 10 * time.Millisecond, nil
			}
			return work.Done, nil
		},
	})
	start(t, q)
	defer stop(t, q)
	if err := q.Enqueue(t.Context(), work.RolloutAdvance, "r1"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if got := <-looks; got != "r1" {
			t.Fatalf("looked at %q", got)
		}
	}
	// Done once, the subject can be asked for again.
	n.Store(2)
	for len(looks) == 0 {
		if err := q.Enqueue(t.Context(), work.RolloutAdvance, "r1"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestQueue_OneJobPerSubject(t *testing.T) {
	t.Parallel()
	entered, release := make(chan string), make(chan struct{})
	q := open(t, filepath.Join(t.TempDir(), "jobs.db"), map[work.Kind]work.Handler{
		work.ClusterUpdate: func(ctx context.Context, subject string) (time.Duration, error) {
			entered <- subject
			<-release
			return work.Done, nil
		},
	})
	start(t, q)
	defer stop(t, q)
	defer close(release)
	for range 5 {
		for _, subject := range []string{"a", "b"} {
			if err := q.Enqueue(t.Context(), work.ClusterUpdate, subject); err != nil {
				t.Fatal(err)
			}
		}
	}
	seen := map[string]bool{<-entered: true, <-entered: true}
	if len(seen) != 2 {
		t.Fatalf("one subject ran twice at once: %v", seen)
	}
}

func TestQueue_ErrorIsTriedAgain(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	done := make(chan struct{})
	q := open(t, filepath.Join(t.TempDir(), "jobs.db"), map[work.Kind]work.Handler{
		work.MarksSweep: func(context.Context, string) (time.Duration, error) {
			if n.Add(1) == 1 {
				return 0, errors.New("API server is away")
			}
			close(done)
			return work.Done, nil
		},
	})
	start(t, q)
	defer stop(t, q)
	if err := q.Enqueue(t.Context(), work.MarksSweep, "c"); err != nil {
		t.Fatal(err)
	}
	<-done
}

// A process that died leaves its jobs "running"; the next one takes them up at
// once instead of after River's rescue of an hour.
func TestQueue_TakesOverJobsOfADeadProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "jobs.db")
	entered, never := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(never) })
	dead := open(t, path, map[work.Kind]work.Handler{
		work.ClusterUpdate: func(context.Context, string) (time.Duration, error) {
			close(entered)
			<-never
			return work.Done, nil
		},
	})
	start(t, dead)
	if err := dead.Enqueue(t.Context(), work.ClusterUpdate, "u1"); err != nil {
		t.Fatal(err)
	}
	<-entered // and never answers, like a process that was killed

	again := make(chan string, 1)
	q := open(t, path, map[work.Kind]work.Handler{
		work.ClusterUpdate: func(_ context.Context, subject string) (time.Duration, error) {
			again <- subject
			return work.Done, nil
		},
	})
	start(t, q)
	defer stop(t, q)
	select {
	case got := <-again:
		if got != "u1" {
			t.Fatalf("took over %q", got)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the job of the dead process was not taken over")
	}
}
