package work_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairwayhq/fairway/internal/engine/work"
	"github.com/fairwayhq/fairway/internal/postgrestest"
)

// childDatabase is the environment variable that makes this test program work
// the jobs of a database, and say so, until it is killed.
const childDatabase = "FAIRWAY_TEST_JOBS"

func TestMain(m *testing.M) {
	if url := os.Getenv(childDatabase); url != "" {
		fmt.Fprintln(os.Stderr, "child:", child(url))
		os.Exit(1)
	}
	os.Exit(postgrestest.Run(m.Run))
}

func child(url string) error {
	q, err := work.Open(context.Background(), work.Options{Database: url, ID: "child", Log: slog.New(slog.DiscardHandler), Handlers: map[work.Kind]work.Handler{
		work.ClusterUpdate: func(ctx context.Context, subject string) (time.Duration, error) {
			fmt.Println(subject)
			<-ctx.Done()
			return 0, ctx.Err()
		},
	}})
	if err != nil {
		return err
	}
	if err := q.Start(context.Background()); err != nil {
		return err
	}
	select {}
}

func share(t *testing.T, url, id string, handlers map[work.Kind]work.Handler) *work.Queue {
	t.Helper()
	q, err := work.Open(t.Context(), work.Options{Database: url, ID: id, Handlers: handlers, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, q) })
	return q
}

// TestPostgres_AJobOfADeadProcessGoesOnElsewhere: the job of a process that was
// killed is worked by another at once, and a job of one that lives is not.
func TestPostgres_AJobOfADeadProcessGoesOnElsewhere(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	process := exec.Command(os.Args[0])
	process.Env = append(os.Environ(), childDatabase+"="+url)
	process.Stderr = os.Stderr
	out, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	inserter := share(t, url, "inserter", map[work.Kind]work.Handler{ // never started: it only asks
		work.ClusterUpdate: func(context.Context, string) (time.Duration, error) { return work.Done, nil },
	})
	if err := inserter.Enqueue(t.Context(), work.ClusterUpdate, "c1"); err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	defer process.Process.Kill()
	if said := bufio.NewScanner(out); !said.Scan() || said.Text() != "c1" {
		t.Fatal("the child does not work the job")
	}
	worked := make(chan string, 1)
	heir := share(t, url, "heir", map[work.Kind]work.Handler{
		work.ClusterUpdate: func(_ context.Context, subject string) (time.Duration, error) {
			worked <- subject
			return work.Done, nil
		},
		// That the heir looks around is seen by another job that it works.
		work.MarksSweep: func(context.Context, string) (time.Duration, error) { return work.Done, nil },
	})
	start(t, heir)
	select {
	case <-worked:
		t.Fatal("the job of a living process was taken over")
	case <-time.After(3 * time.Second): // longer than the time between two looks: the one place where only time can tell
	}
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	process.Wait()
	select {
	case got := <-worked:
		if got != "c1" {
			t.Errorf("worked %q", got)
		}
	case <-time.After(time.Minute):
		t.Fatal("a minute after the process was killed nobody has its job")
	}
}

// TestPostgres_OneJobPerSubject: of two processes one works a subject.
func TestPostgres_OneJobPerSubject(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	var at, most, looks atomic.Int32
	done := make(chan struct{})
	handlers := map[work.Kind]work.Handler{
		work.ClusterUpdate: func(ctx context.Context, subject string) (time.Duration, error) {
			if n := at.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer at.Add(-1)
			if looks.Add(1) == 20 {
				close(done)
				return work.Done, nil
			}
			return 5 * time.Millisecond, nil
		},
	}
	a, b := share(t, url, "a", handlers), share(t, url, "b", handlers)
	start(t, a)
	start(t, b)
	for _, q := range []*work.Queue{a, b} {
		if err := q.Enqueue(t.Context(), work.ClusterUpdate, "c1"); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatalf("%d looks in a minute", looks.Load())
	}
	if most.Load() != 1 {
		t.Errorf("%d worked on one subject at once", most.Load())
	}
}
