package app_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/config"
	"github.com/fairwayhq/fairway/internal/adapter/kube"
	"github.com/fairwayhq/fairway/internal/app"
	"github.com/fairwayhq/fairway/internal/localkubetest"
	"github.com/fairwayhq/fairway/internal/surface/client"
)

// fleet is a data folder with a configuration repository, real control planes
// and a server in this process.
type fleet struct {
	t        testing.TB
	data     string
	work     string // a work tree of the configuration
	app      *app.App
	client   *client.Client
	clusters []string
	logger   *slog.Logger
	change   func(*app.Options) // of fleetOptions
	images   int                // how often newImage was called
	ended    map[string]bool    // machines that endedOf has reported
}

// fleetOptions say how a fleet differs from the usual one.
type fleetOptions struct {
	clusters []string // local ids; the channel is what stands before the dash
	workers  int      // size of the one worker pool; 0 means 3
	room     int      // how far that pool may grow; 0 means by 6
	items    map[string]string
	pools    []map[string]any // more worker pools, as the registry has them
	server   func(*app.Options)
	// simulation is appended to the node-groups file of every control plane.
	simulation string
	// times replaces the usual boot and pod times of that file.
	times string
}

// fastItems make a roll quick enough for a test.
var fastItems = map[string]string{
	"roll_surge": "3", "roll_min_ready": "500ms", "roll_deregistration": "0s", "roll_node_ready_timeout": "20s",
	"roll_blocked_after": "5s", "roll_retry_refused": "500ms", "health_timeout": "60s",
}

// newFleet starts control planes and writes repository and registry file; the
// server is started by start.
func newFleet(t testing.TB, o fleetOptions) *fleet {
	t.Helper()
	f := &fleet{t: t, data: t.TempDir(), clusters: o.clusters, change: o.server}
	var started sync.WaitGroup
	for _, id := range o.clusters {
		started.Go(func() { f.startCluster(id, o.times, o.simulation) })
	}
	started.Wait()
	if t.Failed() {
		t.FailNow()
	}
	f.makeRepository()
	f.writeRegistry(o)
	return f
}

// startCluster runs one control plane until the test ends.
func (f *fleet) startCluster(id, times, simulation string) *exec.Cmd {
	f.t.Helper()
	dir := filepath.Join(f.data, "clusters", id)
	if err := os.MkdirAll(filepath.Join(dir, "state"), 0o700); err != nil {
		f.t.Error(err)
		return nil
	}
	groups := filepath.Join(dir, "nodegroups.yaml")
	if times == "" {
		times = "boot: {base: 1500ms, spread: 500ms}\nshutdown: 300ms\n" +
			"pod: {start_min: 300ms, start_max: 600ms, termination: 1s}\nvolume: {attach: 300ms, detach: 300ms, provision: 100ms}\n"
	}
	text := "seed: 7\nregion: local-1\nzones: [local-1a, local-1b, local-1c]\n" + times + simulation
	if err := os.WriteFile(groups, []byte(text), 0o600); err != nil {
		f.t.Error(err)
		return nil
	}
	ready := filepath.Join(dir, "ready.json")
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		f.t.Error(err)
		return nil
	}
	cmd := exec.Command(localkubetest.Binary(f.t), "run", "--data", filepath.Join(dir, "state"), "--ready-file", ready, "--nodegroups", groups)
	cmd.Stdout, cmd.Stderr = log, log
	stdin, err := cmd.StdinPipe() // its end ends the child with this process
	if err != nil {
		f.t.Error(err)
		return nil
	}
	if err := cmd.Start(); err != nil {
		f.t.Error(err)
		return nil
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	f.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
		}
		stdin.Close()
		log.Close()
	})
	for limit := time.Now().Add(90 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		text, err := os.ReadFile(ready)
		var answer struct {
			Kubeconfig string `json:"kubeconfig"`
			PID        int    `json:"pid"`
		}
		if err == nil && json.Unmarshal(text, &answer) == nil && answer.PID == cmd.Process.Pid {
			_ = os.Remove(filepath.Join(dir, "kubeconfig"))
			if err := os.Symlink(answer.Kubeconfig, filepath.Join(dir, "kubeconfig")); err != nil {
				f.t.Error(err)
			}
			return cmd
		}
		select {
		case <-ended:
			said, _ := os.ReadFile(log.Name())
			f.t.Errorf("localkube of %s ended: %s", id, said)
			return nil
		default:
		}
		if time.Now().After(limit) {
			said, _ := os.ReadFile(log.Name())
			f.t.Errorf("localkube of %s is not ready: %s", id, said)
			return nil
		}
	}
}

// makeRepository makes config.git from the reference configuration, with all
// channels at its first commit.
func (f *fleet) makeRepository() {
	f.t.Helper()
	f.work = filepath.Join(f.t.TempDir(), "work")
	for _, part := range []string{"cluster", "fairway.yaml"} {
		err := fs.WalkDir(config.FS, part, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := fs.ReadFile(config.FS, path)
			if err != nil {
				return err
			}
			target := filepath.Join(f.work, path)
			if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
				return err
			}
			return os.WriteFile(target, text, 0o644)
		})
		if err != nil {
			f.t.Fatal(err)
		}
	}
	bare := filepath.Join(f.data, "config.git")
	f.git("", "init", "--quiet", "--bare", "--initial-branch=dev", bare)
	f.git(f.work, "init", "--quiet", "--initial-branch=dev")
	f.git(f.work, "remote", "add", "origin", bare)
	f.commit("reference configuration")
	f.git(f.work, "push", "--quiet", "origin", "dev:alpha", "dev:beta")
}

// commit commits the work tree and pushes it to branch dev.
func (f *fleet) commit(message string) string {
	f.t.Helper()
	f.git(f.work, "add", "--all")
	f.git(f.work, "commit", "--quiet", "--message", message)
	f.git(f.work, "push", "--quiet", "origin", "dev")
	return strings.TrimSpace(f.git(f.work, "rev-parse", "HEAD"))
}

func (f *fleet) git(dir string, args ...string) string {
	f.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=test", "GIT_AUTHOR_EMAIL=test@localhost", "GIT_COMMITTER_NAME=test", "GIT_COMMITTER_EMAIL=test@localhost")
	out, err := cmd.CombinedOutput()
	if err != nil {
		f.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// replace changes a file of the work tree; the old text must be there.
func (f *fleet) replace(file, old, new string) {
	f.t.Helper()
	path := filepath.Join(f.work, file)
	text, err := os.ReadFile(path)
	if err != nil {
		f.t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(old)) {
		f.t.Fatalf("%s does not contain %q", file, old)
	}
	f.write(file, strings.ReplaceAll(string(text), old, new))
}

func (f *fleet) write(file, text string) {
	f.t.Helper()
	path := filepath.Join(f.work, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fleet) registryFile() string { return filepath.Join(f.data, "clusters.yaml") }

func (f *fleet) writeRegistry(o fleetOptions) {
	f.t.Helper()
	workers := max(o.workers, 3)
	var clusters []map[string]any
	for _, id := range o.clusters {
		items := map[string]string{}
		for _, m := range []map[string]string{fastItems, o.items} {
			for k, v := range m {
				items[k] = v
			}
		}
		channel, _, _ := strings.Cut(id, "-")
		clusters = append(clusters, map[string]any{
			"id": "local:test:local-1:" + id, "alias": id, "local_id": id, "infrastructure_account": "local:test",
			"api_server_url": "https://" + id + ".example.org", "channel": channel, "environment": "test", "criticality_level": 1,
			"lifecycle_status": "requested", "provider": "local", "region": "local-1", "config_items": items,
			"node_pools": append([]map[string]any{
				{"name": "control-plane", "profile": "master-default", "instance_types": []string{"m5.large"}, "discount_strategy": "none", "min_size": 1, "max_size": 3,
					"config_items": map[string]string{"taints": "node-role.kubernetes.io/control-plane:NoSchedule"}},
				{"name": "workers", "profile": "worker-default", "instance_types": []string{"m5.xlarge"}, "discount_strategy": "none", "min_size": workers, "max_size": workers + cmp.Or(o.room, 6)},
			}, o.pools...),
		})
	}
	text, err := json.MarshalIndent(map[string]any{"clusters": clusters}, "", "  ") // JSON is YAML
	if err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(f.registryFile(), text, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// options are those of the server.
func (f *fleet) options() app.Options {
	o := app.Options{
		DataDir: f.data, Listen: "127.0.0.1:0", ConfigSources: []string{"main:git:" + filepath.Join(f.data, "config.git")},
		RegistryFile: f.registryFile(), Soak: time.Second, Poll: 200 * time.Millisecond, Log: f.log(),
	}
	if f.change != nil {
		f.change(&o)
	}
	return o
}

// log writes the server's log to a file that is shown when the test failed.
func (f *fleet) log() *slog.Logger {
	if f.logger != nil {
		return f.logger
	}
	path := filepath.Join(f.data, "server.log")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		file.Close()
		if f.t.Failed() {
			said, _ := os.ReadFile(path)
			f.t.Logf("the server said:\n%s", said)
		}
	})
	f.logger = slog.New(slog.NewTextHandler(file, nil))
	return f.logger
}

// start runs a server in this process until the test ends or stop is called.
func (f *fleet) start() (stop func()) {
	f.t.Helper()
	a, err := app.New(context.Background(), f.options())
	if err != nil {
		f.t.Fatal(err)
	}
	f.app = a
	if err := a.Start(context.Background()); err != nil {
		f.t.Fatal(err)
	}
	f.client = client.New("http://"+a.Addr(), f.token())
	var once sync.Once
	stop = func() {
		once.Do(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			if err := a.Stop(ctx); err != nil {
				f.t.Error(err)
			}
		})
	}
	f.t.Cleanup(stop)
	return stop
}

// token opens the server's API.
func (f *fleet) token() string {
	f.t.Helper()
	token, err := os.ReadFile(filepath.Join(f.data, "token"))
	if err != nil {
		f.t.Fatal(err)
	}
	return strings.TrimSpace(string(token))
}

// kube is the API of a cluster, as an onlooker has it.
func (f *fleet) kube(id string) *kube.Cluster {
	f.t.Helper()
	k, err := kube.New(kube.Options{Kubeconfig: filepath.Join(f.data, "clusters", id, "kubeconfig"), FieldManager: "test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.t.Fatal(err)
	}
	return k
}

// await waits until a condition holds; it says what was seen last when it
// never does.
func (f *fleet) await(what string, limit time.Duration, condition func() (bool, string)) {
	f.t.Helper()
	last := ""
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		ok, seen := condition()
		if ok {
			return
		}
		last = seen
	}
	f.t.Fatalf("%s: not within %s; last seen: %s", what, limit, last)
}

// awaitProvisioned waits until all clusters are ready for the first time.
func (f *fleet) awaitProvisioned() {
	f.t.Helper()
	f.await("clusters are provisioned", 5*time.Minute, func() (bool, string) {
		clusters, err := f.client.Clusters(f.t.Context(), fairway.ClusterFilter{})
		if err != nil {
			return false, err.Error()
		}
		seen := ""
		ready := len(clusters) == len(f.clusters)
		for _, c := range clusters {
			ready = ready && c.LifecycleStatus == fairway.StatusReady && c.Status.CurrentVersion != ""
			seen += fmt.Sprintf("%s is %s (%+v, problems %v); ", c.Alias, c.LifecycleStatus, c.State, c.Status.Problems)
		}
		return ready, seen
	})
}

// awaitRollout waits until the newest rollout of a channel carries a revision
// and is in a state, and returns it.
func (f *fleet) awaitRollout(channel, revision string, state fairway.RolloutState, limit time.Duration) fairway.Rollout {
	f.t.Helper()
	var out fairway.Rollout
	f.await(fmt.Sprintf("rollout of %s on %s is %s", revision, channel, state), limit, func() (bool, string) {
		rollouts, err := f.client.Rollouts(f.t.Context(), channel)
		if err != nil || len(rollouts) == 0 {
			return false, fmt.Sprint("no rollout ", err)
		}
		out = rollouts[0]
		updates, err := f.client.Updates(f.t.Context(), fairway.UpdateFilter{RolloutID: out.ID, Limit: 1})
		return out.Revision == revision && out.State == state, fmt.Sprintf("%+v, updates %+v %v", out, updates, err)
	})
	return out
}

// marksLeft lists marks of Fairway on the nodes of a cluster.
func (f *fleet) marksLeft(id string) []string {
	f.t.Helper()
	workloads, err := f.kube(id).Workloads(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	var left []string
	for _, n := range workloads.Nodes {
		if n.Annotations[fairway.AnnotationMarks] != "" || n.Unschedulable || n.Labels[fairway.LabelExcludeLB] != "" ||
			n.Labels[fairway.LabelLifecycleStatus] != fairway.LifecycleReady {
			left = append(left, fmt.Sprintf("%s: %v %v unschedulable=%v", n.Name, n.Annotations, n.Labels[fairway.LabelLifecycleStatus], n.Unschedulable))
		}
		for _, taint := range n.Taints {
			if taint.Key == fairway.TaintDecommission {
				left = append(left, n.Name+" has the taint")
			}
		}
	}
	return left
}
