package sim

import (
	"slices"
	"time"

	"github.com/fairwayhq/fairway"
)

// unneededFor is how long a node must be empty until an autoscaler removes it.
const unneededFor = 15 * time.Second

// autoscale is a turn of an autoscaler: it adds a node at random, or removes one
// that nothing runs on and that nobody protects, marked ones first.
func (w *world) autoscale() {
	if w.now > quietAfter {
		return
	}
	if g := w.groups[w.rand.IntN(len(w.groups))]; w.rand.IntN(3) == 0 && g.Desired < g.spec.Max && !g.spec.Settings.OneAtATime {
		g.Desired++
		g.raised++
		g.raisedAt = w.now
		w.balance(g)
		return
	}
	var victim *node
	for _, n := range w.nodes {
		if !w.unneeded(n) {
			n.idle = -1
			continue
		}
		if n.idle < 0 {
			n.idle = w.now
		}
		if w.now-n.idle >= unneededFor && (victim == nil || len(n.Taints) > len(victim.Taints)) {
			victim = n
		}
	}
	if victim != nil {
		w.checker.scalesIn(victim)
		victim.inst.of.scaledIn++
		w.lose(victim.inst, true)
	}
}

// unneeded reports whether an autoscaler may remove the node.
func (w *world) unneeded(n *node) bool {
	g := n.inst.of
	return !n.leaving() && n.Ready && !n.inst.Protected && n.Annotations[fairway.AnnotationScaleDown] == "" && !g.spec.Settings.OneAtATime &&
		g.Desired > g.Min && len(n.volumes) == 0 && !slices.ContainsFunc(n.pods, func(p *pod) bool { return !p.stays() })
}
