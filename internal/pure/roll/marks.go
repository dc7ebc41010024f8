package roll

import (
	"fmt"
	"maps"
	"slices"

	"github.com/fairwayhq/fairway"
)

// mark marks all outdated nodes at once, so that the scheduler prefers others
// and operators move their leaders to new nodes only, and takes marks from
// nodes that need none any more.
func (v *view) mark(p *pool) {
	for _, m := range p.members {
		switch {
		case m.node == nil || m.kind == leaving:
		case m.old():
			if marks, ok := m.outdatedMarks(); ok {
				v.act(p, Action{Kind: ActionMark, Node: m.node.Name, Instance: m.ID, Marks: marks,
					Why: fmt.Sprintf("marks %s as outdated", m.node.Name)})
			}
		case p.isSurplus(m):
		default:
			v.clean(m, "is up to date")
		}
	}
}

// outdatedMarks returns what an outdated node still lacks.
func (m *member) outdatedMarks() (fairway.NodeMarks, bool) {
	var marks fairway.NodeMarks
	effect := m.effect()
	if !slices.Contains(m.node.Taints, fairway.Taint{Key: fairway.TaintDecommission, Value: fairway.TaintDecommissionValue, Effect: effect}) {
		marks.TaintEffect = new(effect)
	}
	if s := m.node.Labels[fairway.LabelLifecycleStatus]; s == "" || s == fairway.LifecycleReady {
		marks.Status = new(fairway.LifecyclePending)
	}
	return marks, marks != fairway.NodeMarks{}
}

// effect returns the effect of the taint of outdated nodes of the pool.
func (m *member) effect() string {
	if m.pool.NoScheduleTaint && !m.pool.OneAtATime {
		return "NoSchedule"
	}
	return "PreferNoSchedule"
}

// clean takes all marks of Fairway from a node and reports whether there were any.
func (v *view) clean(m *member, why string) bool {
	if m.node == nil || m.cleaned {
		return m.cleaned
	}
	marks := slices.Sorted(maps.Keys(owned(*m.node)))
	if without(marks) == (fairway.NodeMarks{}) {
		return false
	}
	m.cleaned = true
	v.act(m.pool, Action{Kind: ActionMark, Node: m.node.Name, Instance: m.ID, Marks: without(marks),
		Why: fmt.Sprintf("takes the marks from %s, which %s", m.node.Name, why)})
	return true
}

// isSurplus reports whether a current member is drained because the pool has
// more than it needs.
func (p *pool) isSurplus(m *member) bool {
	return !m.old() && (m.kind == draining || m.kind == quarantined) && p.active() == 0 && p.Desired > p.base
}

// protect keeps the autoscaler from removing new nodes while the roll lasts.
func (v *view) protect(p *pool) {
	if p.active() == 0 {
		return
	}
	for _, m := range p.members {
		if !m.old() && m.kind != leaving && !m.Protected {
			v.act(p, Action{Kind: ActionProtect, Node: m.name(), Instance: m.ID, Why: fmt.Sprintf("protects the new node %s from scale-in", m.name())})
		}
	}
}
