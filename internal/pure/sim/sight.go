package sim

import (
	"slices"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// The lists that a manager reads.
const (
	nodesList = iota
	podsList
	budgetsList
	daemonsList
	groupsList
	instancesList
	lists
)

// sight is what a manager has read last, list by list. What the lists share
// with the world (labels, tags, the pods of a budget) is never changed there,
// only replaced. There are two sets of lists, since actions of the decision
// before refer to theirs while the next are read.
type sight struct {
	read [lists]time.Duration
	set
	other set
}

type set struct {
	nodes     []fairway.Node
	pods      []fairway.Pod
	budgets   []fairway.Budget
	daemons   []fairway.DaemonSet
	groups    []fairway.Group
	instances []fairway.Instance
}

// inherit takes over the memory of a manager that reads no more. Its late actions
// still refer to its budgets.
func (v *sight) inherit(from *sight) {
	*v = *from
	v.budgets, v.other.budgets = nil, nil
	from.set, from.other = set{}, set{}
}

// turn changes to the other set, which begins with what was read last.
func (v *sight) turn() {
	v.set, v.other = v.other, v.set
	v.nodes = append(v.nodes[:0], v.other.nodes...)
	v.pods = append(v.pods[:0], v.other.pods...)
	v.budgets = append(v.budgets[:0], v.other.budgets...)
	v.daemons = append(v.daemons[:0], v.other.daemons...)
	v.groups = append(v.groups[:0], v.other.groups...)
	v.instances = append(v.instances[:0], v.other.instances...)
}

// all reads everything now.
func (v *sight) all(w *world) {
	v.set, v.other = v.other, v.set
	for list := range v.read {
		v.take(w, list)
	}
}

// take reads one list now.
func (v *sight) take(w *world, list int) {
	v.read[list] = w.now
	switch list {
	case nodesList:
		v.nodes = slices.Grow(v.nodes[:0], len(w.nodes))
		for _, n := range w.nodes {
			v.nodes = append(v.nodes, n.Node)
		}
	case podsList:
		v.pods = slices.Grow(v.pods[:0], w.pods)
		for _, n := range w.nodes {
			for _, p := range n.pods {
				v.pods = append(v.pods, p.Pod)
			}
		}
		for _, p := range w.waiting {
			if !p.gone {
				v.pods = append(v.pods, p.Pod)
			}
		}
	case budgetsList:
		v.budgets = slices.Grow(v.budgets[:0], len(w.budgets))
		for _, b := range w.budgets {
			v.budgets = append(v.budgets, b.selected())
		}
	case daemonsList:
		v.daemons = w.daemonSets(v.daemons[:0])
	case groupsList:
		v.groups = v.groups[:0]
		for _, g := range w.groups {
			v.groups = append(v.groups, g.Group)
		}
	case instancesList:
		v.instances = slices.Grow(v.instances[:0], w.instances)
		for _, g := range w.groups {
			for _, i := range g.members {
				v.instances = append(v.instances, i.Instance)
			}
		}
	}
}

// daemonSets lists the critical DaemonSets with the nodes that they want.
func (w *world) daemonSets(out []fairway.DaemonSet) []fairway.DaemonSet {
	for _, wl := range w.workloads {
		if wl.Kind != "DaemonSet" || !wl.Critical {
			continue
		}
		d := fairway.DaemonSet{Namespace: "default", Name: wl.Name, Nodes: make([]string, 0, len(w.nodes))}
		for _, n := range w.nodes {
			d.Nodes = append(d.Nodes, n.Name)
		}
		out = append(out, d)
	}
	return out
}

// snapshot is what a decision is made from.
func (m *manager) snapshot() roll.Snapshot {
	w, v := m.world, &m.sight
	s := roll.Snapshot{Nodes: v.nodes, Pods: v.pods, Budgets: v.budgets, DaemonSets: v.daemons, Instances: v.instances,
		API: m.api, Paused: w.paused(), Aborted: w.aborted(), History: m.history, Pools: make([]roll.Pool, len(w.Pools))}
	for i := range w.Pools {
		s.Pools[i] = roll.Pool{Group: v.groups[i], Settings: w.Pools[i].Settings, Remove: w.Pools[i].Remove}
	}
	m.api = roll.API{}
	return s
}
