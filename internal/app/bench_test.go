package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

// BenchmarkCommitToFirstWrite is the time from a pushed commit to the first
// write in a cluster, which is the manager taking its lease. The goal is 2 s.
func BenchmarkCommitToFirstWrite(b *testing.B) {
	f := newFleet(b, fleetOptions{clusters: []string{"dev-1"}})
	f.start()
	f.awaitProvisioned()
	var total, longest time.Duration
	const rounds = 5
	for b.Loop() {
		for i := range rounds {
			f.write("cluster/manifests/90-test/object.yaml", fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: bench\n  namespace: default\ndata:\n  round: %q\n", fmt.Sprint(i, time.Now())))
			revision := f.commit("round")
			begin := time.Now()
			seen := f.leaseRenewed()
			for now := seen; now == seen; now = f.leaseRenewed() {
				if time.Since(begin) > 30*time.Second {
					b.Fatal("nothing was written within 30 s")
				}
			}
			took := time.Since(begin)
			total, longest = total+took, max(longest, took)
			f.awaitRollout("dev", revision, fairway.RolloutDone, time.Minute)
		}
	}
	b.ReportMetric(total.Seconds()/rounds/float64(b.N), "s/commit-to-write")
	b.ReportMetric(longest.Seconds(), "s-longest")
	b.ReportMetric(0, "ns/op") // says nothing here
}

// leaseRenewed is the time in the lease of the manager.
func (f *fleet) leaseRenewed() string {
	f.t.Helper()
	dir := f.data + "/clusters/" + f.clusters[0]
	var lease struct {
		Spec struct {
			RenewTime string `json:"renewTime"`
		} `json:"spec"`
	}
	f.call(dir, "api_server_url", http.MethodGet, "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/fairway", "", &lease)
	return lease.Spec.RenewTime
}

// BenchmarkRoll30 rolls 30 nodes with 200 pods on a real control plane, three
// at a time, and compares it with the lower bound of such a roll: each
// replacement occupies one of three slots for its boot and its old node's
// drain, (sum of boots + nodes x pod termination) / 3.
func BenchmarkRoll30(b *testing.B) {
	const nodes, surge = 30, 3
	const termination = time.Second
	f := newFleet(b, fleetOptions{clusters: []string{"dev-1"}, workers: nodes,
		items: map[string]string{"roll_surge": fmt.Sprint(surge), "roll_min_ready": "0s", "roll_canary": "false"}})
	f.start()
	f.awaitProvisioned()
	f.apply("dev-1",
		`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"default"},"spec":{"replicas":180,"selector":{"matchLabels":{"app":"web"}},
		  "template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"c","image":"registry.example.org/web:1"}],
		  "topologySpreadConstraints":[{"maxSkew":1,"topologyKey":"kubernetes.io/hostname","whenUnsatisfiable":"ScheduleAnyway","labelSelector":{"matchLabels":{"app":"web"}}}]}}}}`,
		`{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":"web","namespace":"default"},"spec":{"maxUnavailable":"10%","selector":{"matchLabels":{"app":"web"}}}}`)
	f.awaitHealthy("dev-1", fairway.ObjectRef{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "default", Name: "web"})
	for b.Loop() {
		f.replace("cluster/node-pools/worker-default/userdata.yaml", "#cloud-config", "#cloud-config\n# "+fmt.Sprint(time.Now().UnixNano()))
		r := f.awaitRollout("dev", f.commit("new user data of the workers"), fairway.RolloutDone, 15*time.Minute)
		updates, err := f.client.Updates(b.Context(), fairway.UpdateFilter{RolloutID: r.ID})
		if err != nil || len(updates) != 1 {
			b.Fatalf("updates: %v %v", updates, err)
		}
		u, steps := f.steps(updates[0].ID)
		var took time.Duration
		for _, s := range steps {
			if s.Name == fairway.StepWorkers {
				took = s.FinishedAt.Sub(s.StartedAt)
			}
		}
		boots := f.boots("workers", u.StartedAt)
		bound := (boots + nodes*termination) / surge
		b.ReportMetric(took.Seconds(), "s/roll")
		b.ReportMetric(bound.Seconds(), "s-bound")
		b.ReportMetric(took.Seconds()/bound.Seconds(), "x-bound")
		b.ReportMetric(float64(u.Evictions), "evictions")
		b.ReportMetric(float64(u.EvictionsRefused), "refused")
		b.ReportMetric(0, "ns/op") // says nothing here
	}
}

func (f *fleet) steps(id string) (*fairway.Update, []fairway.Step) {
	f.t.Helper()
	u, err := f.client.Update(f.t.Context(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	return &u.Update, u.Steps
}

// boots adds up how long the machines of a pool that were launched since took
// to be in service.
func (f *fleet) boots(pool string, since time.Time) time.Duration {
	f.t.Helper()
	var instances struct {
		Items []struct {
			LaunchedAt  time.Time `json:"launched_at"`
			InServiceAt time.Time `json:"in_service_at"`
		} `json:"items"`
	}
	f.cloud(f.clusters[0], http.MethodGet, "/v1/instances?group="+pool, "", &instances)
	var sum time.Duration
	for _, i := range instances.Items {
		if i.LaunchedAt.After(since) && !i.InServiceAt.IsZero() {
			sum += i.InServiceAt.Sub(i.LaunchedAt)
		}
	}
	if sum == 0 {
		f.t.Fatal("no machine was launched: " + strings.Join(f.clusters, ","))
	}
	return sum
}
