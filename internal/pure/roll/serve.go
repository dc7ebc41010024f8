package roll

import (
	"fmt"

	"github.com/fairwayhq/fairway"
)

// serving counts the pods of one owner and those that load balancers send
// requests to.
type serving struct{ all, in int }

// owner is the controller of a pod; the zero value is none.
type owner struct{ namespace, kind, name string }

func ownerOf(p *fairway.Pod) owner {
	if p.OwnerKind == "" {
		return owner{}
	}
	return owner{p.Namespace, p.OwnerKind, p.OwnerName}
}

// deprives says which application would have less than half of its pods behind
// load balancers if the node left them now, or "". The start of a drain takes
// a node out of the load balancers while its pods are still ready, which no
// budget sees: a few nodes at once can hold all that answers for an application.
// It is no reason while nothing else is drained: one node can always go, however
// many pods of a broken application never become ready.
func (v *view) deprives(m *member) string {
	if m.pool.Deregistration == 0 || m.node == nil {
		return ""
	}
	others, out := v.drains(), m.starts || m.kind == draining || v.justBegun(m)
	if out {
		others-- // itself
	}
	if others == 0 {
		return ""
	}
	here, served := make(map[owner]int, len(m.pods)), make(map[owner]int, len(m.pods))
	for i := range m.pods {
		p := &m.pods[i]
		key := ownerOf(p)
		switch {
		case key == (owner{}) || p.OwnerKind == "Job" || p.Deleting:
		case !m.node.Ready && !m.dead(v.now):
			here[key]++ // behind load balancers again as soon as the node is
		case p.Ready:
			here[key]++
			if !out {
				served[key]++
			}
		}
	}
	counts := v.served()
	for i := range m.pods {
		p := &m.pods[i]
		key := ownerOf(p)
		s := counts[key]
		if here[key] == 0 || 2*(s.in-served[key]) >= s.all || here[key] == s.all {
			continue // an application that stands on this node alone loses it whatever else drains
		}
		return fmt.Sprintf("only %d of %d pods of %s/%s are behind load balancers now, %d of them on this node", s.in, s.all, p.Namespace, p.OwnerName, here[key])
	}
	return ""
}

// drains is how many drains are under way, begin now, or are given up now: until
// that has happened load balancers leave those nodes out.
func (v *view) drains() int {
	n := 0
	for _, p := range v.pools {
		n += p.draining()
		for _, m := range p.members {
			if m.freed || m.kind != draining && !m.starts && v.justBegun(m) {
				n++
			}
		}
	}
	return n
}

// served counts the pods of every owner, with the drains that begin in this
// decision taken as begun. It counts once until there is another action: one
// drain may end while another begins.
func (v *view) served() map[owner]serving {
	if n := len(v.Actions); v.serving == nil || v.servingAt != n {
		v.serving, v.servingAt = v.countServing(), n
	}
	return v.serving
}

func (v *view) countServing() map[owner]serving {
	out := map[string]bool{}
	for _, n := range v.nodes {
		_, excluded := n.Labels[fairway.LabelExcludeLB]
		out[n.Name] = excluded || !n.Ready
	}
	for _, p := range v.pools {
		for _, m := range p.members {
			if m.node != nil && (m.starts || v.justBegun(m)) {
				out[m.node.Name] = true
			}
		}
	}
	counts := map[owner]serving{}
	for i := range v.pods {
		p := &v.pods[i]
		key := ownerOf(p)
		if key == (owner{}) || p.Finished {
			continue
		}
		s := counts[key]
		s.all++
		if p.Ready && !p.Deleting && p.Node != "" && !out[p.Node] {
			s.in++
		}
		counts[key] = s
	}
	// A pod of a StatefulSet that was evicted is not there until it is made again.
	for key, s := range counts {
		if key.kind == "StatefulSet" {
			service := key.namespace + "/" + key.name
			s.all = max(s.all, v.History.Services[service].Members, ordinals(v.services[service]), v.expected(v.services[service]))
			counts[key] = s
		}
	}
	return counts
}
