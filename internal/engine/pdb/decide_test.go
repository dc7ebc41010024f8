package pdb

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var policy = Policy{MaxUnavailable: "1", NonReadyTTL: 15 * time.Minute, NameSuffix: "pdb-controller"}

// web is a Deployment with three ready pods, an hour old.
func web(change ...func(*fairway.ReplicatedWorkload)) *fairway.ReplicatedWorkload {
	w := &fairway.ReplicatedWorkload{
		Kind: fairway.KindDeployment, Namespace: "ns", Name: "web", UID: "uid-web", CreatedAt: now.Add(-time.Hour),
		Labels: map[string]string{"application": "web", "team": "shop"}, Replicas: 3, ReadyReplicas: 3,
		Selector: selector("app", "web"), PodLabels: map[string]string{"app": "web", "version": "1"},
	}
	for _, c := range change {
		c(w)
	}
	return w
}

func replicas(n, ready int) func(*fairway.ReplicatedWorkload) {
	return func(w *fairway.ReplicatedWorkload) { w.Replicas, w.ReadyReplicas = n, ready }
}

func selector(keysAndValues ...string) *fairway.LabelSelector {
	s := &fairway.LabelSelector{MatchLabels: map[string]string{}}
	for i := 0; i < len(keysAndValues); i += 2 {
		s.MatchLabels[keysAndValues[i]] = keysAndValues[i+1]
	}
	return s
}

// ours is the budget that web has.
func ours(change ...func(*fairway.DisruptionBudget)) *fairway.DisruptionBudget {
	b := &fairway.DisruptionBudget{
		Namespace: "ns", Name: "web-pdb-controller", UID: "uid-budget", Version: "7",
		Labels: map[string]string{"application": "web", "team": "shop", "heritage": "pdb-controller"},
		Owners: []fairway.Owner{{APIVersion: "apps/v1", Kind: "Deployment", Name: "web", UID: "uid-web"}}, MaxUnavailable: "1",
		Selector: selector("app", "web"),
	}
	for _, c := range change {
		c(b)
	}
	return b
}

func since(at time.Time) func(*fairway.DisruptionBudget) {
	return func(b *fairway.DisruptionBudget) { b.NonReadySince = at.Format(time.RFC3339) }
}

// theirs is a person's budget.
func theirs(name string, s *fairway.LabelSelector) *fairway.DisruptionBudget {
	return &fairway.DisruptionBudget{Namespace: "ns", Name: name, UID: "uid-" + name, Version: "3", MinAvailable: "1", Selector: s}
}

// told says a decision in words: what is done and why.
func say(d Decision) []string {
	var said []string
	for _, a := range d.Actions {
		said = append(said, fmt.Sprintf("%s %s: %s", a.Verb, a.Budget().Name, a.Verdict))
	}
	for _, f := range d.Findings {
		said = append(said, fmt.Sprintf("%s %s", f.Reason, f.Workload.Name))
	}
	return said
}

func TestDecide(t *testing.T) {
	t.Parallel()
	type workloads = []*fairway.ReplicatedWorkload
	type budgets = []*fairway.DisruptionBudget
	ttl := func(text string) func(*fairway.ReplicatedWorkload) {
		return func(w *fairway.ReplicatedWorkload) { w.NonReadyTTL = text }
	}
	minutes := func(n int) time.Time { return now.Add(-time.Duration(n) * time.Minute) }
	canary := web(func(w *fairway.ReplicatedWorkload) {
		w.Name, w.UID, w.Selector = "canary", "uid-canary", selector("app", "web", "track", "canary")
		w.PodLabels = map[string]string{"app": "web", "track": "canary"}
	})
	cases := []struct {
		name      string
		workloads workloads
		budgets   budgets
		absent    map[fairway.WorkloadKind]bool
		want      []string
		next      time.Time
	}{
		{name: "several replicas", workloads: workloads{web()}, want: []string{"create web-pdb-controller: guarded"}},
		{name: "has it already", workloads: workloads{web()}, budgets: budgets{ours()}},
		{name: "one replica", workloads: workloads{web(replicas(1, 1))}},
		{name: "scaled to one", workloads: workloads{web(replicas(1, 1))}, budgets: budgets{ours()}, want: []string{"remove web-pdb-controller: single"}},
		{name: "scaled to none", workloads: workloads{web(replicas(0, 0))}, budgets: budgets{ours()}, want: []string{"remove web-pdb-controller: single"}},
		{name: "gone", budgets: budgets{ours()}, want: []string{"remove web-pdb-controller: gone"}},
		{name: "going", workloads: workloads{web(func(w *fairway.ReplicatedWorkload) { w.Deleting = true })}, budgets: budgets{ours()},
			want: []string{"remove web-pdb-controller: gone"}},
		{name: "left without owner", budgets: budgets{ours(func(b *fairway.DisruptionBudget) { b.Owners = nil })}, want: []string{"remove web-pdb-controller: gone"}},
		{name: "found again without owner", workloads: workloads{web()}, budgets: budgets{ours(func(b *fairway.DisruptionBudget) { b.Owners = nil })},
			want: []string{"change web-pdb-controller: guarded"}},
		{name: "another of that name", workloads: workloads{web(func(w *fairway.ReplicatedWorkload) { w.UID = "uid-new" })}, budgets: budgets{ours()},
			want: []string{"change web-pdb-controller: guarded"}},
		{name: "owner is no workload", budgets: budgets{ours(func(b *fairway.DisruptionBudget) { b.Owners[0].Kind = "Database" })}},

		{name: "a person's budget is there", workloads: workloads{web()}, budgets: budgets{theirs("mine", selector("app", "web"))}},
		{name: "a person's budget was added", workloads: workloads{web()}, budgets: budgets{ours(), theirs("mine", selector("app", "web"))},
			want: []string{"remove web-pdb-controller: covered"}},
		{name: "a person's budget for all pods", workloads: workloads{web()}, budgets: budgets{theirs("all", selector())}},
		{name: "a person's budget without selector", workloads: workloads{web()}, budgets: budgets{theirs("none", nil)},
			want: []string{"create web-pdb-controller: guarded"}},
		{name: "a person's budget for others", workloads: workloads{web()}, budgets: budgets{theirs("other", selector("app", "api"))},
			want: []string{"create web-pdb-controller: guarded"}},
		{name: "a person's budget for some of the pods", workloads: workloads{web()},
			budgets: budgets{theirs("first", selector("app", "web", "statefulset.kubernetes.io/pod-name", "web-0"))}},
		{name: "a person has taken ours over", workloads: workloads{web()},
			budgets: budgets{ours(func(b *fairway.DisruptionBudget) { delete(b.Labels, "heritage"); b.MaxUnavailable = "2" })}},
		{name: "a person's budgets overlap", workloads: workloads{web()}, budgets: budgets{theirs("a", selector("app", "web")), theirs("b", selector("version", "1"))},
			want: []string{"DisruptionBudgetsOverlap web"}},
		{name: "overlap on one replica", workloads: workloads{web(replicas(1, 1))}, budgets: budgets{theirs("a", selector("app", "web")), theirs("b", selector())},
			want: []string{"DisruptionBudgetsOverlap web"}},
		{name: "name taken by a person", workloads: workloads{web()}, budgets: budgets{theirs("web-pdb-controller", selector("app", "old"))},
			want: []string{"create web-deployment-pdb-controller: guarded"}},
		{name: "both names taken", workloads: workloads{web()},
			budgets: budgets{theirs("web-pdb-controller", selector("app", "old")), theirs("web-deployment-pdb-controller", selector("app", "old"))},
			want:    []string{"NoDisruptionBudget web"}},

		{name: "not ready yet, young", workloads: workloads{web(replicas(3, 0), func(w *fairway.ReplicatedWorkload) { w.CreatedAt = minutes(1) })},
			want: []string{"create web-pdb-controller: guarded"}, next: now.Add(15 * time.Minute)},
		{name: "broken for long, without budget", workloads: workloads{web(replicas(3, 2))}},
		{name: "became non-ready", workloads: workloads{web(replicas(3, 2))}, budgets: budgets{ours()},
			want: []string{"change web-pdb-controller: guarded"}, next: now.Add(15 * time.Minute)},
		{name: "non-ready for a while", workloads: workloads{web(replicas(3, 2))}, budgets: budgets{ours(since(minutes(14)))}, next: now.Add(time.Minute)},
		{name: "non-ready for too long", workloads: workloads{web(replicas(3, 2))}, budgets: budgets{ours(since(minutes(15)))},
			want: []string{"remove web-pdb-controller: non_ready"}},
		{name: "ready again", workloads: workloads{web()}, budgets: budgets{ours(since(minutes(14)))}, want: []string{"change web-pdb-controller: guarded"}},
		{name: "ready again just after its time", workloads: workloads{web()}, budgets: budgets{ours(since(minutes(16)))}, want: []string{"change web-pdb-controller: guarded"}},
		{name: "unreadable note", workloads: workloads{web(replicas(3, 2))}, budgets: budgets{ours(func(b *fairway.DisruptionBudget) { b.NonReadySince = "yesterday" })},
			want: []string{"change web-pdb-controller: guarded"}, next: now.Add(15 * time.Minute)},
		{name: "annotation shortens", workloads: workloads{web(replicas(3, 2), ttl("5m"))}, budgets: budgets{ours(since(minutes(5)))},
			want: []string{"remove web-pdb-controller: non_ready"}},
		{name: "annotation prolongs", workloads: workloads{web(replicas(3, 2), ttl("1h30m"))}, budgets: budgets{ours(since(minutes(60)))}, next: now.Add(30 * time.Minute)},
		{name: "annotation of zero", workloads: workloads{web(replicas(3, 2), ttl("0s"))}, budgets: budgets{ours()}, want: []string{"remove web-pdb-controller: non_ready"}},
		{name: "annotation is wrong", workloads: workloads{web(replicas(3, 2), ttl("soon"))}, budgets: budgets{ours(since(minutes(15)))},
			want: []string{"remove web-pdb-controller: non_ready", "InvalidNonReadyTTL web"}},

		{name: "budget of the original controller", workloads: workloads{web()}, budgets: budgets{ours(func(b *fairway.DisruptionBudget) {
			b.Name, b.MinAvailable, b.MaxUnavailable = "web", "1", ""
		})}, want: []string{"change web: guarded"}},
		{name: "two budgets of ours", workloads: workloads{web()}, budgets: budgets{ours(), ours(func(b *fairway.DisruptionBudget) { b.Name = "web" })},
			want: []string{"remove web: surplus"}},
		{name: "labels of others stay", workloads: workloads{web()}, budgets: budgets{ours(func(b *fairway.DisruptionBudget) { b.Labels["cost"] = "1" })}},
		{name: "label changed", workloads: workloads{web()}, budgets: budgets{ours(func(b *fairway.DisruptionBudget) { b.Labels["team"] = "old" })},
			want: []string{"change web-pdb-controller: guarded"}},
		{name: "being deleted by somebody", workloads: workloads{web()}, budgets: budgets{ours(func(b *fairway.DisruptionBudget) { b.Deleting = true })}},

		{name: "rollouts cannot be seen", budgets: budgets{ours(func(b *fairway.DisruptionBudget) { b.Owners[0].Kind = "Rollout" })},
			absent: map[fairway.WorkloadKind]bool{fairway.KindRollout: true}},
		{name: "rollout is gone", budgets: budgets{ours(func(b *fairway.DisruptionBudget) { b.Owners[0].Kind = "Rollout" })}, want: []string{"remove web-pdb-controller: gone"}},
		{name: "selects everything", workloads: workloads{web(func(w *fairway.ReplicatedWorkload) { w.Kind, w.Selector = fairway.KindRollout, selector() })}},

		{name: "the wider selector covers both", workloads: workloads{canary, web()}, want: []string{"create web-pdb-controller: guarded"}},
		{name: "the narrower has one already", workloads: workloads{canary, web()},
			budgets: budgets{ours(func(b *fairway.DisruptionBudget) {
				b.Name, b.Owners[0].Name, b.Selector = "canary-pdb-controller", "canary", canary.Selector
			})},
			want: []string{"remove canary-pdb-controller: shared", "create web-pdb-controller: guarded"}},
		{name: "a person covers the narrower", workloads: workloads{canary, web()}, budgets: budgets{theirs("mine", selector("track", "canary"))},
			want: []string{"NoDisruptionBudget web"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := Decide(Namespace{Workloads: c.workloads, Budgets: c.budgets, Absent: c.absent}, policy, now)
			if diff := cmp.Diff(c.want, say(got)); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
			if !got.Next.Equal(c.next) {
				t.Errorf("next = %v, want %v", got.Next, c.next)
			}
		})
	}
}

func TestDecideWithoutTTLKeepsForEver(t *testing.T) {
	t.Parallel()
	p := policy
	p.NonReadyTTL = 0
	n := Namespace{Workloads: []*fairway.ReplicatedWorkload{web(replicas(3, 0), func(w *fairway.ReplicatedWorkload) { w.CreatedAt = now.Add(-time.Hour * 2000) })}, Budgets: []*fairway.DisruptionBudget{ours(since(now.Add(-time.Hour * 1000)))}}
	if got := Decide(n, p, now); len(got.Actions) > 0 || !got.Next.IsZero() {
		t.Errorf("decision = %v, next %v", say(got), got.Next)
	}
	n.Budgets = nil
	if diff := cmp.Diff([]string{"create web-pdb-controller: guarded"}, say(Decide(n, p, now))); diff != "" {
		t.Error(diff)
	}
}

func TestWantedBudget(t *testing.T) {
	t.Parallel()
	d := Decide(Namespace{Workloads: []*fairway.ReplicatedWorkload{web(replicas(3, 1), func(w *fairway.ReplicatedWorkload) { w.CreatedAt = now })}}, policy, now)
	want := ours(since(now), func(b *fairway.DisruptionBudget) { b.UID, b.Version = "", "" })
	if diff := cmp.Diff(want, d.Actions[0].Want); diff != "" {
		t.Errorf("budget (-want +got):\n%s", diff)
	}
}

func TestParentResourceHash(t *testing.T) {
	t.Parallel()
	p := policy
	p.ParentResourceHash, p.MaxUnavailable = true, "25%"
	n := Namespace{Workloads: []*fairway.ReplicatedWorkload{web()}, Budgets: []*fairway.DisruptionBudget{ours()}}
	d := Decide(n, p, now)
	if diff := cmp.Diff([]string{"change web-pdb-controller: guarded"}, say(d)); diff != "" {
		t.Fatal(diff)
	}
	// sha1 of "Deployment-web", as the admission controller computes it.
	want := selector("parent-resource-hash", "9b63bd793b736f40272e6640c9d6f102a2c241a1")
	if diff := cmp.Diff(want, d.Actions[0].Want.Selector); diff != "" || d.Actions[0].Want.MaxUnavailable != "25%" {
		t.Errorf("max unavailable %s, selector (-want +got):\n%s", d.Actions[0].Want.MaxUnavailable, diff)
	}
	// A person may select by the same label.
	n.Budgets = []*fairway.DisruptionBudget{theirs("mine", want)}
	if d := Decide(n, p, now); d.Verdicts[Covered] != 1 || len(d.Actions) > 0 {
		t.Errorf("decision = %v, verdicts %v", say(d), d.Verdicts)
	}
}

func TestNamesFit(t *testing.T) {
	t.Parallel()
	long := make([]byte, nameLimit)
	for i := range long {
		long[i] = 'a'
	}
	other := append([]byte{}, long...)
	other[nameLimit-1] = 'b'
	a, b := fit(string(long), "-pdb-controller"), fit(string(other), "-pdb-controller")
	if len(a) > nameLimit || len(b) > nameLimit || a == b || a[len(a)-15:] != "-pdb-controller" {
		t.Errorf("names = %q, %q", a, b)
	}
	if got := fit("web", ""); got != "web" {
		t.Errorf("without suffix = %q", got)
	}
}
