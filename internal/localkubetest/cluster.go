package localkubetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Settings are those of a cluster that Start and StartOwn give: three zones,
// machines that boot in 0.2 to 0.4 s, pods that start within 0.2 s.
const Settings = `seed: 1
region: local-1
zones: [local-1a, local-1b, local-1c]
boot: {base: 300ms, spread: 100ms}
in_service_delay: 100ms
shutdown: 300ms
health_check: 1s
pod: {start_min: 100ms, start_max: 200ms, termination: 300ms}
volume: {attach: 100ms, detach: 200ms, provision: 100ms}
`

// LocalID is the name of the cluster's folder below DataDir/clusters.
const LocalID = "test"

// startTime is how long a start may take on a busy machine.
const startTime = 2 * time.Minute

// Ready is what localkube writes when everything answers.
type Ready struct {
	Kubeconfig        string `json:"kubeconfig"`
	APIServerURL      string `json:"api_server_url"`
	NodeGroupsURL     string `json:"nodegroups_url"`
	Token             string `json:"token"`
	PID               int    `json:"pid"`
	KubernetesVersion string `json:"kubernetes_version"`
}

// Cluster is a running localkube.
type Cluster struct {
	// DataDir is laid out like the data folder of a server: the cluster lives
	// in clusters/<LocalID>.
	DataDir string
	// Kubeconfig is the path of the cluster's kubeconfig.
	Kubeconfig string
	Ready

	mu      sync.Mutex
	process *exec.Cmd     // nil while it does not run; guarded by mu
	ended   chan struct{} // closed when process has ended
	stdin   io.Closer     // its end tells localkube that its parent is gone
	output  bytes.Buffer  // written by the process; read only after it ended
}

// shared is the cluster of the process.
var shared struct {
	sync.Mutex
	main    bool // Main runs
	cluster *Cluster
	err     error
}

// Main runs the tests and stops the shared cluster after them. TestMain of a
// package that calls Start returns through it.
func Main(m *testing.M) int {
	shared.Lock()
	shared.main = true
	shared.Unlock()
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if c := shared.cluster; c != nil {
		if err := c.stop(syscall.SIGTERM); err != nil {
			fmt.Fprintln(os.Stderr, "stop localkube:", err)
			code = max(code, 1)
		}
		os.RemoveAll(c.DataDir)
	}
	return code
}

// Start returns the cluster that all tests of the process share, started by the
// first. Tests keep apart by namespaces, and by names of nodes and groups. It
// has no groups and no nodes at first.
func Start(t testing.TB) *Cluster {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if !shared.main {
		t.Fatal("add to the package's tests: func TestMain(m *testing.M) { os.Exit(localkubetest.Main(m)) }")
	}
	if shared.cluster == nil && shared.err == nil {
		dir, err := os.MkdirTemp("", "fairway-localkube-")
		if err != nil {
			t.Fatal(err)
		}
		shared.cluster, shared.err = start(dir, Settings)
		if shared.err != nil {
			os.RemoveAll(dir)
		}
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.cluster
}

// StartOwn starts a cluster for one test, which may stop, kill and restart it.
func StartOwn(t testing.TB) *Cluster {
	t.Helper()
	return StartWith(t, Settings)
}

// StartWith is StartOwn with other settings, as the file of --nodegroups.
func StartWith(t testing.TB, settings string) *Cluster {
	t.Helper()
	c, err := start(t.TempDir(), settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.stop(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	})
	return c
}

func start(dir, settings string) (*Cluster, error) {
	c := &Cluster{DataDir: dir}
	home := filepath.Join(dir, "clusters", LocalID)
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "nodegroups.yaml"), []byte(settings), 0o600); err != nil {
		return nil, err
	}
	c.Kubeconfig = filepath.Join(home, "kubeconfig")
	return c, c.start()
}

// start runs the program and waits until it is ready.
func (c *Cluster) start() error {
	program, err := binary()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	home := filepath.Dir(c.Kubeconfig)
	readyFile := filepath.Join(home, "ready.json")
	os.Remove(readyFile) // left by a killed process
	c.output.Reset()
	process := exec.Command(program, "run", "--data", home, "--ready-file", readyFile,
		"--nodegroups", filepath.Join(c.DataDir, "nodegroups.yaml"), "--unsafe-no-fsync")
	process.Stdout, process.Stderr = &c.output, &c.output
	if c.stdin, err = process.StdinPipe(); err != nil {
		return err
	}
	if err := process.Start(); err != nil {
		return fmt.Errorf("start localkube: %w", err)
	}
	c.process, c.ended = process, make(chan struct{})
	go func(ended chan struct{}) {
		process.Wait()
		close(ended)
	}(c.ended)

	deadline := time.After(startTime)
	for {
		text, err := os.ReadFile(readyFile)
		if err == nil {
			return json.Unmarshal(text, &c.Ready)
		}
		select {
		case <-c.ended:
			return fmt.Errorf("start localkube: it ended: %v\n%s", process.ProcessState, c.output.Bytes())
		case <-deadline:
			process.Process.Kill()
			<-c.ended
			return fmt.Errorf("start localkube: not ready after %s\n%s", startTime, c.output.Bytes())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop sends a signal and waits for the end.
func (c *Cluster) stop(signal syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return nil
	}
	defer func() { c.process = nil; c.stdin.Close() }()
	if err := c.process.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-c.ended:
		return nil
	case <-time.After(30 * time.Second):
		c.process.Process.Kill()
		<-c.ended
		return fmt.Errorf("localkube did not end within 30 s of signal %s\n%s", signal, c.output.Bytes())
	}
}

// Stop ends the process in an orderly way; its data is kept.
func (c *Cluster) Stop(t testing.TB) {
	t.Helper()
	if err := c.stop(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// Kill ends the process at once, as kill -9 does.
func (c *Cluster) Kill(t testing.TB) {
	t.Helper()
	if err := c.stop(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// Restart starts the process again on its data after Stop or Kill.
func (c *Cluster) Restart(t testing.TB) {
	t.Helper()
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
}
