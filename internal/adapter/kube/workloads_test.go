package kube

import (
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/localkubetest"
)

// TestWorkloadsOfADatabase reads a StatefulSet with zonal volumes from the real
// cluster: the pods are tied to the zones of their nodes, and the nodes have
// the volumes attached until the pods and their volumes have left.
func TestWorkloadsOfADatabase(t *testing.T) {
	t.Parallel()
	c := connect(t)
	machines(t, c)
	ns := namespace(t, c)
	labels := map[string]any{"app": "db"}
	db := object("apps/v1", "StatefulSet", ns, "db", map[string]any{"spec": map[string]any{
		"replicas": 2, "serviceName": "db", "podManagementPolicy": "Parallel", "selector": map[string]any{"matchLabels": labels},
		"template": map[string]any{"metadata": map[string]any{"labels": labels}, "spec": map[string]any{
			"terminationGracePeriodSeconds": 1,
			"containers": []any{map[string]any{"name": "main", "image": "db:1",
				"resources":    map[string]any{"requests": map[string]any{"cpu": "250m", "memory": "64Mi"}},
				"volumeMounts": []any{map[string]any{"name": "data", "mountPath": "/data"}}}}}},
		"volumeClaimTemplates": []any{map[string]any{"metadata": map[string]any{"name": "data"}, "spec": map[string]any{
			"accessModes": []any{"ReadWriteOnce"}, "resources": map[string]any{"requests": map[string]any{"storage": "1Gi"}}}}},
	}})
	apply(t, c, db)
	waitHealthy(t, c, db.Ref())

	w, err := c.Workloads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	nodes := map[string]fairway.Node{}
	for _, n := range w.Nodes {
		nodes[n.Name] = n
	}
	found := 0
	for _, p := range w.Pods {
		if p.Namespace != ns {
			continue
		}
		found++
		n := nodes[p.Node]
		if p.OwnerKind != "StatefulSet" || p.OwnerName != "db" || !p.Ready || p.CPU != 250 || p.Memory != 64<<20 {
			t.Errorf("pod = %+v", p)
		}
		if p.VolumeZone == "" || p.VolumeZone != n.Zone {
			t.Errorf("pod %s has volume zone %q on a node in %q", p.Name, p.VolumeZone, n.Zone)
		}
		if n.VolumesAttached < 1 || n.ProviderID == "" || n.KubeletVersion == "" || n.CPU == 0 || n.Pods == 0 {
			t.Errorf("node = %+v", n)
		}
	}
	if found != 2 {
		t.Fatalf("%d pods of the database", found)
	}
	attached := func() (sum int) {
		w, err := c.Workloads(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range w.Nodes {
			sum += n.VolumesAttached
		}
		return sum
	}
	before := attached()
	if before != 2 {
		t.Errorf("%d volumes attached, want 2", before)
	}
	remove(t, c, "StatefulSet", ns, "db")
	localkubetest.Eventually(t, patience, func() error {
		if n := attached(); n != 0 {
			return fmt.Errorf("%d volumes are attached after the pods have gone", n)
		}
		return nil
	})
}

// TestWorkloadsReadsPages reads lists that take more than one answer, also when
// the server forgets the list half-way.
func TestWorkloadsReadsPages(t *testing.T) {
	t.Parallel()
	plain := connect(t)
	ns := namespace(t, plain)
	const count = 5
	for i := range count {
		apply(t, plain, pdb(ns, "b"+strconv.Itoa(i), "none", 1))
	}
	var pages, forgotten atomic.Int32
	c := connectThrough(t, func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path != "/apis/policy/v1/poddisruptionbudgets" {
				return next.RoundTrip(r)
			}
			pages.Add(1)
			query := r.URL.Query()
			if query.Get("continue") != "" && forgotten.Add(1) == 1 {
				return respond(r, http.StatusGone,
					`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410,"message":"The provided continue parameter is too old"}`,
					"Content-Type", "application/json"), nil
			}
			query.Set("limit", "2")
			r = r.Clone(r.Context())
			r.URL.RawQuery = query.Encode()
			return next.RoundTrip(r)
		})
	})
	w, err := c.Workloads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, b := range w.Budgets {
		if b.Namespace == ns {
			seen[b.Name]++
		}
	}
	for i := range count {
		if n := seen["b"+strconv.Itoa(i)]; n != 1 {
			t.Errorf("budget b%d was returned %d times", i, n)
		}
	}
	if pages.Load() < 5 || forgotten.Load() < 2 {
		t.Errorf("%d answers, %d with a token: the list was not read in pages", pages.Load(), forgotten.Load())
	}
}
