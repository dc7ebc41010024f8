package demo

import "time"

// watchPlan tells the watcher what the demo set up. It is read from the data
// folder.
type watchPlan struct {
	Clusters []watchedCluster `json:"clusters"`
}

type watchedCluster struct {
	ID         string            `json:"id"`
	LocalID    string            `json:"local_id"`
	Kubeconfig string            `json:"kubeconfig"`
	Namespace  string            `json:"namespace"`
	Service    string            `json:"service"`
	Workloads  []watchedWorkload `json:"workloads"`
}

// watchedWorkload is a workload and what its budget demands.
type watchedWorkload struct {
	Name     string            `json:"name"`
	Selector map[string]string `json:"selector"`
	// Desired is the number of replicas in full health.
	Desired int `json:"desired"`
	// Budget is the smallest number that its PodDisruptionBudget allows; 0
	// without one.
	Budget int `json:"budget"`
	// Quorum is how many the workload needs for its own work; 0 for none.
	Quorum int `json:"quorum,omitempty"`
}

// watchReport is what the watcher saw so far.
type watchReport struct {
	PID        int       `json:"pid"`
	StartedAt  time.Time `json:"started_at"`
	UpdatedAt  time.Time `json:"updated_at"`
	BaselineAt time.Time `json:"baseline_at,omitzero"`
	// Healthy: every workload of every cluster is in full health now, and the
	// load balancers know all targets. Waiting names what is not.
	Healthy  bool            `json:"healthy"`
	Waiting  string          `json:"waiting,omitempty"`
	Final    bool            `json:"final"`
	Clusters []watchedReport `json:"clusters"`
	Requests RequestSummary  `json:"requests"`
}

// watchedReport is what the watcher saw of one cluster.
type watchedReport struct {
	ID string `json:"id"`
	// Broken is why the watcher sees nothing now; "" while it does. Breaks
	// counts how often it lost its sight.
	Broken      string `json:"broken,omitempty"`
	Breaks      int    `json:"breaks"`
	Nodes       int    `json:"nodes"`
	NodesReady  int    `json:"nodes_ready"`
	NodesBefore int    `json:"nodes_before"`
	// NodesReplaced went since the baseline and have a ready successor; OldLeft
	// are still there.
	NodesReplaced int              `json:"nodes_replaced"`
	OldLeft       int              `json:"old_left"`
	Images        []string         `json:"images"`
	Marked        []string         `json:"marked,omitempty"`
	FirstChange   time.Time        `json:"first_change,omitzero"`
	LastChange    time.Time        `json:"last_change,omitzero"`
	LeaderMoves   int              `json:"leader_moves"`
	Targets       int              `json:"targets"`
	Workloads     []workloadReport `json:"workloads"`
	Requests      RequestSummary   `json:"requests"`
	Failures      []requestFailure `json:"failures,omitempty"`
}

type workloadReport struct {
	Name     string    `json:"name"`
	Desired  int       `json:"desired"`
	Budget   int       `json:"budget"`
	Quorum   int       `json:"quorum,omitempty"`
	Ready    int       `json:"ready"`
	MinReady int       `json:"min_ready"`
	MinAt    time.Time `json:"min_at,omitzero"`
	Healthy  bool      `json:"healthy"`
}

// cluster returns the report of a cluster; false when the watcher has none.
func (r *watchReport) cluster(id string) (watchedReport, bool) {
	for _, c := range r.Clusters {
		if c.ID == id {
			return c, true
		}
	}
	return watchedReport{}, false
}
