package roll

import (
	"time"

	"github.com/fairwayhq/fairway"
)

// neverReady is how soon after its creation a node's Ready condition may change
// for the last time without the node having been Ready.
const neverReady = 10 * time.Second

// member is an instance of a pool, with its node and the pods that must leave
// before it can.
type member struct {
	fairway.Instance
	pool *pool
	node *fairway.Node // nil while there is none
	pods []fairway.Pod // on the node, neither finished nor of a DaemonSet nor mirrors nor probes
	all  []fairway.Pod // on the node, not finished
	kind kind
	// outdated says why it has to be replaced; "" when it has not.
	outdated string
	// missing says what a new member lacks to count as a replacement, and
	// lackingFor how long this manager has seen it lack something.
	missing    string
	lackingFor time.Duration
	// completeSince is since when a new member has had all that it needs.
	completeSince time.Time
	// told is when this manager first saw its drain.
	told time.Time
	// away is since when this manager has seen it not Ready.
	away time.Time
	// starts says that its drain begins with this decision, freed that it is
	// given up, held that its end waits for a newer view of the cloud.
	starts, freed, held bool
	// forced says that a pod of it is deleted by force in this decision.
	forced bool
	// probed says that its probe is deleted in this decision.
	probed bool
	// minded says that this decision has seen to its protection.
	minded bool
	// ends says that an abort ends it.
	ends bool
	// cleaned says that its marks are taken away in this decision.
	cleaned bool
	// again says that it was quarantined and is tried again.
	again bool
	// lost are the pods that budgets hold for good (see hopeless), budgets those
	// over its pods (see budgetsOf), once found out.
	lost           []fairway.Pod
	budgets        []*fairway.Budget
	hopes, weighed bool
	tallies        []tally // see tallies of view, once counted
	tallied        bool
}

// kind is where a member stands.
type kind string

const (
	leaving     kind = "leaving"     // the instance is shutting down
	fresh       kind = "fresh"       // outdated, not touched yet but for marks
	kept        kind = "kept"        // outdated, and left until a person asks for its replacement
	draining    kind = "draining"    // outdated or surplus, its pods are leaving
	quarantined kind = "quarantined" // cannot be drained
	booting     kind = "booting"     // new, and has not had all that it needs for long enough
	broken      kind = "broken"      // new, and has not got all that it needs in time
	good        kind = "good"        // a replacement that counts
)

// old reports whether the member has to be replaced.
func (m *member) old() bool { return m.outdated != "" }

// name returns the name that people know the member by.
func (m *member) name() string {
	if m.node != nil {
		return m.node.Name
	}
	return m.ID
}

// zone returns where the instance stands.
func (m *member) zone() string {
	if m.Zone == "" && m.node != nil {
		return m.node.Zone
	}
	return m.Zone
}

func (m *member) classify(now time.Time) kind {
	if m.State == fairway.InstanceTerminating {
		return leaving
	}
	if m.node != nil {
		// On a current node only Fairway's own marks count: nobody else drains those.
		switch {
		case m.drained() && (m.old() || mine(m.node, fairway.MarkDrainStart)):
			return draining // also when it is tried again and still says why it was left alone
		case m.node.Annotations[fairway.AnnotationQuarantine] != "" && (m.old() || mine(m.node, fairway.MarkQuarantine)):
			return quarantined
		}
	}
	switch {
	case m.old() && m.keepsOld():
		return kept
	case m.old():
		return fresh
	case (m.node == nil || !m.node.Ready) && m.late(now), m.joined() && m.unfit(now) && m.lackingFor >= m.pool.nodeReadyTimeout():
		return broken
	case m.missing != "" || now.Sub(m.completeSince) < m.pool.MinReady:
		return booting
	}
	return good
}

// joined reports whether the kubelet is ready, so that pods may stand on the node.
func (m *member) joined() bool { return m.node != nil && m.node.Ready }

// unfit reports whether a new member still lacks something although its time
// is up.
func (m *member) unfit(now time.Time) bool {
	return !m.old() && m.missing != "" && now.Sub(m.LaunchedAt) >= m.pool.nodeReadyTimeout()
}

// goes reports whether the node of a member is rightly drained: it is outdated,
// one more than the pool needs, or not fit to be a replacement.
func (m *member) goes(now time.Time) bool {
	return m.old() || m.pool.isSurplus(m) || m.kind != quarantined && m.joined() && m.unfit(now)
}

// drained reports whether a drain of the node has begun. One that is left alone
// may still say when that was.
func (m *member) drained() bool {
	return m.node.Labels[fairway.LabelLifecycleStatus] == fairway.LifecycleDraining ||
		m.node.Annotations[fairway.AnnotationDrainStart] != "" && m.node.Annotations[fairway.AnnotationQuarantine] == ""
}

// away returns since when a member has been seen not Ready, by what this manager
// has seen itself.
func (v *view) away(m *member) time.Time {
	if m.State == fairway.InstanceTerminating || m.node != nil && m.node.Ready {
		delete(v.History.Away, m.ID)
		return v.now
	}
	if _, known := v.History.Away[m.ID]; !known {
		put(&v.History.Away, m.ID, v.now)
	}
	return v.History.Away[m.ID]
}

// wasReady reports whether the node is not Ready now and has been.
func (m *member) wasReady() bool {
	return m.node != nil && !m.node.Ready && m.node.ReadySince.After(m.node.CreatedAt.Add(neverReady))
}

// late reports whether a new instance has not become Ready in time. A node that
// was Ready once has the whole time again from when it ceased to be.
func (m *member) late(now time.Time) bool {
	if m.wasReady() {
		return m.dead(now)
	}
	return now.Sub(m.LaunchedAt) >= m.pool.lateAfter()
}

// dead reports whether the node has been away for so long that its pods cannot
// be waited for.
func (m *member) dead(now time.Time) bool {
	return m.node != nil && !m.node.Ready && now.Sub(m.node.ReadySince) >= m.pool.nodeReadyTimeout() && now.Sub(m.away) >= m.pool.nodeReadyTimeout()
}

// schedulable reports whether the member is capacity of its pool.
func (m *member) schedulable() bool {
	if m.node == nil || !m.node.Ready || m.node.Unschedulable || m.starts || m.State != fairway.InstanceInService {
		return false
	}
	return m.old() || m.kind == good || (m.kind == draining || m.kind == quarantined) && m.missing == ""
}

// drainStart returns when the drain began; the zero time when the node does
// not say.
func (m *member) drainStart() time.Time {
	t, err := time.Parse(time.RFC3339, m.node.Annotations[fairway.AnnotationDrainStart])
	if err != nil {
		return time.Time{}
	}
	return t
}

// drainedSince returns when this drain began: of a node that was left alone in
// between, when this manager first saw it drained again.
func (m *member) drainedSince() time.Time {
	if m.node.Annotations[fairway.AnnotationQuarantine] == "" {
		return m.drainStart()
	}
	return latest(m.drainStart(), m.told)
}

// zonal reports whether volumes tie the member to its zone.
func (m *member) zonal() bool {
	if m.node == nil || m.node.VolumesAttached > 0 {
		return m.node != nil
	}
	for i := range m.pods {
		if m.pods[i].VolumeZone != "" {
			return true
		}
	}
	return false
}
