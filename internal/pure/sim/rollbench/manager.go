package rollbench

import (
	"cmp"
	"slices"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

const (
	// reaction is how long the manager takes to see a change. On a real cluster
	// it looks every 100 to 400 ms.
	reaction = 100 * time.Millisecond
	// patience is the longest pause while nothing happens. What depends on time
	// alone is then seen late by as much, but for a node that has been ready for
	// long enough: that is an event of its own.
	patience = 15 * time.Second
)

// manager looks, decides and acts, in turns: when something has changed, and
// when the last decision said that it should.
type manager struct {
	world   *world
	decide  Policy
	history roll.History
	last    roll.Decision
	next    time.Time
	quiet   int // looks in a row that found nothing to do and nothing changed
}

// looksAt returns when the manager looks next.
func (m *manager) looksAt() time.Time {
	if at := m.world.changedAt.Add(reaction); !m.world.changedAt.IsZero() && at.Before(m.next) {
		return at
	}
	return m.next
}

// look is one turn.
func (m *manager) look() {
	w := m.world
	if m.quiet++; w.changed {
		m.quiet = 0
	}
	w.changed, w.changedAt = false, time.Time{}
	s := w.snapshot(m.history)
	d := m.decide(s, w.now)
	w.decisions++
	m.last, m.history = d, d.History
	if d.Done && len(d.Actions) == 0 || d.Failed != "" {
		for _, a := range d.Actions {
			m.do(s, a)
		}
		w.over = true
		return
	}
	for _, a := range d.Actions {
		m.do(s, a)
	}
	pause := max(reaction, d.Next)
	if m.quiet > 2 {
		pause = max(pause, min(patience, pause*time.Duration(m.quiet-1)))
	}
	m.next = w.now.Add(pause)
}

// do carries out one action, which takes no time.
func (m *manager) do(s roll.Snapshot, a roll.Action) {
	w := m.world
	switch a.Kind {
	case roll.ActionSetDesired:
		w.measures.cloudCalls++
		w.setDesired(a.Desired, a.Base)
	case roll.ActionProtect, roll.ActionUnprotect:
		w.measures.cloudCalls++
		for _, i := range w.instances {
			if i.ID == a.Instance {
				i.Protected = a.Kind == roll.ActionProtect
				w.changed = true
			}
		}
	case roll.ActionTerminate:
		w.measures.cloudCalls++
		w.terminate(a.Instance, a.Decrement)
	case roll.ActionMark:
		w.measures.clusterCalls++
		a.Marks.UpdateID = "update"
		w.mark(a.Node, a.Marks)
	case roll.ActionEvict:
		w.measures.clusterCalls++
		switch w.evict(a.Pod.UID) {
		case fairway.Evicted:
			w.measures.evictions++
		case fairway.EvictRefused:
			w.measures.refused++
			m.history.Refuse(s.Budgets, a.Pod, w.now)
		}
	case roll.ActionForce:
		w.measures.clusterCalls++
		if p := w.byUID[a.Pod.UID]; p != nil && !p.api().Deleting {
			w.mark(a.Node, fairway.NodeMarks{UpdateID: "update", LastForced: &w.now})
			w.remove(p, false)
		}
	}
	w.schedule()
	w.settle()
}

// snapshot is what the manager sees: everything as it is.
func (w *world) snapshot(h roll.History) roll.Snapshot {
	number, percent := w.surge()
	settings := roll.Settings{
		Surge: number, SurgePercent: percent, RaiseMax: true,
		MinReady: seconds(w.MinReadyS), Canary: w.Canary, RetryRefused: 2 * time.Second, BlockedAfter: 10 * time.Minute,
	}
	if w.Forcing {
		settings.Forcing = roll.Forcing{Enabled: true, GracePeriod: 6 * time.Hour, MinPodLifetime: 72 * time.Hour,
			MinHealthySiblingLifetime: time.Hour, MinUnhealthySiblingLifetime: 6 * time.Hour, Interval: 5 * time.Minute}
	}
	s := roll.Snapshot{Pods: w.shown(), Budgets: w.budgets, History: h, Pools: []roll.Pool{{Group: w.group.Group, Settings: settings}},
		Nodes: make([]fairway.Node, 0, len(w.nodes)), Instances: make([]fairway.Instance, 0, len(w.instances))}
	for _, n := range w.nodes {
		s.Nodes = append(s.Nodes, n.Node)
	}
	for _, i := range w.instances {
		s.Instances = append(s.Instances, i.Instance)
	}
	return s
}

// shown are the pods node by node and by name, the order in which a decision
// takes the least time. The list is good until the next one is made.
func (w *world) shown() []fairway.Pod {
	if m := w.manager.quiet; m > 0 && len(w.list) > 0 {
		return w.list // nothing has changed
	}
	w.list = w.list[:0]
	for _, n := range w.nodes {
		if n.mixed {
			slices.SortFunc(n.pods, func(a, b *pod) int { return cmp.Compare(a.api().Name, b.api().Name) })
			n.mixed = false
		}
		for _, p := range n.pods {
			w.list = append(w.list, *p.api())
		}
	}
	for _, p := range w.pending {
		w.list = append(w.list, *p.api())
	}
	return w.list
}
