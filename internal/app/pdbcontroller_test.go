package app_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/fairwayhq/fairway/internal/localkubetest"
)

var (
	pdbBudgets     = schema.GroupVersionResource{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"}
	pdbDeployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	pdbNamespaces  = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	pdbLeases      = schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}
)

// keeper is a process `fairway pdb-controller`.
type keeper struct {
	t      testing.TB
	cmd    *exec.Cmd
	ended  chan struct{}
	mu     sync.Mutex
	output bytes.Buffer // guarded by mu
	http   string       // address of its metrics
}

// keep starts a controller and returns when it has read everything.
func keep(t testing.TB, kubeconfig string, flags ...string) *keeper {
	t.Helper()
	k := &keeper{t: t, ended: make(chan struct{})}
	k.cmd = exec.Command(os.Args[0], append([]string{"pdb-controller", "--kubeconfig", kubeconfig, "--metrics-listen", "127.0.0.1:0", "--lease-duration", "3s", "--log-format", "text"}, flags...)...)
	k.cmd.Env = append(os.Environ(), "FAIRWAY_TEST_AS_PROGRAM=1")
	stderr, err := k.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := k.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	go func() {
		defer close(k.ended)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			k.mu.Lock()
			fmt.Fprintln(&k.output, lines.Text())
			k.mu.Unlock()
			if found := regexp.MustCompile(`address=(http://\S+)/metrics`).FindStringSubmatch(lines.Text()); found != nil {
				address <- found[1]
			}
		}
		_ = k.cmd.Wait() // the state says how it ended
	}()
	t.Cleanup(func() {
		_ = k.cmd.Process.Kill() // it may have ended
		<-k.ended
		if t.Failed() {
			t.Logf("controller %d:\n%s", k.cmd.Process.Pid, k.log())
		}
	})
	select {
	case k.http = <-address:
	case <-k.ended:
		t.Fatalf("the controller ended: %s\n%s", k.cmd.ProcessState, k.log())
	case <-time.After(time.Minute):
		t.Fatal("the controller does not say where its metrics are")
	}
	localkubetest.Eventually(t, time.Minute, func() error { _, err := k.get("/readyz"); return err })
	return k
}

func (k *keeper) log() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.output.String()
}

func (k *keeper) get(path string) (string, error) {
	response, err := http.Get(k.http + path)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(string(text))
	}
	return string(text), err
}

// metric returns the value of one metric with its labels.
func (k *keeper) metric(name string) float64 {
	k.t.Helper()
	text, err := k.get("/metrics")
	if err != nil {
		k.t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				k.t.Fatal(err)
			}
			return n
		}
	}
	return 0
}

func (k *keeper) awaitLeader() {
	k.t.Helper()
	localkubetest.Eventually(k.t, time.Minute, func() error {
		if k.metric("fairway_pdb_leader") != 1 {
			return errors.New("it does not lead")
		}
		return nil
	})
}

// end asks for the end and wants exit code 0.
func (k *keeper) end() {
	k.t.Helper()
	if err := k.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		k.t.Fatal(err)
	}
	select {
	case <-k.ended:
	case <-time.After(30 * time.Second):
		k.t.Fatal("the controller does not end")
	}
	if code := k.cmd.ProcessState.ExitCode(); code != 0 {
		k.t.Errorf("exit code %d", code)
	}
}

func pdbClient(t testing.TB, cluster *localkubetest.Cluster) *dynamic.DynamicClient {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", cluster.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	api, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func makeDeployment(ctx context.Context, api *dynamic.DynamicClient, namespace, name string, replicas int, extra string) error {
	var o unstructured.Unstructured
	err := json.Unmarshal(fmt.Appendf(nil, `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":%q,"labels":{"application":%q,"team":"shop","version":"v1"},
		"annotations":{"kubectl.kubernetes.io/last-applied-configuration":%q}},"spec":{"paused":%v,"replicas":%d,"selector":{"matchLabels":{"application":%q}},
		"template":{"metadata":{"labels":{"application":%q,"version":"v1"}},"spec":{"containers":[{"name":"c","image":"registry.example.org/app:1"}]}}}}`,
		name, name, extra, extra != "", replicas, name, name), &o.Object)
	if err != nil {
		return err
	}
	_, err = api.Resource(pdbDeployments).Namespace(namespace).Create(ctx, &o, metav1.CreateOptions{})
	return err
}

func makeNamespace(t testing.TB, api *dynamic.DynamicClient, name string) {
	t.Helper()
	o := unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}}}
	if _, err := api.Resource(pdbNamespaces).Create(t.Context(), &o, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// hasBudget waits until a workload of namespace "apps" has its budget, or has none.
func hasBudget(t testing.TB, api *dynamic.DynamicClient, name string, want bool) {
	t.Helper()
	localkubetest.Eventually(t, time.Minute, func() error {
		_, err := api.Resource(pdbBudgets).Namespace("apps").Get(t.Context(), name+"-pdb-controller", metav1.GetOptions{})
		if is := err == nil; is != want || err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("budget of %s is there: %v, want %v (%v)", name, is, want, err)
		}
		return nil
	})
}

// installPDBController applies the manifest, but for the Deployment, whose image
// is not to be had, and returns a kubeconfig of its service account.
func installPDBController(t testing.TB, api *dynamic.DynamicClient, cluster *localkubetest.Cluster) string {
	t.Helper()
	const manifest = "../../charts/pdb-controller/pdb-controller.yaml"
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	resources := map[string]schema.GroupVersionResource{
		"ServiceAccount": {Version: "v1", Resource: "serviceaccounts"}, "Deployment": pdbDeployments,
		"ClusterRole":        {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"},
		"ClusterRoleBinding": {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"},
		"Role":               {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"},
		"RoleBinding":        {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"},
	}
	for _, document := range bytes.Split(text, []byte("\n---\n")) {
		var o unstructured.Unstructured
		if err := yaml.Unmarshal(document, &o.Object); err != nil {
			t.Fatalf("%s: %v", manifest, err)
		}
		options := metav1.ApplyOptions{FieldManager: "test"}
		if o.GetKind() == "Deployment" {
			options.DryRun = []string{metav1.DryRunAll} // it is valid, that is enough
		}
		var in dynamic.ResourceInterface = api.Resource(resources[o.GetKind()])
		if o.GetNamespace() != "" {
			in = api.Resource(resources[o.GetKind()]).Namespace(o.GetNamespace())
		}
		if _, err := in.Apply(t.Context(), o.GetName(), &o, options); err != nil {
			t.Fatalf("apply %s %s of %s: %v", o.GetKind(), o.GetName(), manifest, err)
		}
	}
	config, err := clientcmd.LoadFromFile(cluster.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range config.AuthInfos {
		user.Impersonate = "system:serviceaccount:kube-system:pdb-controller"
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPDBControllerProcesses runs the program as a cluster does: first without
// the right to write, then in two replicas that end in turn, well and badly,
// and through a restart of the API server.
func TestPDBControllerProcesses(t *testing.T) {
	t.Parallel()
	cluster := localkubetest.StartOwn(t)
	api := pdbClient(t, cluster)
	// With the rights of the manifest, and no others.
	kubeconfig := installPDBController(t, api, cluster)
	makeNamespace(t, api, "apps")
	deploy := func(name string, replicas int) {
		t.Helper()
		if err := makeDeployment(t.Context(), api, "apps", name, replicas, ""); err != nil {
			t.Fatal(err)
		}
	}
	deploy("first", 2)

	// A dry run says what it would do, once, and writes nothing.
	dry := keep(t, kubeconfig, "--dry-run")
	localkubetest.Eventually(t, time.Minute, func() error {
		if n := strings.Count(dry.log(), `msg="would create budget"`); n != 1 {
			return fmt.Errorf("said %d times what it would do", n)
		}
		return nil
	})
	deploy("second", 2) // decided on, too, so that there was time to write
	localkubetest.Eventually(t, time.Minute, func() error {
		if n := strings.Count(dry.log(), `msg="would create budget"`); n != 2 {
			return fmt.Errorf("said %d times what it would do", n)
		}
		return nil
	})
	dry.end()
	for kind, where := range map[schema.GroupVersionResource]string{pdbBudgets: "", pdbLeases: "kube-system", {Version: "v1", Resource: "events"}: "apps"} {
		list, err := api.Resource(kind).Namespace(where).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range list.Items {
			if kind == pdbBudgets || strings.Contains(o.GetName(), "pdb-controller") || strings.Contains(fmt.Sprint(o.Object), "DisruptionBudget") {
				t.Errorf("a dry run wrote %s %s", o.GetKind(), o.GetName())
			}
		}
	}

	// Two replicas: one acts. Asked to end, it hands over at once.
	a := keep(t, kubeconfig)
	a.awaitLeader()
	b := keep(t, kubeconfig)
	hasBudget(t, api, "first", true)
	if b.metric("fairway_pdb_leader") != 0 {
		t.Fatal("two replicas act")
	}
	a.end()
	asked := time.Now()
	b.awaitLeader()
	if took := time.Since(asked); took > 3*time.Second && !strings.Contains(a.log(), "gave the lease back") {
		t.Errorf("taken over after %s, as if it had died", took)
	}
	deploy("third", 2)
	hasBudget(t, api, "third", true)

	// One that dies is followed when its lease has ended, and nothing is lost.
	c := keep(t, kubeconfig)
	if err := b.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-b.ended
	deploy("fourth", 2)
	c.awaitLeader()
	hasBudget(t, api, "fourth", true)

	for _, k := range []*keeper{dry, a, b, c} {
		if strings.Contains(k.log(), "forbidden") {
			t.Errorf("the rights of the manifest do not suffice:\n%s", k.log())
		}
	}

	// The API server goes and comes back (and refuses everything until it has
	// read the rights, which passes, too); what happened meanwhile is seen.
	cluster.Kill(t)
	localkubetest.Eventually(t, time.Minute, func() error {
		if _, err := c.get("/readyz"); err == nil {
			return errors.New("it does not notice that the API server is gone")
		}
		return nil
	})
	if _, err := c.get("/healthz"); err != nil {
		t.Errorf("not healthy without an API server, and a restart would not help: %v", err)
	}
	cluster.Restart(t)
	deploy("fifth", 2)
	if _, err := api.Resource(pdbDeployments).Namespace("apps").Patch(t.Context(), "first", types.MergePatchType, []byte(`{"spec":{"replicas":1}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	hasBudget(t, api, "fifth", true)
	hasBudget(t, api, "first", false)
	c.end()
}

// BenchmarkPDBController is one controller with 5,000 workloads in 100 namespaces
// on a real control plane: its memory, and the time from a change to the budget
// as a client sees it. The Deployments are paused, so that the control plane
// makes no pods; everything that the controller reads of them is there. Half of
// the time it also has to follow 20 other changes per second.
// The goals are 100 MiB and 1 s.
func BenchmarkPDBController(b *testing.B) {
	workloads, namespaces := 5000, 100
	if text := os.Getenv("PDB_WORKLOADS"); text != "" {
		var err error
		if workloads, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	cluster := localkubetest.StartOwn(b)
	api := pdbClient(b, cluster)
	for i := range namespaces {
		makeNamespace(b, api, fmt.Sprintf("area-%d", i))
	}
	// What kubectl apply keeps of a usual manifest.
	manifest := strings.Repeat(`{"name":"SETTING","value":"of some length"},`, 60)
	each := func(from, to int, do func(ctx context.Context, namespace, name string) error) time.Duration {
		b.Helper()
		began := time.Now()
		group, ctx := errgroup.WithContext(b.Context())
		group.SetLimit(16)
		for i := from; i < to; i++ {
			group.Go(func() error { return do(ctx, fmt.Sprintf("area-%d", i%namespaces), fmt.Sprintf("app-%d", i)) })
		}
		if err := group.Wait(); err != nil {
			b.Fatal(err)
		}
		return time.Since(began)
	}
	b.Logf("%d Deployments made in %s", workloads, each(0, workloads, func(ctx context.Context, namespace, name string) error {
		return makeDeployment(ctx, api, namespace, name, 2, manifest)
	}))
	for b.Loop() {
		began := time.Now()
		k := keep(b, cluster.Kubeconfig, "--lease-duration", "15s")
		read := time.Since(began)
		localkubetest.Eventually(b, 10*time.Minute, func() error {
			if n := int(k.metric(`fairway_pdb_budgets{owner="controller"}`)); n != workloads {
				return fmt.Errorf("%d budgets", n)
			}
			return nil
		})
		all := time.Since(began)
		after := k.memory("VmRSS")
		quiet := changes(b, api, workloads, namespaces, 0)
		done, quick := k.metric("fairway_pdb_action_delay_seconds_count"), k.metric(`fairway_pdb_action_delay_seconds_bucket{le="1"}`)
		busy := changes(b, api, workloads, namespaces, 20)
		done, quick = k.metric("fairway_pdb_action_delay_seconds_count")-done, k.metric(`fairway_pdb_action_delay_seconds_bucket{le="1"}`)-quick
		b.Logf("read after %s, %d budgets after %s, resident then %d MiB, now %d MiB, peak %d MiB, %.1f s of processor",
			read, workloads, all, after, k.memory("VmRSS"), k.memory("VmHWM"), k.processor())
		b.ReportMetric(float64(k.memory("VmHWM")), "MiB-peak")
		b.ReportMetric(float64(k.memory("VmRSS")), "MiB-resident")
		b.Logf("changes, alone: median %s, 95 %% within %s; with 20 others per second: median %s, 95 %% within %s, and by its own clock %.1f %% of %.0f within 1 s",
			quiet[len(quiet)/2], quiet[len(quiet)*95/100], busy[len(busy)/2], busy[len(busy)*95/100], 100*quick/done, done)
		b.ReportMetric(quiet[len(quiet)/2].Seconds(), "s/change-median")
		b.ReportMetric(quiet[len(quiet)-1].Seconds(), "s/change-longest")
		b.ReportMetric(busy[len(busy)-1].Seconds(), "s/change-longest-busy")
		b.ReportMetric(all.Seconds(), "s-all-made")
		b.ReportMetric(0, "ns/op") // says nothing here
		k.end()
	}
}

// memory returns a size from the process's status, in MiB.
func (k *keeper) memory(which string) int {
	k.t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(k.cmd.Process.Pid), "status"))
	if err != nil {
		k.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, which+":"); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				k.t.Fatal(err)
			}
			return n / 1024
		}
	}
	k.t.Fatalf("no %s in the status", which)
	return 0
}

// processor returns the processor time of the process so far, in seconds.
func (k *keeper) processor() float64 {
	k.t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(k.cmd.Process.Pid), "stat"))
	if err != nil {
		k.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	ticks := 0
	for _, field := range strings.Fields(rest)[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			k.t.Fatal(err)
		}
		ticks += n
	}
	return float64(ticks) / 100
}

// changes scales workloads to one replica and back, one at a time, and returns
// how long each budget took to go and to come back, shortest first. Others are
// changed meanwhile, so many per second.
func changes(b *testing.B, api *dynamic.DynamicClient, workloads, namespaces, others int) []time.Duration {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	patch := func(i int, text string) error {
		_, err := api.Resource(pdbDeployments).Namespace(fmt.Sprintf("area-%d", i%namespaces)).
			Patch(ctx, fmt.Sprintf("app-%d", i), types.MergePatchType, []byte(text), metav1.PatchOptions{})
		return err
	}
	var group errgroup.Group
	if others > 0 {
		group.Go(func() error {
			for i := workloads / 2; ; i = workloads/2 + (i+1)%(workloads/2) {
				select {
				case <-ctx.Done():
					return nil
				case <-time.After(time.Second / time.Duration(others)):
				}
				if err := patch(i, fmt.Sprintf(`{"metadata":{"labels":{"version":"v%d"}}}`, time.Now().UnixNano())); err != nil && ctx.Err() == nil {
					return err
				}
			}
		})
	}
	watch, err := api.Resource(pdbBudgets).Watch(ctx, metav1.ListOptions{LabelSelector: "heritage=pdb-controller"})
	if err != nil {
		b.Fatal(err)
	}
	defer watch.Stop()
	var took []time.Duration
	for i := range 30 {
		name := fmt.Sprintf("app-%d-pdb-controller", i*7)
		for _, step := range []struct {
			replicas int
			want     string
		}{{1, "DELETED"}, {2, "ADDED"}} {
			began := time.Now()
			if err := patch(i*7, fmt.Sprintf(`{"spec":{"replicas":%d}}`, step.replicas)); err != nil {
				b.Fatal(err)
			}
			deadline := time.After(time.Minute)
			for seen := false; !seen; {
				select {
				case e := <-watch.ResultChan():
					o, ok := e.Object.(*unstructured.Unstructured)
					seen = ok && o.GetName() == name && string(e.Type) == step.want
				case <-deadline:
					b.Fatalf("budget %s was not %s within a minute", name, step.want)
				}
			}
			took = append(took, time.Since(began))
		}
	}
	cancel()
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	slices.Sort(took)
	return took
}
