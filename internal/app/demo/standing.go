package demo

import (
	"fmt"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
)

// standing is where a revision stands in the fleet, by the manager's word.
type standing struct {
	channels []channelView
	// done: the last channel has finished its rollout.
	done bool
	// halted says in a sentence why the change does not go on; "" while it does.
	halted, hint string
	// pace changes with every sign of progress.
	pace string
}

// stand reads from the manager's answer where a revision stands.
func stand(all []fleetCluster, m *managed, revision string, now time.Time) standing {
	s := standing{done: true}
	var pace strings.Builder
	for i, channel := range channelsOf(all) {
		r := m.rollout(channel, revision)
		cv := channelView{Name: channel, State: "waits for the revision"}
		if i > 0 {
			cv.State = "waits for " + channels[i-1]
		}
		if r == nil || r.State != fairway.RolloutDone {
			s.done = false
		}
		if r != nil {
			cv.State = channelState(r)
			fmt.Fprintf(&pace, "%s %s %d;", r.ID, r.State, r.Wave)
			if r.State == fairway.RolloutHalted && s.halted == "" {
				s.halted, s.hint = fmt.Sprintf("the rollout on %s is halted: %s", channel, haltReason(r)), r.Hint
			}
		}
		for _, c := range all {
			if c.Channel != channel {
				continue
			}
			view := m.cluster(c.ID)
			cv.Clusters = append(cv.Clusters, clusterLine(c, view, r != nil, revision, now))
			if view != nil {
				fmt.Fprintf(&pace, "%s %s %s %d;", view.State.UpdateID, view.State.Update, view.State.Doing, view.State.NodesDone)
			}
			if len(m.updates(c.ID, revision)) > 0 {
				u := m.updates(c.ID, revision)[0]
				fmt.Fprintf(&pace, "%d %d;", u.Evictions, u.Attempts)
			}
		}
		s.channels = append(s.channels, cv)
	}
	s.pace = pace.String()
	return s
}

func channelState(r *fairway.Rollout) string {
	switch r.State {
	case fairway.RolloutDone:
		return "done"
	case fairway.RolloutSuperseded:
		return "superseded"
	case fairway.RolloutRunning:
		if len(r.Waves) > 1 {
			return fmt.Sprintf("wave %d of %d", min(r.Wave+1, len(r.Waves)), len(r.Waves))
		}
	}
	if r.State == fairway.RolloutHalted {
		return "halted: " + haltReason(r)
	}
	return string(r.State)
}

func haltReason(r *fairway.Rollout) string {
	return orElse(strings.TrimPrefix(r.Reason, "halted: "), "no reason given")
}

// clusterLine is the line of one cluster. begun: its channel has the revision.
func clusterLine(c fleetCluster, view *fairway.ClusterView, begun bool, revision string, now time.Time) clusterView {
	line := clusterView{Name: c.LocalID}
	if view == nil {
		line.Doing = "is not in the registry yet"
		return line
	}
	st := view.State
	line.Doing, line.Waiting = st.Doing, waitingFor(st.Doing, st.Waiting)
	if st.Revision == revision || !begun {
		line.Done, line.Total = st.NodesDone, st.NodesTotal
	}
	began := st.StartedAt
	switch st.Update {
	case fairway.UpdatePending, fairway.UpdateRunning:
		line.State = moodBusy
		if !began.IsZero() {
			line.Elapsed = now.Sub(began)
		}
		if st.Error != "" && line.Waiting == "" {
			line.Waiting = "tries again after: " + firstLine(st.Error)
		}
	case fairway.UpdateDone:
		if st.Revision == revision {
			line.State, line.Waiting = moodDone, ""
			if !began.IsZero() {
				line.Elapsed = st.FinishedAt.Sub(began)
			}
		} else {
			line.Done, line.Total = 0, 0
		}
	case fairway.UpdatePartial, fairway.UpdateFailed:
		line.State = moodBad
		if st.Error != "" {
			line.Doing = firstLine(st.Error)
		}
	}
	return line
}

// waitingFor is what a cluster waits for as a sentence of its own, "" where
// that is what it does.
func waitingFor(doing, waiting string) string {
	switch {
	case waiting == "" || waiting == doing:
		return ""
	case strings.HasPrefix(waiting, "waits ") || strings.Contains(waiting, ": "):
		return waiting
	}
	return "waits for " + waiting
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// provisioned reports whether every cluster runs the revision and nothing is
// under way; the text names the first that does not.
func provisioned(all []fleetCluster, m *managed, revision string) (bool, string) {
	active := map[string]bool{}
	for _, u := range m.Updates {
		if !u.State.IsOver() {
			active[u.ClusterID] = true
		}
	}
	for _, c := range all {
		view := m.cluster(c.ID)
		switch {
		case view == nil:
			return false, c.LocalID + " is not in the registry"
		case view.LifecycleStatus != fairway.StatusReady:
			return false, fmt.Sprintf("%s is %s", c.LocalID, view.LifecycleStatus)
		case active[c.ID]:
			return false, c.LocalID + " is being updated"
		// A cluster that just became ready has a new version and is due again.
		case view.Status.CurrentVersion != view.Cluster.Version(revision):
			return false, fmt.Sprintf("%s is at %s", c.LocalID, orElse(view.Status.CurrentVersion, "no version"))
		}
	}
	return true, ""
}
