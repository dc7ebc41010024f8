package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shell is a child that runs a script.
func shell(t *testing.T, script string) command {
	dir := t.TempDir()
	return command{name: "the child", path: "/bin/sh", args: []string{"-c", script}, log: filepath.Join(dir, "log"), pidFile: filepath.Join(dir, "pid")}
}

// soonTrue waits until a condition holds.
func soonTrue(t *testing.T, what string, is func() bool) {
	t.Helper()
	for began := time.Now(); !is(); {
		if time.Since(began) > 20*time.Second {
			t.Fatalf("not within 20 s: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func alive(pid int) bool {
	// A zombie has ended too.
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func pidIn(t *testing.T, path string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	check(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	check(t, err)
	return pid
}

func TestKeeper_StartsAgainAfterKill(t *testing.T) {
	t.Parallel()
	c := shell(t, "exec cat")
	told := make(chan error, 10)
	k, err := keep(c, nil, func(why error) { told <- why })
	check(t, err)
	defer k.stop()
	seen := map[int]bool{}
	for range 6 { // more often than a child may end by itself
		pid := k.pid()
		if pid == 0 || seen[pid] || pid != pidIn(t, c.pidFile) {
			t.Fatalf("pid %d, in the file %d, seen before %v", pid, pidIn(t, c.pidFile), seen)
		}
		seen[pid] = true
		check(t, syscall.Kill(pid, syscall.SIGKILL))
		if why := <-told; !strings.Contains(why.Error(), "signal: killed") {
			t.Errorf("why = %v", why)
		}
	}
	last := k.pid()
	k.stop()
	k.stop()
	if alive(last) {
		t.Errorf("process %d lives on after stop", last)
	}
}

func TestKeeper_GivesUpWithTheLastWords(t *testing.T) {
	t.Parallel()
	k, err := keep(shell(t, "echo 'listen tcp 127.0.0.1:1: bind: address already in use' >&2; exit 7"), nil, nil)
	check(t, err)
	defer k.stop()
	err = k.wait(t.Context(), func() (bool, error) { return false, nil })
	if err == nil || !strings.Contains(err.Error(), "exit status 7") || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("error = %v, want exit code and last words", err)
	}
}

func TestKeeper_WaitEnds(t *testing.T) {
	t.Parallel()
	k, err := keep(shell(t, "exec cat"), nil, nil)
	check(t, err)
	defer k.stop()
	calls := 0
	if err := k.wait(t.Context(), func() (bool, error) { calls++; return calls == 3, nil }); err != nil || calls != 3 {
		t.Errorf("%d calls, %v; want 3 and nil", calls, err)
	}
	reason := errors.New("too late")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	if err := k.wait(ctx, func() (bool, error) { return false, nil }); !errors.Is(err, reason) {
		t.Errorf("error = %v, want %v", err, reason)
	}
}

func TestProcess_StopReachesGrandchildren(t *testing.T) {
	t.Parallel()
	c := shell(t, `trap "" TERM; sleep 1000 & echo $! > "$0.child"; wait; wait`)
	c.args = append(c.args, filepath.Join(t.TempDir(), "x"))
	p, err := start(c)
	check(t, err)
	child := c.args[2] + ".child"
	soonTrue(t, "the grandchild is there", func() bool { text, err := os.ReadFile(child); return err == nil && len(text) > 1 })
	pid := pidIn(t, child)
	p.stop(200 * time.Millisecond) // it ignores the signal
	soonTrue(t, "the grandchild is gone", func() bool { return !alive(pid) })
}

func TestProcess_LeftoversGoWithIt(t *testing.T) {
	t.Parallel()
	c := shell(t, `sleep 1000 & echo $! > "$0.child"`)
	c.args = append(c.args, filepath.Join(t.TempDir(), "x"))
	p, err := start(c)
	check(t, err)
	<-p.done
	pid := pidIn(t, c.args[2]+".child")
	soonTrue(t, "what it left behind is gone", func() bool { return !alive(pid) })
}

func TestTail(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"empty", "", ""},
		{"short", "one\ntwo\n", "  one\n  two"},
		{"long", "1\n2\n3\n4\n", "  2\n  3\n  4"},
		{"a panic", "fine\npanic: broken\n\ngoroutine 1:\na\nb\nc\n", "  panic: broken"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "log")
			check(t, os.WriteFile(path, []byte(tt.text), 0o600))
			if got := tail(path, 3); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
