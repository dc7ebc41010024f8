package roll

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
)

const (
	// settle is how long a data service that is seen for the first time, or has
	// another leader, is only watched: a pod that was just deleted is not there
	// to be seen.
	settle = 2 * time.Second
	// scaledDown is how long a data service must stay at fewer pods, all Ready,
	// to be taken for scaled down.
	scaledDown = time.Minute
	// leaderPatience is how long a drain waits for an operator to move a leader
	// from a node that is marked; then the pod is evicted.
	leaderPatience = 2 * time.Minute

	roleLeader = "leader" // of fairway.Pod.Role
)

// serviceOf names the data service that a pod is a member of, or is "".
func serviceOf(p *fairway.Pod) string {
	if p.Service == "" && p.OwnerKind == "StatefulSet" {
		return p.Namespace + "/" + p.OwnerName
	}
	return p.Service
}

// leads notes who leads a data service.
func (s *Service) leads(pods []*fairway.Pod, now time.Time) {
	leader, leaders := "", 0
	for i := range pods {
		s.Roles = s.Roles || pods[i].Role != ""
		if pods[i].Role == roleLeader {
			leader = pods[i].UID
			leaders++
		}
	}
	if leaders != 1 {
		leader = ""
	}
	if s.Leader != leader || s.Led.IsZero() {
		s.Leader, s.Led = leader, now
	}
}

// keepsLeading says why the eviction of a leader is put off, or "": so that it
// moves once and to a node that stays, its operator moves it itself, as soon as
// another member stands there. An operator that does not is waited for only so long.
func (v *view) keepsLeading(m *member, pod *fairway.Pod, service string) string {
	members := v.services[service]
	if pod.Role != roleLeader || len(members) < 2 {
		return ""
	}
	until := m.drainedSince().Add(m.pool.Deregistration + min(leaderPatience, m.pool.blockedAfter()/2))
	if !v.now.Before(until) {
		return ""
	}
	if !v.harbours(members) {
		return "it is the leader, and no other member stands on a new node yet"
	}
	return fmt.Sprintf("it is the leader, which its operator moves; evicted from %s on if it does not", until.UTC().Format(time.TimeOnly))
}

// harbours reports whether a ready member that does not lead stands on a node
// that stays.
func (v *view) harbours(members []*fairway.Pod) bool {
	return slices.ContainsFunc(members, func(p *fairway.Pod) bool {
		return p.Role != roleLeader && p.Ready && !p.Deleting && p.Node != "" && !v.leaves(p.Node)
	})
}

// relieved reports whether a leader on a quarantined node has got a member on a
// node that stays since the quarantine began: its operator can move it now.
func (v *view) relieved(m *member, pod *fairway.Pod) bool {
	since, _ := quarantine(*m.node)
	members := v.services[serviceOf(pod)]
	return pod.Role == roleLeader && len(members) > 1 && v.harbours(members) && slices.ContainsFunc(members, func(p *fairway.Pod) bool {
		return p.UID != pod.UID && p.Ready && p.CreatedAt.After(since) && !v.leaves(p.Node)
	})
}

// soonRelieved reports whether a leader on a quarantined node is about to be: a
// member of its service that was made since is not ready yet, or not made yet, or
// has just taken over.
func (v *view) soonRelieved(m *member) bool {
	since, _ := quarantine(*m.node)
	patience := m.pool.blockedAfter()
	return v.History.Retries[m.node.Name].Count < mostRetries && slices.ContainsFunc(m.pods, func(pod fairway.Pod) bool {
		service := serviceOf(&pod)
		known, seen := v.History.Services[service]
		switch {
		case service == "" || !seen:
			return false
		case known.Roles && v.now.Sub(known.Led) < settle && v.now.Sub(since) < cautionPatience*patience:
			return true // its leader has just moved
		case pod.Role != roleLeader:
			return false
		}
		return len(v.services[service]) < known.Members && v.now.Sub(known.Since) < patience ||
			slices.ContainsFunc(v.services[service], func(p *fairway.Pod) bool {
				return p.UID != pod.UID && !p.Ready && p.CreatedAt.After(since) && v.now.Sub(p.CreatedAt) < patience && !v.leaves(p.Node)
			})
	})
}

// leaves reports whether a node is outdated or drained.
func (v *view) leaves(node string) bool {
	if v.going == nil {
		v.going = map[string]bool{}
		for _, p := range v.everyPool() {
			for _, m := range p.members {
				if m.node != nil && (m.old() || m.kind == draining || m.kind == leaving) {
					v.going[m.node.Name] = true
				}
			}
		}
	}
	return v.going[node]
}

// leading is how many leaders stand on the node of a member whose services have
// no other member on a node that stays: they would move twice.
func (v *view) leading(m *member) int {
	n := 0
	for i := range m.pods {
		if p := &m.pods[i]; p.Role == roleLeader {
			if members := v.services[serviceOf(p)]; len(members) > 1 && !v.harbours(members) {
				n++
			}
		}
	}
	return n
}

// disturbed says why no pod of a data service but those that are down
// already may be evicted, or "": it has all its members, all are ready, and if
// they carry roles exactly one has been the leader for a while. While an operator
// changes roles its budgets may cover no pod at all.
func (v *view) disturbed(service string, pod *fairway.Pod) string {
	members := v.services[service]
	for _, p := range members {
		switch {
		case p.UID == pod.UID:
		case p.Deleting:
			return podName(*p) + " is shutting down"
		case !p.Ready:
			return podName(*p) + " is not ready"
		}
	}
	known := v.History.Services[service]
	if wished := max(known.Members, v.expected(members), ordinals(members)); len(members) < wished {
		return fmt.Sprintf("only %d of its %d pods are there", len(members), wished)
	}
	if v.now.Sub(known.Since) < settle {
		return "watches it for a moment first"
	}
	if !known.Roles {
		return ""
	}
	leaders := 0
	for i := range members {
		if members[i].Role == roleLeader {
			leaders++
		}
	}
	switch {
	case leaders == 0:
		return "none of its pods is the leader"
	case leaders > 1:
		return fmt.Sprintf("%d of its pods are leaders", leaders)
	case v.now.Sub(known.Led) < settle:
		return "its leader has just changed"
	}
	return ""
}

// expected is how many pods a budget expects that covers nothing but these.
func (v *view) expected(members []*fairway.Pod) int {
	most := 0
	for _, p := range members {
		for _, b := range v.covering[p.UID] {
			if len(b.PodUIDs) <= len(members) && !slices.ContainsFunc(b.PodUIDs, func(uid string) bool {
				return !slices.ContainsFunc(members, func(p *fairway.Pod) bool { return p.UID == uid })
			}) {
				most = max(most, b.ExpectedPods)
			}
		}
	}
	return most
}

// ordinals returns how many pods a StatefulSet has by the highest number among
// them. Pods that an operator names are numbered with gaps.
func ordinals(members []*fairway.Pod) int {
	most := 0
	for _, p := range members {
		if p.OwnerKind != "StatefulSet" {
			return 0
		}
		if n, err := strconv.Atoi(p.Name[strings.LastIndexByte(p.Name, '-')+1:]); err == nil {
			most = max(most, n+1)
		}
	}
	return most
}
