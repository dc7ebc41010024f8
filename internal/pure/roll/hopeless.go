package roll

import (
	"slices"

	"github.com/fairwayhq/fairway"
)

// never reports whether a pod is held by a budget that can never be met: of at
// least two pods, all of which are healthy, none may be down. A budget over a
// single pod is another matter: operators move such pods.
func (v *view) never(pod *fairway.Pod) bool {
	covering := v.covering[pod.UID]
	if len(covering) != 1 || pod.Deleting {
		return false
	}
	return impossible(covering[0])
}

// impossible reports whether a budget can never be met.
func impossible(b *fairway.Budget) bool {
	return b.ExpectedPods >= 2 && immovable(*b) && b.DisruptionsAllowed == 0 && b.Generation == b.ObservedGeneration
}

// anyImpossible reports whether there is any such budget: there mostly is none,
// and then no pod has to be looked at.
func (v *view) anyImpossible() bool {
	if v.impossible == nil {
		v.impossible = new(slices.ContainsFunc(v.budgets, func(b fairway.Budget) bool { return impossible(&b) }))
	}
	return *v.impossible
}

// hopeless returns the pods of a member that such budgets hold. Where pods are
// forced in the end there is hope.
func (v *view) hopeless(m *member) []fairway.Pod {
	if m.node == nil || m.pool.Forcing.Enabled || !v.anyImpossible() {
		return nil
	}
	if !m.hopes {
		m.hopes = true
		for i := range m.pods {
			if v.never(&m.pods[i]) {
				m.lost = append(m.lost, m.pods[i])
			}
		}
	}
	return m.lost
}

// refusedLately returns the pod of a member that is known to be held for good:
// its budget says so, and has refused an eviction.
func (v *view) refusedLately(m *member) bool {
	return slices.ContainsFunc(v.hopeless(m), func(p fairway.Pod) bool {
		at, refused := v.History.RefusedAt[v.refusalKey(&p)]
		return refused && v.now.Sub(at) < m.pool.blockedAfter()
	})
}

// refusalKey is RefusalKey with the budgets of the snapshot.
func (v *view) refusalKey(p *fairway.Pod) string {
	if covering := v.covering[p.UID]; len(covering) == 1 {
		return budgetName(*covering[0])
	}
	return podKey(*p)
}

// giveUpHopeless sets aside all nodes that a budget holds for good once it has
// refused one eviction, those too that were never touched.
func (v *view) giveUpHopeless() {
	for _, p := range v.pools {
		for _, m := range p.of(draining, fresh) {
			if !m.old() || !v.refusedLately(m) {
				continue
			}
			if b, ok := v.blocker(m); ok {
				v.setAside(m, b.Reason)
			}
		}
	}
}

// rollable is how many of the old members that are still to be replaced are
// not known to be held for good, at least one while any is to be tried.
func (v *view) rollable(p *pool) int {
	n := p.active()
	for _, m := range p.of(fresh) {
		if m.old() && !m.starts && len(v.hopeless(m)) > 0 {
			n--
		}
	}
	return max(n, min(1, p.active()))
}

// tries reports whether a pool tries a node now that is held for good, to
// have it refused: when hardly any other is left to begin with, before the
// last replacements are launched, one at a time.
func (v *view) tries(p *pool, others int) bool {
	return others <= p.surgeNow() && !slices.ContainsFunc(p.members, func(m *member) bool {
		return (m.kind == draining || m.starts) && len(v.hopeless(m)) > 0
	})
}
