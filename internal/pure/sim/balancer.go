package sim

import (
	"time"

	"github.com/fairwayhq/fairway"
)

const labelExclude = fairway.LabelExcludeLB

// balancer is the load balancer before a workload. Its targets are the pods on
// nodes that are not excluded; it needs a while to forget one.
type balancer struct {
	targets int           // pods that it sends requests to
	failing int           // of those, which the roll took away from it
	counted time.Duration // until when the requests are counted
}

const (
	// requestsPerSecond reach each served workload.
	requestsPerSecond = 100
	// healthCheck is how long a load balancer needs to see that a target is not well.
	healthCheck = 5 * time.Second
)

// count adds up the requests since the last change of the targets.
func (w *world) count(wl *workload) {
	if !wl.Served {
		return
	}
	if wl.targets > 0 {
		n := requestsPerSecond * (w.now - wl.counted).Seconds()
		w.result.Requests += n
		w.result.Failed += n * float64(wl.failing) / float64(wl.targets)
	}
	wl.counted = w.now
}

// account counts the requests of all workloads.
func (w *world) account() {
	for _, wl := range w.workloads {
		w.count(wl)
	}
}

// serves follows a pod that became ready, or ceased to be.
func (w *world) serves(p *pod) {
	if !p.of.Served {
		return
	}
	up := p.Ready && !p.Deleting
	switch {
	case up && !p.target && p.on != nil && !p.on.excluded:
		w.count(p.of)
		p.target = true
		p.of.targets++
	case !up && p.target && p.ours:
		w.count(p.of)
		if !p.fails {
			p.fails = true
			p.of.failing++
		}
		w.after(healthCheck, func() { w.unbind(p) })
	case !up && p.target:
		w.after(healthCheck, func() {
			if !p.Ready || p.Deleting {
				w.unbind(p)
			}
		})
	}
}

// unbind takes a pod from the load balancer.
func (w *world) unbind(p *pod) {
	if !p.target {
		return
	}
	w.count(p.of)
	p.target = false
	p.of.targets--
	if p.fails {
		p.fails = false
		p.of.failing--
	}
}

// forgets is the end of a pod for its load balancer.
func (w *world) forgets(p *pod) {
	if p.target && !p.ours {
		w.unbind(p)
	}
}

// exclude takes a node out of the load balancers, or back in.
func (w *world) exclude(n *node, out bool) {
	n.excluded = out
	if !out {
		n.label(labelExclude, "")
		for _, p := range n.pods {
			w.serves(p)
		}
		return
	}
	n.label(labelExclude, "true")
	n.told = w.now
	told := w.now
	for _, p := range n.pods {
		if p.target {
			// The setting allows for the time that the call itself takes.
			w.after(w.fraction(max(0, n.inst.of.spec.Settings.Deregistration-actsWithin)), func() {
				if n.excluded && n.told == told && !p.ours {
					w.unbind(p)
				}
			})
		}
	}
}

// fraction is a random duration between half of d and d.
func (w *world) fraction(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.5 + w.rand.Float64()/2))
}

// balances follows a node that is ended: what load balancers still send there
// fails.
func (w *world) balances(n *node) {
	for _, p := range n.pods {
		if p.target && !p.ours && n.drained >= 0 && !p.stays() {
			p.ours = true
			p.Ready = false
			w.serves(p)
		}
	}
}
