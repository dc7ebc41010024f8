package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/fairwayhq/fairway/localkube/internal/cluster"
)

// runMain makes the test binary a localkube, so that the tests run what was
// just compiled, as a process of its own.
const runMain = "LOCALKUBE_TEST_RUN_MAIN"

func TestMain(m *testing.M) {
	switch os.Getenv(runMain) {
	case "":
		os.Exit(m.Run())
	case "parent":
		os.Exit(parent())
	default:
		os.Exit(dispatch(os.Args[1:]))
	}
}

// binary is the localkube to test: LOCALKUBE_BINARY, or this binary.
func binary(ctx context.Context, args ...string) *exec.Cmd {
	file := os.Getenv("LOCALKUBE_BINARY")
	if file == "" {
		file = os.Args[0]
	}
	cmd := exec.CommandContext(ctx, file, args...)
	cmd.Env = append(os.Environ(), runMain+"=1")
	return cmd
}

// fast is a simulation that does not keep a test waiting.
const fast = `
boot: {base: 1s, spread: 500ms}
in_service_delay: 100ms
shutdown: 500ms
health_check: 20s
node: {not_ready_after: 15s}
pod: {start_min: 200ms, start_max: 400ms, termination: 1s}
volume: {attach: 500ms, detach: 500ms, provision: 100ms}
launch_templates:
- name: workers
  image: image-1
  capacity: {cpu: "8", memory: 32Gi, pods: "60"}
groups:
- name: workers
  min: 0
  max: 40
  desired: 6
  launch_template: {name: workers}
  labels: {role: worker}
`

// world is a running localkube.
type world struct {
	t     testing.TB
	dir   string
	cmd   *exec.Cmd
	ready cluster.Ready
	kube  *kubernetes.Clientset
	http  *http.Client
	log   *lockedBuffer
	// child is set when cmd is not the localkube but its parent.
	child bool
	// took is the time from start to the ready file.
	took time.Duration
	// exited yields the result of the process.
	exited chan error
}

// start runs a localkube on a new folder and waits until it is ready.
func start(t testing.TB, settings string) *world {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "nodegroups.yaml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: dir}
	w.start()
	t.Cleanup(func() { w.kill() })
	return w
}

func (w *world) args() []string {
	return []string{
		"run", "--data", filepath.Join(w.dir, "data"), "--ready-file", filepath.Join(w.dir, "ready.json"),
		"--nodegroups", filepath.Join(w.dir, "nodegroups.yaml"),
	}
}

func (w *world) start() {
	w.t.Helper()
	w.launch()
	w.waitReady()
}

// launch starts the process and waits for nothing.
func (w *world) launch() {
	w.t.Helper()
	w.log = &lockedBuffer{}
	w.cmd = binary(context.Background(), w.args()...)
	w.cmd.Stdout, w.cmd.Stderr = w.log, w.log
	if err := w.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.exited = make(chan error, 1)
	go func(cmd *exec.Cmd, exited chan<- error) { exited <- cmd.Wait() }(w.cmd, w.exited)
}

func (w *world) waitReady() {
	w.t.Helper()
	begin := time.Now()
	file := filepath.Join(w.dir, "ready.json")
	eventually(w.t, 2*time.Minute, "the ready file", func() error {
		select {
		case err := <-w.exited:
			w.exited <- err
			w.t.Fatalf("localkube ended: %v\n%s", err, w.log)
		default:
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(data, &w.ready); err != nil {
			return err
		}
		if !w.child && w.ready.PID != w.cmd.Process.Pid {
			return fmt.Errorf("it is that of process %d, which was killed", w.ready.PID)
		}
		return nil
	})
	w.took = time.Since(begin)
	w.connect()
}

func (w *world) connect() {
	w.t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", w.ready.Kubeconfig)
	if err != nil {
		w.t.Fatal(err)
	}
	config.QPS, config.Burst = 200, 400
	if w.kube, err = kubernetes.NewForConfig(config); err != nil {
		w.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(config.CAData)
	w.http = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
}

// kill is kill -9.
func (w *world) kill() {
	w.cmd.Process.Kill()
	err := <-w.exited
	w.exited <- err
}

// end sends a signal and returns the exit code.
func (w *world) end(s syscall.Signal) int {
	w.t.Helper()
	if err := w.cmd.Process.Signal(s); err != nil {
		w.t.Fatal(err)
	}
	return w.exit(30 * time.Second)
}

func (w *world) exit(patience time.Duration) int {
	w.t.Helper()
	select {
	case err := <-w.exited:
		w.exited <- err
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return exit.ExitCode()
		}
		return 0
	case <-time.After(patience):
		w.t.Fatalf("localkube did not end within %s\n%s", patience, w.log)
		return 0
	}
}

// groups calls the node-group API; the answer goes into out if that is given.
func (w *world) groups(method, path, body string, out any) int {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.ready.NodeGroupsURL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.ready.Token)
	resp, err := w.http.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(data, out); err != nil {
			w.t.Fatalf("%s %s answered %s: %v", method, path, data, err)
		}
	}
	return resp.StatusCode
}

// eventually polls until check is content.
func eventually(t testing.TB, patience time.Duration, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s: %v", patience, what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// lockedBuffer is written by a process and read by the test.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// parent is the other process of TestDiesWithItsParent: it starts a localkube
// and waits to be killed.
func parent() int {
	cmd := binary(context.Background(), os.Args[1:]...)
	if os.Getenv("LOCALKUBE_TEST_STDIN") == "pipe" {
		if _, err := cmd.StdinPipe(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	cmd.Wait()
	return 0
}
