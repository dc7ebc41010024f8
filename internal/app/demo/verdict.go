package demo

import (
	"fmt"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
)

// The exit codes of a demo that did not succeed.
const (
	exitFailed      = 1
	exitHalted      = 3
	exitInterrupted = 130
)

// evidence is everything that a summary is made from.
type evidence struct {
	fleet    []fleetCluster
	revision string
	managed  *managed
	watched  *watchReport
	// halted says why the manager stopped the change by design; "" when it did not.
	halted string
	// stalled says why the demo gave up on the change; "" when it did not.
	stalled                string
	began, merged, decided time.Time
	// replacesAll: the change is known to replace every node.
	replacesAll bool
}

// judge makes the summary. What the manager says is believed only where the
// watcher saw it too.
func (e evidence) judge() (*Summary, int) {
	s := &Summary{
		Revision: e.revision, Seconds: round(e.decided.Sub(e.began).Seconds()), ChangeSeconds: round(e.decided.Sub(e.merged).Seconds()),
		Requests: e.watched.Requests, Clusters: []ClusterSummary{}, Workloads: []WorkloadSummary{},
	}
	if e.halted != "" {
		s.Reasons = append(s.Reasons, e.halted)
	}
	if e.stalled != "" {
		s.Reasons = append(s.Reasons, e.stalled)
	}
	for _, c := range e.fleet {
		e.addCluster(s, c)
	}
	switch {
	case s.Requests.Failed > 0:
		s.Reasons = append(s.Reasons, fmt.Sprintf("%d of %d requests failed%s", s.Requests.Failed, s.Requests.OK+s.Requests.Failed, e.firstFailure()))
	case s.Requests.OK == 0:
		s.Reasons = append(s.Reasons, "the prober sent no request")
	}
	s.OK = len(s.Reasons) == 0
	switch {
	case s.OK:
		return s, 0
	case e.halted != "":
		return s, exitHalted
	}
	return s, exitFailed
}

// addCluster judges one cluster.
func (e evidence) addCluster(s *Summary, c fleetCluster) {
	out := ClusterSummary{ID: c.ID, Channel: c.Channel}
	var began, ended time.Time
	for _, u := range e.managed.updates(c.ID, e.revision) {
		s.Evictions += u.Evictions
		s.EvictionsRefused += u.EvictionsRefused
		if at := u.StartedAt; !at.IsZero() && (began.IsZero() || at.Before(began)) {
			began = at
		}
		if u.FinishedAt.After(ended) {
			ended = u.FinishedAt
		}
		for _, b := range u.Blocked {
			s.Notes = append(s.Notes, fmt.Sprintf("%s: node %s was not rolled: %s%s", c.LocalID, b.Node, b.Reason, blockers(b)))
		}
	}
	if ended.After(began) {
		out.Seconds = round(ended.Sub(began).Seconds())
	}
	seen, ok := e.watched.cluster(c.ID)
	if !ok {
		s.Reasons = append(s.Reasons, c.LocalID+" was not watched")
	}
	out.NodesReplaced = seen.NodesReplaced
	why := e.unconverged(c, seen)
	out.Converged = why == ""
	// A halted change has said already why it goes no further.
	if why != "" && e.halted == "" {
		s.Reasons = append(s.Reasons, fmt.Sprintf("%s did not converge: %s", c.LocalID, why))
	}
	s.Clusters = append(s.Clusters, out)
	for _, w := range seen.Workloads {
		s.Workloads = append(s.Workloads, WorkloadSummary{Cluster: c.ID, Name: w.Name, MinReady: w.MinReady, Budget: w.Budget})
		switch {
		case !w.Healthy:
			s.Reasons = append(s.Reasons, fmt.Sprintf("%s: %s was never seen in full health", c.LocalID, w.Name))
		case w.MinReady < w.Budget:
			s.Reasons = append(s.Reasons, fmt.Sprintf("%s: %s had %d ready replicas at %s, its budget demands %d", c.LocalID, w.Name, w.MinReady, w.MinAt.UTC().Format(time.TimeOnly), w.Budget))
		case w.Quorum > 0 && w.MinReady < w.Quorum:
			s.Notes = append(s.Notes, fmt.Sprintf("%s: %s had %d of %d members ready at %s; no budget forbids it, as only the leader has one", c.LocalID, w.Name, w.MinReady, w.Desired, w.MinAt.UTC().Format(time.TimeOnly)))
		}
	}
	if seen.LeaderMoves > 1 {
		s.Notes = append(s.Notes, fmt.Sprintf("%s: the database's leader moved %d times", c.LocalID, seen.LeaderMoves))
	}
	if seen.Breaks > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("%s: the watcher lost sight %d times; what happened meanwhile is judged by what it found afterwards", c.LocalID, seen.Breaks))
	}
}

func blockers(b fairway.BlockedNode) string {
	var parts []string
	if b.Pod != "" {
		parts = append(parts, "pod "+b.Pod)
	}
	if b.Budget != "" {
		parts = append(parts, "budget "+b.Budget)
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// unconverged says why a cluster has not converged; "" when it has.
func (e evidence) unconverged(c fleetCluster, seen watchedReport) string {
	view := e.managed.cluster(c.ID)
	if view == nil {
		return "the manager does not know it"
	}
	if at := fairway.ParseVersion(view.Status.CurrentVersion).Revision; at != e.revision {
		return fmt.Sprintf("it runs %s", orElse(short(at), "no version"))
	}
	said := 0
	for _, u := range e.managed.updates(c.ID, e.revision) {
		said = max(said, u.NodesTotal)
		if u.State == fairway.UpdatePartial {
			return "some nodes could not be rolled"
		}
	}
	switch {
	case seen.Broken != "":
		return "the watcher does not see it: " + seen.Broken
	case e.replacesAll && seen.OldLeft > 0:
		return fmt.Sprintf("%d of %d old nodes are still there", seen.OldLeft, seen.NodesBefore)
	case seen.NodesReplaced < said:
		return fmt.Sprintf("the manager says that it replaced %d nodes, the watcher saw %d", said, seen.NodesReplaced)
	case seen.NodesReady < seen.Nodes:
		return fmt.Sprintf("%d of %d nodes are not ready", seen.Nodes-seen.NodesReady, seen.Nodes)
	case seen.Nodes < seen.NodesBefore:
		return fmt.Sprintf("it has %d nodes and had %d", seen.Nodes, seen.NodesBefore)
	case len(seen.Marked) > 0:
		return "marks are left on " + some(seen.Marked, 3)
	case e.replacesAll && len(seen.Images) > 1:
		return "its nodes run different images: " + strings.Join(seen.Images, ", ")
	}
	for _, w := range seen.Workloads {
		if w.Ready < w.Desired {
			return fmt.Sprintf("%s has %d of %d replicas ready", w.Name, w.Ready, w.Desired)
		}
	}
	return ""
}

// settled says which evidence is still missing for a change that the manager
// calls done; "" when all is there.
func (e evidence) settled() string {
	if !e.watched.Healthy {
		return e.watched.Waiting
	}
	for _, c := range e.fleet {
		seen, _ := e.watched.cluster(c.ID)
		if why := e.unconverged(c, seen); why != "" {
			return c.LocalID + ": " + why
		}
	}
	return ""
}

func (e evidence) firstFailure() string {
	for _, c := range e.watched.Clusters {
		if len(c.Failures) > 0 {
			f := c.Failures[0]
			return fmt.Sprintf(" (first at %s, pod %s on node %s of %s: %s)", f.At.UTC().Format(time.TimeOnly), f.Pod, f.Node, f.Cluster, f.Reason)
		}
	}
	return ""
}

// short is a revision as people write it.
func short(revision string) string { return revision[:min(len(revision), 10)] }
