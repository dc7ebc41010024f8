package local

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/localkubetest"
)

// patience is how long a test waits for machines on a busy machine.
const patience = time.Minute

var zones = []string{"local-1a", "local-1b", "local-1c"}

// workers is the spec of a worker pool.
func workers(name string, minSize, maxSize int64) fairway.PoolSpec {
	return fairway.PoolSpec{
		Pool:     fairway.NodePool{Name: name, Profile: "worker-default", InstanceTypes: []string{"m5.large"}, MinSize: minSize, MaxSize: maxSize},
		UserData: "#cloud-config\n", Image: "image-1",
	}
}

// realCloud returns the cloud of the real cluster that the tests share.
func realCloud(t *testing.T) fairway.Cloud {
	t.Helper()
	p, _ := provider(localkubetest.Start(t).DataDir)
	_, c, err := p.Connect(t.Context(), testCluster())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ours are the tags of a group that Fairway made and that is not rolled.
func ours() map[string]string { return map[string]string{tagCluster: testCluster().ID} }

func ensure(t *testing.T, c fairway.Cloud, spec fairway.PoolSpec) fairway.Group {
	t.Helper()
	g, err := c.EnsurePool(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return *g
}

// groupNamed reads a group.
func groupNamed(t *testing.T, c fairway.Cloud, name string) fairway.Group {
	t.Helper()
	groups, err := c.Groups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(groups, func(g fairway.Group) bool { return g.Pool == name })
	if i < 0 {
		t.Fatalf("no group %s", name)
	}
	return groups[i]
}

// instancesOf reads the instances of a group.
func instancesOf(t *testing.T, c fairway.Cloud, name string) []fairway.Instance {
	t.Helper()
	all, err := c.Instances(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(i fairway.Instance) bool { return i.Pool != name })
}

// waitInService waits until a group has so many instances in service and no
// others.
func waitInService(t *testing.T, c fairway.Cloud, name string, count int) []fairway.Instance {
	t.Helper()
	var instances []fairway.Instance
	localkubetest.Eventually(t, patience, func() error {
		instances = instancesOf(t, c, name)
		for _, i := range instances {
			if i.State != fairway.InstanceInService {
				return fmt.Errorf("instance %s is %s", i.ID, i.State)
			}
		}
		if len(instances) != count {
			return fmt.Errorf("%d instances, want %d", len(instances), count)
		}
		return nil
	})
	return instances
}

func setDesired(t *testing.T, c fairway.Cloud, pool string, desired, base int) fairway.Group {
	t.Helper()
	if err := c.SetDesired(t.Context(), pool, desired, base); err != nil {
		t.Fatal(err)
	}
	return groupNamed(t, c, pool)
}

func TestEnsurePoolMakesGenerations(t *testing.T) {
	t.Parallel()
	c := realCloud(t)
	want := fairway.Group{Pool: "gen", Min: 2, Max: 5, Desired: 2, Generation: "gen:1", Zones: zones, Tags: ours(), Owned: true}
	same := workers("gen", 2, 5)
	for _, when := range []string{"first", "again"} {
		if diff := cmp.Diff(want, ensure(t, c, same)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	before := waitInService(t, c, "gen", 2)
	for _, i := range before {
		if i.Generation != "gen:1" || i.ProviderID == "" || i.NodeName == "" || !slices.Contains(zones, i.Zone) || i.LaunchedAt.IsZero() {
			t.Errorf("instance = %+v", i)
		}
	}
	generation := 1
	for _, change := range []struct {
		name string
		do   func(*fairway.PoolSpec)
	}{
		{"user data", func(s *fairway.PoolSpec) { s.UserData += "x" }},
		{"image", func(s *fairway.PoolSpec) { s.Image = "image-2" }},
		{"instance type", func(s *fairway.PoolSpec) { s.Pool.InstanceTypes = []string{"m5.xlarge"} }},
		{"labels", func(s *fairway.PoolSpec) { s.Labels = map[string]string{"tier": "x"} }},
		{"taints", func(s *fairway.PoolSpec) { s.Taints = []fairway.Taint{{Key: "k", Value: "v", Effect: "NoSchedule"}} }},
	} {
		change.do(&same)
		generation++
		if got := ensure(t, c, same).Generation; got != fmt.Sprint("gen:", generation) {
			t.Errorf("after a change of the %s: generation %s, want gen:%d", change.name, got, generation)
		}
	}
	// A change that is taken back is the generation from before it.
	if got := ensure(t, c, workers("gen", 2, 5)).Generation; got != "gen:1" {
		t.Errorf("with the first spec again: generation %s, want gen:1", got)
	}
	if diff := cmp.Diff(before, waitInService(t, c, "gen", 2), cmpopts.IgnoreFields(fairway.Instance{}, "LaunchedAt", "InServiceAt")); diff != "" {
		t.Errorf("instances were replaced (-before +after):\n%s", diff)
	}
}

func TestEnsurePoolSizes(t *testing.T) {
	t.Parallel()
	c := realCloud(t)
	ensure(t, c, workers("sizes", 1, 4))
	setDesired(t, c, "sizes", 3, 0)
	for _, test := range []struct {
		name                string
		minSize, maxSize    int64
		desired, wasDesired int
	}{
		{"inside the limits", 1, 5, 3, 3},
		{"raised by the minimum", 4, 5, 4, 3},
		{"lowered by the maximum", 0, 2, 2, 4},
		{"nothing left", 0, 0, 0, 2},
	} {
		before := groupNamed(t, c, "sizes")
		after := ensure(t, c, workers("sizes", test.minSize, test.maxSize))
		if before.Desired != test.wasDesired || after.Desired != test.desired || after.Min != int(test.minSize) || after.Max != int(test.maxSize) {
			t.Errorf("%s: %+v, before %+v", test.name, after, before)
		}
	}
	if _, err := c.EnsurePool(t.Context(), workers("sizes", 3, 2)); fairway.ErrorCode(err) != fairway.CodeInvalid || fairway.ErrorHint(err) == "" {
		t.Errorf("min above max: %v", err)
	}
}

func TestEnsurePoolDuringARoll(t *testing.T) {
	t.Parallel()
	c := realCloud(t)
	ensure(t, c, workers("rolling", 1, 2))
	setDesired(t, c, "rolling", 2, 0)
	during := setDesired(t, c, "rolling", 4, 2)
	if during.Desired != 4 || during.Max != 2 || during.Tags[fairway.TagRollBase] != "2" || during.Tags[fairway.TagRollSize] != "4" {
		t.Errorf("during the roll: %+v", during)
	}
	after := ensure(t, c, workers("rolling", 1, 3))
	if after.Desired != 4 || after.Min != 1 || after.Max != 3 || after.Tags[fairway.TagRollBase] != "2" {
		t.Errorf("EnsurePool during the roll: %+v", after)
	}
	done := setDesired(t, c, "rolling", 2, 0)
	if diff := cmp.Diff(fairway.Group{Pool: "rolling", Min: 1, Max: 3, Desired: 2, Generation: "rolling:1", Zones: zones, Tags: ours(), Owned: true}, done); diff != "" {
		t.Errorf("after the roll (-want +got):\n%s", diff)
	}
	var live struct{ Min, Max int }
	localkubetest.Start(t).Call(t, http.MethodGet, "/v1/groups/rolling", nil, &live)
	if live.Min != 1 || live.Max != 3 {
		t.Errorf("the group's own limits were not put back: %+v", live)
	}
}

func TestEnsurePoolZones(t *testing.T) {
	t.Parallel()
	c := realCloud(t)
	spec := workers("zoned", 0, 2)
	spec.Pool.ConfigItems = map[string]string{"availability_zones": "local-1c,local-1a"}
	if got := ensure(t, c, spec).Zones; !slices.Equal(got, []string{"local-1a", "local-1c"}) {
		t.Errorf("zones = %v", got)
	}
	spec.Pool.ConfigItems["availability_zones"] = "local-1b"
	if got := ensure(t, c, spec).Zones; !slices.Equal(got, []string{"local-1b"}) {
		t.Errorf("zones = %v", got)
	}
	spec.Pool.ConfigItems["availability_zones"] = "elsewhere"
	if _, err := c.EnsurePool(t.Context(), spec); fairway.ErrorCode(err) != fairway.CodeInvalid {
		t.Errorf("a zone that does not exist: %v", err)
	}
}

func TestTerminate(t *testing.T) {
	t.Parallel()
	c := realCloud(t)
	ensure(t, c, workers("end", 1, 5))
	setDesired(t, c, "end", 3, 0)
	instances := waitInService(t, c, "end", 3)

	// With decrement the group shrinks by one, however often it is asked.
	for range 2 {
		if err := c.Terminate(t.Context(), instances[0].ID, true); err != nil {
			t.Fatal(err)
		}
	}
	if g := groupNamed(t, c, "end"); g.Desired != 2 {
		t.Errorf("desired = %d after one decrement", g.Desired)
	}
	left := waitInService(t, c, "end", 2)
	if slices.ContainsFunc(left, func(i fairway.Instance) bool { return i.ID == instances[0].ID }) {
		t.Error("the terminated instance is still there")
	}
	if err := c.Terminate(t.Context(), instances[0].ID, true); err != nil {
		t.Errorf("an instance that has ended: %v", err)
	}

	// Without it another is launched.
	if err := c.Terminate(t.Context(), left[0].ID, false); err != nil {
		t.Fatal(err)
	}
	localkubetest.Eventually(t, patience, func() error {
		if slices.ContainsFunc(instancesOf(t, c, "end"), func(i fairway.Instance) bool { return i.ID == left[0].ID }) {
			return fmt.Errorf("instance %s is still there", left[0].ID)
		}
		return nil
	})
	left = waitInService(t, c, "end", 2)
	if g := groupNamed(t, c, "end"); g.Desired != 2 {
		t.Errorf("desired = %d without decrement", g.Desired)
	}

	if err := c.Terminate(t.Context(), "i-never", false); err != nil {
		t.Errorf("an instance that nobody knows: %v", err)
	}
	if err := c.Terminate(t.Context(), left[0].ID, true); err != nil {
		t.Fatal(err)
	}
	if err := c.Terminate(t.Context(), left[1].ID, true); fairway.ErrorCode(err) != fairway.CodeConflict {
		t.Errorf("below the minimum: %v (%s)", err, fairway.ErrorCode(err))
	}
}

func TestProtect(t *testing.T) {
	t.Parallel()
	c := realCloud(t)
	ensure(t, c, workers("kept", 0, 3))
	setDesired(t, c, "kept", 3, 0)
	for _, i := range waitInService(t, c, "kept", 3)[1:] {
		for range 2 {
			if err := c.Protect(t.Context(), i.ID, true); err != nil {
				t.Fatal(err)
			}
		}
	}
	setDesired(t, c, "kept", 1, 0)
	left := waitInService(t, c, "kept", 2)
	for _, i := range left {
		if !i.Protected {
			t.Errorf("instance %+v stayed, a protected one went", i)
		}
	}
	if err := c.Protect(t.Context(), left[0].ID, false); err != nil {
		t.Fatal(err)
	}
	if i := waitInService(t, c, "kept", 1)[0]; i.ID != left[1].ID {
		t.Errorf("the protected instance went, %s stayed", i.ID)
	}
	if err := c.Protect(t.Context(), "i-never", true); fairway.ErrorCode(err) != fairway.CodeNotFound {
		t.Errorf("an instance that nobody knows: %v", err)
	}
}

func TestFaultsOfTheCloud(t *testing.T) {
	t.Parallel()
	lk := localkubetest.StartOwn(t) // faults are for the whole cluster
	p, _ := provider(lk.DataDir)
	_, c, err := p.Connect(t.Context(), testCluster())
	if err != nil {
		t.Fatal(err)
	}
	ensure(t, c, workers("w", 0, 9))

	lk.Call(t, http.MethodPut, "/v1/faults", map[string]any{"error_rate": 0.5, "error_seed": 7}, nil)
	for n := 1; n <= 5; n++ {
		if g := setDesired(t, c, "w", 0, n); g.Tags[fairway.TagRollBase] != fmt.Sprint(n) {
			t.Errorf("with errors half of the time: %+v", g)
		}
	}
	setDesired(t, c, "w", 0, 0)
	lk.Call(t, http.MethodPut, "/v1/faults", map[string]any{}, nil)
	roomIs(t, c)
	there, err := c.Instances(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lk.Call(t, http.MethodPut, "/v1/faults", map[string]any{"quota": len(there) + 3}, nil)
	roomIs(t, c, 3)
	lk.Call(t, http.MethodPut, "/v1/faults", map[string]any{"refuse_zones": zones}, nil)
	setDesired(t, c, "w", 1, 0)
	localkubetest.Eventually(t, patience, func() error {
		if g := groupNamed(t, c, "w"); len(g.Refusals) == 0 {
			return fmt.Errorf("group %+v says nothing of the refused launch", g)
		}
		return nil
	})
	lk.Call(t, http.MethodPut, "/v1/faults", map[string]any{}, nil)
	waitInService(t, c, "w", 1)
	if g := groupNamed(t, c, "w"); len(g.Refusals) != 0 {
		t.Errorf("refusals after the launch: %v", g.Refusals)
	}
}

// TestNodesAreAsTheTemplateSays reads the Node objects of a control-plane pool.
func TestNodesAreAsTheTemplateSays(t *testing.T) {
	t.Parallel()
	c := realCloud(t)
	spec := workers("plane", 1, 1)
	spec.Pool.Profile = "master-default"
	spec.Labels = map[string]string{"tier": "x"}
	spec.Taints = []fairway.Taint{{Key: "dedicated", Value: "plane", Effect: "NoSchedule"}}
	ensure(t, c, spec)
	instance := waitInService(t, c, "plane", 1)[0]

	config, err := clientcmd.BuildConfigFromFlags("", localkubetest.Start(t).Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	var node struct {
		Metadata struct{ Labels map[string]string }
		Spec     struct {
			ProviderID string
			Taints     []fairway.Taint
		}
		Status struct{ Capacity map[string]string }
	}
	localkubetest.Eventually(t, patience, func() error {
		answer, err := client.Get(config.Host + "/api/v1/nodes/" + instance.NodeName)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("read node %s: %s", instance.NodeName, answer.Status)
		}
		return json.NewDecoder(answer.Body).Decode(&node)
	})
	for key, want := range map[string]string{
		"node.kubernetes.io/node-pool": "plane", "node-role.kubernetes.io/control-plane": "", "lifecycle-status": "ready", "tier": "x",
		"topology.kubernetes.io/zone": instance.Zone,
	} {
		if got, ok := node.Metadata.Labels[key]; !ok || got != want {
			t.Errorf("label %s = %q, %v, want %q", key, got, ok, want)
		}
	}
	if !slices.Contains(node.Spec.Taints, spec.Taints[0]) || node.Spec.ProviderID != instance.ProviderID {
		t.Errorf("node = %+v, instance = %+v", node.Spec, instance)
	}
	if node.Status.Capacity["cpu"] != "2" || node.Status.Capacity["memory"] != "8Gi" {
		t.Errorf("capacity = %v", node.Status.Capacity)
	}
}

// A pool that left the registry: its group can shrink to nothing and goes then,
// and a group of somebody else is not Fairway's.
func TestPoolLeaves(t *testing.T) {
	t.Parallel()
	c := realCloud(t)
	ensure(t, c, workers("leaving", 2, 3))
	machines := waitInService(t, c, "leaving", 2)
	setDesired(t, c, "leaving", 4, 2) // a roll had widened it
	for range 2 {
		if err := c.RetirePool(t.Context(), "leaving"); err != nil {
			t.Fatal(err)
		}
	}
	if g := groupNamed(t, c, "leaving"); g.Min != 0 || g.Max != 3 || g.Desired != 4 || !g.Owned {
		t.Errorf("retired: %+v", g)
	}
	if err := c.DeletePool(t.Context(), "leaving"); fairway.ErrorCode(err) != fairway.CodeConflict {
		t.Errorf("deleting a group with instances: %v", err)
	}
	for _, i := range machines {
		if err := c.Terminate(t.Context(), i.ID, true); err != nil {
			t.Fatal(err)
		}
	}
	setDesired(t, c, "leaving", 0, 0)
	localkubetest.Eventually(t, patience, func() error { return c.DeletePool(t.Context(), "leaving") })
	for range 2 {
		if err := c.DeletePool(t.Context(), "leaving"); err != nil {
			t.Errorf("a group that is gone: %v", err)
		}
	}
	if err := c.RetirePool(t.Context(), "leaving"); fairway.ErrorCode(err) != fairway.CodeNotFound {
		t.Errorf("retiring a group that is gone: %v", err)
	}
	localkubetest.Start(t).AddGroup(t, "somebodys", 0)
	if groupNamed(t, c, "somebodys").Owned {
		t.Error("a group that Fairway did not make is called its own")
	}
	ensure(t, c, workers("somebodys", 0, 1))
	if !groupNamed(t, c, "somebodys").Owned {
		t.Error("a group that Fairway took over is not called its own")
	}
}

// What a load balancer says of an instance, and whether it is a spot instance.
func TestInstanceHealthAndKind(t *testing.T) {
	t.Parallel()
	c := realCloud(t)
	spec := workers("balanced", 1, 1)
	spec.Pool.DiscountStrategy = "spot"
	ensure(t, c, spec)
	if i := waitInService(t, c, "balanced", 1)[0]; i.Unhealthy != "" || !i.Spot {
		t.Errorf("without a load balancer: %+v, want nothing said, and spot", i)
	}
	localkubetest.Start(t).Call(t, http.MethodPut, "/v1/groups/balanced", map[string]any{"target_health": "1h"}, nil)
	if i := instancesOf(t, c, "balanced")[0]; !strings.Contains(i.Unhealthy, "initial") {
		t.Errorf("a new target: %q", i.Unhealthy)
	}
	localkubetest.Start(t).Call(t, http.MethodPut, "/v1/groups/balanced", map[string]any{"target_health": "0s"}, nil)
	if i := instancesOf(t, c, "balanced")[0]; i.Unhealthy != "" {
		t.Errorf("a healthy target: %q", i.Unhealthy)
	}
}
