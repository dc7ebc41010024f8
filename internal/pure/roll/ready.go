package roll

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
)

// needs is what new nodes must have beyond a Ready kubelet.
type needs struct {
	daemons map[string][]*fairway.DaemonSet // by the name of the node that they want a pod on
	probes  map[string]*fairway.Pod         // the probe pods, by node
}

// findNeeds indexes what new nodes must have. Only new nodes are looked at.
func (v *view) findNeeds(s Snapshot) {
	young := v.young
	for _, p := range v.pools {
		for _, m := range p.members {
			if m.node != nil && !m.old() {
				young[m.node.Name] = true
			}
		}
	}
	if len(young) > 0 {
		v.needs.daemons = make(map[string][]*fairway.DaemonSet, len(young))
		for i := range s.DaemonSets {
			for _, name := range s.DaemonSets[i].Nodes {
				if young[name] {
					v.needs.daemons[name] = append(v.needs.daemons[name], &s.DaemonSets[i])
				}
			}
		}
	}
	for i := range s.Pods {
		if p := &s.Pods[i]; p.Probe && p.Node != "" && !p.Finished {
			if v.needs.probes == nil {
				v.needs.probes = map[string]*fairway.Pod{}
			}
			v.needs.probes[p.Node] = p
		}
	}
}

// drivers returns the storage drivers that at least half of the pool's ready
// outdated nodes have, or of all ready ones when none is outdated any more.
func (p *pool) drivers() []string {
	counts := func(m *member) bool {
		return m.node != nil && m.node.Ready && m.State != fairway.InstanceTerminating
	}
	olds := slices.ContainsFunc(p.members, func(m *member) bool { return counts(m) && m.old() })
	var names []string
	var count []int
	nodes := 0
	for _, m := range p.members {
		if !counts(m) || olds && !m.old() {
			continue
		}
		nodes++
		for _, d := range m.node.CSIDrivers {
			i := slices.Index(names, d)
			if i < 0 {
				i = len(names)
				names, count = append(names, d), append(count, 0)
			}
			count[i]++
		}
	}
	var out []string
	for i, n := range count {
		if 2*n >= nodes {
			out = append(out, names[i])
		}
	}
	slices.Sort(out)
	return out
}

// needsDrivers is drivers, found out once.
func (p *pool) needsDrivers() []string {
	if !p.driversKnown {
		p.driversKnown, p.driverNames = true, p.drivers()
	}
	return p.driverNames
}

// lacks says what a new member still lacks to count as a replacement, or "",
// and since when it has had all that the API server gives a time for.
func (v *view) lacks(m *member) (missing string, since time.Time) {
	switch {
	case m.node == nil:
		return "its node has not joined", since
	case !m.node.Ready:
		return "its kubelet is not ready", since
	case m.State != fairway.InstanceInService:
		return "its group does not count it as in service", since
	case m.Unhealthy != "":
		return m.Unhealthy, since
	}
	since = m.node.ReadySince
	if m.InServiceAt.After(since) {
		since = m.InServiceAt
	}
	for _, d := range v.needs.daemons[m.node.Name] {
		p := m.daemon(d)
		if p == nil {
			return fmt.Sprintf("no pod of DaemonSet %s/%s is ready on it", d.Namespace, d.Name), since
		}
		since = latest(since, readySince(p))
	}
	var absent []string
	for _, d := range m.pool.needsDrivers() {
		if !slices.Contains(m.node.CSIDrivers, d) {
			absent = append(absent, d)
		}
	}
	if len(absent) > 0 {
		return fmt.Sprintf("the storage driver %s has not registered on it", strings.Join(absent, ", ")), since
	}
	if !m.pool.Probe || !m.pool.rolling() {
		return "", since
	}
	if at, proven := v.History.Proven[m.ID]; proven {
		return "", latest(since, at)
	}
	p := v.needs.probes[m.node.Name]
	if p == nil || !p.Ready || p.Deleting {
		return missingProbe, since
	}
	return "", latest(since, readySince(p))
}

// daemon returns the ready pod of a DaemonSet on the node, or nil.
func (m *member) daemon(d *fairway.DaemonSet) *fairway.Pod {
	for i := range m.all {
		if p := &m.all[i]; p.OwnerKind == "DaemonSet" && p.OwnerName == d.Name && p.Namespace == d.Namespace && p.Ready && !p.Deleting {
			return p
		}
	}
	return nil
}

// waitsReady says what a new member is waited for.
func (m *member) waitsReady() string {
	if m.missing != "" {
		return fmt.Sprintf("waits for %s: %s", m.name(), m.missing)
	}
	return fmt.Sprintf("waits for %s to stay ready for %s", m.name(), m.pool.MinReady)
}

// missingProbe is what a member lacks whose probe pod has not succeeded.
const missingProbe = "its probe pod is not ready"

// readySince returns when a Ready pod became so, as far as it is known.
func readySince(p *fairway.Pod) time.Time { return latest(p.ReadySince, p.CreatedAt) }

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// judge finds out what a new member lacks, and remembers since when it has
// lacked anything and when it was last seen to. What is remembered only makes
// a manager more careful, or more patient.
func (v *view) judge(m *member) {
	if m.State == fairway.InstanceTerminating {
		delete(v.History.Lacking, m.ID)
		return
	}
	m.missing, m.completeSince = v.lacks(m)
	seen, known := v.History.Lacking[m.ID]
	if !known && v.History.Began.Before(m.LaunchedAt) && !v.History.Began.IsZero() {
		known, seen.Since = true, v.now // it came between two looks: at the last one it lacked everything
	}
	if m.missing == "" {
		if m.completeSince.After(v.now) { // the clock is behind: it counts from when this manager has seen it
			if seen.Last.IsZero() {
				seen.Last = v.now
			}
			known, m.completeSince = true, seen.Last
		}
		if known {
			if !seen.Since.IsZero() {
				seen.Since, seen.Last = time.Time{}, v.now // complete since some moment before this look
			}
			put(&v.History.Lacking, m.ID, seen)
			m.completeSince = latest(m.completeSince, seen.Last)
		}
		return
	}
	untried := m.missing == missingProbe && (m.drained() || m.node.Annotations[fairway.AnnotationQuarantine] != "")
	if seen.Since.IsZero() || untried { // nobody probes a node that is drained or left alone
		seen.Since = v.now
	}
	seen.Last = v.now
	put(&v.History.Lacking, m.ID, seen)
	m.lackingFor = v.now.Sub(seen.Since)
}

// probe starts the probe pods of new nodes that have everything else, and ends
// those that have shown what they are for, or never will.
func (v *view) probe() {
	for _, p := range v.pools {
		for _, m := range p.members {
			if m.node == nil {
				continue
			}
			pod := v.needs.probes[m.node.Name]
			switch {
			case pod == nil:
				if m.missing == missingProbe && m.kind == booting && !p.Remove {
					v.act(p, Action{Kind: ActionProbe, Node: m.node.Name, Instance: m.ID,
						Why: fmt.Sprintf("tries with a pod whether %s works", m.node.Name)})
				}
			case pod.Deleting:
			case m.kind != booting && m.kind != broken || !p.rolling() || !p.Probe:
				if pod.Ready && m.kind == good {
					put(&v.History.Proven, m.ID, readySince(pod))
				}
				v.endProbe(m, pod)
			}
		}
	}
}

// endProbe deletes the probe pod of a node, once in a decision.
func (v *view) endProbe(m *member, pod *fairway.Pod) bool {
	if m.probed {
		return true
	}
	m.probed = true
	v.act(m.pool, Action{Kind: ActionEndProbe, Node: m.node.Name, Instance: m.ID, Pod: *pod,
		Why: fmt.Sprintf("%s needs its probe no more", m.node.Name)})
	return true
}

// endProbes deletes all probe pods of the pools.
func (v *view) endProbes() (any bool) {
	for _, p := range v.everyPool() {
		for _, m := range p.members {
			if m.node == nil {
				continue
			}
			if pod := v.needs.probes[m.node.Name]; pod != nil && !pod.Deleting {
				any = v.endProbe(m, pod) || any
			}
		}
	}
	return any
}
