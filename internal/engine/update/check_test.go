package update

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// oneRevision is a config source with one set of files for every revision.
type oneRevision struct {
	fairway.Configuration
	files fstest.MapFS
}

func (s oneRevision) Open(context.Context, string) ([]fairway.SourceFiles, error) {
	return []fairway.SourceFiles{{Name: "main", FS: s.files}}, nil
}

// A bad item of the last pool to be rolled is found before the first is touched.
func TestRender_BadItem(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		defaults string
		pool     map[string]string
		want     string
	}{
		"fine":                  {"roll_surge: \"2\"\n", map[string]string{itemSurge: "10%"}, ""},
		"of a worker pool":      {"roll_surge: \"2\"\n", map[string]string{itemMinReady: "soon"}, "config item roll_min_ready of node pool workers"},
		"of the defaults":       {"roll_serge: \"2\"\n", nil, "config item roll_serge"},
		"of the whole cluster":  {"health_timeout: long\n", nil, "config item health_timeout of the cluster"},
		"of a strategy unused":  {"update_strategy: clc\ndrain_grace_period: \"6\"\n", nil, "config item drain_grace_period"},
		"of a pool not rolled":  {"update_strategy: on-delete\n", map[string]string{itemCanary: "maybe"}, "config item roll_canary of node pool workers"},
		"of nobody's interest":  {"something_else: long\n", nil, ""},
		"overridden by a value": {"roll_min_ready: soon\n", map[string]string{itemMinReady: "5s"}, "config item roll_min_ready of node pool control-plane"},
	} {
		r, _ := newRun(t)
		r.cluster.NodePools = []fairway.NodePool{{Name: "control-plane", Profile: "master-default"}, {Name: "workers", Profile: "worker-default", ConfigItems: c.pool}}
		r.Source = oneRevision{files: fstest.MapFS{
			"cluster/config-defaults.yaml":                    {Data: []byte(c.defaults)},
			"cluster/manifests/base/empty.yaml":               {},
			"cluster/node-pools/master-default/userdata.yaml": {Data: []byte("a: b")},
			"cluster/node-pools/worker-default/userdata.yaml": {Data: []byte("a: b")},
		}}
		_, err := r.render(t.Context())
		if c.want == "" && err == nil {
			continue
		}
		if fairway.ErrorCode(err) != fairway.CodeInvalid || c.want == "" || !strings.Contains(err.Error(), c.want) || fairway.ErrorHint(err) == "" {
			t.Errorf("%s: %v, want %q and a hint", name, err, c.want)
		}
	}
}

// What a process that died had noted of the same roll is replaced, what other
// rolls of the update noted stays.
func TestBlockedNow(t *testing.T) {
	t.Parallel()
	s := roll.Snapshot{
		Pools: []roll.Pool{{Group: fairway.Group{Pool: "workers"}}},
		Nodes: []fairway.Node{{Name: "by-id", ProviderID: "p-3"}},
		Instances: []fairway.Instance{
			{ID: "i-1", NodeName: "worker", Pool: "workers"}, {ID: "i-2", NodeName: "master", Pool: "control-plane"},
			{ID: "i-3", ProviderID: "p-3", Pool: "control-plane"}, {ID: "i-4", Pool: "control-plane"},
		},
	}
	node := func(name, reason string) fairway.BlockedNode { return fairway.BlockedNode{Node: name, Reason: reason} }
	before := []fairway.BlockedNode{node("master", "a"), node("worker", "before the restart"), node("gone", "b"), node("by-id", "c"), node("i-4", "d")}
	got := blockedNow(before, s, []fairway.BlockedNode{node("worker", "after it")})
	want := []fairway.BlockedNode{node("master", "a"), node("by-id", "c"), node("i-4", "d"), node("worker", "after it")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("blocked (-want +got):\n%s", diff)
	}
}

// What a roll remembers goes with its update, also when that ended while nobody worked on it.
func TestRun_ForgetsWhatIsOver(t *testing.T) {
	t.Parallel()
	r, _ := newRun(t)
	r.update.State = fairway.UpdateCanceled
	if err := r.Store.SaveUpdate(t.Context(), r.update); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"u", "unknown"} {
		r.histories.Store(historyKey{id, fairway.StepWorkers}, remembered{})
		if again, err := r.Run(t.Context(), id); err != nil || again >= 0 {
			t.Errorf("update %s: again in %s, error %v", id, again, err)
		}
		if _, known := r.histories.Load(historyKey{id, fairway.StepWorkers}); known {
			t.Errorf("the roll of update %s is still remembered", id)
		}
	}
}

// here connects to an API that has everything.
type here struct{ *recorder }

func (h here) Connect(context.Context, *fairway.Cluster) (fairway.Kubernetes, fairway.Cloud, error) {
	return h.recorder, oldMachines{h.recorder}, nil
}

// oldMachines are one instance of each pool, all made long ago.
type oldMachines struct{ *recorder }

func (oldMachines) Instances(context.Context) ([]fairway.Instance, error) {
	var all []fairway.Instance
	for _, pool := range []string{"rolled", "kept"} {
		all = append(all, fairway.Instance{ID: pool, NodeName: pool, Pool: pool, LaunchedAt: noon.Add(-1000 * time.Hour)})
	}
	return all, nil
}

// Nodes that an update would leave as they are do not ask for one by their age.
func TestTooOld_OnDelete(t *testing.T) {
	t.Parallel()
	r, api := newRun(t)
	api.nodes = []fairway.Node{{Name: "rolled"}, {Name: "kept"}}
	pools := []fairway.NodePool{{Name: "rolled", Profile: "p"}, {Name: "kept", Profile: "p", ConfigItems: map[string]string{itemStrategy: string(roll.OnDelete)}}}
	_, err := r.Store.ChangeCluster(t.Context(), "c", func(c *fairway.Cluster) error {
		c.Provider, c.NodePools, c.ConfigItems = fairway.ProviderLocal, pools, map[string]string{itemMaxAge: "720h"}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Source = oneRevision{files: fstest.MapFS{"cluster/manifests/base/empty.yaml": {}, "cluster/node-pools/p/userdata.yaml": {Data: []byte("a: b")}}}
	r.Providers = map[string]fairway.Provider{fairway.ProviderLocal: here{api}}
	got, err := r.TooOld(t.Context(), "c")
	if want := "1 node of pool rolled is older than 720h0m0s"; got != want || err != nil {
		t.Errorf("%q, error %v, want %q", got, err, want)
	}
}
