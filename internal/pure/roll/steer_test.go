package roll

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

// keptByRoll protects a node as a roll does.
func keptByRoll(n *fairway.Node, i *fairway.Instance) {
	protected(n, i)
	n.Annotations[fairway.AnnotationMarks] = `{"scale-down-disabled":"u"}`
}

// unprotected takes the protection away and leaves the mark.
func unprotected(_ *fairway.Node, i *fairway.Instance) { i.Protected = false }

func aborted(s *Snapshot) { s.Aborted = true }

func TestDecide_Strategies(t *testing.T) {
	t.Parallel()
	zones := with(func(s *Settings) { s.Strategy, s.Surge = ZoneByZone, 3 })
	onDelete := with(func(s *Settings) { s.Strategy = OnDelete })
	clc := with(func(s *Settings) { s.Strategy = CLC })
	leaving := func(_ *fairway.Node, i *fairway.Instance) { i.State = fairway.InstanceTerminating }
	spare := func(c *cluster) *cluster {
		return c.node("x1", "a", "new", readyFor(time.Minute)).node("x2", "b", "new", readyFor(time.Minute)).node("x3", "a", "new", readyFor(time.Minute))
	}
	checkRules(t, []rule{
		{name: "zone by zone: the first zone", want: []string{"mark n2 draining"}, waits: "n1 waits: zone a is rolled first",
			cluster: spare(newCluster(6, 9, tagged(3), zones).node("n1", "b", "old", pending).node("n2", "a", "old", pending).node("n3", "b", "old", pending))},
		{name: "zone by zone: to its end", waits: "n1 waits: zone a is rolled first",
			cluster: spare(newCluster(6, 9, tagged(3), zones).node("n1", "b", "old", pending).node("n2", "a", "old", leaving).node("n3", "b", "old", pending))},
		{name: "zone by zone: then the next", want: []string{"mark n1 draining", "mark n3 draining"},
			cluster: spare(newCluster(5, 9, tagged(3), zones).node("n1", "b", "old", pending).node("n3", "b", "old", pending))},
		{name: "on delete: nothing is asked for", done: true, says: "n1, n2 are outdated and stay until somebody asks", waits: "n1 is outdated",
			cluster: newCluster(2, 5, onDelete).node("n1", "a", "old").node("n2", "b", "old")},
		{name: "on delete: the marks of before go", want: []string{"mark n1 clean"},
			cluster: newCluster(2, 5, onDelete).node("n1", "a", "old", pending).node("n2", "b", "old")},
		{name: "on delete: one is asked for", want: []string{"mark n1 decommission-pending", "mark n2 decommission-pending", "set-desired w 3 base 2"},
			cluster: newCluster(2, 5, onDelete).node("n1", "a", "old", rotate).node("n2", "b", "old")},
		{name: "on delete: and is drained, but not the other", want: []string{"mark n1 draining"},
			cluster: newCluster(4, 6, onDelete, tagged(2), with(func(s *Settings) { s.Surge = 2 })).node("n1", "a", "old", pending, rotate).node("n2", "b", "old", pending).
				node("x1", "a", "new", readyFor(time.Minute)).node("x2", "b", "new", readyFor(time.Minute))},
		{name: "on delete: the end is as large as the beginning", want: []string{"terminate i-n1 decrement"},
			cluster: newCluster(3, 6, onDelete, tagged(2)).node("n1", "a", "old", drainedFor(time.Minute), rotate).node("n2", "b", "old", pending).node("x1", "a", "new", readyFor(time.Minute))},
		{name: "clc: marks and nothing else", want: []string{"mark n1 decommission-pending", "mark n2 decommission-pending"}, waits: "the controller in the cluster replaces it",
			cluster: newCluster(2, 5, clc).node("n1", "a", "old").node("n2", "b", "old")},
		{name: "clc: what the controller drains is not touched", waits: "n1 is marked as outdated",
			cluster: newCluster(3, 5, clc).node("n1", "a", "old", drainedFor(time.Hour)).node("n2", "b", "old", pending).node("n3", "a", "new", readyFor(time.Hour)).pod("web-1", "n1")},
		{name: "clc: is over when none is left", done: true,
			cluster: newCluster(2, 5, clc).node("n1", "a", "new").node("n2", "b", "new")},
		{name: "clc: gives up its marks when it is aborted", want: []string{"mark n1 clean", "mark n2 clean"}, says: "aborted",
			cluster: newCluster(2, 5, clc).node("n1", "a", "old", pending).node("n2", "b", "old", pending).snapshot(aborted)},
	})
}

func TestDecide_RemovesPools(t *testing.T) {
	t.Parallel()
	remove := func(p *Pool) { p.Remove = true }
	leaving := func(_ *fairway.Node, i *fairway.Instance) { i.State = fairway.InstanceTerminating }
	checkRules(t, []rule{
		{name: "all nodes are outdated, and one goes", want: []string{"mark n1 decommission-pending", "mark n2 decommission-pending", "mark n1 draining"},
			cluster: newCluster(2, 5, remove).node("n1", "a", "new").node("n2", "b", "old")},
		{name: "the group shrinks with it", want: []string{"terminate i-n1 decrement", "mark n2 draining"},
			cluster: newCluster(2, 5, remove).node("n1", "a", "new", drainedFor(time.Minute)).node("n2", "b", "old", pending)},
		{name: "budgets protect its pods", waits: "web-1 waits for PodDisruptionBudget",
			cluster: newCluster(1, 5, remove).node("n1", "a", "new", drainedFor(time.Minute)).pod("web-1", "n1").
				budget(fairway.Budget{Name: "web", CurrentHealthy: 2, DesiredHealthy: 2, ExpectedPods: 3}, "web-1").
				snapshot(func(s *Snapshot) { s.History.Refuse(s.Budgets, s.Pods[0], noon.Add(-time.Second)) })},
		{name: "volumes need a node in their zone elsewhere", waits: "volumes tie its pods to zone a",
			cluster: newCluster(1, 5, remove).node("n1", "a", "new", pending).pod("db-0", "n1", service, zonal("a")).watched("db", 1)},
		{name: "as there is one", want: []string{"mark n1 draining"},
			cluster: newCluster(1, 5, remove).node("n1", "a", "new", pending).pod("db-0", "n1", service, zonal("a")).watched("db", 1).
				snapshot(func(s *Snapshot) { s.Nodes = append(s.Nodes, fairway.Node{Name: "other", Zone: "a", Ready: true}) })},
		{name: "an instance that is launched meanwhile goes at once", want: []string{"terminate i-x decrement"},
			cluster: newCluster(1, 5, remove).snapshot(func(s *Snapshot) {
				s.Instances = append(s.Instances, fairway.Instance{ID: "i-x", Pool: "w", Zone: "a", Generation: "new", State: fairway.InstancePending, LaunchedAt: noon})
			})},
		{name: "the last one is waited for", waits: "waits for n1 to shut down",
			cluster: newCluster(0, 5, remove).node("n1", "a", "new", leaving)},
		{name: "and then it is over", done: true, cluster: newCluster(0, 5, remove)},
		{name: "a size that was never reached is taken back last", want: []string{"set-desired w 0 base 0"}, cluster: newCluster(2, 5, remove)},
	})
}

func TestDecide_PauseAndAbort(t *testing.T) {
	t.Parallel()
	two := tagged(2)
	paused := func(s *Snapshot) { s.Paused = "somebody: load balancers are slow" }
	shutting := func(p *fairway.Pod) { p.Deleting = true }
	checkRules(t, []rule{
		{name: "paused: nothing is evicted", says: "paused by somebody: load balancers are slow", waits: "until the roll is resumed",
			cluster: newCluster(3, 5, two).node("n1", "a", "old", drainedFor(time.Minute)).node("n2", "b", "old", pending).node("n3", "a", "new", readyFor(time.Minute)).pod("web-1", "n1").snapshot(paused)},
		{name: "paused: nothing ends", says: "paused",
			cluster: newCluster(3, 5, two).node("n1", "a", "old", drainedFor(time.Minute)).node("n2", "b", "old", pending).node("n3", "a", "new", notReady(time.Hour)).snapshot(paused)},
		{name: "paused: nothing grows", says: "paused",
			cluster: newCluster(2, 5).node("n1", "a", "old").node("n2", "b", "old").snapshot(paused)},
		{name: "paused: new nodes stay protected", want: []string{"mark n3 keep", "protect n3"}, says: "paused",
			cluster: newCluster(3, 5, two).node("n1", "a", "old", pending).node("n2", "b", "old", pending).node("n3", "a", "new").snapshot(paused)},
		{name: "aborted: marks go, pods stay", want: []string{"mark n1 clean", "mark n2 clean", "unprotect n3", "mark n3 clean"}, says: "keeps 1 nodes more",
			cluster: newCluster(3, 5, two).node("n1", "a", "old", drainedFor(time.Minute)).node("n2", "b", "old", pending).node("n3", "a", "new", keptByRoll).
				pod("web-1", "n1").pod("web-2", "n2").pod("web-3", "n3").snapshot(aborted)},
		{name: "aborted: then the tag", want: []string{"set-desired w 3 base 0"}, says: "keeps 1 nodes more",
			cluster: newCluster(3, 5, two).node("n1", "a", "old").node("n2", "b", "old").node("n3", "a", "new").
				pod("web-1", "n1").pod("web-2", "n2").pod("web-3", "n3").snapshot(aborted)},
		{name: "aborted: and it is over", done: true, says: "aborted: no mark is left",
			cluster: newCluster(3, 5).node("n1", "a", "old").node("n2", "b", "old").node("n3", "a", "new").snapshot(aborted)},
		{name: "aborted: a node that is drained already makes room", want: []string{"terminate i-n1 decrement", "mark n2 clean"}, says: "aborted",
			cluster: newCluster(3, 5, two).node("n1", "a", "old", drainedFor(time.Minute)).node("n2", "b", "old", pending).node("n3", "a", "new", keptByRoll).pod("web-3", "n3").snapshot(aborted)},
		{name: "aborted: not while its last pod shuts down", want: []string{"mark n1 clean", "mark n2 clean", "unprotect n3", "mark n3 clean"},
			cluster: newCluster(3, 5, two).node("n1", "a", "old", drainedFor(time.Minute)).node("n2", "b", "old", pending).node("n3", "a", "new", keptByRoll).
				pod("web-1", "n1", shutting).pod("web-3", "n3").snapshot(aborted)},
		{name: "aborted: an instance that has not joined goes", want: []string{"terminate i-x decrement", "mark n1 clean"},
			cluster: newCluster(3, 5, two).node("n1", "a", "old", pending).node("n2", "b", "old").snapshot(aborted).snapshot(func(s *Snapshot) {
				s.Instances = append(s.Instances, fairway.Instance{ID: "i-x", Pool: "w", Zone: "a", Generation: "new", State: fairway.InstancePending, LaunchedAt: noon, Protected: true})
			})},
		{name: "aborted: an empty new node is closed before it goes", want: []string{"mark n3 draining"},
			cluster: newCluster(3, 5, two).node("n1", "a", "old").node("n2", "b", "old").node("n3", "a", "new", protected).snapshot(aborted)},
		{name: "aborted: what was not launched is given up, with a mark on all others first", want: []string{"mark n1 keep", "mark n2 keep", "mark n1 clean"},
			cluster: newCluster(3, 5, two).node("n1", "a", "old", pending).node("n2", "b", "old").snapshot(aborted)},
		{name: "aborted: that tells whose their protection is", want: []string{"protect n1", "protect n2"},
			cluster: newCluster(3, 5, two).node("n1", "a", "old", keptByRoll, unprotected).node("n2", "b", "old", keptByRoll, unprotected).snapshot(aborted)},
		{name: "aborted: and then", want: []string{"set-desired w 2 base 2"},
			cluster: newCluster(3, 5, two).node("n1", "a", "old", keptByRoll).node("n2", "b", "old", keptByRoll).snapshot(aborted)},
		{name: "aborted: what was protected is so no more", want: []string{"unprotect n1", "unprotect n2"}, // the marks tell whose the protections are: they go last
			cluster: newCluster(2, 5, two).node("n1", "a", "old", keptByRoll).node("n2", "b", "old", keptByRoll).snapshot(aborted)},
		{name: "aborted: a pool that is too small grows back", want: []string{"set-desired w 2 base 2", "mark n1 clean"},
			cluster: newCluster(1, 5, two).node("n1", "a", "old", pending).snapshot(aborted)},
		{name: "aborted: nothing ends while many nodes are away", waits: "2 of 3 nodes are not ready", want: []string{"mark n1 clean"},
			cluster: newCluster(3, 5, two).node("n1", "a", "old", drainedFor(time.Minute)).
				node("n2", "b", "old", func(n *fairway.Node, _ *fairway.Instance) { n.Ready = false }).node("n3", "b", "old", func(n *fairway.Node, _ *fairway.Instance) { n.Ready = false }).snapshot(aborted)},
		{name: "aborted: probes go", want: []string{"end-probe n1"}, says: "aborted",
			cluster: newCluster(1, 5).node("n1", "a", "new").probe("n1", time.Minute).snapshot(aborted)},
	})
}

func TestDecide_Forces(t *testing.T) {
	t.Parallel()
	forcing := with(func(s *Settings) {
		s.BlockedAfter = 10 * time.Hour
		s.Forcing = Forcing{Enabled: true, GracePeriod: 6 * time.Hour, MinPodLifetime: 72 * time.Hour, MinHealthySiblingLifetime: time.Hour, MinUnhealthySiblingLifetime: 6 * time.Hour, Interval: 5 * time.Minute}
	})
	aged := func(d time.Duration) func(*fairway.Pod) {
		return func(p *fairway.Pod) { p.CreatedAt = noon.Add(-d) }
	}
	owner := func(text string) func(*fairway.Pod) {
		return func(p *fairway.Pod) { p.Annotations = map[string]string{fairway.PodAnnotationForce: text} }
	}
	forcedBefore := func(d time.Duration) func(*fairway.Node, *fairway.Instance) {
		return func(n *fairway.Node, _ *fairway.Instance) {
			n.Annotations[fairway.AnnotationLastForced] = noon.Add(-d).Format(time.RFC3339)
		}
	}
	impossible := fairway.Budget{Name: "web", CurrentHealthy: 2, DesiredHealthy: 2, ExpectedPods: 2}
	refused := func(s *Snapshot) {
		for _, p := range s.Pods {
			if p.Node == "n1" {
				s.History.Refuse(s.Budgets, p, noon.Add(-time.Second))
			}
		}
	}
	// drained has been drained for that long, with one pod of two of a budget that can never be met.
	drained := func(d time.Duration, change ...func(*fairway.Node, *fairway.Instance)) *cluster {
		return newCluster(3, 5, tagged(2), forcing).node("n1", "a", "old", append([]func(*fairway.Node, *fairway.Instance){drainedFor(d)}, change...)...).
			node("n2", "b", "old", pending).node("n3", "a", "new", readyFor(time.Minute))
	}
	pods := func(c *cluster, change ...func(*fairway.Pod)) *cluster {
		return c.pod("web-1", "n1", append([]func(*fairway.Pod){aged(100 * time.Hour)}, change...)...).pod("web-2", "n2", aged(100*time.Hour)).budget(impossible, "web-1", "web-2").snapshot(refused)
	}
	checkRules(t, []rule{
		{name: "after the grace, with all old enough", want: []string{"force n1"}, cluster: pods(drained(7 * time.Hour))},
		{name: "not before", waits: "it may be deleted by force from 2030-01-01 13:00:00 on", cluster: pods(drained(5 * time.Hour))},
		{name: "not when the roll was paused meanwhile", waits: "by force from 2030-01-01 16:00:00 on",
			cluster: pods(drained(7 * time.Hour)).snapshot(func(s *Snapshot) { s.History.PausedAt = noon.Add(-2 * time.Hour) })},
		{name: "not a young pod", waits: "by force from 2030-01-04", cluster: pods(drained(7*time.Hour), aged(7*time.Hour))},
		{name: "not just after another of the node", waits: "by force from 2030-01-01 12:02:00", cluster: pods(drained(7*time.Hour, forcedBefore(3*time.Minute)))},
		{name: "but an interval later", want: []string{"force n1"}, cluster: pods(drained(7*time.Hour, forcedBefore(5*time.Minute)))},
		{name: "not when its owner says never", waits: "its owner says never", cluster: pods(drained(7*time.Hour), owner("never"))},
		{name: "nor before the time of its owner", waits: "by force from 2030-01-01 13:00:00", cluster: pods(drained(7*time.Hour), owner("8h"))},
		{name: "but at that time", want: []string{"force n1"}, cluster: pods(drained(2*time.Hour), owner("1h"))},
		{name: "not while a sibling is young", waits: "by force from 2030-01-01 12:30:00",
			cluster: pods(drained(7 * time.Hour)).snapshot(func(s *Snapshot) { s.Pods[1].CreatedAt = noon.Add(-30 * time.Minute) })},
		{name: "longer when it is not well", waits: "by force from 2030-01-01 17:30:00",
			cluster: pods(drained(7 * time.Hour)).snapshot(func(s *Snapshot) { s.Pods[1].CreatedAt, s.Pods[1].Ready = noon.Add(-30*time.Minute), false })},
		{name: "finished siblings and those of Jobs are nobody's", want: []string{"force n1"},
			cluster: drained(7*time.Hour).pod("web-1", "n1", aged(100*time.Hour)).pod("web-2", "n2", aged(0), func(p *fairway.Pod) { p.OwnerKind = "Job" }).
				pod("web-3", "n2", aged(0), func(p *fairway.Pod) { p.Finished = true }).budget(impossible, "web-1", "web-2", "web-3").snapshot(refused)},
		{name: "not while a sibling shuts down", waits: "web-2 under the same budget is shutting down",
			cluster: pods(drained(7 * time.Hour)).snapshot(func(s *Snapshot) { s.Pods[1].Deleting = true })},
		{name: "nor while one is missing", waits: "only 1 of 2 pods under the same budget are there",
			cluster: drained(7*time.Hour).pod("web-1", "n1", aged(100*time.Hour)).budget(impossible, "web-1").snapshot(refused)},
		{name: "it is asked first", want: []string{"evict web-1"},
			cluster: pods(drained(7 * time.Hour)).snapshot(func(s *Snapshot) { s.History.RefusedAt = nil })},
		{name: "one of a node at a time", want: []string{"force n1"},
			cluster: drained(7*time.Hour).pod("web-1", "n1", aged(100*time.Hour)).pod("api-1", "n1", aged(100*time.Hour)).
				budget(fairway.Budget{Name: "web", CurrentHealthy: 1, DesiredHealthy: 1, ExpectedPods: 1}, "web-1").
				budget(fairway.Budget{Name: "api", CurrentHealthy: 1, DesiredHealthy: 1, ExpectedPods: 1}, "api-1").snapshot(refused)},
		{name: "never a data service with another member down", waits: "is not ready",
			cluster: drained(7*time.Hour).pod("db-0", "n1", service, aged(100*time.Hour)).pod("db-1", "n2", service, down, aged(100*time.Hour)).watched("db", 2).
				budget(impossible, "db-0", "db-1").snapshot(refused)},
		{name: "nothing without the setting", want: []string{"mark n1 quarantine", "mark n2 quarantine"},
			cluster: pods(drained(7 * time.Hour)).snapshot(func(s *Snapshot) { s.Pools[0].Settings.Forcing.Enabled = false })},
	})
}

func TestDecide_RecordsForce(t *testing.T) {
	t.Parallel()
	c := newCluster(3, 5, tagged(2), with(func(s *Settings) {
		s.Forcing = Forcing{Enabled: true, GracePeriod: time.Hour, Interval: time.Minute}
	})).node("n1", "a", "old", drainedFor(2*time.Hour)).node("n2", "b", "old", pending).node("n3", "a", "new", readyFor(time.Minute)).
		pod("web-1", "n1", func(p *fairway.Pod) { p.CreatedAt = noon.Add(-time.Hour) }).budget(fairway.Budget{Name: "web", CurrentHealthy: 1, DesiredHealthy: 1, ExpectedPods: 1}, "web-1")
	c.History.Refuse(c.Budgets, c.Pods[0], noon.Add(-time.Second))
	d := Decide(c.Snapshot, noon)
	if len(d.Actions) != 1 {
		t.Fatalf("actions %v", texts(d.Actions))
	}
	got := d.Actions[0]
	if got.Marks.LastForced == nil || !got.Marks.LastForced.Equal(noon) {
		t.Errorf("the node is not marked before: %v", got.Marks.LastForced)
	}
	if diff := cmp.Diff([]any{"default/web", 2 * time.Hour, "uid-web-1"}, []any{got.Budget, got.Waited, got.Pod.UID}); diff != "" || got.Rule == "" {
		t.Errorf("record (-want +got):\n%s\nrule %q", diff, got.Rule)
	}
}

func TestDecide_KeepsCapacity(t *testing.T) {
	t.Parallel()
	sized := func(cpu, memory int64) func(*fairway.Node, *fairway.Instance) {
		return func(n *fairway.Node, _ *fairway.Instance) { n.CPU, n.Memory = cpu, memory<<30 }
	}
	checkRules(t, []rule{
		{name: "smaller new nodes: more are needed", want: []string{"set-desired w 5 base 3"}, waits: "the nodes that stay have 10000 millicores, and 12000 before the roll",
			cluster: newCluster(4, 9, tagged(3)).node("n1", "a", "old", pending, sized(4000, 8)).node("n2", "b", "old", pending, sized(4000, 8)).node("n3", "a", "old", pending, sized(4000, 8)).
				node("x1", "a", "new", readyFor(time.Minute), sized(2000, 8))},
		{name: "and then an old one goes", want: []string{"mark n1 draining"},
			cluster: newCluster(5, 9, tagged(3)).node("n1", "a", "old", pending, sized(4000, 8)).node("n2", "b", "old", pending, sized(4000, 8)).node("n3", "a", "old", pending, sized(4000, 8)).
				node("x1", "a", "new", readyFor(time.Minute), sized(2000, 8)).node("x2", "b", "new", readyFor(time.Minute), sized(2000, 8))},
		{name: "memory alone may be the reason", waits: "MiB of memory", want: []string{"set-desired w 5 base 3"},
			cluster: newCluster(4, 9, tagged(3)).node("n1", "a", "old", pending, sized(4000, 8)).node("n2", "b", "old", pending, sized(4000, 8)).node("n3", "a", "old", pending, sized(4000, 8)).
				node("x1", "a", "new", readyFor(time.Minute), sized(4000, 4))},
		{name: "an image that reserves a little more is the same machine", want: []string{"mark n1 draining"},
			cluster: newCluster(3, 9, tagged(2)).node("n1", "a", "old", pending, sized(4000, 8)).node("n2", "b", "old", pending, sized(4000, 8)).
				node("x1", "a", "new", readyFor(time.Minute), sized(3920, 8))},
		{name: "larger ones replace one for one", want: []string{"mark n1 draining"},
			cluster: newCluster(3, 9, tagged(2)).node("n1", "a", "old", pending, sized(4000, 8)).node("n2", "b", "old", pending, sized(4000, 8)).
				node("x1", "a", "new", readyFor(time.Minute), sized(8000, 16))},
		{name: "no more than the maximum, and it says so", want: []string{"mark n1 draining"}, waits: "4 instead of 2 would be as much as before; its maximum is 3",
			cluster: newCluster(3, 3, tagged(2)).node("n1", "a", "old", pending, sized(4000, 8)).node("n2", "b", "old", pending, sized(4000, 8)).
				node("x1", "a", "new", readyFor(time.Minute), sized(2000, 4))},
		{name: "at the end the pool stays as large as it has to be", want: []string{"set-desired w 4 base 4"},
			cluster: newCluster(4, 9, tagged(2)).node("x1", "a", "new", protected, sized(2000, 4)).node("x2", "b", "new", protected, sized(2000, 4)).
				node("x3", "a", "new", protected, sized(2000, 4)).node("x4", "b", "new", protected, sized(2000, 4)).
				snapshot(func(s *Snapshot) { s.History.Units = map[string]Unit{"w": {CPU: 4000, Memory: 8 << 30}} })},
		{name: "what is not known does not limit", want: []string{"mark n1 draining"},
			cluster: newCluster(3, 9, tagged(2)).node("n1", "a", "old", pending).node("n2", "b", "old", pending).node("x1", "a", "new", readyFor(time.Minute), sized(2000, 4))},
	})
}

func TestOrphans_OfNewMarks(t *testing.T) {
	t.Parallel()
	nodes := []fairway.Node{{Name: "n", Annotations: map[string]string{fairway.AnnotationMarks: `{"scale-down-disabled":"u","last-forced-drain":"u","replacement-strategy":"u","rotate":"u"}`}}}
	got := Orphans(nodes, func(string) bool { return false })
	want := fairway.NodeMarks{ScaleDownDisabled: new(false), LastForced: new(time.Time{}), Replacement: new(""), Rotate: new("")}
	if len(got) != 1 {
		t.Fatalf("orphans: %v", got)
	}
	if diff := cmp.Diff(want, got[0].Marks); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
}

// TestDecide_EndsWhereApplicationsSuffer: nobody comes, and the roll ends with
// the nodes that it did not touch, named.
func TestDecide_EndsWhereApplicationsSuffer(t *testing.T) {
	t.Parallel()
	c := newCluster(3, 5, tagged(2)).node("n1", "a", "old", pending).node("n2", "b", "old", pending).node("n3", "a", "new", readyFor(time.Minute)).
		pod("dns-1", "n3", down, critical)
	c.History.Apps = Apps{Ready: map[string]bool{"default/dns": true}, Packed: map[string]bool{}, All: 1, Down: map[string]time.Time{"default/dns": noon.Add(-2 * time.Hour)},
		CautionSince: noon.Add(-59 * time.Minute)}
	if d := Decide(c.Snapshot, noon); len(d.Actions) > 0 || d.Done {
		t.Errorf("before its patience is over: %v, done %v", texts(d.Actions), d.Done)
	}
	c.History.Apps.CautionSince = noon.Add(-61 * time.Minute)
	d := Decide(c.Snapshot, noon)
	if diff := cmp.Diff([]string{"mark n1 quarantine", "mark n2 quarantine"}, texts(d.Actions)); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
}

// TestDecide_DrainsOnceMoreToForce: a node that was set aside is drained again
// when all others are through, so that forcing has its chance, and only once.
func TestDecide_DrainsOnceMoreToForce(t *testing.T) {
	t.Parallel()
	aside := func(n *fairway.Node, _ *fairway.Instance) {
		n.Annotations[fairway.AnnotationQuarantine] = noon.Add(-time.Minute).Format(time.RFC3339) + " its budget"
		n.Annotations[fairway.AnnotationMarks] = `{"taint":"u","lifecycle-status":"u","quarantine":"u"}`
	}
	build := func(enabled bool, retry Retry) *cluster {
		c := newCluster(3, 5, tagged(2), with(func(s *Settings) { s.Forcing = Forcing{Enabled: enabled, GracePeriod: time.Hour} })).
			node("n1", "a", "old", pending, aside).node("n2", "b", "new", readyFor(time.Minute)).node("n3", "a", "new", readyFor(time.Minute)).pod("web-1", "n1").
			budget(fairway.Budget{Name: "web", CurrentHealthy: 1, DesiredHealthy: 1, ExpectedPods: 1}, "web-1")
		c.History.Retries = map[string]Retry{"n1": retry}
		return c
	}
	again := texts(Decide(build(true, Retry{}).Snapshot, noon).Actions)
	if diff := cmp.Diff([]string{"mark n1 draining"}, again); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
	for _, c := range []*cluster{build(false, Retry{}), build(true, Retry{Count: 1, Since: noon.Add(-time.Hour), Forcing: 1})} {
		for _, a := range texts(Decide(c.Snapshot, noon).Actions) {
			if a == "mark n1 draining" {
				t.Error("it is drained again for nothing")
			}
		}
	}
}
