package demo

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// superviseIn makes the test program a supervisor of two children.
const superviseIn = "FAIRWAY_TEST_SUPERVISE_IN"

// supervise starts two children that ignore what can be ignored, ends some of
// its threads, and waits to be killed.
func supervise(dir string) {
	for _, name := range []string{"one", "two"} {
		c := command{name: name, path: "/bin/sh", args: []string{"-c", `trap "" TERM HUP INT; while :; do sleep 1; done`},
			log: filepath.Join(dir, name+".log"), pidFile: filepath.Join(dir, name+".pid")}
		if _, err := start(c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	// A goroutine that ends locked takes its thread with it. Were a child
	// started on such a thread, the kernel would kill it now.
	for range 50 {
		done := make(chan bool)
		go func() { runtime.LockOSThread(); close(done) }()
		<-done
	}
	time.Sleep(200 * time.Millisecond) // the threads end meanwhile
	if err := os.WriteFile(filepath.Join(dir, "ready"), nil, 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {}
}

func TestChildrenDieWithTheSupervisor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	self, err := os.Executable()
	check(t, err)
	supervisor := exec.Command(self)
	supervisor.Env = append(os.Environ(), superviseIn+"="+dir)
	supervisor.Stderr = os.Stderr
	check(t, supervisor.Start())
	soonTrue(t, "the supervisor is ready", func() bool { _, err := os.Stat(filepath.Join(dir, "ready")); return err == nil })
	one, two := pidIn(t, filepath.Join(dir, "one.pid")), pidIn(t, filepath.Join(dir, "two.pid"))
	if !alive(one) || !alive(two) {
		t.Errorf("children died while their supervisor lives: %t %t", alive(one), alive(two))
	}
	check(t, supervisor.Process.Signal(syscall.SIGKILL))
	_ = supervisor.Wait() // it was killed
	soonTrue(t, "no child is left", func() bool { return !alive(one) && !alive(two) })
}

func TestFindLocalkube(t *testing.T) {
	// Not parallel: sets the environment.
	dir := t.TempDir()
	program := func(parts ...string) string {
		path := filepath.Join(append([]string{dir}, parts...)...)
		check(t, os.MkdirAll(filepath.Dir(path), 0o755))
		check(t, os.WriteFile(path, nil, 0o755))
		return path
	}
	beside, cached, named := program("bin", "localkube"), program("cache", "fairway", "localkube"), program("named")
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	tests := []struct {
		name, named, env, executable, want string
	}{
		{name: "named", named: named, env: beside, executable: filepath.Join(dir, "bin", "fairway"), want: named},
		{name: "by the environment", env: named, executable: filepath.Join(dir, "bin", "fairway"), want: named},
		{name: "beside the program", executable: filepath.Join(dir, "bin", "fairway"), want: beside},
		{name: "in the cache", executable: filepath.Join(dir, "other", "fairway"), want: cached},
		{name: "named but missing", named: filepath.Join(dir, "missing"), executable: filepath.Join(dir, "bin", "fairway")},
		{name: "not a program", named: dir, executable: filepath.Join(dir, "bin", "fairway")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := findLocalkube(tt.named, tt.executable, func(string) string { return tt.env })
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}
