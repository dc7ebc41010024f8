package fairway

import "time"

// ClusterView is a cluster together with what happens to it now, as the fleet
// API, the command line and the web UI show it.
type ClusterView struct {
	Cluster
	// Origin says where values that were not given came from, by field name.
	Origin map[string]string `json:"origin,omitempty"`
	State  ClusterState      `json:"state"`
	// Drift is what somebody else changed, as last looked; lists leave it out.
	Drift *Drift `json:"drift,omitempty"`
}

// ClusterState says in a sentence what a cluster is doing, what it waits for,
// since when, and who can act. The zero value is a cluster that was never updated.
type ClusterState struct {
	// UpdateID, RolloutID, Revision and Update are of the newest update.
	UpdateID  string      `json:"update_id,omitempty"`
	RolloutID string      `json:"rollout_id,omitempty"`
	Revision  string      `json:"revision,omitempty"`
	Update    UpdateState `json:"update,omitempty"`
	// Doing is never empty; Waiting is "" when nothing is waited for.
	Doing   string    `json:"doing"`
	Waiting string    `json:"waiting,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Actor   string    `json:"actor,omitempty"`
	// Paused and Aborting say who paused or aborts the update, and why.
	Paused   string `json:"paused,omitempty"`
	Aborting string `json:"aborting,omitempty"`
	// NodesDone of NodesTotal outdated nodes were replaced by the update.
	NodesDone  int `json:"nodes_done"`
	NodesTotal int `json:"nodes_total"`
	// Error and Hint are of the last attempt; "" after success.
	Error      string    `json:"error,omitempty"`
	Hint       string    `json:"hint,omitempty"`
	StartedAt  time.Time `json:"started_at,omitzero"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
}

// View returns the cluster with the state that its newest update gives it; nil
// for a cluster that was never updated.
func (c Cluster) View(newest *Update) ClusterView {
	v := ClusterView{Cluster: c, Origin: c.Origin}
	if v.Status.Problems == nil {
		v.Status.Problems = []Problem{}
	}
	if newest != nil {
		v.State = stateOf(newest)
	}
	reason, blocked := c.IsBlocked()
	switch {
	case blocked && !newest.underWay():
		v.State.Doing, v.State.Actor = "nothing: updates are blocked", "whoever set "+ItemUpdateBlock
		v.State.Waiting = "config item " + ItemUpdateBlock + " to be removed"
		if reason != "" {
			v.State.Waiting += " (" + reason + ")"
		}
	case c.LifecycleStatus == StatusDecommissioned:
		v.State.Doing, v.State.Waiting = "nothing: decommissioned", ""
	case v.State.Doing == "" && newest == nil:
		v.State.Doing, v.State.Waiting = "nothing yet", "its first update"
	}
	return v
}

func (u *Update) underWay() bool { return u != nil && !u.State.IsOver() }

// stateOf turns an update into the state of its cluster.
func stateOf(u *Update) ClusterState {
	s := ClusterState{
		UpdateID: u.ID, RolloutID: u.RolloutID, Revision: u.Revision, Update: u.State,
		Doing: u.Doing, Waiting: u.Waiting, Since: u.Since, Actor: u.Actor,
		Paused: u.Paused, Aborting: u.Aborting,
		NodesDone: u.NodesDone, NodesTotal: u.NodesTotal,
		Error: u.Error, Hint: u.Hint, StartedAt: u.StartedAt, FinishedAt: u.FinishedAt,
	}
	if s.Since.IsZero() {
		s.Since = u.CreatedAt
		if u.State.IsOver() {
			s.Since = u.FinishedAt
		}
	}
	if s.Doing == "" {
		s.Doing = sentences[u.State]
	}
	return s
}

// sentences say what a cluster does whose update says nothing itself.
var sentences = map[UpdateState]string{
	UpdatePending:  "waiting to be updated",
	UpdateRunning:  "being updated",
	UpdateDone:     "up to date",
	UpdatePartial:  "updated but for nodes that cannot be rolled",
	UpdateFailed:   "nothing: the last update failed",
	UpdateCanceled: "nothing: the last update was canceled",
}
