package pdb

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

// world draws a namespace from a seed: few names and labels, so that workloads
// and budgets get in each other's way.
type world struct{ *rand.Rand }

func (r world) pick(of ...string) string { return of[r.IntN(len(of))] }

func (r world) labels() map[string]string {
	labels := map[string]string{}
	for _, key := range []string{"app", "track", "tier"} {
		if r.IntN(2) == 0 {
			labels[key] = r.pick("a", "b", "c")
		}
	}
	return labels
}

func (r world) namespace() Namespace {
	var n Namespace
	if r.IntN(4) == 0 {
		n.Absent = map[fairway.WorkloadKind]bool{fairway.KindRollout: true}
	}
	kinds := []fairway.WorkloadKind{fairway.KindDeployment, fairway.KindStatefulSet, fairway.KindRollout}
	for _, kind := range kinds {
		for _, name := range []string{"x", "y", "z"} {
			if r.IntN(2) == 0 || n.Absent[kind] {
				continue
			}
			w := &fairway.ReplicatedWorkload{
				Kind: kind, Namespace: "ns", Name: name, UID: fmt.Sprint(kind, name, r.IntN(2)), CreatedAt: now.Add(-r.minutes()), Deleting: r.IntN(20) == 0,
				Labels: r.labels(), NonReadyTTL: r.pick("", "", "", "5m", "never"), Replicas: r.IntN(4), PodLabels: r.labels(),
			}
			w.ReadyReplicas = r.IntN(w.Replicas + 1)
			if r.IntN(2) == 0 {
				w.ReadyReplicas = w.Replicas
			}
			w.Selector = &fairway.LabelSelector{MatchLabels: map[string]string{}}
			for key, value := range w.PodLabels {
				if r.IntN(3) > 0 {
					w.Selector.MatchLabels[key] = value
				}
			}
			n.Workloads = append(n.Workloads, w)
		}
	}
	for i := range r.IntN(8) {
		b := &fairway.DisruptionBudget{
			Namespace: "ns", Name: r.pick("x", "y", "z") + r.pick("", "-pdb-controller", "-statefulset-pdb-controller"), UID: fmt.Sprint("b", i), Version: "1",
			Labels: r.labels(), MaxUnavailable: r.pick("1", "2", "", "50%"), Selector: &fairway.LabelSelector{MatchLabels: r.labels()}, Deleting: r.IntN(20) == 0,
		}
		if r.IntN(3) > 0 {
			b.Labels["heritage"] = r.pick("pdb-controller", "pdb-controller", "Helm")
			kind := fairway.WorkloadKind(r.pick("Deployment", "StatefulSet", "Rollout", "Database"))
			b.Owners = []fairway.Owner{{APIVersion: fairway.WorkloadAPIVersion(kind), Kind: string(kind), Name: r.pick("x", "y", "z"), UID: "old"}}
			b.NonReadySince = r.pick("", now.Add(-r.minutes()).Format(time.RFC3339), "nonsense")
		}
		if r.IntN(5) == 0 {
			b.Owners = nil
		}
		if !slices.ContainsFunc(n.Budgets, func(other *fairway.DisruptionBudget) bool { return other.Name == b.Name }) {
			n.Budgets = append(n.Budgets, b)
		}
	}
	return n
}

func (r world) minutes() time.Duration { return time.Duration(r.IntN(30)) * time.Minute }

// carriedOut returns the namespace after the actions of a decision.
func carriedOut(t *testing.T, n Namespace, d Decision) Namespace {
	t.Helper()
	after := n
	after.Budgets = slices.Clone(n.Budgets)
	at := func(name string) int {
		return slices.IndexFunc(after.Budgets, func(b *fairway.DisruptionBudget) bool { return b.Name == name })
	}
	for _, a := range d.Actions {
		i := at(a.Budget().Name)
		switch a.Verb {
		case Create:
			if i >= 0 {
				t.Fatalf("creates %s, which is there", a.Want.Name)
			}
			after.Budgets = append(after.Budgets, a.Want)
		case Change, Remove:
			if i < 0 || after.Budgets[i] != a.Is {
				t.Fatalf("%ss %s, which is not as it was seen", a.Verb, a.Is.Name)
			}
			if !a.Is.Owned() || a.Is.Deleting {
				t.Fatalf("%ss %s, which is not the controller's", a.Verb, a.Is.Name)
			}
			if a.Verb == Remove {
				after.Budgets = slices.Delete(after.Budgets, i, i+1)
				continue
			}
			changed := *a.Want
			changed.UID = a.Is.UID
			after.Budgets[i] = &changed
		}
	}
	return after
}

// TestDecideKeepsItsPromises holds for every namespace, however tangled:
// carried out, a decision leaves nothing to do; no pod has a budget of the
// controller besides another; and every workload is guarded or says why not.
func TestDecideKeepsItsPromises(t *testing.T) {
	t.Parallel()
	seeds := uint64(20000)
	if testing.Short() {
		seeds = 2000
	}
	for seed := range seeds {
		r := world{rand.New(rand.NewPCG(seed, 1))}
		n := r.namespace()
		p := Policy{MaxUnavailable: "1", NonReadyTTL: time.Duration(r.IntN(2)) * 15 * time.Minute, NameSuffix: "pdb-controller", ParentResourceHash: r.IntN(8) == 0}
		d := Decide(n, p, now)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		after := carriedOut(t, n, d)
		again := Decide(after, p, now)
		if len(again.Actions) > 0 {
			t.Fatalf("seed %d: carried out, there is still something to do: %v after %v", seed, say(again), say(d))
		}
		if d.Verdicts[Guarded] != again.Verdicts[Guarded] {
			t.Fatalf("seed %d: %d workloads are guarded at first, %d at the second look", seed, d.Verdicts[Guarded], again.Verdicts[Guarded])
		}
		// The order in which things were seen must not matter.
		r.Shuffle(len(n.Workloads), func(i, j int) { n.Workloads[i], n.Workloads[j] = n.Workloads[j], n.Workloads[i] })
		r.Shuffle(len(n.Budgets), func(i, j int) { n.Budgets[i], n.Budgets[j] = n.Budgets[j], n.Budgets[i] })
		if diff := cmp.Diff(say(d), say(Decide(n, p, now))); diff != "" {
			t.Fatalf("seed %d: another order decides differently:\n%s", seed, diff)
		}
		for _, w := range after.Workloads {
			judge(t, seed, after, p, w)
		}
	}
}

// judge checks one workload of a namespace in which there is nothing left to do.
func judge(t *testing.T, seed uint64, n Namespace, p Policy, w *fairway.ReplicatedWorkload) {
	t.Helper()
	labels := p.podLabels(w)
	guarding, selecting := 0, 0
	mine := false
	for _, b := range n.Budgets {
		untouchable := !b.Owned() || b.Deleting || n.Absent[fairway.WorkloadKind(ownerKind(b))] || ownerKind(b) == "Database"
		if !untouchable && len(b.Owners) > 0 && b.Owners[0].UID == w.UID {
			mine = true
		}
		if b.Selector.Matches(labels) {
			selecting++
			if !untouchable {
				guarding++
			}
		}
	}
	if w.Deleting {
		return
	}
	if guarding > 0 && selecting > 1 {
		t.Fatalf("seed %d: %s %s has %d budgets, %d of the controller: its pods cannot be evicted", seed, w.Kind, w.Name, selecting, guarding)
	}
	if mine && w.Replicas <= 1 {
		t.Fatalf("seed %d: %s %s has one replica or none and a budget that only blocks", seed, w.Kind, w.Name)
	}
	// Without anybody in the way, a ready workload with several replicas is guarded.
	ready := w.Replicas > 1 && w.ReadyReplicas == w.Replicas && (len(w.Selector.MatchLabels) > 0 || p.ParentResourceHash)
	alone := !slices.ContainsFunc(n.Workloads, func(v *fairway.ReplicatedWorkload) bool {
		return v != w && !v.Deleting && (p.selector(w).Matches(p.podLabels(v)) || v.Selector.Matches(labels))
	})
	names := p.names(w)
	nameless := !slices.ContainsFunc(names[:], func(name string) bool {
		return !slices.ContainsFunc(n.Budgets, func(b *fairway.DisruptionBudget) bool { return b.Name == name })
	})
	if ready && alone && selecting == 0 && !nameless {
		t.Fatalf("seed %d: %s %s is ready, alone and has no budget", seed, w.Kind, w.Name)
	}
}

func ownerKind(b *fairway.DisruptionBudget) string {
	if len(b.Owners) == 0 {
		return ""
	}
	return b.Owners[0].Kind
}

// A workload that lost its budget because it is broken does not get it back
// while it stays broken, whatever time it is.
func TestBrokenWorkloadsDoNotFlap(t *testing.T) {
	t.Parallel()
	w := web(replicas(3, 0), func(w *fairway.ReplicatedWorkload) { w.CreatedAt = now })
	n := Namespace{Workloads: []*fairway.ReplicatedWorkload{w}}
	var said []string
	for at := now; at.Before(now.Add(3 * time.Hour)); at = at.Add(20 * time.Second) {
		d := Decide(n, policy, at)
		for _, s := range say(d) {
			said = append(said, at.Sub(now).String()+" "+s)
		}
		n = carriedOut(t, n, d)
	}
	want := []string{"0s create web-pdb-controller: guarded", "15m0s remove web-pdb-controller: non_ready"}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Error(diff)
	}
}

// Deciding on the largest namespace takes milliseconds.
func BenchmarkDecide(b *testing.B) {
	var n Namespace
	for i := range 5000 {
		name := fmt.Sprintf("app-%d", i)
		w := web(func(w *fairway.ReplicatedWorkload) {
			w.Name, w.UID, w.Selector = name, name, selector("app", name)
			w.PodLabels = map[string]string{"app": name, "managed-by": "helm"}
		})
		n.Workloads = append(n.Workloads, w)
	}
	n = Namespace{Workloads: n.Workloads, Budgets: func() (all []*fairway.DisruptionBudget) {
		for _, a := range Decide(n, policy, now).Actions {
			all = append(all, a.Want)
		}
		return all
	}()}
	for b.Loop() {
		if d := Decide(n, policy, now); len(d.Actions) > 0 {
			b.Fatal(say(d)[0])
		}
	}
}
