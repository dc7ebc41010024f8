package app_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/postgrestest"
	"github.com/fairwayhq/fairway/internal/surface/client"
)

// replica is one of several servers on one database, as a process.
type replica struct {
	f       *fleet
	data    string
	url     string // of the database
	cmd     *exec.Cmd
	address string
	client  *client.Client
}

// replica makes a data folder beside that of the fleet, with the same clusters.
func (f *fleet) replica(name, database string) *replica {
	f.t.Helper()
	r := &replica{f: f, data: filepath.Join(f.t.TempDir(), name), url: database}
	if err := os.MkdirAll(r.data, 0o700); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(f.data, "clusters"), filepath.Join(r.data, "clusters")); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(r.kill)
	return r
}

// start starts the process and waits until it answers.
func (r *replica) start() {
	r.f.t.Helper()
	log, err := os.OpenFile(filepath.Join(r.data, "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		r.f.t.Fatal(err)
	}
	defer log.Close() // the process has its own
	o := r.f.options()
	r.cmd = exec.Command(os.Args[0], "server", "--data", r.data, "--database", r.url, "--listen", "127.0.0.1:0", "--config-source", o.ConfigSources[0],
		"--registry-file", o.RegistryFile, "--soak", o.Soak.String(), "--poll-interval", o.Poll.String())
	r.cmd.Env = append(os.Environ(), "FAIRWAY_TEST_AS_PROGRAM=1")
	r.cmd.Stdout, r.cmd.Stderr = log, log
	os.Remove(filepath.Join(r.data, "server.json")) // that of a process that was killed
	if err := r.cmd.Start(); err != nil {
		r.f.t.Fatal(err)
	}
	r.f.await(r.data+" answers", time.Minute, func() (bool, string) {
		found, err := client.Find(client.Flags{Data: r.data})
		if err != nil {
			return false, err.Error()
		}
		r.address, r.client = found.Address(), found
		err = r.client.Healthy(r.f.t.Context())
		return err == nil, fmt.Sprint(err)
	})
}

// kill ends the process as "kill -9" does.
func (r *replica) kill() {
	if r.cmd != nil {
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait() // being killed is what this is about
		r.cmd = nil
	}
	if r.f.t.Failed() {
		said, _ := os.ReadFile(filepath.Join(r.data, "server.log"))
		r.f.t.Logf("%s said:\n%s", r.data, said[max(0, len(said)-20_000):])
	}
}

// Two servers share a database: both answer, a watch on one hears of what is
// written through the other, and a roll that loses first one and then the other
// goes on where it was, each node drained once.
func TestShared_TwoServers(t *testing.T) {
	t.Parallel()
	database, err := postgrestest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(database.Remove)
	url, err := database.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := newFleet(t, fleetOptions{clusters: []string{"dev-1"}, workers: 5, items: map[string]string{"roll_blocked_after": "2m", "roll_surge": "1", "roll_min_ready": "1500ms"}})
	a, b := f.replica("a", url), f.replica("b", url)
	a.start()
	b.start()
	f.client = b.client
	f.awaitProvisioned()
	f.watchedElsewhere(a, b)

	f.workload("dev-1")
	old := f.nodeNames("dev-1")
	eyes := f.look("dev-1")
	f.applyDemoChange()
	revision := f.commit("a roll that loses both servers")
	f.awaitDraining(revision)
	a.kill()
	f.replaced(1, revision) // by b alone
	a.start()
	b.kill()
	f.client = a.client
	r := f.awaitRollout("dev", revision, fairway.RolloutDone, 4*time.Minute) // by a alone
	eyes.check(t, old)
	updates, err := f.client.Updates(t.Context(), fairway.UpdateFilter{ClusterID: "local:test:local-1:dev-1", Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, u := range updates {
		if u.RolloutID == r.ID {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d updates of one cluster in one rollout: %+v", n, updates)
	}
	if left := f.marksLeft("dev-1"); len(left) > 0 {
		t.Errorf("marks are left: %v", left)
	}
	f.checkSizes("dev-1", map[string]int{"control-plane": 1, "workers": 5})
}

// replaced waits until an update has replaced some more nodes than now, or is over.
func (f *fleet) replaced(more int, revision string) {
	f.t.Helper()
	begin := -1
	f.await(fmt.Sprintf("%d more nodes are replaced for %s", more, revision), 3*time.Minute, func() (bool, string) {
		all, err := f.client.Updates(f.t.Context(), fairway.UpdateFilter{Newest: true})
		if err != nil || len(all) != 1 {
			return false, fmt.Sprint(all, err)
		}
		if all[0].State.IsOver() {
			f.t.Fatalf("the roll was over before both servers died: %+v", all[0])
		}
		if begin < 0 {
			begin = all[0].NodesDone
		}
		return all[0].NodesDone >= begin+more, fmt.Sprintf("%+v", all[0])
	})
}

// watchedElsewhere writes through one server and expects the other's watch to
// hear of it, in both directions.
func (f *fleet) watchedElsewhere(a, b *replica) {
	f.t.Helper()
	for _, pair := range [][2]*replica{{a, b}, {b, a}} {
		watching, writing := pair[0], pair[1]
		ctx, cancel := context.WithTimeout(f.t.Context(), 30*time.Second)
		lines := watching.watch(ctx)
		value := fmt.Sprint("through ", writing.data)
		begin := time.Now()
		writing.call(http.MethodPut, "/kubernetes-clusters/local:test:local-1:dev-1/config-items/said_through", `{"value":"`+value+`"}`)
		for heard := false; !heard; {
			line, open := <-lines
			if !open {
				f.t.Fatal("the watch of the other server does not hear of a write")
			}
			heard = strings.Contains(line, value)
		}
		if took := time.Since(begin); took > time.Second {
			f.t.Errorf("the watch of the other server hears of a write after %s, want a second at most", took)
		}
		cancel()
	}
}

// watch returns the lines of a watch that begins now.
func (r *replica) watch(ctx context.Context) <-chan string {
	r.f.t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.address+"/api/v1/watch", nil)
	if err != nil {
		r.f.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+r.token())
	response, err := http.DefaultClient.Do(request)
	if err != nil || response.StatusCode != http.StatusOK {
		r.f.t.Fatal(response, err)
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		defer response.Body.Close()
		said := bufio.NewScanner(response.Body)
		said.Buffer(nil, 1<<20)
		for said.Scan() {
			select {
			case lines <- said.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

func (r *replica) token() string {
	r.f.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.data, "token"))
	if err != nil {
		r.f.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func (r *replica) call(method, path, body string) {
	r.f.t.Helper()
	request, err := http.NewRequestWithContext(r.f.t.Context(), method, r.address+path, strings.NewReader(body))
	if err != nil {
		r.f.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+r.token())
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.f.t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		r.f.t.Fatalf("%s %s: %d", method, path, response.StatusCode)
	}
}
