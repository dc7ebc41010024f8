package demo

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fairwayhq/fairway/internal/localkubetest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(superviseIn); dir != "" {
		supervise(dir)
	}
	os.Exit(localkubetest.Main(m))
}

// watched is a real cluster with the demo's workloads, their operator and a
// watcher.
type watched struct {
	*localkubetest.Cluster
	t       *testing.T
	dir     string
	command io.Writer
	done    chan error
}

func startWatched(t *testing.T) *watched {
	c := localkubetest.StartOwn(t)
	for pool, size := range map[string]int{dedicatedWeb: 4, dedicatedStorage: 3} {
		template := map[string]any{"image": "old", "instance_type": "m5.xlarge", "labels": map[string]string{"dedicated": pool}}
		c.Call(t, "POST", "/v1/launch-templates/"+pool+"/versions", template, nil)
		c.Call(t, "PUT", "/v1/groups/"+pool, map[string]any{"min": 0, "max": 20, "desired": size, "launch_template": map[string]any{"name": pool}}, nil)
	}
	client, err := dial(c.Kubeconfig)
	check(t, err)
	check(t, createWorkloads(t.Context(), client))
	ctx, cancel := context.WithCancel(context.Background())
	operator := make(chan struct{})
	go func() {
		newOperator(client, slog.New(slog.DiscardHandler)).run(ctx)
		close(operator)
	}()
	w := &watched{Cluster: c, t: t, dir: t.TempDir(), done: make(chan error, 1)}
	check(t, writeJSON(filepath.Join(w.dir, planFile), watchPlan{Clusters: []watchedCluster{{
		ID: "test", LocalID: "test", Kubeconfig: c.Kubeconfig, Namespace: shopNamespace, Service: webName, Workloads: watchedWorkloads(),
	}}}))
	in, command := io.Pipe()
	w.command = command
	go func() { w.done <- Watch(ctx, WatchOptions{DataDir: w.dir, Stdin: in}) }()
	t.Cleanup(func() { cancel(); <-operator; command.Close() })
	return w
}

// report returns what the watcher saw of the cluster so far.
func (w *watched) report() watchedReport {
	w.t.Helper()
	r := &watchReport{}
	check(w.t, readJSON(filepath.Join(w.dir, watchFile), r))
	c, _ := r.cluster("test")
	return c
}

// eventually waits until the watcher's report is as it should be.
func (w *watched) eventually(within time.Duration, ask func(*watchReport) error) {
	w.t.Helper()
	localkubetest.Eventually(w.t, within, func() error {
		r := &watchReport{}
		if err := readJSON(filepath.Join(w.dir, watchFile), r); err != nil {
			return err
		}
		return ask(r)
	})
}

func (w *watched) healthy() {
	w.t.Helper()
	w.eventually(2*time.Minute, func(r *watchReport) error {
		if !r.Healthy {
			return fmt.Errorf("waiting for %s", r.Waiting)
		}
		return nil
	})
}

// TestWatch_SeesWhatABadRollDoes: machines are ended under their pods, and
// nobody asked the budgets.
func TestWatch_SeesWhatABadRollDoes(t *testing.T) {
	t.Parallel()
	w := startWatched(t)
	w.healthy()
	fmt.Fprintln(w.command, "baseline")
	w.eventually(10*time.Second, func(r *watchReport) error {
		if r.BaselineAt.IsZero() || r.Requests.OK < 50 {
			return fmt.Errorf("baseline at %s, %d requests", r.BaselineAt, r.Requests.OK)
		}
		return nil
	})
	if r := w.report(); r.Requests.Failed > 0 || r.NodesReplaced > 0 || r.NodesBefore != 7 {
		t.Errorf("before the roll: %d requests failed, %d of %d nodes replaced; want 0, 0 of 7\n%+v", r.Requests.Failed, r.NodesReplaced, r.NodesBefore, r.Failures)
	}
	var instances struct {
		Items []struct{ ID, State string } `json:"items"`
	}
	w.Call(t, "GET", "/v1/instances?group="+dedicatedWeb, nil, &instances)
	for _, i := range instances.Items {
		w.Call(t, "POST", "/v1/instances/"+i.ID+"/terminate", map[string]any{"decrement_desired": false}, nil)
	}
	w.eventually(2*time.Minute, func(r *watchReport) error {
		c, _ := r.cluster("test")
		if !r.Healthy || c.NodesReplaced < 4 {
			return fmt.Errorf("%d nodes replaced, waiting for %s", c.NodesReplaced, r.Waiting)
		}
		return nil
	})
	fmt.Fprintln(w.command, "finish")
	check(t, <-w.done)
	r := w.report()
	web := r.Workloads[0]
	if web.Name != webName || web.MinReady >= web.Budget {
		t.Errorf("%s had %d ready at worst, budget %d; want a broken budget", web.Name, web.MinReady, web.Budget)
	}
	if r.Requests.Failed == 0 || len(r.Failures) == 0 {
		t.Errorf("requests %+v, failures %v; want failures", r.Requests, r.Failures)
	}
	if r.NodesReplaced != 4 || r.OldLeft != 3 {
		t.Errorf("%d nodes replaced, %d old left; want 4 and 3", r.NodesReplaced, r.OldLeft)
	}
	if database := r.Workloads[2]; database.Name != databaseName || database.MinReady != databaseReplicas {
		t.Errorf("%s had %d ready at worst, want %d: its nodes were left alone", database.Name, database.MinReady, databaseReplicas)
	}
}

// TestOperator_MovesTheLeaderOffAMarkedNode: the leader's role moves once, to a
// node that stays, and there is a leader all the time.
func TestOperator_MovesTheLeaderOffAMarkedNode(t *testing.T) {
	t.Parallel()
	w := startWatched(t)
	w.healthy()
	fmt.Fprintln(w.command, "baseline")
	client, err := dial(w.Kubeconfig)
	check(t, err)
	pods := client.Resource(podsResource).Namespace(shopNamespace)
	leader := func() (name, node string) {
		list, err := pods.List(t.Context(), metav1.ListOptions{LabelSelector: "application=database,role=leader"})
		check(t, err)
		if len(list.Items) != 1 {
			return "", ""
		}
		p := podOf(&list.Items[0])
		return p.Name, p.Node
	}
	before, node := leader()
	if before == "" {
		t.Fatal("the database has no leader in full health")
	}
	mark := func(label string) {
		patch := fmt.Sprintf(`{"metadata":{"labels":{"lifecycle-status":%q}}}`, label)
		_, err := client.Resource(nodesResource).Patch(t.Context(), node, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		check(t, err)
	}
	mark("decommission-pending")
	w.eventually(30*time.Second, func(r *watchReport) error {
		c, _ := r.cluster("test")
		if now, _ := leader(); now == before || now == "" || c.LeaderMoves != 1 {
			return fmt.Errorf("%q leads (%q before), %d moves", now, before, c.LeaderMoves)
		}
		return nil
	})
	after, _ := leader()
	mark("ready")
	// The role does not go back: long enough for several looks of the operator.
	w.eventually(30*time.Second, func(r *watchReport) error {
		if r.UpdatedAt.Sub(r.BaselineAt) < 5*time.Second {
			return fmt.Errorf("only %s since the baseline", r.UpdatedAt.Sub(r.BaselineAt))
		}
		return nil
	})
	if now, _ := leader(); now != after {
		t.Errorf("%s leads, want %s still", now, after)
	}
	c := w.report()
	if role := c.Workloads[1]; !strings.HasSuffix(role.Name, "leader") || role.MinReady != 1 || c.LeaderMoves != 1 {
		t.Errorf("%s: %d ready at worst, %d moves; want 1 and 1", role.Name, role.MinReady, c.LeaderMoves)
	}
	fmt.Fprintln(w.command, "finish")
	check(t, <-w.done)
}
