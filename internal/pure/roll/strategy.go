package roll

import (
	"fmt"
	"strings"

	"github.com/fairwayhq/fairway"
)

// inTurn splits the candidates of a pool into those whose turn it is and those
// that wait for their zone. Zone by zone, a zone begins when no outdated node of
// another is on its way out and every zone before it has none left but those
// that were given up once.
func (v *view) inTurn(p *pool, all []candidate) (now, later []candidate) {
	if p.Strategy != ZoneByZone || p.Remove {
		return all, nil
	}
	zone := p.zoneInTurn()
	for _, c := range all {
		if c.zone() == zone {
			now = append(now, c)
		} else {
			later = append(later, c)
		}
	}
	return now, later
}

// zoneInTurn returns the zone whose nodes are replaced now.
func (p *pool) zoneInTurn() string {
	untouched, again := map[string]bool{}, map[string]bool{}
	moving := map[string]bool{}
	for _, m := range p.members {
		switch {
		case !m.old():
		case m.kind == leaving || m.kind == draining || m.starts:
			moving[m.zone()] = true
		case m.kind == fresh && m.again:
			again[m.zone()] = true
		case m.kind == fresh:
			untouched[m.zone()] = true
		}
	}
	for _, in := range []map[string]bool{moving, untouched, again} {
		for _, z := range p.zones() {
			if in[z] {
				return z
			}
		}
	}
	return ""
}

// explainLater says of every node whose zone has not its turn what it waits for.
func (v *view) explainLater(p *pool, later []candidate) {
	for _, c := range later {
		v.wait(Wait{Pool: p.Pool, Node: c.nodeName(), Reason: fmt.Sprintf("%s waits: zone %s is rolled first", c.name(), p.zoneInTurn())})
	}
}

// keep says of an outdated node that only a person has it replaced.
func (v *view) keep(m *member) {
	v.wait(Wait{Pool: m.pool.Pool, Node: m.nodeName(), Actor: "a person",
		Reason: fmt.Sprintf("%s is outdated (%s) and stays until somebody asks for its replacement", m.name(), m.outdated)})
}

// keptSentence names the nodes that wait for a person.
func (v *view) keptSentence() string {
	var names []string
	for _, p := range v.pools {
		for _, m := range p.of(kept) {
			names = append(names, m.name())
		}
	}
	more := ""
	if len(names) > mostNamed {
		names, more = names[:mostNamed], fmt.Sprintf(" and %d more", len(names)-mostNamed)
	}
	return fmt.Sprintf("%d of %d nodes replaced; %s%s are outdated and stay until somebody asks for their replacement", v.Replaced, v.Total, strings.Join(names, ", "), more)
}

// mostNamed is how many nodes a sentence names.
const mostNamed = 3

// watchMarked waits for the controllers inside the cluster that replace the
// nodes of pools with strategy clc, and reports whether any node is left.
func (v *view) watchMarked() bool {
	left := false
	for _, p := range v.marked {
		for _, m := range p.members {
			switch {
			case m.old() && (m.node != nil || p.Remove):
				left = true
				v.wait(Wait{Pool: p.Pool, Node: m.nodeName(), Actor: "the cluster-lifecycle-controller",
					Reason: fmt.Sprintf("%s is marked as outdated (%s); the controller in the cluster replaces it", m.name(), m.outdated)})
			case m.kind != leaving && m.node != nil && !m.old() && len(owned(*m.node)) > 0:
				left = true // mark takes them away
			}
		}
	}
	return left
}

// endsRemoved reports whether a pool that is removed has no instance left. The
// group's size is brought to zero only then: before, it shrinks with each node.
func (v *view) endsRemoved(p *pool) bool {
	if p.count(quarantined) > 0 {
		return true
	}
	for _, m := range p.members {
		v.wait(Wait{Pool: p.Pool, Node: m.nodeName(), Reason: fmt.Sprintf("waits for %s to shut down", m.name())})
	}
	if len(p.members) > 0 || v.late(p) {
		return false
	}
	if p.Desired > 0 || p.Tags[fairway.TagRollBase] != "" {
		p.resized = true
		v.asks(p, 0, 0)
		v.act(p, Action{Kind: ActionSetDesired, Desired: 0, Base: 0, Why: fmt.Sprintf("%s has no node left: its size is 0", p.Pool)})
		return false
	}
	return true
}
