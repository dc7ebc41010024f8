package roll

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// cluster builds a snapshot of one pool.
type cluster struct{ Snapshot }

// newCluster makes a cluster whose only pool has the given size from before the roll.
func newCluster(desired, most int, change ...func(*Pool)) *cluster {
	p := Pool{
		Group: fairway.Group{Pool: "w", Max: most, Desired: desired, Generation: "new", Zones: []string{"a", "b"}, Tags: map[string]string{}},
		Settings: Settings{Surge: 1, MinReady: 30 * time.Second, Deregistration: 10 * time.Second, NodeReadyTimeout: 5 * time.Minute,
			BlockedAfter: 10 * time.Minute, RetryRefused: 5 * time.Second},
	}
	for _, f := range change {
		f(&p)
	}
	return &cluster{Snapshot{Pools: []Pool{p}, History: History{Began: noon.Add(-time.Hour), Lacking: map[string]Lack{}, Drains: map[string]Progress{}}}}
}

// tagged says that a roll has begun with that base.
func tagged(base int) func(*Pool) {
	return func(p *Pool) { p.Group.Tags[fairway.TagRollBase] = fmt.Sprint(base) }
}

// node adds a ready node of a generation, an hour old, that the manager has seen
// from the start, and its drain too.
func (c *cluster) node(name, zone, generation string, change ...func(*fairway.Node, *fairway.Instance)) *cluster {
	n := fairway.Node{Name: name, ProviderID: "sim:///" + name, Zone: zone, Labels: map[string]string{fairway.LabelLifecycleStatus: "ready"},
		Annotations: map[string]string{}, Ready: true, ReadySince: noon.Add(-time.Hour), CreatedAt: noon.Add(-time.Hour), Pods: 10}
	i := fairway.Instance{ID: "i-" + name, Pool: "w", Zone: zone, Generation: generation, State: fairway.InstanceInService, ProviderID: n.ProviderID, LaunchedAt: noon.Add(-time.Hour)}
	for _, f := range change {
		f(&n, &i)
	}
	c.Nodes, c.Instances = append(c.Nodes, n), append(c.Instances, i)
	c.History.Lacking[i.ID] = Lack{}
	if start, err := time.Parse(time.RFC3339, n.Annotations[fairway.AnnotationDrainStart]); err == nil {
		c.History.Drains[n.Name] = Progress{Since: start, Told: start}
	}
	return c
}

// pod adds a ready pod of a Deployment.
func (c *cluster) pod(name, node string, change ...func(*fairway.Pod)) *cluster {
	p := fairway.Pod{Namespace: "default", Name: name, UID: "uid-" + name, Node: node, OwnerKind: "ReplicaSet", OwnerName: strings.TrimRight(name, "-0123456789"), Ready: true}
	for _, f := range change {
		f(&p)
	}
	c.Pods = append(c.Pods, p)
	return c
}

// budget adds a budget over pods.
func (c *cluster) budget(b fairway.Budget, pods ...string) *cluster {
	b.Namespace = "default"
	for _, p := range pods {
		b.PodUIDs = append(b.PodUIDs, "uid-"+p)
	}
	c.Budgets = append(c.Budgets, b)
	return c
}

// drainedFor marks a node as draining since that long ago.
func drainedFor(d time.Duration) func(*fairway.Node, *fairway.Instance) {
	return func(n *fairway.Node, _ *fairway.Instance) {
		n.Labels[fairway.LabelLifecycleStatus] = fairway.LifecycleDraining
		n.Labels[fairway.LabelExcludeLB] = "true"
		n.Annotations[fairway.AnnotationDrainStart] = noon.Add(-d).Format(time.RFC3339)
		n.Taints = []fairway.Taint{{Key: fairway.TaintDecommission, Value: fairway.TaintDecommissionValue, Effect: "PreferNoSchedule"}}
		n.Unschedulable = true
		owners, _ := json.Marshal(map[string]string{"cordon": "u", "drain-start": "u", "lifecycle-status": "u", "taint": "u", "exclude-lb": "u"})
		n.Annotations[fairway.AnnotationMarks] = string(owners)
	}
}

// pending marks a node as outdated.
func pending(n *fairway.Node, _ *fairway.Instance) {
	n.Labels[fairway.LabelLifecycleStatus] = fairway.LifecyclePending
	n.Taints = []fairway.Taint{{Key: fairway.TaintDecommission, Value: fairway.TaintDecommissionValue, Effect: "PreferNoSchedule"}}
	n.Annotations[fairway.AnnotationMarks] = `{"taint":"u","lifecycle-status":"u"}`
}

// protected keeps autoscalers away, as if somebody else had said so.
func protected(n *fairway.Node, i *fairway.Instance) {
	i.Protected = true
	if n.Annotations == nil {
		n.Annotations = map[string]string{}
	}
	n.Annotations[fairway.AnnotationScaleDown] = "true"
}

func readyFor(d time.Duration) func(*fairway.Node, *fairway.Instance) {
	return func(n *fairway.Node, i *fairway.Instance) {
		n.ReadySince = noon.Add(-d)
		protected(n, i)
	}
}

func notReady(launched time.Duration) func(*fairway.Node, *fairway.Instance) {
	return func(n *fairway.Node, i *fairway.Instance) {
		n.Ready, n.CreatedAt, n.ReadySince = false, noon.Add(-launched), noon.Add(-launched)
		i.LaunchedAt = noon.Add(-launched)
		protected(n, i)
	}
}

func service(p *fairway.Pod)  { p.OwnerKind = "StatefulSet" }
func down(p *fairway.Pod)     { p.Ready = false }
func critical(p *fairway.Pod) { p.Critical = true }
func daemon(p *fairway.Pod)   { p.OwnerKind = "DaemonSet" }
func mirror(p *fairway.Pod)   { p.Mirror = true }
func zonal(z string) func(*fairway.Pod) {
	return func(p *fairway.Pod) { p.VolumeZone = z }
}

// watched lets the manager have seen a StatefulSet of n pods for long.
func (c *cluster) watched(name string, n int) *cluster {
	c.History.Services = map[string]Service{"default/" + name: {Members: n, Seen: n, Since: noon.Add(-time.Hour)}}
	return c
}

func TestDecide(t *testing.T) {
	t.Parallel()
	two := tagged(2)
	tests := []struct {
		name    string
		cluster *cluster
		want    []string // actions, as "kind subject detail"
		waits   string   // a part of one wait
		done    bool
	}{
		{name: "nothing outdated, nothing to do", done: true,
			cluster: newCluster(2, 5).node("n1", "a", "new").node("n2", "b", "new")},
		{name: "marks all outdated nodes and asks for the surge at once",
			cluster: newCluster(2, 5).node("n1", "a", "old").node("n2", "b", "old"),
			want:    []string{"mark n1 decommission-pending", "mark n2 decommission-pending", "set-desired w 3 base 2"},
			waits:   "none is to spare"},
		{name: "never above the maximum of the group",
			cluster: newCluster(2, 3, func(p *Pool) { p.Settings.Surge = 5 }).node("n1", "a", "old", pending).node("n2", "b", "old", pending),
			want:    []string{"set-desired w 3 base 2"}},
		{name: "a new node is protected and must hold its readiness",
			cluster: newCluster(3, 5, two).node("n1", "a", "old", pending).node("n2", "b", "old", pending).
				node("n3", "a", "new", readyFor(10*time.Second), func(_ *fairway.Node, i *fairway.Instance) { i.Protected = false }),
			want: []string{"protect n3"}, waits: "none is to spare"},
		{name: "and then an outdated node is drained",
			cluster: newCluster(3, 5, two).node("n1", "a", "old", pending).node("n2", "b", "old", pending).node("n3", "a", "new", readyFor(time.Minute)),
			want:    []string{"mark n1 draining"}, waits: "n2 waits: 2 nodes are ready"},
		{name: "a node with a volume goes only when a new one stands in its zone",
			cluster: newCluster(3, 5, two).node("n1", "a", "old", pending).node("n2", "b", "old", pending).node("n3", "b", "new", readyFor(time.Minute)).
				pod("db-0", "n1", service, zonal("a")).watched("db", 1),
			want: []string{"mark n2 draining"}, waits: "n1 waits: volumes tie its pods to zone a"},
		{name: "and has room there",
			cluster: newCluster(3, 3, two).node("n1", "a", "old", pending).node("n2", "b", "old", pending).
				node("n3", "a", "new", readyFor(time.Minute), func(n *fairway.Node, _ *fairway.Instance) { n.Pods = 1 }).pod("x-1", "n3").
				pod("db-0", "n1", service, zonal("a")).watched("db", 1),
			want: []string{"mark n2 draining"}, waits: "no ready new node has room"},
		{name: "without room for one more, one node goes first",
			cluster: newCluster(2, 2, two).node("n1", "a", "old", pending).node("n2", "b", "old", pending),
			want:    []string{"mark n1 draining"}},
		{name: "but not a second one before its replacement is ready",
			cluster: newCluster(2, 2, two).node("n1", "a", "new", notReady(time.Minute)).node("n2", "b", "old", pending),
			waits:   "n2 waits"},
		{name: "load balancers have their time",
			cluster: newCluster(3, 5, two).node("n1", "a", "old", drainedFor(4*time.Second)).node("n2", "b", "old", pending).node("n3", "a", "new", readyFor(time.Minute)).pod("web-1", "n1"),
			waits:   "load balancers have 6s more"},
		{name: "and all of it for a manager that has just begun: the clock of the one before may have been wrong",
			cluster: newCluster(3, 5, two).node("n1", "a", "old", drainedFor(time.Minute)).node("n2", "b", "old", pending).node("n3", "a", "new", readyFor(time.Minute)).pod("web-1", "n1").
				snapshot(func(s *Snapshot) { s.History.Drains = nil }),
			waits: "load balancers have 10s more"},
		{name: "a new node that came between two looks holds what it has from now on",
			cluster: newCluster(3, 5, two).node("n1", "a", "old", pending).node("n2", "b", "old", pending).node("n3", "a", "new", readyFor(time.Minute)).
				snapshot(func(s *Snapshot) {
					delete(s.History.Lacking, "i-n3")
					s.Instances[2].LaunchedAt = noon.Add(-2 * time.Minute)
				}),
			waits: "none is to spare"},
		{name: "ordinary pods before critical ones, never DaemonSets and mirrors",
			cluster: newCluster(3, 5, two).node("n1", "a", "old", drainedFor(time.Minute)).node("n2", "b", "old", pending).node("n3", "a", "new", readyFor(time.Minute)).
				pod("web-1", "n1").pod("dns-1", "n1", critical).pod("agent-1", "n1", daemon).pod("etcd-n1", "n1", mirror),
			want: []string{"evict web-1"}},
		{name: "critical ones when all others have gone",
			cluster: newCluster(3, 5, two).node("n1", "a", "old", drainedFor(time.Minute)).node("n2", "b", "old", pending).node("n3", "a", "new", readyFor(time.Minute)).
				pod("dns-1", "n1", critical).pod("agent-1", "n1", daemon),
			want: []string{"evict dns-1"}},
		{name: "as many as a budget allows",
			cluster: newCluster(3, 5, two).node("n1", "a", "old", drainedFor(time.Minute)).node("n2", "b", "old", pending).node("n3", "a", "new", readyFor(time.Minute)).
				pod("web-1", "n1").pod("web-2", "n1").pod("web-3", "n1").
				budget(fairway.Budget{Name: "web", DisruptionsAllowed: 2, CurrentHealthy: 12, DesiredHealthy: 10, ExpectedPods: 12}, "web-1", "web-2", "web-3"),
			want: []string{"evict web-1", "evict web-2"}, waits: "web-3 waits for PodDisruptionBudget default/web"},
		{name: "one attempt though a budget reads zero",
			cluster: newCluster(3, 5, two).node("n1", "a", "old", drainedFor(time.Minute)).node("n2", "b", "old", pending).node("n3", "a", "new", readyFor(time.Minute)).
				pod("web-1", "n1").pod("web-2", "n1").pod("api-1", "n1").
				budget(fairway.Budget{Name: "web", CurrentHealthy: 10, DesiredHealthy: 10, ExpectedPods: 12}, "web-1", "web-2"),
			want: []string{"evict api-1", "evict web-1"}, waits: "(0 of 12 may be down now)"},
		{name: "and none just after a refusal, while other pods go",
			cluster: func() *cluster {
				c := newCluster(3, 5, two).node("n1", "a", "old", drainedFor(time.Minute)).node("n2", "b", "old", pending).node("n3", "a", "new", readyFor(time.Minute)).
					pod("web-1", "n1").pod("api-1", "n1").
					budget(fairway.Budget{Name: "web", CurrentHealthy: 9, DesiredHealthy: 10, ExpectedPods: 12}, "web-1")
				c.History.Refuse(c.Budgets, c.Pods[0], noon.Add(-time.Second))
				return c
			}(),
			want: []string{"evict api-1"}, waits: "its workload is not well, 9 of 12 pods are healthy and 10 must be"},
		{name: "one pod of a data service at a time over all nodes",
			cluster: newCluster(4, 5, two, func(p *Pool) { p.Settings.Surge = 2 }).node("n1", "a", "old", drainedFor(time.Minute)).node("n2", "b", "old", drainedFor(time.Minute)).
				node("n3", "a", "new", readyFor(time.Minute)).node("n4", "b", "new", readyFor(time.Minute)).
				pod("db-0", "n1", service).pod("db-1", "n2", service).watched("db", 2),
			want: []string{"evict db-0"}, waits: "another of its pods is leaving"},
		{name: "and only while all others are ready",
			cluster: newCluster(3, 5, two).node("n1", "a", "old", drainedFor(time.Minute)).node("n2", "b", "old", pending).node("n3", "a", "new", readyFor(time.Minute)).
				pod("db-0", "n1", service).pod("db-1", "n2", service, down).watched("db", 2),
			waits: "default/db-1 is not ready"},
		{name: "a pod that is not there yet counts as down",
			cluster: newCluster(3, 5, two).node("n1", "a", "old", drainedFor(time.Minute)).node("n2", "b", "old", pending).node("n3", "a", "new", readyFor(time.Minute)).
				pod("db-0", "n1", service).pod("db-1", "n2", service).watched("db", 3),
			waits: "only 2 of its 3 pods are there"},
		{name: "a manager that knows nothing watches first",
			cluster: newCluster(3, 5, two).node("n1", "a", "old", drainedFor(time.Minute)).node("n2", "b", "old", pending).node("n3", "a", "new", readyFor(time.Minute)).
				pod("db-0", "n1", service),
			waits: "watches it for a moment"},
		{name: "volumes are detached before the machine ends",
			cluster: newCluster(3, 5, two).node("n1", "a", "old", drainedFor(time.Minute), func(n *fairway.Node, _ *fairway.Instance) { n.VolumesAttached = 1 }).
				node("n2", "b", "old", pending).node("n3", "a", "new", readyFor(time.Minute)),
			waits: "waits until its 1 volumes are detached"},
		{name: "a drained node is replaced while more are to come",
			cluster: newCluster(3, 5, two).node("n1", "a", "old", drainedFor(time.Minute)).node("n2", "b", "old", pending).node("n3", "a", "new", readyFor(time.Minute)),
			want:    []string{"terminate i-n1"}},
		{name: "and the group shrinks when enough are there",
			cluster: newCluster(3, 5, two).node("n1", "a", "old", drainedFor(time.Minute)).node("n2", "b", "new", protected).node("n3", "a", "new", protected),
			want:    []string{"terminate i-n1 decrement"}},
		{name: "a new node that never comes is replaced",
			cluster: newCluster(3, 5, two).node("n1", "a", "old", pending).node("n2", "b", "old", pending).node("n3", "a", "new", notReady(6*time.Minute)),
			want:    []string{"terminate i-n3"}},
		{name: "too many nodes away stop everything",
			cluster: newCluster(4, 6, tagged(3)).node("n1", "a", "old", pending, func(n *fairway.Node, _ *fairway.Instance) { n.Ready = false }).
				node("n2", "b", "old", pending, func(n *fairway.Node, _ *fairway.Instance) { n.Ready = false }).
				node("n3", "a", "old", drainedFor(time.Minute)).node("n4", "b", "new", readyFor(time.Minute)).pod("web-1", "n3"),
			waits: "2 of 4 nodes are not ready"},
		{name: "a drain that stands still is given up",
			cluster: newCluster(3, 5, two).node("n1", "a", "old", drainedFor(11*time.Minute)).node("n2", "b", "old", pending).node("n3", "a", "new", readyFor(time.Minute)).
				pod("web-1", "n1").budget(fairway.Budget{Name: "web", CurrentHealthy: 2, DesiredHealthy: 2, ExpectedPods: 2}, "web-1"),
			want: []string{"mark n1 quarantine"}},
		{name: "at the end protections go",
			cluster: newCluster(2, 5, two).node("n1", "a", "new", protected).node("n2", "b", "new", protected),
			want:    []string{"unprotect n1", "unprotect n2"}},
		{name: "and then the tag",
			cluster: newCluster(2, 5, two).node("n1", "a", "new").node("n2", "b", "new"),
			want:    []string{"set-desired w 2 base 0"}},
		{name: "marks of a roll that was taken back go",
			cluster: newCluster(2, 5).node("n1", "a", "new", pending).node("n2", "b", "new"),
			want:    []string{"mark n1 clean"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := Decide(tt.cluster.Snapshot, noon)
			if diff := cmp.Diff(tt.want, texts(d.Actions)); diff != "" {
				t.Errorf("actions (-want +got):\n%s\nit says: %s", diff, d.Sentence)
			}
			var waits []string
			for _, w := range d.Waits {
				waits = append(waits, w.Reason)
			}
			if !strings.Contains(strings.Join(waits, "\n"), tt.waits) {
				t.Errorf("no wait says %q:\n%s", tt.waits, strings.Join(waits, "\n"))
			}
			if d.Done != tt.done {
				t.Errorf("done is %v; it says: %s", d.Done, d.Sentence)
			}
		})
	}
}

// texts writes actions shortly.
func texts(actions []Action) []string {
	var out []string
	for _, a := range actions {
		switch a.Kind {
		case ActionSetDesired:
			out = append(out, fmt.Sprintf("set-desired %s %d base %d", a.Pool, a.Desired, a.Base))
		case ActionEvict:
			out = append(out, "evict "+a.Pod.Name)
		case ActionTerminate:
			text := "terminate " + a.Instance
			if a.Decrement {
				text += " decrement"
			}
			out = append(out, text)
		case ActionMark:
			what := "clean"
			switch m := a.Marks; {
			case m.ScaleDownDisabled != nil && *m.ScaleDownDisabled:
				what = "keep"
			case m.Quarantine != nil && *m.Quarantine != "":
				what = "quarantine"
			case m.Status != nil && *m.Status != fairway.LifecycleReady:
				what = *m.Status
			}
			out = append(out, "mark "+a.Node+" "+what)
		default:
			out = append(out, string(a.Kind)+" "+a.Node)
		}
	}
	return out
}

func TestDecide_PartialNamesNodePodAndBudget(t *testing.T) {
	t.Parallel()
	c := newCluster(2, 5, tagged(2)).
		node("n1", "a", "old", pending, func(n *fairway.Node, _ *fairway.Instance) {
			n.Annotations[fairway.AnnotationQuarantine] = noon.Add(-time.Minute).Format(time.RFC3339) + " the budget can never be met"
			n.Annotations[fairway.AnnotationMarks] = `{"taint":"u","lifecycle-status":"u","quarantine":"u"}`
		}).
		node("n2", "b", "new", protected).pod("web-1", "n1").
		budget(fairway.Budget{Name: "web", CurrentHealthy: 1, DesiredHealthy: 1, ExpectedPods: 1}, "web-1")
	d := Decide(c.Snapshot, noon)
	want := []fairway.BlockedNode{{Node: "n1", Pod: "default/web-1", Budget: "default/web", Reason: "the budget can never be met"}}
	if diff := cmp.Diff(want, d.Blocked); diff != "" || !d.Done {
		t.Errorf("done %v, blocked (-want +got):\n%s", d.Done, diff)
	}
	if diff := cmp.Diff([]string{"unprotect n2", "mark n1 clean"}, texts(d.Actions)); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
	// Cleaned up, the next look ends it: the node is not begun again.
	c.Nodes[0].Annotations, c.Nodes[0].Taints, c.Nodes[0].Labels[fairway.LabelLifecycleStatus] = nil, nil, "ready"
	delete(c.Pools[0].Group.Tags, fairway.TagRollBase)
	c.Instances[1].Protected = false
	c.History = d.History
	again := Decide(c.Snapshot, noon.Add(time.Second))
	if !again.Done || len(again.Actions) > 0 || len(again.Blocked) != 1 {
		t.Errorf("the next decision is done %v with actions %v and blocked %v", again.Done, texts(again.Actions), again.Blocked)
	}
}

func TestDecide_LeavesItsSnapshotAsItIs(t *testing.T) {
	t.Parallel()
	c := newCluster(3, 5, tagged(2)).node("n1", "a", "old", drainedFor(time.Minute)).node("n2", "b", "old").node("n3", "a", "new").pod("db-0", "n1", service)
	before, _ := json.Marshal(c.Snapshot)
	Decide(c.Snapshot, noon)
	if after, _ := json.Marshal(c.Snapshot); string(before) != string(after) {
		t.Errorf("the snapshot was changed:\n%s\n%s", before, after)
	}
}

func TestOrphans(t *testing.T) {
	t.Parallel()
	node := func(name, marks string) fairway.Node {
		return fairway.Node{Name: name, Annotations: map[string]string{fairway.AnnotationMarks: marks}}
	}
	nodes := []fairway.Node{
		node("gone", `{"cordon":"u-1","taint":"u-1","lifecycle-status":"u-1","drain-start":"u-1","exclude-lb":"u-1","quarantine":"u-1"}`),
		node("mixed", `{"cordon":"u-1","taint":"u-2"}`),
		node("active", `{"cordon":"u-2"}`),
		node("garbage", `{"cordon":`),
		{Name: "bare"},
	}
	got := Orphans(nodes, func(id string) bool { return id == "u-2" })
	for i := range got {
		got[i].Why = ""
	}
	want := []Action{
		{Kind: ActionMark, Node: "gone", Marks: fairway.NodeMarks{Cordoned: new(false), TaintEffect: new(""), Status: new("ready"),
			DrainStart: new(time.Time{}), ExcludeLB: new(false), Quarantine: new("")}},
		{Kind: ActionMark, Node: "mixed", Marks: fairway.NodeMarks{Cordoned: new(false)}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("orphans (-want +got):\n%s", diff)
	}
}
