package app_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/config"
	"github.com/fairwayhq/fairway/internal/app"
	"github.com/fairwayhq/fairway/internal/surface/client"
)

// TestMain lets the test binary be the server: the kill tests need a process
// of its own to kill.
func TestMain(m *testing.M) {
	if os.Getenv("FAIRWAY_TEST_AS_PROGRAM") != "" {
		end := profiled()
		code := app.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
		end()
		os.Exit(code)
	}
	if job := os.Getenv(applyEnv); job != "" {
		os.Exit(applyOnce(job, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func demoChange(t testing.TB) []byte {
	t.Helper()
	text, err := fs.ReadFile(config.FS, "changes/demo.diff")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// process is a server that is started again whenever it dies.
type process struct {
	f        *fleet
	fail     string // folder of the failpoints
	mu       sync.Mutex
	cmd      *exec.Cmd // guarded by mu
	starts   int       // guarded by mu
	stopping bool      // guarded by mu
	ended    chan struct{}
}

func (f *fleet) startProcess() *process {
	f.t.Helper()
	p := &process{f: f, fail: f.t.TempDir(), ended: make(chan struct{})}
	log, err := os.Create(filepath.Join(f.data, "server.log"))
	if err != nil {
		f.t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		for {
			p.mu.Lock()
			if p.stopping {
				p.mu.Unlock()
				return
			}
			o := f.options()
			p.cmd = exec.Command(os.Args[0], "server", "--data", f.data, "--listen", "127.0.0.1:0", "--config-source", o.ConfigSources[0],
				"--registry-file", o.RegistryFile, "--soak", o.Soak.String(), "--poll-interval", o.Poll.String())
			p.cmd.Env = append(os.Environ(), "FAIRWAY_TEST_AS_PROGRAM=1", "FAIRWAY_FAILPOINTS="+p.fail)
			p.cmd.Stdout, p.cmd.Stderr = log, log
			p.starts++
			err := p.cmd.Start()
			p.mu.Unlock()
			if err != nil {
				f.t.Error(err)
				return
			}
			_ = p.cmd.Wait() // being killed is what this is about
		}
	}()
	f.t.Cleanup(func() {
		p.mu.Lock()
		p.stopping = true
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		p.mu.Unlock()
		<-p.ended
		log.Close()
	})
	f.await("the server answers", 30*time.Second, func() (bool, string) { return p.find() })
	return p
}

// find points the fleet's client at the process that runs now.
func (p *process) find() (bool, string) {
	text, err := os.ReadFile(filepath.Join(p.f.data, "server.json"))
	if err != nil {
		return false, err.Error()
	}
	var answer struct {
		Address   string `json:"address"`
		TokenFile string `json:"token_file"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return false, err.Error()
	}
	token, err := os.ReadFile(answer.TokenFile)
	if err != nil {
		return false, err.Error()
	}
	p.f.client = client.New(answer.Address, strings.TrimSpace(string(token)))
	if err := p.f.client.Healthy(p.f.t.Context()); err != nil {
		return false, err.Error()
	}
	return true, ""
}

// kill ends the server as "kill -9" does.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.cmd.Process.Kill()
}

func (p *process) started() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.starts
}

// awaitDone waits until the rollout of a revision is done, over restarts.
func (p *process) awaitDone(channel, revision string, limit time.Duration) {
	p.f.t.Helper()
	p.f.await(fmt.Sprintf("rollout of %s on %s is done", revision, channel), limit, func() (bool, string) {
		if ok, why := p.find(); !ok {
			return false, why
		}
		rollouts, err := p.f.client.Rollouts(p.f.t.Context(), channel)
		if err != nil || len(rollouts) == 0 {
			return false, fmt.Sprint("no rollout ", err)
		}
		if rollouts[0].State == fairway.RolloutHalted {
			p.f.t.Fatalf("the rollout halted: %+v", rollouts[0])
		}
		updates, err := p.f.client.Updates(p.f.t.Context(), fairway.UpdateFilter{RolloutID: rollouts[0].ID, Limit: 1})
		return rollouts[0].Revision == revision && rollouts[0].State == fairway.RolloutDone, fmt.Sprintf("%+v, updates %+v %v", rollouts[0], updates, err)
	})
}

// onlooker watches a cluster through its own eyes while the server is killed:
// which nodes were drained and how often, and how many machines were made.
type onlooker struct {
	mu      sync.Mutex
	drained map[string]map[string]bool // node -> values of drain-start
	cordons map[string]int             // node -> how often it went from schedulable to cordoned
	stop    chan struct{}
	ended   chan struct{}
}

func (f *fleet) look(id string) *onlooker {
	l := &onlooker{drained: map[string]map[string]bool{}, cordons: map[string]int{}, stop: make(chan struct{}), ended: make(chan struct{})}
	k := f.kube(id)
	go func() {
		defer close(l.ended)
		was := map[string]bool{}
		for {
			if workloads, err := k.Workloads(f.t.Context()); err == nil {
				l.mu.Lock()
				for _, n := range workloads.Nodes {
					if at := n.Annotations[fairway.AnnotationDrainStart]; at != "" {
						if l.drained[n.Name] == nil {
							l.drained[n.Name] = map[string]bool{}
						}
						l.drained[n.Name][at] = true
					}
					if n.Unschedulable && !was[n.Name] {
						l.cordons[n.Name]++
					}
					was[n.Name] = n.Unschedulable
				}
				l.mu.Unlock()
			}
			select {
			case <-l.stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	return l
}

// check ends the watch and reports what should not have happened.
func (l *onlooker) check(t *testing.T, old map[string]bool) {
	t.Helper()
	close(l.stop)
	<-l.ended
	for node, starts := range l.drained {
		if !old[node] {
			t.Errorf("node %s is new and was drained", node)
		}
		if len(starts) > 1 {
			t.Errorf("node %s was drained %d times: %v", node, len(starts), starts)
		}
	}
	for node, n := range l.cordons {
		if n > 1 {
			t.Errorf("node %s was cordoned %d times", node, n)
		}
	}
	if len(l.drained) < len(old) {
		t.Errorf("%d of %d nodes were seen draining", len(l.drained), len(old))
	}
}

// workload puts something on the workers that must be moved.
func (f *fleet) workload(id string) {
	f.t.Helper()
	f.apply(id,
		`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"default"},"spec":{"replicas":6,"selector":{"matchLabels":{"app":"web"}},
		  "template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"c","image":"registry.example.org/web:1"}],
		  "topologySpreadConstraints":[{"maxSkew":1,"topologyKey":"kubernetes.io/hostname","whenUnsatisfiable":"ScheduleAnyway","labelSelector":{"matchLabels":{"app":"web"}}}]}}}}`,
		`{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":"web","namespace":"default"},"spec":{"maxUnavailable":1,"selector":{"matchLabels":{"app":"web"}}}}`)
	f.awaitHealthy(id, fairway.ObjectRef{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "default", Name: "web"})
}

// patient keeps a drain that a dead server interrupted from counting as blocked.
var patient = map[string]string{"roll_blocked_after": "2m"}

// The server dies right before and right after each of its writes to the
// outside, once each, in one roll; another goes on, no node is drained twice,
// and no mark stays.
func TestKill_AroundEveryWrite(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fleetOptions{clusters: []string{"dev-1", "alpha-1"}, workers: 4, items: patient})
	p := f.startProcess()
	f.awaitProvisioned()
	f.workload("dev-1")
	old := f.nodeNames("dev-1")
	before := p.started()
	var armed []string
	for _, name := range app.FailpointNames {
		for _, when := range []string{".before", ".after"} {
			armed = append(armed, name+when)
			if err := os.WriteFile(filepath.Join(p.fail, name+when), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	eyes := f.look("dev-1")
	f.applyDemoChange()
	revision := f.commit("a change that every write is killed around")
	p.awaitDone("dev", revision, 6*time.Minute)
	eyes.check(t, old)
	p.awaitDone("alpha", revision, 4*time.Minute)
	if deaths := p.started() - before; deaths != len(armed) {
		left, _ := filepath.Glob(filepath.Join(p.fail, "*"))
		t.Errorf("the server died %d times, want %d; not reached: %v", deaths, len(armed), left)
	}
	for _, id := range f.clusters {
		if left := f.marksLeft(id); len(left) > 0 {
			t.Errorf("marks are left on %s: %v", id, left)
		}
	}
	f.checkSizes("dev-1", map[string]int{"control-plane": 1, "workers": 4})
}

// The server dies at twenty moments that a seed chooses.
func TestKill_AtSeededMoments(t *testing.T) {
	t.Parallel()
	const seed, kills = 1, 20
	f := newFleet(t, fleetOptions{clusters: []string{"dev-1"}, workers: 4, items: patient})
	p := f.startProcess()
	f.awaitProvisioned()
	f.workload("dev-1")
	old := f.nodeNames("dev-1")
	eyes := f.look("dev-1")
	f.applyDemoChange()
	revision := f.commit("a change during which the server is killed")
	random := rand.New(rand.NewPCG(seed, 0))
	for range kills {
		// Long enough for some work, short enough to die in the middle of it.
		time.Sleep(time.Duration(300+random.IntN(1500)) * time.Millisecond)
		p.kill()
	}
	t.Logf("seed %d", seed)
	p.awaitDone("dev", revision, 4*time.Minute)
	eyes.check(t, old)
	if left := f.marksLeft("dev-1"); len(left) > 0 {
		t.Errorf("marks are left: %v", left)
	}
	f.checkSizes("dev-1", map[string]int{"control-plane": 1, "workers": 4})
}

// A change that is taken back half way while no manager runs: the next manager
// removes the marks of the update that nobody continues, and what the change
// had not reached yet is current again.
func TestKill_TakenBackHalfWay(t *testing.T) {
	t.Parallel()
	f := newFleet(t, fleetOptions{clusters: []string{"dev-1"}, items: map[string]string{"roll_node_ready_timeout": "10m"}})
	p := f.startProcess()
	f.awaitProvisioned()
	before := f.nodeNames("dev-1")
	f.faults("dev-1", `{"slow_boot_next": 1, "slow_boot_extra": "5m"}`)
	f.applyDemoChange()
	f.commit("a roll that will not end")
	f.await("nodes are marked", time.Minute, func() (bool, string) {
		left := f.marksLeft("dev-1")
		return len(left) > 0, fmt.Sprint(left)
	})
	f.git(f.work, "revert", "--no-edit", "HEAD")
	p.kill()
	f.git(f.work, "push", "--quiet", "origin", "dev")
	p.awaitDone("dev", strings.TrimSpace(f.git(f.work, "rev-parse", "HEAD")), 2*time.Minute)
	if left := f.marksLeft("dev-1"); len(left) > 0 {
		t.Errorf("marks are left: %v", left)
	}
	if now := f.nodeNames("dev-1"); fmt.Sprint(now) != fmt.Sprint(before) {
		t.Errorf("the nodes are %v, before the change %v", now, before)
	}
}

// checkSizes compares the cloud's groups with what they should be after a roll.
func (f *fleet) checkSizes(id string, want map[string]int) {
	f.t.Helper()
	var groups struct {
		Items []struct {
			Name    string            `json:"name"`
			Desired int               `json:"desired"`
			Tags    map[string]string `json:"tags"`
		} `json:"items"`
	}
	f.cloud(id, http.MethodGet, "/v1/groups", "", &groups)
	for _, g := range groups.Items {
		if g.Desired != want[g.Name] {
			f.t.Errorf("group %s of %s has size %d, want %d", g.Name, id, g.Desired, want[g.Name])
		}
		if base := g.Tags[fairway.TagRollBase]; base != "" {
			f.t.Errorf("group %s of %s still has the tag of a roll: %s", g.Name, id, base)
		}
	}
	var instances struct {
		Items []struct {
			ID    string `json:"id"`
			State string `json:"state"`
		} `json:"items"`
	}
	f.cloud(id, http.MethodGet, "/v1/instances", "", &instances)
	made, wanted := 0, 0
	for range instances.Items {
		made++
	}
	for _, n := range want {
		wanted += n
	}
	// Every node once at first and once in the roll: a machine more would mean
	// that a write was done twice.
	if made > 2*wanted {
		f.t.Errorf("%d machines were made on %s for %d nodes and one roll", made, id, wanted)
	}
}

// faults sets the faults of a cluster's cloud.
func (f *fleet) faults(id, text string) {
	f.t.Helper()
	f.cloud(id, http.MethodPut, "/v1/faults", text, nil)
}

var authority = regexp.MustCompile(`certificate-authority-data: (\S+)`)

// cloud calls the node-group service of a cluster.
func (f *fleet) cloud(id, method, path, body string, into any) {
	f.t.Helper()
	f.call(filepath.Join(f.data, "clusters", id), "nodegroups_url", method, path, body, into)
}

// call calls one of the services that a cluster's ready.json names.
func (f *fleet) call(dir, service, method, path, body string, into any) {
	f.t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "ready.json"))
	if err != nil {
		f.t.Fatal(err)
	}
	var ready map[string]any
	if err := json.Unmarshal(text, &ready); err != nil {
		f.t.Fatal(err)
	}
	config, err := os.ReadFile(filepath.Join(dir, "kubeconfig"))
	if err != nil {
		f.t.Fatal(err)
	}
	match := authority.FindSubmatch(config)
	if match == nil {
		f.t.Fatal("the kubeconfig has no authority")
	}
	pem, err := base64.StdEncoding.DecodeString(string(match[1]))
	if err != nil {
		f.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	request, err := http.NewRequestWithContext(f.t.Context(), method, fmt.Sprint(ready[service])+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	request.Header.Set("Authorization", fmt.Sprint("Bearer ", ready["token"]))
	request.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		f.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		f.t.Fatalf("%s %s: %s", method, path, answer.Status)
	}
	if into != nil {
		if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
			f.t.Fatal(err)
		}
	}
}
