package app_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fairwayhq/fairway/internal/localkubetest"
)

// summary is the demo's JSON as interfaces.md fixes it.
type summary struct {
	OK       *bool   `json:"ok"`
	Seconds  float64 `json:"seconds"`
	Clusters []struct {
		ID            string  `json:"id"`
		Channel       string  `json:"channel"`
		NodesReplaced int     `json:"nodes_replaced"`
		Seconds       float64 `json:"seconds"`
	} `json:"clusters"`
	Evictions        int `json:"evictions"`
	EvictionsRefused int `json:"evictions_refused"`
	Workloads        []struct {
		Cluster  string `json:"cluster"`
		Name     string `json:"name"`
		MinReady int    `json:"min_ready"`
		Budget   int    `json:"budget"`
	} `json:"workloads"`
	Requests struct {
		OK     int `json:"ok"`
		Failed int `json:"failed"`
	} `json:"requests"`
}

// program is this test binary as the program, with the flags of a demo.
func program(t *testing.T, data string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"demo", "--data", data}, args...)...)
	cmd.Env = append(os.Environ(), "FAIRWAY_TEST_AS_PROGRAM=1", "CI=true", "FAIRWAY_LOCALKUBE="+localkubetest.Binary(t))
	return cmd
}

// processes lists those whose command line names a folder.
func processes(t *testing.T, folder string) []string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, path := range all {
		text, err := os.ReadFile(path) // gone meanwhile is fine
		if err == nil && bytes.Contains(text, []byte(folder)) {
			found = append(found, strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return found
}

func awaitNoProcess(t *testing.T, folder string) {
	t.Helper()
	var left []string
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if left = processes(t, folder); len(left) == 0 {
			return
		}
	}
	t.Errorf("processes are left: %v", left)
}

// The whole demo on real control planes, with one cluster per channel.
func TestDemo(t *testing.T) {
	data := filepath.Join(t.TempDir(), "demo")
	cmd := program(t, data, "--clusters", "3", "-o", "json")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		log, _ := os.ReadFile(filepath.Join(data, "logs", "server.log"))
		t.Fatalf("%v\n%s\n%s\nthe server said:\n%s", err, stderr.String(), stdout.String(), log)
	}
	awaitNoProcess(t, data)
	var s summary
	if err := json.Unmarshal(stdout.Bytes(), &s); err != nil {
		t.Fatalf("%v in %s", err, stdout.String())
	}
	t.Log(stdout.String())
	if s.OK == nil || !*s.OK || s.Requests.Failed != 0 || s.Requests.OK < 1000 || s.Evictions == 0 || s.EvictionsRefused == 0 {
		t.Errorf("the summary says %+v", s)
	}
	channels := map[string]string{"dev-1": "dev", "alpha-1": "alpha", "beta-1": "beta"}
	if len(s.Clusters) != len(channels) {
		t.Errorf("%d clusters, want %d", len(s.Clusters), len(channels))
	}
	for _, c := range s.Clusters {
		if channels[c.ID] != c.Channel || c.NodesReplaced < 8 || c.Seconds <= 0 {
			t.Errorf("cluster %+v: want channel %q and at least 8 nodes replaced", c, channels[c.ID])
		}
	}
	for _, w := range s.Workloads {
		if w.MinReady < w.Budget {
			t.Errorf("the budget of %+v was broken", w)
		}
	}
	file, err := os.ReadFile(filepath.Join(data, "summary.json"))
	if err != nil {
		t.Fatal(err)
	}
	var stored summary
	if err := json.Unmarshal(file, &stored); err != nil || fmt.Sprint(stored.Clusters) != fmt.Sprint(s.Clusters) {
		t.Errorf("summary.json differs from the output: %s %v", file, err)
	}
}

// Ctrl-C stops everything; a second demo in the same folder is refused as long
// as the first one runs; and even kill -9 of the supervisor leaves no process.
func TestDemo_Ends(t *testing.T) {
	for _, c := range []struct {
		name   string
		signal syscall.Signal
		code   int
	}{{"Ctrl-C", syscall.SIGINT, 130}, {"kill -9", syscall.SIGKILL, -1}} {
		t.Run(c.name, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "demo")
			cmd := program(t, data, "--clusters", "1")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			server := filepath.Join(data, "server.json")
			for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
				if _, err := os.Stat(server); err == nil {
					break
				}
				if time.Now().After(end) {
					_ = cmd.Process.Kill()
					_ = cmd.Wait()
					t.Fatalf("no server within a minute: %s", stderr.String())
				}
			}
			if c.signal == syscall.SIGINT {
				second, err := program(t, data, "--clusters", "1").CombinedOutput()
				if err == nil || !strings.Contains(string(second), data) || !strings.Contains(string(second), "hint:") {
					t.Errorf("a second demo in the folder: %v %s", err, second)
				}
			}
			if err := cmd.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			err := cmd.Wait()
			exit, ok := errors.AsType[*exec.ExitError](err)
			if !ok || exit.ExitCode() != c.code {
				t.Errorf("ended with %v, want exit code %d: %s", err, c.code, stderr.String())
			}
			awaitNoProcess(t, data)
		})
	}
}

// A change that does not apply is refused before anything else happens to the
// fleet, and a change that cannot work halts it: exit code 3, and the words
// that say what to do.
func TestDemo_ChangeOfOnesOwn(t *testing.T) {
	change := filepath.Join(t.TempDir(), "change.diff")
	diff := "diff --git a/cluster/manifests/90-own/object.yaml b/cluster/manifests/90-own/object.yaml\nnew file mode 100644\n--- /dev/null\n+++ b/cluster/manifests/90-own/object.yaml\n@@ -0,0 +1,1 @@\n+kind: {{ .Cluster.ConfigItems.no_such_item }}\n"
	if err := os.WriteFile(change, []byte(diff), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "demo")
	out, err := program(t, data, "--clusters", "1", "--change", change).CombinedOutput()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 3 {
		t.Errorf("ended with %v, want exit code 3", err)
	}
	for _, want := range []string{"no_such_item", "hint:", "dev-1"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the output does not say %q:\n%s", want, out)
		}
	}
	awaitNoProcess(t, data)
}
