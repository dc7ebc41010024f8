package registry_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/sqlstore"
	"github.com/fairwayhq/fairway/internal/engine/registry"
)

func cluster(id string) fairway.Cluster {
	return fairway.Cluster{
		ID: id, Alias: id, LocalID: id, InfrastructureAccount: "local:test", APIServerURL: "https://" + id + ".example.org", Channel: "dev",
		Environment: "test", CriticalityLevel: 1, LifecycleStatus: fairway.StatusRequested, Provider: fairway.ProviderLocal, Region: "local-1",
		ConfigItems: map[string]string{"key_a": "1"}, NodePools: []fairway.NodePool{{Name: "workers", Profile: "worker-default", InstanceTypes: []string{"m5.large"}, DiscountStrategy: "none", MinSize: 1, MaxSize: 2}},
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	store, err := sqlstore.Open(t.Context(), filepath.Join(t.TempDir(), "fairway.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	load := func(want registry.Outcome, clusters ...fairway.Cluster) {
		t.Helper()
		got, err := registry.Import(t.Context(), store, clusters, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("outcome (-want +got):\n%s", diff)
		}
	}
	a, b := cluster("a1"), cluster("b1")
	load(registry.Outcome{Created: []string{"a1", "b1"}}, a, b)
	load(registry.Outcome{}, a, b)

	// What the manager wrote stays, and so does a cluster that the file forgot.
	ready, status := fairway.StatusReady, fairway.ClusterStatus{CurrentVersion: "x#y", Problems: []fairway.Problem{}}
	if _, err := store.UpdateCluster(t.Context(), "a1", fairway.ClusterUpdate{LifecycleStatus: &ready, Status: &status}); err != nil {
		t.Fatal(err)
	}
	a.ConfigItems = map[string]string{"key_a": "2"}
	load(registry.Outcome{Changed: []string{"a1"}, Missing: []string{"b1"}}, a)
	got, err := store.Cluster(t.Context(), "a1")
	if err != nil {
		t.Fatal(err)
	}
	if got.LifecycleStatus != ready || got.Status.CurrentVersion != "x#y" || got.ConfigItems["key_a"] != "2" {
		t.Errorf("after the import the cluster is %+v", got)
	}
	if _, err := store.Cluster(t.Context(), "b1"); err != nil {
		t.Errorf("the cluster that the file forgot: %v", err)
	}

	// Each of these is a change although the hash, which has no separators, may be the same.
	for name, change := range map[string]func(*fairway.Cluster){
		"alias":         func(c *fairway.Cluster) { c.Alias = "other" },
		"shifted items": func(c *fairway.Cluster) { c.ConfigItems = map[string]string{"key_a2": ""} },
		"shifted pool": func(c *fairway.Cluster) {
			c.NodePools = slices.Clone(c.NodePools)
			c.NodePools[0].Name = "worker"
			c.NodePools[0].Profile = "sworker-default"
		},
		"more instances": func(c *fairway.Cluster) { c.NodePools = slices.Clone(c.NodePools); c.NodePools[0].MaxSize = 3 },
	} {
		changed := a
		change(&changed)
		out, err := registry.Import(t.Context(), store, []fairway.Cluster{changed, b}, nil)
		if err != nil || len(out.Changed) != 1 {
			t.Errorf("%s: %+v %v, want one changed", name, out, err)
		}
		if out, err := registry.Import(t.Context(), store, []fairway.Cluster{a, b}, nil); err != nil || len(out.Changed) != 1 {
			t.Errorf("%s, taken back: %+v %v, want one changed", name, out, err)
		}
	}
}
