package demo

import "time"

// tracker remembers the smallest number of ready replicas of a workload, from
// the moment it was fully healthy. The zero value tracks nothing.
type tracker struct {
	desired int
	// healthyAt is when all replicas were first ready; zero before.
	healthyAt time.Time
	ready     int
	min       int
	// minAt is when min was reached.
	minAt time.Time
}

// observe takes the number of replicas that are ready now.
func (t *tracker) observe(now time.Time, ready int) {
	t.ready = ready
	if t.healthyAt.IsZero() {
		if ready < t.desired {
			return
		}
		t.healthyAt, t.min, t.minAt = now, ready, now
	}
	if ready < t.min {
		t.min, t.minAt = ready, now
	}
}

// leadership follows who leads a database.
type leadership struct {
	leader string // UID of the pod, "" before there was one
	moves  int
}

// observe takes the UIDs of the pods that lead now. While the role moves there
// are two or none; a move counts once, when another leads alone.
func (l *leadership) observe(leaders []string) {
	if len(leaders) != 1 || leaders[0] == l.leader {
		return
	}
	if l.leader != "" {
		l.moves++
	}
	l.leader = leaders[0]
}

// roster follows which nodes of a cluster are replaced.
type roster struct {
	// before holds the nodes by UID as they were before the change; nil until
	// the baseline was taken.
	before map[string]string
	// firstAt and lastAt are when nodes were first and last seen to change.
	firstAt, lastAt time.Time
	gone, fresh     int
}

// baseline takes the nodes, UID to name, as those before the change.
func (r *roster) baseline(nodes map[string]string) {
	r.before = make(map[string]string, len(nodes))
	for uid, name := range nodes {
		r.before[uid] = name
	}
}

// observe takes all nodes and those that are ready now, by UID.
func (r *roster) observe(now time.Time, nodes map[string]string, ready map[string]bool) {
	if r.before == nil {
		return
	}
	gone, fresh := 0, 0
	for uid := range r.before {
		if _, there := nodes[uid]; !there {
			gone++
		}
	}
	for uid := range nodes {
		if _, old := r.before[uid]; !old && ready[uid] {
			fresh++
		}
	}
	if gone == r.gone && fresh == r.fresh {
		return
	}
	if r.firstAt.IsZero() {
		r.firstAt = now
	}
	r.gone, r.fresh, r.lastAt = gone, fresh, now
}

// replaced is the number of nodes that went and have a ready successor.
func (r *roster) replaced() int { return min(r.gone, r.fresh) }
