package demo

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

const revision = "0123456789abcdef"

// goodEvidence is that of a demo of two clusters in which everything went well.
func goodEvidence() evidence {
	e := evidence{fleet: fleet(2), revision: revision, managed: &managed{}, watched: &watchReport{Healthy: true, Requests: RequestSummary{OK: 1000}},
		began: at(0), merged: at(20), decided: at(100.04), replacesAll: true}
	for i, c := range e.fleet {
		view := fairway.ClusterView{Cluster: fairway.Cluster{ID: c.ID, Channel: c.Channel, LifecycleStatus: fairway.StatusReady}}
		view.Status.CurrentVersion = revision + "#hash"
		e.managed.Clusters = append(e.managed.Clusters, view)
		e.managed.Updates = append(e.managed.Updates, fairway.Update{ClusterID: c.ID, Revision: revision, State: fairway.UpdateDone,
			NodesDone: 9, NodesTotal: 9, Evictions: 20, EvictionsRefused: 5, StartedAt: at(float64(20 + 40*i)), FinishedAt: at(float64(50 + 40*i))})
		e.managed.Updates = append(e.managed.Updates, fairway.Update{ClusterID: c.ID, Revision: "before", Evictions: 99})
		e.watched.Clusters = append(e.watched.Clusters, watchedReport{ID: c.ID, Nodes: 9, NodesReady: 9, NodesBefore: 9, NodesReplaced: 9, Images: []string{"new"}, LeaderMoves: 1,
			Workloads: []workloadReport{
				{Name: "web", Desired: 12, Budget: 10, Ready: 12, MinReady: 10, MinAt: at(30), Healthy: true},
				{Name: "database", Desired: 3, Quorum: 2, Ready: 3, MinReady: 2, MinAt: at(31), Healthy: true},
			}})
	}
	return e
}

func TestJudge_Good(t *testing.T) {
	t.Parallel()
	got, code := goodEvidence().judge()
	want := &Summary{
		OK: true, Seconds: 100, ChangeSeconds: 80, Revision: revision, Evictions: 40, EvictionsRefused: 10, Requests: RequestSummary{OK: 1000},
		Clusters: []ClusterSummary{
			{ID: "dev-1", Channel: "dev", NodesReplaced: 9, Seconds: 30, Converged: true},
			{ID: "alpha-1", Channel: "alpha", NodesReplaced: 9, Seconds: 30, Converged: true},
		},
		Workloads: []WorkloadSummary{
			{Cluster: "dev-1", Name: "web", MinReady: 10, Budget: 10}, {Cluster: "dev-1", Name: "database", MinReady: 2},
			{Cluster: "alpha-1", Name: "web", MinReady: 10, Budget: 10}, {Cluster: "alpha-1", Name: "database", MinReady: 2},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" || code != 0 {
		t.Errorf("code %d (-want +got):\n%s", code, diff)
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(e *evidence)
		code   int
		reason string // what the reasons say
		note   string // what the notes say
	}{
		{name: "a failed request", code: 1, reason: "1 of 1001 requests failed (first at 12:00:33, pod web-1 on node n1 of x: the pod is gone)", change: func(e *evidence) {
			e.watched.Requests.Failed = 1
			e.watched.Clusters[1].Failures = []requestFailure{{At: at(33), Cluster: "x", Pod: "web-1", Node: "n1", Reason: "the pod is gone"}}
		}},
		{name: "no request at all", code: 1, reason: "sent no request", change: func(e *evidence) { e.watched.Requests.OK = 0 }},
		{name: "a broken budget", code: 1, reason: "alpha-1: web had 9 ready replicas at 12:00:30, its budget demands 10", change: func(e *evidence) { e.watched.Clusters[1].Workloads[0].MinReady = 9 }},
		{name: "never healthy", code: 1, reason: "web was never seen in full health", change: func(e *evidence) { e.watched.Clusters[0].Workloads[0].Healthy = false }},
		{name: "an old node is left", code: 1, reason: "dev-1 did not converge: 1 of 9 old nodes are still there", change: func(e *evidence) { e.watched.Clusters[0].OldLeft, e.watched.Clusters[0].NodesReplaced = 1, 8 }},
		{name: "the manager claims more than was seen", code: 1, reason: "the manager says that it replaced 9 nodes, the watcher saw 8", change: func(e *evidence) {
			e.replacesAll = false
			e.watched.Clusters[0].NodesReplaced = 8
		}},
		{name: "nodes of two images", code: 1, reason: "different images", change: func(e *evidence) { e.watched.Clusters[0].Images = []string{"new", "old"} }},
		{name: "a node is not ready", code: 1, reason: "1 of 9 nodes are not ready", change: func(e *evidence) { e.watched.Clusters[0].NodesReady = 8 }},
		{name: "a mark stays behind", code: 1, reason: "marks are left on node-7", change: func(e *evidence) { e.watched.Clusters[0].Marked = []string{"node-7"} }},
		{name: "a cluster shrank", code: 1, reason: "it has 8 nodes and had 9", change: func(e *evidence) { e.watched.Clusters[0].Nodes, e.watched.Clusters[0].NodesReady = 8, 8 }},
		{name: "a workload is not back", code: 1, reason: "web has 11 of 12 replicas ready", change: func(e *evidence) { e.watched.Clusters[0].Workloads[0].Ready = 11 }},
		{name: "another revision", code: 1, reason: "alpha-1 did not converge: it runs before", change: func(e *evidence) { e.managed.Clusters[1].Status.CurrentVersion = "before#hash" }},
		{name: "the watcher is blind", code: 1, reason: "the watcher does not see it: refused", change: func(e *evidence) { e.watched.Clusters[0].Broken = "refused" }},
		{name: "a cluster was not watched", code: 1, reason: "alpha-1 was not watched", change: func(e *evidence) { e.watched.Clusters = e.watched.Clusters[:1] }},
		{name: "no progress", code: 1, reason: "no progress for 10m", change: func(e *evidence) { e.stalled = "the change made no progress for 10m" }},
		{name: "halted", code: 3, reason: "the rollout on dev is halted: dev-1 failed", change: func(e *evidence) {
			e.halted = "the rollout on dev is halted: dev-1 failed"
			e.managed.Clusters[1].Status.CurrentVersion = "before#hash"
		}},
		{name: "partial names pod and budget", code: 3, reason: "halted", note: "dev-1: node n1 was not rolled: refused for 30s (pod shop/stuck, budget shop/never)", change: func(e *evidence) {
			e.halted = "the rollout on dev is halted: dev-1 is partial"
			e.managed.Updates[0].State = fairway.UpdatePartial
			e.managed.Updates[0].Blocked = []fairway.BlockedNode{{Node: "n1", Pod: "shop/stuck", Budget: "shop/never", Reason: "refused for 30s"}}
		}},
		{name: "lost quorum is a note", code: 0, note: "database had 1 of 3 members ready at 12:00:31", change: func(e *evidence) { e.watched.Clusters[0].Workloads[1].MinReady = 1 }},
		{name: "a wandering leader is a note", code: 0, note: "leader moved 2 times", change: func(e *evidence) { e.watched.Clusters[0].LeaderMoves = 2 }},
		{name: "lost sight is a note", code: 0, note: "lost sight 3 times", change: func(e *evidence) { e.watched.Clusters[0].Breaks = 3 }},
		{name: "a change that replaces no nodes", code: 0, change: func(e *evidence) {
			e.replacesAll = false
			for i := range e.managed.Updates {
				e.managed.Updates[i].NodesTotal, e.managed.Updates[i].NodesDone = 0, 0
			}
			for i := range e.watched.Clusters {
				e.watched.Clusters[i].NodesReplaced, e.watched.Clusters[i].OldLeft = 0, 9
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := goodEvidence()
			tt.change(&e)
			got, code := e.judge()
			if code != tt.code || got.OK != (tt.code == 0) {
				t.Errorf("code %d, ok %t, want code %d; reasons %q", code, got.OK, tt.code, got.Reasons)
			}
			if !strings.Contains(strings.Join(got.Reasons, "\n"), tt.reason) {
				t.Errorf("reasons %q do not say %q", got.Reasons, tt.reason)
			}
			if !strings.Contains(strings.Join(got.Notes, "\n"), tt.note) {
				t.Errorf("notes %q do not say %q", got.Notes, tt.note)
			}
		})
	}
}

func TestSettled(t *testing.T) {
	t.Parallel()
	e := goodEvidence()
	if why := e.settled(); why != "" {
		t.Errorf("good evidence is not settled: %s", why)
	}
	e.watched.Clusters[1].OldLeft = 2
	if why := e.settled(); why != "alpha-1: 2 of 9 old nodes are still there" {
		t.Errorf("why = %q", why)
	}
	e.watched.Healthy, e.watched.Waiting = false, "dev-1: web: 11 of 12 ready"
	if why := e.settled(); why != e.watched.Waiting {
		t.Errorf("why = %q", why)
	}
}

func TestStand(t *testing.T) {
	t.Parallel()
	all := fleet(3)
	m := &managed{
		Rollouts: []fairway.Rollout{
			{ID: "r2", Channel: "alpha", Revision: revision, State: fairway.RolloutRunning, Waves: [][]string{{"a"}}},
			{ID: "r1", Channel: "dev", Revision: revision, State: fairway.RolloutDone},
			{ID: "r0", Channel: "beta", Revision: "before", State: fairway.RolloutDone},
		},
		Clusters: []fairway.ClusterView{
			{Cluster: fairway.Cluster{ID: all[0].ID}, State: fairway.ClusterState{Revision: revision, Update: fairway.UpdateDone, Doing: "up to date", NodesDone: 9, NodesTotal: 9, StartedAt: at(0), FinishedAt: at(40)}},
			{Cluster: fairway.Cluster{ID: all[1].ID}, State: fairway.ClusterState{Revision: revision, Update: fairway.UpdateRunning, Doing: "draining n1", Waiting: "budget shop/web", NodesDone: 3, NodesTotal: 9, StartedAt: at(45)}},
			{Cluster: fairway.Cluster{ID: all[2].ID}, State: fairway.ClusterState{Revision: "before", Update: fairway.UpdateDone, Doing: "up to date"}},
		},
	}
	s := stand(all, m, revision, at(57))
	want := []channelView{
		{Name: "dev", State: "done", Clusters: []clusterView{{Name: "dev-1", State: moodDone, Doing: "up to date", Done: 9, Total: 9, Elapsed: 40 * time.Second}}},
		{Name: "alpha", State: "running", Clusters: []clusterView{{Name: "alpha-1", State: moodBusy, Doing: "draining n1", Waiting: "waits for budget shop/web", Done: 3, Total: 9, Elapsed: 12 * time.Second}}},
		{Name: "beta", State: "waits for alpha", Clusters: []clusterView{{Name: "beta-1", Doing: "up to date"}}},
	}
	if diff := cmp.Diff(want, s.channels); diff != "" {
		t.Errorf("channels (-want +got):\n%s", diff)
	}
	if s.done || s.halted != "" {
		t.Errorf("done %t, halted %q", s.done, s.halted)
	}
	pace := s.pace
	m.Clusters[1].State.NodesDone = 4
	if s := stand(all, m, revision, at(58)); s.pace == pace {
		t.Error("a node more is no progress")
	}
	m.Clusters[1].State.NodesDone = 3
	if s := stand(all, m, revision, at(900)); s.pace != pace {
		t.Error("time alone is progress")
	}
	m.Rollouts[0].State, m.Rollouts[0].Reason, m.Rollouts[0].Hint = fairway.RolloutHalted, "halted: alpha-1 failed", "look at alpha-1"
	if s := stand(all, m, revision, at(58)); s.halted != "the rollout on alpha is halted: alpha-1 failed" || s.hint != "look at alpha-1" {
		t.Errorf("halted %q, hint %q", s.halted, s.hint)
	}
	for i := range m.Rollouts {
		m.Rollouts[i].State, m.Rollouts[i].Revision = fairway.RolloutDone, revision
	}
	if s := stand(all, m, revision, at(58)); !s.done {
		t.Error("all rollouts are done and the change is not")
	}
}

func TestProvisioned(t *testing.T) {
	t.Parallel()
	all := fleet(1)
	ready := func() *managed {
		c := fairway.Cluster{ID: all[0].ID, LifecycleStatus: fairway.StatusReady}
		c.Status.CurrentVersion = c.Version(revision)
		return &managed{Clusters: []fairway.ClusterView{{Cluster: c}}}
	}
	tests := []struct {
		name   string
		change func(m *managed)
		want   string
	}{
		{name: "ready", change: func(*managed) {}},
		{name: "not imported", change: func(m *managed) { m.Clusters = nil }, want: "dev-1 is not in the registry"},
		{name: "requested", change: func(m *managed) { m.Clusters[0].LifecycleStatus = fairway.StatusRequested }, want: "dev-1 is requested"},
		{name: "due again since it became ready", change: func(m *managed) {
			c := m.Clusters[0].Cluster
			c.LifecycleStatus = fairway.StatusRequested
			m.Clusters[0].Status.CurrentVersion = c.Version(revision)
		}, want: "dev-1 is at " + revision},
		{name: "an update is under way", change: func(m *managed) {
			m.Updates = []fairway.Update{{ClusterID: all[0].ID, State: fairway.UpdateRunning}}
		}, want: "dev-1 is being updated"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := ready()
			tt.change(m)
			ok, why := provisioned(all, m, revision)
			if ok != (tt.want == "") || !strings.HasPrefix(why, tt.want) {
				t.Errorf("provisioned %t, %q; want %q", ok, why, tt.want)
			}
		})
	}
}
