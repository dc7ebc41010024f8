package roll

import (
	"fmt"
	"slices"

	"github.com/fairwayhq/fairway"
)

// serving counts the pods of one owner and those that load balancers send
// requests to.
type serving struct{ all, in int }

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
	counts, away := v.served(), !m.node.Ready && !m.dead(v.now)
	for _, t := range v.tallies(m) {
		here, served := t.ready, t.ready
		if away {
			here, served = t.all, 0 // behind load balancers again as soon as the node is
		}
		if out {
			served = 0
		}
		s := counts[t.owner]
		if here == 0 || 2*(s.in-served) >= s.all || here == s.all {
			continue // an application that stands on this node alone loses it whatever else drains
		}
		who := v.owners.all[t.owner]
		return fmt.Sprintf("only %d of %d pods of %s/%s are behind load balancers now, %d of them on this node", s.in, s.all, who.namespace, who.name, here)
	}
	return ""
}

// tally is how many pods of one owner stand on a node and do not leave yet, and
// how many of those are ready.
type tally struct {
	owner      int32
	all, ready int
}

// tallies counts the pods of a member, in their order.
func (v *view) tallies(m *member) []tally {
	if m.tallied {
		return m.tallies
	}
	m.tallied = true
	v.numberOwners()
	from := len(v.tallied)
	for i := range m.pods {
		p := &m.pods[i]
		if p.OwnerKind == "Job" || p.Deleting {
			continue
		}
		number := v.owners.find(p)
		if number == noOwner {
			continue
		}
		at := from
		for at < len(v.tallied) && v.tallied[at].owner != number {
			at++
		}
		if at == len(v.tallied) {
			v.tallied = append(v.tallied, tally{owner: number})
		}
		v.tallied[at].all++
		if p.Ready {
			v.tallied[at].ready++
		}
	}
	m.tallies = v.tallied[from:len(v.tallied):len(v.tallied)]
	return m.tallies
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
func (v *view) served() []serving {
	if n := len(v.Actions); v.serving == nil || v.servingAt != n {
		v.serving, v.servingAt = v.countServing(), n
	}
	return v.serving
}

func (v *view) countServing() []serving {
	v.numberOwners()
	out := v.excluded
	clear(out)
	for i := range v.nodes {
		n := &v.nodes[i]
		if _, excluded := n.Labels[fairway.LabelExcludeLB]; excluded || !n.Ready {
			out[n.Name] = true
		}
	}
	for _, p := range v.pools {
		for _, m := range p.members {
			if m.node != nil && (m.starts || v.justBegun(m)) {
				out[m.node.Name] = true
			}
		}
	}
	counts := slices.Grow(v.counted[:0], len(v.owners.all))[:len(v.owners.all)]
	clear(counts)
	v.counted = counts
	node, gone := "", false
	for i := range v.pods {
		p := &v.pods[i]
		number := v.owners.of[i]
		if number == noOwner || p.Finished {
			continue
		}
		if p.Node != node { // they mostly come node by node
			node, gone = p.Node, out[p.Node]
		}
		s := &counts[number]
		s.all++
		if p.Ready && !p.Deleting && node != "" && !gone {
			s.in++
		}
	}
	// A pod of a StatefulSet that was evicted is not there until it is made again.
	for number := range counts {
		if who := v.owners.all[number]; who.kind == "StatefulSet" {
			service := who.namespace + "/" + who.name
			s := &counts[number]
			s.all = max(s.all, v.History.Services[service].Members, ordinals(v.services[service]), v.expected(v.services[service]))
		}
	}
	return counts
}

// numberOwners finds out the owners of all pods, once.
func (v *view) numberOwners() {
	if !v.numbered {
		v.numbered = true
		v.owners.number(v.pods)
	}
}
