package roll

import (
	"fmt"
	"slices"
	"time"

	"github.com/fairwayhq/fairway"
)

// freshRefusal is how old the API server's newest refusal may be for its budget
// to count as holding a pod.
const freshRefusal = time.Minute

// force deletes a pod that its budget holds, if the staged forcing allows it,
// and reports whether it did; otherwise the wait says what speaks against it.
// One pod per node and per budget and interval, and of a data service only
// while all others are well, which the eviction before has made sure.
func (v *view) force(m *member, pod fairway.Pod, gone map[string]bool, w *Wait) bool {
	if !m.forcible() {
		return false
	}
	at, why := v.forceable(m, &pod)
	switch {
	case why != "":
		w.Reason += "; it is not deleted by force: " + why
		return false
	case v.now.Before(at):
		w.Reason += fmt.Sprintf("; it may be deleted by force from %s on", at.UTC().Format(time.DateTime))
		return false
	case m.forced || gone["budget "+w.Budget] || !v.refusedNow(m, v.refusalKey(&pod)):
		return false
	}
	m.forced = true
	put(&v.History.Forced, "node "+m.node.Name, v.now)
	service := serviceOf(&pod)
	if service != "" {
		gone[service] = true
	}
	for _, b := range v.covering[pod.UID] {
		gone["budget "+budgetName(*b)] = true
		put(&v.History.Forced, budgetName(*b), v.now)
	}
	f := m.pool.Forcing
	waited := v.now.Sub(m.drainStart())
	v.act(m.pool, Action{Kind: ActionForce, Node: m.node.Name, Instance: m.ID, Pod: pod,
		Marks:  fairway.NodeMarks{LastForced: new(v.now.UTC().Truncate(time.Second))},
		Budget: w.Budget, Waited: waited,
		Rule: fmt.Sprintf("its drain began %s ago (at least %s), the pod is older than %s, its healthy siblings than %s, the others than %s, and none was forced on the node for %s",
			waited.Round(time.Second), m.pool.forceGrace(&pod), f.MinPodLifetime, f.MinHealthySiblingLifetime, f.MinUnhealthySiblingLifetime, f.Interval),
		Why: fmt.Sprintf("draining %s: deletes %s by force, which %s has held for %s", m.node.Name, podName(pod), w.Budget, waited.Round(time.Second))})
	return true
}

// forcible reports whether pods of a member may be deleted by force: never so
// that a pool loses a new node that it only does not need.
func (m *member) forcible() bool { return m.pool.Forcing.Enabled && !m.pool.isSurplus(m) }

// refusedNow reports whether the API server has refused an eviction under a key
// just now: a pod is asked first whether it may go.
func (v *view) refusedNow(m *member, key string) bool {
	refused, known := v.History.RefusedAt[key]
	return known && v.now.Sub(refused) <= max(freshRefusal, 3*m.pool.retryRefused())
}

// mustForce reports whether another eviction of the pod would be in vain, and
// forcing may take its place.
func (v *view) mustForce(m *member, pod *fairway.Pod, key string) bool {
	covering := v.covering[pod.UID]
	if !m.forcible() || m.forced || len(covering) == 0 || !v.refusedNow(m, key) || v.now.Before(v.forceChance(m, pod)) ||
		len(covering) == 1 && covering[0].DisruptionsAllowed > 0 {
		return false
	}
	at, why := v.forceable(m, pod)
	return why == "" && !v.now.Before(at)
}

// forceNever is what an owner says who wants a pod never to be forced.
const forceNever = "never"

// forceGrace is how long the drain of a pod's node lasts before it is forced.
func (p *pool) forceGrace(pod *fairway.Pod) time.Duration {
	if d, err := time.ParseDuration(pod.Annotations[fairway.PodAnnotationForce]); err == nil && d >= 0 {
		return d
	}
	return p.Forcing.GracePeriod
}

// forceable says from when on a pod may be deleted by force by contract 5.6, or
// why it may not at all as things are.
func (v *view) forceable(m *member, pod *fairway.Pod) (at time.Time, why string) {
	f := m.pool.Forcing
	switch {
	case pod.Annotations[fairway.PodAnnotationForce] == forceNever:
		return at, fmt.Sprintf("its owner says never (%s)", fairway.PodAnnotationForce)
	case pod.CreatedAt.IsZero():
		return at, "its age is not known"
	}
	at = v.forceChance(m, pod)
	at = latest(at, pod.CreatedAt.Add(f.MinPodLifetime))
	for _, b := range v.covering[pod.UID] {
		if last, known := v.History.Forced[budgetName(*b)]; known {
			at = latest(at, last.Add(f.Interval))
		}
		present := 0
		for _, uid := range b.PodUIDs {
			o := v.pod(uid)
			if o == nil || o.Finished {
				continue
			}
			present++
			switch {
			case o.UID == pod.UID || o.OwnerKind == "Job":
			case o.Deleting:
				return at, podName(*o) + " under the same budget is shutting down"
			case o.CreatedAt.IsZero():
				return at, "the age of " + podName(*o) + " is not known"
			case o.Ready:
				at = latest(at, o.CreatedAt.Add(f.MinHealthySiblingLifetime))
			default:
				at = latest(at, o.CreatedAt.Add(f.MinUnhealthySiblingLifetime))
			}
		}
		if present < b.ExpectedPods {
			return at, fmt.Sprintf("only %d of %d pods under the same budget are there", present, b.ExpectedPods)
		}
	}
	return at, ""
}

// forceChance is the first moment at which the drain itself has lasted long
// enough to force a pod. A pause is no part of a drain.
func (v *view) forceChance(m *member, pod *fairway.Pod) time.Time {
	at := latest(m.drainStart(), v.History.PausedAt).Add(m.pool.forceGrace(pod))
	last, err := time.Parse(time.RFC3339, m.node.Annotations[fairway.AnnotationLastForced])
	if err != nil {
		last = time.Time{}
	}
	if last = latest(last, v.History.Forced["node "+m.node.Name]); !last.IsZero() {
		at = latest(at, last.Add(m.pool.Forcing.Interval))
	}
	return at
}

// pod returns the pod of a UID, or nil.
func (v *view) pod(uid string) *fairway.Pod {
	if v.byUID == nil {
		v.byUID = make(map[string]*fairway.Pod, len(v.pods))
		for i := range v.pods {
			v.byUID[v.pods[i].UID] = &v.pods[i]
		}
	}
	return v.byUID[uid]
}

// hopes reports whether a drain that stands still is kept because forcing has
// not had its chance yet, and no other node of the pool waits for its place.
func (v *view) hopes(m *member) bool {
	p := m.pool
	if !v.mayForce(m) {
		return false
	}
	if v.due(m) {
		return true
	}
	waiting := slices.ContainsFunc(p.of(fresh), func(o *member) bool { return !o.again || v.due(o) })
	return !waiting && (v.forcesInTime(m) || slices.ContainsFunc(m.pods, func(pod fairway.Pod) bool {
		return len(v.covering[pod.UID]) > 0 && v.now.Before(v.forceChance(m, &pod).Add(p.retryRefused()))
	}))
}

// due reports whether a pod of a member may be forced now, as soon as the API
// server has refused to evict it.
func (v *view) due(m *member) bool {
	return v.mayForce(m) && v.forces(m, func(at time.Time) bool { return !v.now.Before(at) })
}

// forcesInTime reports whether a pod of a member may be forced as soon as it, its
// siblings and the drain are old enough, if that takes no longer than a whole
// grace period.
func (v *view) forcesInTime(m *member) bool {
	return v.forces(m, func(at time.Time) bool {
		return v.now.Before(at.Add(m.pool.retryRefused())) && at.Sub(v.now) <= m.pool.Forcing.GracePeriod
	})
}

// forces reports whether any pod of a member whose turn it is may be forced from
// a time on that passes.
func (v *view) forces(m *member, pass func(time.Time) bool) bool {
	return !m.drainStart().IsZero() && slices.ContainsFunc(m.next(), func(pod fairway.Pod) bool {
		if len(v.covering[pod.UID]) == 0 || pod.Deleting || serviceOf(&pod) != "" && v.disturbed(serviceOf(&pod), &pod) != "" {
			return false
		}
		at, why := v.forceable(m, &pod)
		return why == "" && pass(at)
	})
}

// mayForce reports whether forcing could ever free the node of a member.
func (v *view) mayForce(m *member) bool {
	return m.forcible() && slices.ContainsFunc(m.pods, func(pod fairway.Pod) bool {
		return len(v.covering[pod.UID]) > 0 && pod.Annotations[fairway.PodAnnotationForce] != forceNever
	})
}
