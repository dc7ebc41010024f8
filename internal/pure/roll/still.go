package roll

import "fmt"

// doubtful is how many new instances in a row may miss their time before no
// other drain begins until one joins.
const doubtful = 2

// standsStill says why no drain of the pool may begin now though there may be
// room for one, or "". Drains under way go on: their pods are better off on
// other nodes, and their machines make room.
func (v *view) standsStill(p *pool) string {
	if v.caution != "" {
		return v.caution
	}
	if v.tookOver(p) {
		return "the manager before may have begun a drain that does not show yet"
	}
	if p.Canary && p.leftover() >= p.base {
		for _, m := range p.members {
			if m.old() && (m.kind == leaving || m.kind == draining || m.starts) {
				return fmt.Sprintf("%s is the first node of %s to be replaced, and stands alone", m.name(), p.Pool)
			}
		}
	}
	if n := v.notJoined(p); n >= doubtful && (p.launching() > 0 || p.count(booting, broken) > 0) {
		return fmt.Sprintf("the newest %d instances of %s did not become ready in time; one has to first", n, p.Pool)
	}
	return ""
}

// leftover is how many outdated instances have not ended yet.
func (p *pool) leftover() int {
	n := 0
	for _, m := range p.members {
		if m.old() {
			n++
		}
	}
	return n
}

// hold says of candidates that they wait for something that is no fault of
// theirs: it never sets a node aside.
func (v *view) hold(all []candidate, why string) {
	for _, c := range all {
		w := Wait{Pool: c.pool.Pool, Node: c.nodeName(), Reason: c.name() + " waits: " + why}
		if v.caution != "" {
			w.Actor = "whoever runs what is named; a person may let the roll go on all the same"
		}
		v.wait(w)
	}
}

// notJoined is how many of a pool's newest instances in a row never got what
// they need.
func (v *view) notJoined(p *pool) int {
	n := 0
	for _, o := range v.History.NotJoined {
		if o.Pool == p.Pool {
			n++ // fails has dropped those from before one that joined
		}
	}
	return n
}
