package roll

import (
	"fmt"
	"slices"
	"time"

	"github.com/fairwayhq/fairway"
)

// tooManyNotJoined new instances in a row that never become Ready end the roll.
const tooManyNotJoined = 3

// quarantine gives up drains that have stood still for too long: the node takes
// pods again and frees its place, and the others go on.
func (v *view) quarantine() {
	for _, p := range v.pools {
		for _, m := range p.of(draining) {
			drain := v.History.Drains[m.node.Name]
			since := latest(latest(drain.Since, drain.Told.Add(p.Deregistration)), m.finish())
			if m.drainStart().IsZero() || !m.goes(v.now) || v.justFreed(m) || v.now.Sub(since) < p.blockedAfter() {
				continue
			}
			if v.hopes(m) {
				drain.Since = v.now // what forcing waits for may take a moment after its time
				put(&v.History.Drains, m.node.Name, drain)
			} else if b, ok := v.blocker(m); ok {
				v.setAside(m, b.Reason)
			}
		}
	}
}

// setAside quarantines a node. One whose pods may be forced in the end keeps the
// time at which its drain began: the grace of all such nodes passes at once, and
// not of one after the other.
func (v *view) setAside(m *member, reason string) {
	marks := fairway.NodeMarks{
		Quarantine: new(v.now.UTC().Format(time.RFC3339) + " " + reason),
		Status:     new(fairway.LifecyclePending),
		ExcludeLB:  new(false),
		Cordoned:   new(false),
	}
	if !m.old() || !v.mayForce(m) {
		marks.DrainStart = new(time.Time{})
	}
	v.act(m.pool, Action{Kind: ActionMark, Node: m.node.Name, Instance: m.ID, Marks: marks,
		Why: fmt.Sprintf("leaves %s alone: %s", m.node.Name, reason)})
	v.frees(m)
	if !m.old() {
		tried := v.History.Retries[m.node.Name]
		tried.Count++
		put(&v.History.Retries, m.node.Name, tried)
	}
	m.kind, m.freed = quarantined, true
	m.pool.frees = true
}

// blocker says what holds a drain up, or false when nothing does.
func (v *view) blocker(m *member) (fairway.BlockedNode, bool) {
	b := fairway.BlockedNode{Node: m.node.Name}
	pods := m.next()
	for _, pod := range slices.Concat(v.hopeless(m), pods) {
		if pod.Deleting || len(v.covering[pod.UID]) == 0 {
			continue
		}
		if reason, budget := v.refusal(pod); budget != "" {
			b.Pod, b.Budget, b.Reason = podName(pod), budget, reason
			return b, true
		}
	}
	for _, pod := range pods {
		b.Pod = podName(pod)
		switch {
		case pod.Deleting:
			b.Reason = fmt.Sprintf("%s does not finish shutting down", b.Pod)
		case serviceOf(&pod) != "" && v.disturbed(serviceOf(&pod), &pod) != "":
			b.Reason = fmt.Sprintf("%s waits for the data service %s: %s", b.Pod, serviceOf(&pod), v.disturbed(serviceOf(&pod), &pod))
		default:
			b.Reason = fmt.Sprintf("%s could not be evicted", b.Pod)
		}
		return b, true
	}
	if m.node.VolumesAttached > 0 {
		b.Reason = fmt.Sprintf("%d volumes stay attached", m.node.VolumesAttached)
		return b, true
	}
	return b, false
}

// refusal says in words which budget does not let the pod go, and tells a
// workload that is broken from a budget that can never be met.
func (v *view) refusal(pod fairway.Pod) (reason, budget string) {
	covering := v.covering[pod.UID]
	if len(covering) > 1 {
		budget = budgetName(*covering[0])
		return fmt.Sprintf("%s is under %d PodDisruptionBudgets (%s, %s), and no pod under two can be evicted", podName(pod), len(covering), budget, budgetName(*covering[1])), budget
	}
	if len(covering) == 0 {
		return fmt.Sprintf("the API server refused to evict %s", podName(pod)), ""
	}
	b := *covering[0]
	budget = budgetName(b)
	head := fmt.Sprintf("%s waits for PodDisruptionBudget %s", podName(pod), budget)
	switch {
	case b.CurrentHealthy < b.DesiredHealthy:
		return fmt.Sprintf("%s: its workload is not well, %d of %d pods are healthy and %d must be", head, b.CurrentHealthy, b.ExpectedPods, b.DesiredHealthy), budget
	case b.ExpectedPods <= b.DesiredHealthy:
		return fmt.Sprintf("%s: it can never be met, all %d pods are healthy and none of them may be down", head, b.ExpectedPods), budget
	}
	return fmt.Sprintf("%s (%d of %d may be down now)", head, b.DisruptionsAllowed, b.ExpectedPods), budget
}

// notice sees pools in which nothing can ever be done, and sets their nodes
// aside with the reason after as long as a drain may stand still.
func (v *view) notice() {
	for _, p := range v.pools {
		if len(p.idle) == 0 || p.acted || p.moving() > 0 || p.launching() > 0 && !v.noRoom(p) {
			delete(v.History.IdleSince, p.Pool)
			continue
		}
		since, known := v.History.IdleSince[p.Pool]
		if !known {
			put(&v.History.IdleSince, p.Pool, v.now)
			continue
		}
		if v.now.Sub(since) < p.blockedAfter() {
			continue
		}
		p.keeps = p.active() == 0
		for _, m := range p.of(fresh) {
			i := slices.IndexFunc(p.idle, func(w Wait) bool { return m.node != nil && w.Node == m.node.Name })
			if i >= 0 {
				v.setAside(m, p.idle[i].Reason)
			}
		}
	}
}

// fails reports whether new nodes do not join, several in a row.
func (v *view) fails() bool {
	for _, p := range v.pools {
		var joined time.Time
		for _, m := range p.members {
			if m.kind == good && m.LaunchedAt.After(joined) {
				joined = m.LaunchedAt
			}
		}
		row, earliest := 0, v.now
		for id, n := range v.History.NotJoined {
			switch {
			case n.Pool != p.Pool:
			case !n.LaunchedAt.After(joined):
				delete(v.History.NotJoined, id)
			default:
				row, earliest = row+1, earlier(n.LaunchedAt, earliest)
			}
		}
		if row >= tooManyNotJoined && p.active() > 0 && v.now.Sub(earliest) >= p.nodeReadyTimeout() {
			v.Failed = fmt.Sprintf("node pool %s: %d new instances in a row did not become ready within %s; the old nodes stay as they are", p.Pool, row, p.nodeReadyTimeout())
			return true
		}
	}
	return false
}

// giveUp leaves the cluster as it is, without marks: what never joined is
// ended, and the tag with the size from before stays for the next attempt.
func (v *view) giveUp() {
	v.endProbes()
	for _, p := range v.everyPool() {
		for _, m := range p.members {
			if m.kind == leaving {
				continue
			}
			if m.guarded() {
				v.unprotect(m)
			}
			v.clean(m, "stays as it is")
		}
		if v.brake == "" {
			for _, m := range p.of(broken) {
				if p.Desired > p.base && !m.joined() {
					v.end(m, "did not become ready")
				}
			}
		}
	}
}

func (v *view) unprotect(m *member) {
	v.act(m.pool, Action{Kind: ActionUnprotect, Node: m.name(), Instance: m.ID, Why: fmt.Sprintf("%s needs no protection any more", m.name())})
}

// quarantine reads since when and why a node is quarantined.
func quarantine(n fairway.Node) (time.Time, string) {
	text := n.Annotations[fairway.AnnotationQuarantine]
	for i := range text {
		if text[i] == ' ' {
			at, err := time.Parse(time.RFC3339, text[:i])
			if err == nil {
				return at, text[i+1:]
			}
			break
		}
	}
	return time.Time{}, text
}
