package roll

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

// rule is a case of a table: a snapshot, and what is decided.
type rule struct {
	name    string
	cluster *cluster
	want    []string // as in TestDecide
	waits   string   // a part of one wait
	says    string   // a part of the sentence
	done    bool
}

func checkRules(t *testing.T, rules []rule) {
	t.Helper()
	for _, tt := range rules {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := Decide(tt.cluster.Snapshot, noon)
			if diff := cmp.Diff(tt.want, texts(d.Actions)); diff != "" {
				t.Errorf("actions (-want +got):\n%s\nit says: %s", diff, d.Sentence)
			}
			var waits []string
			for _, w := range d.Waits {
				waits = append(waits, w.Reason)
				if w.Since.IsZero() {
					t.Errorf("it is not known since when: %s", w.Reason)
				}
			}
			if !strings.Contains(strings.Join(waits, "\n"), tt.waits) {
				t.Errorf("no wait says %q:\n%s", tt.waits, strings.Join(waits, "\n"))
			}
			if !strings.Contains(d.Sentence, tt.says) {
				t.Errorf("it does not say %q: %s", tt.says, d.Sentence)
			}
			if d.Done != tt.done {
				t.Errorf("done is %v; it says: %s", d.Done, d.Sentence)
			}
		})
	}
}

// with changes settings of the pool.
func with(f func(*Settings)) func(*Pool) {
	return func(p *Pool) { f(&p.Settings) }
}

// snapshot changes the snapshot itself.
func (c *cluster) snapshot(f func(*Snapshot)) *cluster {
	f(&c.Snapshot)
	return c
}

// probe adds the probe pod of a node, ready for that long if at all.
func (c *cluster) probe(node string, ready time.Duration) *cluster {
	return c.pod("probe-"+node, node, func(p *fairway.Pod) {
		p.OwnerKind, p.OwnerName, p.Probe = "", "", true
		p.Ready, p.CreatedAt = ready > 0, noon.Add(-time.Hour)
		p.ReadySince = noon.Add(-ready)
	})
}

// daemons says that a DaemonSet wants a pod on nodes.
func (c *cluster) daemons(name string, nodes ...string) *cluster {
	c.DaemonSets = append(c.DaemonSets, fairway.DaemonSet{Namespace: "default", Name: name, Nodes: nodes})
	return c
}

func outdatedBy(why string) func(*fairway.Node, *fairway.Instance) {
	return func(_ *fairway.Node, i *fairway.Instance) { i.Outdated = why }
}

func rotate(n *fairway.Node, _ *fairway.Instance) {
	n.Annotations[fairway.AnnotationRotate] = "the disk is slow"
}

func launched(ago time.Duration) func(*fairway.Node, *fairway.Instance) {
	return func(_ *fairway.Node, i *fairway.Instance) { i.LaunchedAt = noon.Add(-ago) }
}

func readySincePod(d time.Duration) func(*fairway.Pod) {
	return func(p *fairway.Pod) { p.ReadySince = noon.Add(-d) }
}

func TestDecide_OutOfDate(t *testing.T) {
	t.Parallel()
	checkRules(t, []rule{
		{name: "by what the cloud says of the instance",
			cluster: newCluster(2, 5).node("n1", "a", "new", outdatedBy("its type is not allowed any more")).node("n2", "b", "new"),
			want:    []string{"mark n1 decommission-pending", "mark n2 keep", "protect n2", "set-desired w 3 base 2"}},
		{name: "by age",
			cluster: newCluster(2, 5, with(func(s *Settings) { s.MaxAge = 24 * time.Hour })).node("n1", "a", "new", launched(25*time.Hour)).node("n2", "b", "new"),
			want:    []string{"mark n1 decommission-pending", "mark n2 keep", "protect n2", "set-desired w 3 base 2"}},
		{name: "by request",
			cluster: newCluster(2, 5).node("n1", "a", "new", rotate).node("n2", "b", "new"),
			want:    []string{"mark n1 decommission-pending", "mark n2 keep", "protect n2", "set-desired w 3 base 2"}},
		{name: "one budget over all reasons: one place for three nodes",
			cluster: newCluster(4, 5, tagged(3), with(func(s *Settings) { s.MaxAge = 24 * time.Hour })).
				node("n1", "a", "old", pending).node("n2", "b", "new", pending, rotate).node("n3", "b", "new", pending, launched(25*time.Hour)).
				node("n4", "a", "new", readyFor(time.Minute)),
			want: []string{"mark n1 draining"}, waits: "none is to spare"},
		{name: "a rotated node leaves its generation as it is",
			cluster: newCluster(3, 5, tagged(2)).node("n1", "a", "new", drainedFor(time.Minute), rotate).node("n2", "b", "new", protected).node("n3", "a", "new", protected),
			want:    []string{"terminate i-n1 decrement"}},
	})
}

func TestDecide_ReadyMeansReady(t *testing.T) {
	t.Parallel()
	two := tagged(2)
	base := func(change ...func(*Pool)) *cluster {
		return newCluster(3, 5, append(change, two)...).node("n1", "a", "old", pending).node("n2", "b", "old", pending)
	}
	probing := with(func(s *Settings) { s.Probe = true })
	drivers := func(names ...string) func(*fairway.Node, *fairway.Instance) {
		return func(n *fairway.Node, _ *fairway.Instance) { n.CSIDrivers = names }
	}
	young := func(n *fairway.Node, i *fairway.Instance) { readyFor(time.Minute)(n, i); launched(time.Minute)(n, i) }
	checkRules(t, []rule{
		{name: "a DaemonSet without a pod", waits: "waits",
			cluster: base().node("n3", "a", "new", young).daemons("cni", "n1", "n3")},
		{name: "a DaemonSet with a pod that is not ready",
			cluster: base().node("n3", "a", "new", young).daemons("cni", "n3").pod("cni-1", "n3", daemon, down)},
		{name: "a DaemonSet whose pod is ready for too short",
			cluster: base().node("n3", "a", "new", young).daemons("cni", "n3").pod("cni-1", "n3", daemon, readySincePod(10*time.Second))},
		{name: "a DaemonSet whose pod is ready", want: []string{"mark n1 draining"},
			cluster: base().node("n3", "a", "new", young).daemons("cni", "n3").pod("cni-1", "n3", daemon, readySincePod(40*time.Second))},
		{name: "a DaemonSet for other nodes", want: []string{"mark n1 draining"},
			cluster: base().node("n3", "a", "new", young).daemons("gpu", "n1")},
		{name: "a load balancer that does not count it",
			cluster: base().node("n3", "a", "new", young, func(_ *fairway.Node, i *fairway.Instance) { i.Unhealthy = "target group web: initial" })},
		{name: "a storage driver that old nodes have",
			cluster: newCluster(3, 5, two).node("n1", "a", "old", pending, drivers("ebs", "efs")).node("n2", "b", "old", pending, drivers("ebs", "efs")).node("n3", "a", "new", young, drivers("ebs"))},
		{name: "a storage driver that most old nodes lack", want: []string{"mark n1 draining"},
			cluster: newCluster(4, 6, tagged(3)).node("n1", "a", "old", pending, drivers("ebs", "local")).node("n2", "b", "old", pending, drivers("ebs")).
				node("n3", "b", "old", pending, drivers("ebs")).node("n4", "a", "new", young, drivers("ebs"))},
		{name: "the probe begins when all else is there", want: []string{"probe n3"},
			cluster: base(probing).node("n3", "a", "new", young)},
		{name: "but not before",
			cluster: base(probing).node("n3", "a", "new", young).daemons("cni", "n3")},
		{name: "a probe that has not succeeded",
			cluster: base(probing).node("n3", "a", "new", young).probe("n3", 0)},
		{name: "a probe that has succeeded only now",
			cluster: base(probing).node("n3", "a", "new", young).probe("n3", time.Second)},
		{name: "a probe that has succeeded for long enough is deleted", want: []string{"end-probe n3", "mark n1 draining"},
			cluster: base(probing).node("n3", "a", "new", young).probe("n3", time.Minute)},
		{name: "and needed no more", want: []string{"mark n1 draining"},
			cluster: base(probing).node("n3", "a", "new", young).snapshot(func(s *Snapshot) {
				s.History.Proven = map[string]time.Time{"i-n3": noon.Add(-time.Minute)}
			})},
		{name: "a probe on an outdated node goes, and is no pod to evict", want: []string{"end-probe n1", "terminate i-n1"},
			cluster: newCluster(3, 5, two, probing).node("n1", "a", "old", drainedFor(time.Minute)).node("n2", "b", "old", pending).
				node("n3", "a", "new", young).probe("n1", time.Hour).snapshot(func(s *Snapshot) { s.History.Proven = map[string]time.Time{"i-n3": noon.Add(-time.Minute)} })},
		{name: "one that has just got what it lacked must keep it",
			cluster: base().node("n3", "a", "new", young).snapshot(func(s *Snapshot) {
				s.History.Lacking = map[string]Lack{"i-n3": {Since: noon.Add(-time.Minute), Last: noon.Add(-time.Second)}}
			})},
		{name: "one that does not get it in time is drained", want: []string{"mark n3 draining"},
			cluster: base().node("n3", "a", "new", young, launched(6*time.Minute)).daemons("cni", "n3").snapshot(func(s *Snapshot) {
				s.History.Lacking = map[string]Lack{"i-n3": {Since: noon.Add(-6 * time.Minute), Last: noon.Add(-time.Second)}}
			}), says: "no pod of DaemonSet default/cni is ready on it"},
		{name: "and ended",
			cluster: base().node("n3", "a", "new", drainedFor(time.Minute), protected, launched(6*time.Minute)).daemons("cni", "n3"),
			want:    []string{"terminate i-n3"}},
		{name: "one that was good and lacks something for a moment is not",
			cluster: base().node("n3", "a", "new", readyFor(time.Hour), launched(time.Hour)).daemons("cni", "n3")},
		{name: "one that the group never counts is drained", want: []string{"mark n3 draining"}, says: "does not count it as in service",
			cluster: base().node("n3", "a", "new", young, launched(6*time.Minute), func(_ *fairway.Node, i *fairway.Instance) { i.State = fairway.InstancePending }).snapshot(func(s *Snapshot) {
				s.History.Lacking = map[string]Lack{"i-n3": {Since: noon.Add(-6 * time.Minute), Last: noon.Add(-time.Second)}}
			})},
	})
}

func TestDecide_Canary(t *testing.T) {
	t.Parallel()
	canary := with(func(s *Settings) { s.Canary, s.Surge = true, 3 })
	checkRules(t, []rule{
		{name: "the first node alone, though there is room for three", want: []string{"mark n1 draining"}, waits: "n1 is the first node of w to be replaced",
			cluster: newCluster(6, 9, tagged(3), canary).node("n1", "a", "old", pending).node("n2", "b", "old", pending).node("n3", "a", "old", pending).
				node("n4", "a", "new", readyFor(time.Minute)).node("n5", "b", "new", readyFor(time.Minute)).node("n6", "a", "new", readyFor(time.Minute))},
		{name: "until it is gone", waits: "stands alone", want: nil,
			cluster: newCluster(6, 9, tagged(3), canary).node("n1", "a", "old", func(_ *fairway.Node, i *fairway.Instance) { i.State = fairway.InstanceTerminating }).
				node("n2", "b", "old", pending).node("n3", "a", "old", pending).
				node("n4", "a", "new", readyFor(time.Minute)).node("n5", "b", "new", readyFor(time.Minute)).node("n6", "a", "new", readyFor(time.Minute))},
		{name: "then the others together", want: []string{"mark n2 draining", "mark n3 draining"},
			cluster: newCluster(5, 9, tagged(3), canary).node("n2", "b", "old", pending).node("n3", "a", "old", pending).
				node("n4", "a", "new", readyFor(time.Minute)).node("n5", "b", "new", readyFor(time.Minute)).node("n6", "a", "new", readyFor(time.Minute))},
	})
}

func TestDecide_FinishesJobs(t *testing.T) {
	t.Parallel()
	job := func(p *fairway.Pod) { p.OwnerKind = "Job" }
	annotated := func(key, value string) func(*fairway.Pod) {
		return func(p *fairway.Pod) { p.Annotations = map[string]string{key: value} }
	}
	base := func(ago time.Duration) *cluster {
		return newCluster(3, 5, tagged(2), with(func(s *Settings) { s.JobGrace = time.Hour })).
			node("n1", "a", "old", drainedFor(ago)).node("n2", "b", "old", pending).node("n3", "a", "new", readyFor(time.Minute))
	}
	checkRules(t, []rule{
		{name: "a Job has its time while others leave", cluster: base(time.Minute).pod("batch-1", "n1", job).pod("web-1", "n1"),
			want: []string{"evict web-1"}, waits: "batch-1 may finish its work until 2030-01-01 12:59:00"},
		{name: "longer than a drain may stand still", cluster: base(30*time.Minute).pod("batch-1", "n1", job), waits: "may finish"},
		{name: "and then leaves", cluster: base(61*time.Minute).pod("batch-1", "n1", job), want: []string{"evict batch-1"}},
		{name: "what cluster-autoscaler must not evict", cluster: base(time.Minute).pod("x-1", "n1", annotated(fairway.PodAnnotationSafeToEvict, "false")), waits: "may finish"},
		{name: "what Karpenter must not disturb", cluster: base(time.Minute).pod("x-1", "n1", annotated(fairway.PodAnnotationDoNotDisrupt, "true")), waits: "may finish"},
		{name: "a time of its own", cluster: base(time.Minute).pod("x-1", "n1", annotated(fairway.PodAnnotationWait, "90m")), waits: "until 2030-01-01 13:29:00"},
		{name: "a shorter one", cluster: base(time.Minute).pod("x-1", "n1", job, annotated(fairway.PodAnnotationWait, "30s")), want: []string{"evict x-1"}},
		{name: "no more than a day", cluster: base(time.Minute).pod("x-1", "n1", annotated(fairway.PodAnnotationWait, "900h")), waits: "until 2030-01-02 11:59:00"},
	})
}

func TestDecide_DataServices(t *testing.T) {
	t.Parallel()
	member := func(role string) func(*fairway.Pod) {
		return func(p *fairway.Pod) { p.OwnerKind, p.Service, p.Role = "Cluster", "default/pg", role }
	}
	known := func(led time.Duration) func(*Snapshot) {
		return func(s *Snapshot) {
			s.History.Services = map[string]Service{"default/pg": {Members: 3, Seen: 3, Since: noon.Add(-time.Hour), Roles: true, Leader: "uid-pg-1", Led: noon.Add(-led)}}
		}
	}
	base := func(ago time.Duration) *cluster {
		return newCluster(4, 5, tagged(3)).node("n1", "a", "old", drainedFor(ago)).node("n2", "b", "old", pending).node("n3", "b", "old", pending).node("n4", "a", "new", readyFor(time.Minute))
	}
	checkRules(t, []rule{
		{name: "a replica goes while one leads", want: []string{"evict pg-2"},
			cluster: base(time.Minute).pod("pg-1", "n2", member("leader")).pod("pg-2", "n1", member("replica")).pod("pg-7", "n3", member("replica")).snapshot(known(time.Hour))},
		{name: "not while none leads, though all are ready", waits: "none of its pods is the leader",
			cluster: base(time.Minute).pod("pg-1", "n2", member("")).pod("pg-2", "n1", member("replica")).pod("pg-7", "n3", member("replica")).snapshot(known(time.Hour))},
		{name: "nor when no pod says a role any more", waits: "none of its pods is the leader",
			cluster: base(time.Minute).pod("pg-1", "n2", member("")).pod("pg-2", "n1", member("")).pod("pg-7", "n3", member("")).snapshot(known(time.Hour))},
		{name: "nor while two do", waits: "2 of its pods are leaders",
			cluster: base(time.Minute).pod("pg-1", "n2", member("leader")).pod("pg-2", "n1", member("replica")).pod("pg-7", "n3", member("leader")).snapshot(known(time.Hour))},
		{name: "nor just after another took over", waits: "its leader has just changed",
			cluster: base(time.Minute).pod("pg-1", "n2", member("leader")).pod("pg-2", "n1", member("replica")).pod("pg-7", "n3", member("replica")).snapshot(known(time.Second))},
		{name: "a leader waits for its operator", waits: "which its operator moves",
			cluster: base(time.Minute).pod("pg-1", "n1", member("leader")).pod("pg-2", "n4", member("replica")).pod("pg-7", "n3", member("replica")).snapshot(known(time.Hour))},
		{name: "and for a member on a new node", waits: "no other member stands on a new node yet",
			cluster: base(time.Minute).pod("pg-1", "n1", member("leader")).pod("pg-2", "n2", member("replica")).pod("pg-7", "n3", member("replica")).snapshot(known(time.Hour))},
		{name: "but not for ever", want: []string{"evict pg-1"},
			cluster: base(3*time.Minute).pod("pg-1", "n1", member("leader")).pod("pg-2", "n4", member("replica")).pod("pg-7", "n3", member("replica")).snapshot(known(time.Hour))},
		{name: "the leader is the last of its node", want: []string{"evict pg-2"}, waits: "another of its pods is leaving",
			cluster: base(3*time.Minute).pod("pg-1", "n1", member("leader")).pod("pg-2", "n1", member("replica")).pod("pg-7", "n4", member("replica")).snapshot(known(time.Hour))},
		{name: "nodes with leaders that would move twice go last", want: []string{"mark n2 draining"},
			cluster: newCluster(4, 5, tagged(3)).node("n1", "a", "old", pending).node("n2", "b", "old", pending).node("n3", "b", "old", pending).node("n4", "a", "new", readyFor(time.Minute)).
				pod("pg-1", "n1", member("leader")).pod("pg-2", "n2", member("replica")).pod("pg-7", "n3", member("replica")).snapshot(known(time.Hour))},
	})
}

func TestDecide_Brakes(t *testing.T) {
	t.Parallel()
	base := func() *cluster {
		return newCluster(3, 5, tagged(2)).node("n1", "a", "old", drainedFor(time.Minute)).node("n2", "b", "old", pending).node("n3", "a", "new", readyFor(time.Minute)).pod("web-1", "n1")
	}
	calm := func() *cluster {
		return newCluster(3, 5, tagged(2)).node("n1", "a", "old", pending).node("n2", "b", "old", pending).node("n3", "a", "new", readyFor(time.Minute))
	}
	was := func(down time.Duration, names ...string) func(*Snapshot) {
		return func(s *Snapshot) {
			a := Apps{Ready: map[string]bool{}, Packed: map[string]bool{}, All: 10, Down: map[string]time.Time{}, PackedSince: map[string]time.Time{}}
			for _, n := range names {
				a.Ready["default/"+n], a.Down["default/"+n], a.PackedSince["default/"+n] = true, noon.Add(-down), noon.Add(-down)
			}
			s.History.Apps = a
		}
	}
	checkRules(t, []rule{
		{name: "a slow API server", waits: "the API server answers in 3s, in 100ms before the roll",
			cluster: base().snapshot(func(s *Snapshot) { s.API = API{Latency: 3 * time.Second, Usual: 100 * time.Millisecond} })},
		{name: "one that was as slow before", want: []string{"evict web-1"},
			cluster: base().snapshot(func(s *Snapshot) { s.API = API{Latency: 3 * time.Second, Usual: time.Second} })},
		{name: "one whose usual time is not known", want: []string{"evict web-1"},
			cluster: base().snapshot(func(s *Snapshot) { s.API = API{Latency: 3 * time.Second} })},
		{name: "one that fails", waits: "3 of the newest 10 requests to the API server failed",
			cluster: base().snapshot(func(s *Snapshot) { s.API = API{Errors: 3, Requests: 10} })},
		{name: "one that failed a few requests", want: []string{"evict web-1"},
			cluster: base().snapshot(func(s *Snapshot) { s.API = API{Errors: 3, Requests: 9} })},
		{name: "a person may say that it goes on", want: []string{"evict web-1"},
			cluster: base().snapshot(func(s *Snapshot) { s.API, s.IgnoreBrakes = API{Errors: 9, Requests: 10}, true })},
		{name: "applications without a ready pod stop the next drain", waits: "default/api, default/web had ready pods before the roll",
			cluster: calm().pod("web-1", "n3", down).pod("api-1", "n3", down).snapshot(was(4*time.Minute, "web", "api"))},
		{name: "not those under way", want: []string{"evict web-1"}, waits: "default/api, default/web had ready pods",
			cluster: base().pod("web-2", "n3", down).pod("api-1", "n3", down).snapshot(was(4*time.Minute, "web", "api")).snapshot(func(s *Snapshot) { s.Pods[0].Ready = false })},
		{name: "not before they had time to move", want: []string{"mark n1 draining"},
			cluster: calm().pod("web-1", "n3", down).pod("api-1", "n3", down).snapshot(was(time.Minute, "web", "api"))},
		{name: "not a single one, which may be its owner's doing", want: []string{"mark n1 draining"},
			cluster: calm().pod("web-1", "n3", down).snapshot(was(4*time.Minute, "web"))},
		{name: "but a critical one", waits: "default/dns had ready pods",
			cluster: calm().pod("dns-1", "n3", down, critical).snapshot(was(4*time.Minute, "dns"))},
		{name: "not those that were down before", want: []string{"mark n1 draining"},
			cluster: calm().pod("web-1", "n3", down).pod("api-1", "n3", down).snapshot(was(4 * time.Minute))},
		{name: "all pods of an application on one of two new nodes", waits: "2 of 2 ready pods of default/web stand on n3 alone",
			cluster: newCluster(4, 6, tagged(3)).node("n1", "a", "old", pending).node("n2", "b", "old", pending).node("n3", "a", "new", readyFor(time.Minute)).node("n4", "b", "new", readyFor(time.Minute)).
				pod("web-1", "n3").pod("web-2", "n3").snapshot(was(time.Minute, "web"))},
		{name: "or on the only one", want: []string{"mark n1 draining"},
			cluster: calm().pod("web-1", "n3").pod("web-2", "n3").snapshot(was(time.Minute, "web"))},
		{name: "two new instances that never joined", waits: "the newest 2 instances of w did not become ready in time",
			cluster: newCluster(5, 6, tagged(3), with(func(s *Settings) { s.Surge = 2 })).node("n1", "a", "old", pending).node("n2", "b", "old", pending).node("n3", "b", "old", pending).
				node("n4", "a", "new", readyFor(time.Minute)).node("n5", "b", "new", notReady(time.Minute)).snapshot(func(s *Snapshot) {
				s.History.NotJoined = map[string]NotJoined{"i-x": {Pool: "w", LaunchedAt: noon.Add(-2 * time.Minute)}, "i-y": {Pool: "w", LaunchedAt: noon.Add(-3 * time.Minute)}}
			})},
	})
}

// TestShort_IsAShareOfThePool: rounded down, but one node at least; a control
// plane lacks no more than one.
func TestShort_IsAShareOfThePool(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		base     int
		settings Settings
		want     int
	}{
		{30, Settings{ShortPercent: 10}, 3},
		{39, Settings{ShortPercent: 10, Surge: 9}, 3},
		{5, Settings{ShortPercent: 10}, 1},
		{20, Settings{Short: 4}, 4},
		{20, Settings{Surge: 9}, 2},
		{10, Settings{ShortPercent: 50, OneAtATime: true}, 1},
	} {
		if got := (&pool{base: tt.base, Settings: tt.settings}).short(); got != tt.want {
			t.Errorf("a pool of %d with %+v may lack %d nodes, want %d", tt.base, tt.settings, got, tt.want)
		}
	}
}
