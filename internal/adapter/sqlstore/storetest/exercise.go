package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

// Start is the time that values of the suite are made at.
var start = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

// Exercise runs the suite. open returns an empty store that is closed with the
// test.
func Exercise(t *testing.T, open func(t *testing.T) fairway.Store) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s fairway.Store)
	}{
		{"cluster: what is created comes back", clusterRoundTrip},
		{"cluster: lists are ordered and never nil", clusterOrder},
		{"cluster: filters combine", clusterFilters},
		{"cluster: find by id, alias and local id", clusterFind},
		{"cluster: duplicates are conflicts", clusterDuplicates},
		{"cluster: an update changes what it gives", clusterUpdate},
		{"cluster: status is replaced as a whole", clusterStatus},
		{"cluster: an update forgets origins of what it gives", clusterOrigin},
		{"cluster: only decommissioned ones are deleted", clusterDelete},
		{"cluster: concurrent writers lose nothing", clusterConcurrent},
		{"cluster: a change is one step", clusterChange},
		{"accounts give clusters their owner", accounts},
		{"update: what is created comes back", updateRoundTrip},
		{"update: one per cluster is not over", updateOneActive},
		{"update: of many writers one wins", updateRace},
		{"update: filters", updateFilters},
		{"update: people steer what is not over", steer},
		{"update: steering and progress never lose each other", steerConcurrent},
		{"plan: stored, replaced, approved once by who is no author", plans},
		{"rotations", rotations},
		{"steps", steps},
		{"rollouts", rollouts},
		{"revisions", revisions},
		{"inventory", inventory},
		{"drift", drift},
		{"events", events},
		{"events: concurrent writers get numbers of their own", eventsConcurrent},
		{"changes: every write is recorded once, with who and why", changes},
		{"changes: any earlier version comes back", versions},
		{"changes: filters", changeFilters},
		{"changes: readers that follow miss nothing and see nothing twice", changesFollowed},
		{"changes: of two writers under a condition one wins", changeRace},
		{"instance", instance},
		{"texts of all kinds", texts},
		{"a canceled call ends", canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, open(t))
		})
	}
}

// cluster returns a whole cluster with that local id.
func cluster(name string, change ...func(c *fairway.Cluster)) *fairway.Cluster {
	c := &fairway.Cluster{
		ID: "local:demo:eu:" + name, Alias: name, InfrastructureAccount: "local:demo", LocalID: name,
		APIServerURL: "https://" + name + ".example.org", Channel: "dev", Environment: "test", CriticalityLevel: 2,
		LifecycleStatus: fairway.StatusReady, Provider: fairway.ProviderLocal, Region: "eu",
		ConfigItems: map[string]string{"key_one": "1", "key_two": "a\nb"},
		NodePools: []fairway.NodePool{
			{Name: "master", Profile: "master-default", InstanceTypes: []string{"m"}, DiscountStrategy: "none", MinSize: 1, MaxSize: 2},
			{Name: "worker", Profile: "worker-default", InstanceTypes: []string{"a", "b"}, DiscountStrategy: "spot", MinSize: 3, MaxSize: 21,
				ConfigItems: map[string]string{"taints": "x=:NoSchedule"}},
		},
		Status: fairway.ClusterStatus{CurrentVersion: "c#1", LastVersion: "b#1", NextVersion: "d#1", Problems: []fairway.Problem{{Type: fairway.ProblemGeneral, Title: "t", Status: 500, Detail: "d", Instance: "i"}}},
		Owner:  "team", AccountName: "demo", CreatedAt: start,
		Origin: map[string]string{"alias": "default: local_id", "channel": "default: defaults"},
	}
	for _, do := range change {
		do(c)
	}
	return c
}

// must ends the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// got ends the test on an error and returns the value.
func got[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		must(t, err)
		return v
	}
}

// anyTag ignores entity tags that the test gives no value for.
var anyTag = cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".ETag" },
	cmp.FilterValues(func(a, b string) bool { return a == "" || b == "" }, cmp.Ignore()))

// wants compares.
func wants(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, anyTag); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// refuses wants an error of a code.
func refuses(t *testing.T, what string, err error, code fairway.Code) {
	t.Helper()
	if fairway.ErrorCode(err) != code {
		t.Errorf("%s: got error %v of code %q, want code %q", what, err, fairway.ErrorCode(err), code)
	}
}
