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
		case m.kind == kept && p.active() == 0:
		case m.old():
			if marks, ok := m.outdatedMarks(); ok && !(marks.Status != nil && v.leadsLast(m)) {
				v.act(p, Action{Kind: ActionMark, Node: m.node.Name, Instance: m.ID, Marks: marks,
					Why: fmt.Sprintf("marks %s as outdated: %s", m.node.Name, m.outdated)})
			}
		case m.goes(v.now) && m.kind != broken, m.kind == broken && m.joined():
		case m.kind == quarantined && m.unfit(v.now) && v.History.Retries[m.node.Name].Count >= mostRetries: // it is named in the end
		case p.rolling(): // finish takes away what protects new nodes
			v.clean(m, "is up to date", fairway.MarkScaleDown)
		default:
			v.clean(m, "is up to date")
		}
	}
}

// leadsLast reports whether the node of a leader waits with its mark for nodes
// without one: an operator that sees its leader's node marked moves the leader at
// once, and it must not go to a node that is about to be marked.
func (v *view) leadsLast(m *member) bool {
	if !m.leads() {
		return false
	}
	for _, p := range v.everyPool() {
		for _, o := range p.members {
			if o == m || o.node == nil || o.kind == leaving || !o.old() || o.kind == kept && p.active() == 0 {
				continue
			}
			if s := o.node.Labels[fairway.LabelLifecycleStatus]; (s == "" || s == fairway.LifecycleReady) && !o.leads() {
				return true
			}
		}
	}
	return false
}

// leadersFirst reports whether a node that stays outdated keeps its marks until
// those of the nodes with leaders are gone: a leader whose node alone is marked
// would move.
func (v *view) leadersFirst(m *member) bool {
	if m.leads() {
		return false
	}
	all := v.aborted || v.Failed != "" || v.History.Blocked != nil
	for _, p := range v.everyPool() {
		for _, o := range p.members {
			if !all && o.kind != kept {
				continue // it keeps its marks
			}
			if o.node != nil && o.kind != leaving && o.old() && o.leads() && mine(o.node, fairway.MarkStatus) {
				return true
			}
		}
	}
	return false
}

// leads reports whether a leader of a data service stands on the node.
func (m *member) leads() bool {
	for i := range m.pods {
		if m.pods[i].Role == roleLeader {
			return true
		}
	}
	return false
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
	if m.pool.Remove && m.pool.Strategy == CLC && m.node.Labels[fairway.LabelReplacement] != fairway.ReplacementNone {
		marks.Replacement = new(fairway.ReplacementNone)
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

// clean takes all marks of Fairway from a node, but for those named, and
// reports whether there were any.
func (v *view) clean(m *member, why string, but ...string) bool {
	if m.node == nil || m.cleaned {
		return m.cleaned
	}
	if m.node.Annotations[fairway.AnnotationMarks] == "" {
		return false
	}
	if m.old() && mine(m.node, fairway.MarkStatus) && v.leadersFirst(m) {
		return true
	}
	if len(but) == 1 && onlyMark(m.node, but[0]) {
		return false
	}
	all := owned(*m.node)
	for _, mark := range but {
		delete(all, mark)
	}
	marks := slices.Sorted(maps.Keys(all))
	if without(marks) == (fairway.NodeMarks{}) {
		return false
	}
	if m.kind == draining && len(m.pods) == 0 && v.Failed == "" && v.now.Sub(v.History.Began) < lateView/2 {
		v.wait(Wait{Pool: m.pool.Pool, Node: m.node.Name, Reason: fmt.Sprintf("%s keeps its marks for a moment: the manager before may have asked for its end", m.node.Name)})
		return true
	}
	m.cleaned = true
	v.frees(m)
	v.act(m.pool, Action{Kind: ActionMark, Node: m.node.Name, Instance: m.ID, Marks: without(marks),
		Why: fmt.Sprintf("takes the marks from %s, which %s", m.node.Name, why)})
	return true
}

// isSurplus reports whether a current member is drained because the pool has
// more than it needs.
func (p *pool) isSurplus(m *member) bool {
	return !m.old() && (m.kind == draining || m.kind == quarantined) && p.active() == 0 && p.Desired > p.base
}

// protect keeps autoscalers from removing new nodes while the roll lasts: those
// that let the cloud choose, and those that end nodes themselves. Outdated
// nodes stay free to go.
func (v *view) protect(p *pool) {
	if asked, ok := v.History.Asked[p.Pool]; ok && asked.Base == 0 && v.now.Sub(asked.At) < lateView {
		return // the tag is gone, and with it what tells whose a protection is
	}
	waits := p.active() > 0 || p.tagged && p.count(quarantined) > 0 // for other pools, or another try
	for _, m := range p.members {
		// In the end those that are still coming.
		if !m.old() && m.kind != leaving && (waits || p.tagged && m.kind == booting) {
			v.guard(m, "protects the new node %s from scale-in")
		}
	}
}

// guard protects a member from scale-in and reports whether it is protected
// already. The mark on the node also says whose the protection is.
func (v *view) guard(m *member, why string) bool {
	if m.minded {
		return m.Protected
	}
	m.minded = true
	marked := m.node == nil || m.node.Annotations[fairway.AnnotationScaleDown] != ""
	if !marked && !m.cleaned {
		v.act(m.pool, Action{Kind: ActionMark, Node: m.node.Name, Instance: m.ID, Marks: fairway.NodeMarks{ScaleDownDisabled: new(true)}, Why: fmt.Sprintf(why, m.name())})
	}
	if m.old() && !marked {
		return false // the mark first: without it nobody would know whose the protection is
	}
	if !m.Protected {
		v.act(m.pool, Action{Kind: ActionProtect, Node: m.name(), Instance: m.ID, Why: fmt.Sprintf(why, m.name())})
	}
	return m.Protected
}

// guarded reports whether a member is protected from scale-in by a roll. An
// outdated one may be since an earlier roll, or for another reason; the mark
// tells.
func (m *member) guarded() bool {
	if !m.Protected {
		return false
	}
	return !m.old() && m.pool.tagged || m.node != nil && mine(m.node, fairway.MarkScaleDown)
}
