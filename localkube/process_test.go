package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// small is a cluster without machines.
const small = "groups: []\n"

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 2, "Usage:"},
		{[]string{"--help"}, 0, "Usage:"},
		{[]string{"run", "--help"}, 0, "Exit codes"},
		{[]string{"run"}, 2, "--data"},
		{[]string{"run", "--nonsense"}, 2, "nonsense"},
		{[]string{"fly"}, 2, "unknown command"},
		{[]string{"version"}, 0, "v1.36.3"},
		{[]string{"version", "-o", "xml"}, 2, "xml"},
	} {
		out, err := binary(t.Context(), tc.args...).CombinedOutput()
		code := 0
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			code = exit.ExitCode()
		}
		if code != tc.code || !strings.Contains(string(out), tc.want) {
			t.Errorf("localkube %v = %d\n%s\nwant %d and %q", tc.args, code, out, tc.code, tc.want)
		}
	}
	out, err := binary(t.Context(), "version", "-o", "json").Output()
	var v map[string]string
	if err != nil || json.Unmarshal(out, &v) != nil || v["kubernetes_version"] != "v1.36.3" {
		t.Errorf("version -o json = %s, %v", out, err)
	}
}

// TestProcess goes through the life of the process on one data folder.
func TestProcess(t *testing.T) {
	w := start(t, small)

	t.Run("a second process on the folder is refused", func(t *testing.T) {
		out, err := binary(t.Context(), w.args()...).CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("already uses it")) || !bytes.Contains(out, []byte("pid")) {
			t.Errorf("second process: %v\n%s", err, out)
		}
		if _, err := os.Stat(filepath.Join(w.dir, "ready.json")); err != nil {
			t.Errorf("the refused process took the first one's ready file: %v", err)
		}
	})

	t.Run("SIGTERM ends it in order", func(t *testing.T) {
		begin := time.Now()
		if code := w.end(syscall.SIGTERM); code != 0 {
			t.Errorf("exit code %d\n%s", code, w.log)
		}
		t.Logf("stopped in %s", time.Since(begin))
		if _, err := os.Stat(filepath.Join(w.dir, "ready.json")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the ready file is still there: %v", err)
		}
	})

	t.Run("a taken port is named", func(t *testing.T) {
		u, err := url.Parse(w.ready.APIServerURL)
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", u.Host)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		out, err := binary(t.Context(), w.args()...).CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("another process uses the port")) || !bytes.Contains(out, []byte(u.Port())) {
			t.Errorf("with its port taken: %v\n%s", err, out)
		}
	})

	t.Run("SIGINT is told apart", func(t *testing.T) {
		before := w.ready
		w.start()
		if w.ready.APIServerURL != before.APIServerURL {
			t.Errorf("came back at %s, was at %s", w.ready.APIServerURL, before.APIServerURL)
		}
		if code := w.end(syscall.SIGINT); code != 130 {
			t.Errorf("exit code %d, want 130\n%s", code, w.log)
		}
	})
}

// TestDiesWithItsParent kills the parent with -9, once as seen by the process
// id alone and once with a pipe as standard input.
func TestDiesWithItsParent(t *testing.T) {
	for _, stdin := range []string{"null", "pipe"} {
		t.Run(stdin, func(t *testing.T) {
			w := &world{t: t, dir: t.TempDir(), child: true}
			if err := os.WriteFile(filepath.Join(w.dir, "nodegroups.yaml"), []byte(small), 0o600); err != nil {
				t.Fatal(err)
			}
			w.log = &lockedBuffer{}
			w.cmd = binary(t.Context(), w.args()...)
			w.cmd.Env = append(w.cmd.Env, runMain+"=parent", "LOCALKUBE_TEST_STDIN="+stdin)
			if err := w.cmd.Start(); err != nil {
				t.Fatal(err)
			}
			w.exited = make(chan error, 1)
			go func() { w.exited <- w.cmd.Wait() }()
			w.waitReady()
			w.kill()
			eventually(t, 20*time.Second, "localkube to end", func() error {
				if err := syscall.Kill(w.ready.PID, 0); errors.Is(err, syscall.ESRCH) {
					return nil
				}
				return errors.New("it is alive")
			})
			if conn, err := net.Dial("tcp", strings.TrimPrefix(w.ready.APIServerURL, "https://")); err == nil {
				conn.Close()
				t.Error("its port still answers")
			}
		})
	}
}
