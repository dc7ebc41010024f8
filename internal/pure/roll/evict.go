package roll

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/fairwayhq/fairway"
)

// evict asks the pods of all nodes that are drained to leave, those of the
// longest drain first: ordinary pods before critical ones, of a data service one
// at a time and its leader last, and of a budget as many as it allows. What a
// budget says is up to the API server, so one eviction is tried even when the
// budget reads zero, but only one per interval. A pod that may be deleted by
// force is.
func (v *view) evict() {
	var drains []*member
	for _, p := range v.pools {
		drains = append(drains, p.of(draining)...)
	}
	slices.SortStableFunc(drains, func(a, b *member) int { return a.drainStart().Compare(b.drainStart()) })
	left := map[string]int{} // evictions that may still be tried, by refusal key
	gone := map[string]bool{}
	for _, m := range drains {
		if !m.node.Unschedulable || m.drainStart().IsZero() || !m.goes(v.now) || v.justFreed(m) {
			continue // start begins the drain again, or its marks are taken away
		}
		if wait := v.deregistering(m); wait > 0 {
			v.wait(Wait{Pool: m.pool.Pool, Node: m.node.Name, Since: m.drainStart(),
				Reason: fmt.Sprintf("draining %s: load balancers have %s more to forget it", m.node.Name, wait.Round(time.Second))})
			continue
		}
		pods := m.next()
		if lost := v.hopeless(m); len(lost) > 0 {
			pods = lost // the others stay if these cannot go
		}
		for _, pod := range pods {
			if why := v.holds(m, pod, left, gone); why != nil {
				if why.Budget == "" || !v.force(m, pod, gone, why) {
					v.wait(*why)
				}
				continue
			}
			v.act(m.pool, Action{Kind: ActionEvict, Node: m.node.Name, Instance: m.ID, Pod: pod,
				Why: fmt.Sprintf("draining %s: evicts %s", m.node.Name, podName(pod))})
		}
	}
}

// deregistering is how much longer pods must stay so that load balancers have
// forgotten the node; 0 when there is nothing to wait for. It counts from when
// this manager saw the drain: a restart costs that time once more, and no clock
// that was wrong costs requests.
func (v *view) deregistering(m *member) time.Duration {
	serves := false
	for i := range m.pods {
		serves = serves || m.pods[i].OwnerKind != "Job"
	}
	if !serves || m.pool.Deregistration <= 0 {
		return 0
	}
	return max(0, v.History.Drains[m.node.Name].Told.Add(m.pool.Deregistration).Sub(v.now))
}

// next returns the pods whose turn it is: the critical ones only when all
// others have gone.
func (m *member) next() []fairway.Pod {
	pods := slices.DeleteFunc(slices.Clone(m.pods), func(p fairway.Pod) bool { return p.Critical })
	if len(pods) == 0 {
		pods = slices.Clone(m.pods)
	}
	slices.SortStableFunc(pods, func(a, b fairway.Pod) int { return first(a.Role == roleLeader, b.Role == roleLeader) })
	return pods
}

// holds says why a pod cannot be evicted now, or books the eviction and
// returns nil.
func (v *view) holds(m *member, pod fairway.Pod, left map[string]int, gone map[string]bool) *Wait {
	w := &Wait{Pool: m.pool.Pool, Node: m.node.Name, Pod: podName(pod), Since: m.drainStart()}
	if pod.Deleting {
		w.Reason = fmt.Sprintf("draining %s: %s is shutting down", m.node.Name, podName(pod))
		return w
	}
	if until := m.finishes(&pod); v.now.Before(until) {
		w.Reason = fmt.Sprintf("draining %s: %s may finish its work until %s", m.node.Name, podName(pod), until.UTC().Format(time.DateTime))
		w.Actor = "whoever runs " + podName(pod)
		return w
	}
	service := serviceOf(&pod)
	if service != "" {
		why := v.disturbed(service, &pod)
		if gone[service] && why == "" {
			why = "another of its pods is leaving"
		}
		if why == "" {
			why = v.keepsLeading(m, &pod, service)
		}
		if why != "" {
			w.Reason = fmt.Sprintf("draining %s: %s waits for the data service %s: %s", m.node.Name, podName(pod), service, why)
			w.Actor = "whoever runs " + service
			return w
		}
	}
	key := v.refusalKey(&pod)
	if _, seen := left[key]; !seen {
		left[key] = v.allowance(key, pod, m.pool.retryRefused())
	}
	if left[key] == 0 || v.mustForce(m, &pod, key) {
		w.Reason, w.Budget = v.refusal(pod)
		w.Reason = fmt.Sprintf("draining %s: %s", m.node.Name, w.Reason)
		w.Actor = "whoever runs " + podName(pod)
		return w
	}
	left[key]--
	if service != "" {
		gone[service] = true
	}
	return nil
}

// allowance is how many evictions may be tried now under a refusal key.
func (v *view) allowance(key string, pod fairway.Pod, retry time.Duration) int {
	if at, refused := v.History.RefusedAt[key]; refused && v.now.Sub(at) < retry {
		return 0
	}
	budgets := v.covering[pod.UID]
	switch {
	case len(budgets) == 0:
		return 1
	case len(budgets) == 1 && budgets[0].Generation == budgets[0].ObservedGeneration:
		return max(1, budgets[0].DisruptionsAllowed)
	}
	return 1
}

// endDrained ends the instances of nodes that have nothing left to lose, the
// one whose drain began first before others.
func (v *view) endDrained() {
	for _, p := range v.pools {
		drains := p.of(draining)
		slices.SortStableFunc(drains, func(a, b *member) int {
			return cmp.Or(a.drainStart().Compare(b.drainStart()), cmp.Compare(a.ID, b.ID))
		})
		for _, m := range drains {
			if !m.node.Unschedulable || m.drainStart().IsZero() || !m.goes(v.now) || v.justFreed(m) {
				continue
			}
			dead := m.dead(v.now)
			if slices.ContainsFunc(m.pods, func(p fairway.Pod) bool { return !p.Deleting || !dead }) {
				continue
			}
			if m.node.VolumesAttached > 0 && !dead {
				v.wait(Wait{Pool: p.Pool, Node: m.node.Name, Since: m.drainStart(),
					Reason: fmt.Sprintf("draining %s: waits until its %d volumes are detached", m.node.Name, m.node.VolumesAttached)})
				continue
			}
			v.end(m, "is drained")
		}
	}
}

// end terminates the instance of a member. The group shrinks with it when
// enough current instances are there or on their way.
func (v *view) end(m *member, why string) {
	p := m.pool
	decrement := v.surplus(m)
	if decrement && (v.late(p) || p.scaledUp > 0) {
		m.held = true
		v.wait(Wait{Pool: p.Pool, Node: m.nodeName(), Actor: "the cloud", Reason: fmt.Sprintf("waits for the cloud to show the newest size of %s before it ends %s", p.Pool, m.name())})
		return
	}
	after := "the cloud launches a replacement"
	if decrement {
		after = "the group shrinks by one"
		p.Desired--
		p.resized = true
		v.asks(p, p.Desired, p.base)
	}
	v.act(p, Action{Kind: ActionTerminate, Node: m.nodeName(), Instance: m.ID, Decrement: decrement,
		Why: fmt.Sprintf("terminates %s, which %s; %s", m.name(), why, after)})
	m.kind, m.starts = leaving, false
}

func (m *member) nodeName() string {
	if m.node == nil {
		return ""
	}
	return m.node.Name
}

// surplus reports whether the pool needs no other instance in place of the member.
func (v *view) surplus(m *member) bool {
	p := m.pool
	if p.Remove {
		return true
	}
	if p.Desired <= p.base {
		// Shrinking below the size from before is never right: what is missing is launched.
		return false
	}
	if v.aborted {
		return true // the old ones stay, so nothing is needed in place of a new one
	}
	if !m.old() {
		return p.current() > p.needed()
	}
	if v.homeless(p, m.zone()) {
		return false
	}
	return p.current() >= p.needed() || p.Desired > p.limit()
}

// replaceBroken ends new instances whose nodes do not become Ready, so that the
// cloud launches others. Old nodes stay as they are meanwhile.
func (v *view) replaceBroken() {
	for _, p := range v.pools {
		if p.active() == 0 && !p.tagged {
			continue // no roll: what breaks by itself is not ours
		}
		for _, m := range p.of(broken) {
			why := fmt.Sprintf("did not become ready within %s: %s", p.lateAfter(), m.missing)
			if !m.joined() {
				v.end(m, why)
				continue
			}
			if holds := v.deprives(m); holds != "" { // until those of other drains are back
				v.wait(Wait{Pool: p.Pool, Node: m.nodeName(), Reason: fmt.Sprintf("%s waits: %s", m.name(), holds)})
				continue
			}
			v.begin(candidate{member: m}, "it "+why) // pods may stand on it
		}
	}
}
