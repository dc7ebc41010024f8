package sim

import (
	"slices"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// disturb plans what happens by itself.
func (w *world) disturb() {
	if slices.ContainsFunc(w.Workloads, func(wl Workload) bool { return wl.Leader }) {
		w.every(operateEvery, w.operate)
	}
	w.every(w.FlapEvery, w.flap)
	w.every(w.FailEvery, w.fail)
	w.every(w.KillEvery, w.kill)
	w.every(w.DoubleEvery, w.double)
	w.every(w.AutoscaleEvery, w.autoscale)
	w.every(w.SpotEvery, w.takeBack)
	w.every(w.PartitionEvery, func() {
		if w.now < quietAfter {
			w.cut = w.now + w.upTo(20*time.Second)
		}
	})
	if slices.ContainsFunc(w.Pools, func(p PoolSpec) bool { return p.Settings.Strategy == roll.CLC }) {
		w.every(clcEvery, w.replaceMarked)
	}
	if w.MassUnready > 0 {
		w.after(w.MassUnready, w.massUnready)
	}
	if w.ClockJumps {
		w.every(2*time.Minute, w.jump)
	}
}

// faulty reports whether nodes come and go for reasons other than the roll's.
func (w *world) faulty() bool {
	return w.FlapEvery > 0 || w.FailEvery > 0 || w.MassUnready > 0 || w.SpotEvery > 0 || w.BadEvery > 0 || w.FailedLaunches > 0 || w.AutoscaleEvery > 0 ||
		w.Quota > 0 || w.ZoneOut != "" || w.ForeignCordon || w.AbortAt > 0 || w.PauseAt > 0
}

// quietAfter is when nodes cease to flap and fail, so that a run ends.
const quietAfter = 20 * time.Minute

// any returns a random node.
func (w *world) any() *node {
	if len(w.nodes) == 0 || w.now > quietAfter {
		return nil
	}
	return w.nodes[w.rand.IntN(len(w.nodes))]
}

// flap makes a node not ready for a while.
func (w *world) flap() {
	if n := w.any(); n != nil && n.Ready && !n.leaving() {
		w.setReady(n, false)
		w.after(w.upTo(30*time.Second), func() { w.setReady(n, true) })
	}
}

func (w *world) massUnready() {
	for i, n := range slices.Clone(w.nodes) {
		if n.Ready && i%2 == 0 && !n.leaving() {
			w.setReady(n, false)
			w.after(50*time.Second, func() { w.setReady(n, true) })
		}
	}
}

// failedFor is how long a node that failed is not ready until the cloud
// replaces its instance.
const failedFor = 40 * time.Second

// fail ends a node for good: it is not ready, and after a while the cloud
// replaces its instance.
func (w *world) fail() {
	if n := w.any(); n != nil && n.Ready && !n.leaving() {
		w.setReady(n, false)
		w.after(w.about(failedFor), func() { w.lose(n.inst, false) })
	}
}

// takeBack ends an instance of a spot pool; the cloud launches another.
func (w *world) takeBack() {
	if n := w.any(); n != nil && n.inst.Spot && !n.leaving() {
		w.lose(n.inst, false)
	}
}

// startProbe makes the pod that shows that a node works.
func (w *world) startProbe(name string) {
	n := w.node(name)
	if n == nil || n.probe != nil {
		return
	}
	p := w.newPod(&workload{Workload: &Workload{Name: "probe", Kind: "Probe", MinAvailable: -1}}, "probe-"+n.Name)
	p.OwnerKind, p.OwnerName, p.Probe = "", "", true
	p.Labels = map[string]string{fairway.LabelProbe: n.Name}
	n.add(p)
	n.probe = p
	var try func()
	try = func() {
		switch {
		case p.gone:
		case n.Ready && n.agents:
			p.Ready, p.ReadySince, p.started, n.probed = true, w.time(), true, true
			w.proves(n)
		default:
			w.after(2*time.Second, try)
		}
	}
	w.after(w.about(w.PodStart), try)
}

// force deletes a pod without asking its budgets.
func (w *world) force(a roll.Action) {
	p := w.pod(a.Node, a.Pod.UID)
	if p == nil || p.Deleting {
		return
	}
	w.mark(a.Node, a.Marks)
	w.checker.forces(p, a)
	w.result.Forced++
	p.forced = true
	w.deletePod(p, true)
}
