package roll

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/fairwayhq/fairway"
)

// neverReady is how soon after its creation a node's Ready condition may change
// for the last time without the node having been Ready.
const neverReady = 10 * time.Second

// view is a snapshot joined and classified, and the decision that grows from it.
type view struct {
	now       time.Time
	pools     []*pool
	nodes     []fairway.Node
	pods      []fairway.Pod
	budgets   []fairway.Budget
	covering  map[string][]*fairway.Budget // by pod UID
	services  map[string][]fairway.Pod     // the pods of each StatefulSet
	pending   []fairway.Pod                // not scheduled
	serving   map[string]serving           // see served; counted with servingAt drains
	servingAt int
	brake     string // why nothing may be drained or ended; ""

	Decision
}

// pool is a cloud group with its members.
type pool struct {
	fairway.Group
	Settings
	// base is the size from before the roll.
	base int
	// tagged says that the group carries the tag with the base.
	tagged  bool
	members []*member // in order of their names
	// acted says that something was asked of the cloud or a node in this decision.
	acted bool
	// frees says that a drain is given up in this decision.
	frees bool
	// resized says that the desired size is changed in this decision.
	resized bool
	idle    []Wait // what the pool waits for when nothing can be done
	// keeps says that the pool has been unable to shrink for so long that it
	// stays larger than before.
	keeps bool
}

// member is an instance of a pool, with its node and the pods that must leave
// before it can.
type member struct {
	fairway.Instance
	pool *pool
	node *fairway.Node // nil while there is none
	pods []fairway.Pod // on the node, neither finished nor of a DaemonSet nor mirrors
	all  []fairway.Pod // on the node, not finished
	kind kind
	// away is since when this manager has seen it not Ready.
	away time.Time
	// starts says that its drain begins with this decision, freed that it is
	// given up, held that its end waits for a newer view of the cloud.
	starts, freed, held bool
	// again says that it was quarantined and is tried again.
	again bool
}

// kind is where a member stands.
type kind string

const (
	leaving     kind = "leaving"     // the instance is shutting down
	fresh       kind = "fresh"       // outdated, not touched yet but for marks
	draining    kind = "draining"    // outdated or surplus, its pods are leaving
	quarantined kind = "quarantined" // cannot be drained
	booting     kind = "booting"     // new, not yet Ready and in service for long enough
	broken      kind = "broken"      // new, and not Ready in time
	good        kind = "good"        // a replacement that counts
)

// newView joins the snapshot.
func newView(s Snapshot, now time.Time) *view {
	v := &view{now: now, nodes: s.Nodes, pods: s.Pods, budgets: s.Budgets, covering: map[string][]*fairway.Budget{}, services: map[string][]fairway.Pod{}}
	v.History = s.History.clone()
	v.History.notAfter(now)
	for i, b := range s.Budgets {
		for _, uid := range b.PodUIDs {
			v.covering[uid] = append(v.covering[uid], &s.Budgets[i])
		}
	}
	on := map[string][]fairway.Pod{}
	for _, p := range s.Pods {
		if p.Finished {
			continue
		}
		if p.OwnerKind == "StatefulSet" {
			v.services[p.Namespace+"/"+p.OwnerName] = append(v.services[p.Namespace+"/"+p.OwnerName], p)
		}
		if p.Node == "" {
			v.pending = append(v.pending, p)
			continue
		}
		on[p.Node] = append(on[p.Node], p)
	}
	byName, byProvider := map[string]*fairway.Node{}, map[string]*fairway.Node{}
	for i := range s.Nodes {
		byName[s.Nodes[i].Name] = &s.Nodes[i]
		if id := s.Nodes[i].ProviderID; id != "" {
			byProvider[id] = &s.Nodes[i]
		}
	}
	node := func(i fairway.Instance) *fairway.Node {
		if n := byProvider[i.ProviderID]; n != nil && i.ProviderID != "" {
			return n
		}
		return byName[i.NodeName]
	}
	for _, p := range s.Pools {
		pl := &pool{Group: p.Group, Settings: p.Settings}
		pl.base, pl.tagged = base(p.Group)
		for _, i := range s.Instances {
			if i.Pool != p.Group.Pool || i.State == fairway.InstanceTerminated {
				continue
			}
			m := &member{Instance: i, pool: pl, node: node(i)}
			if m.node != nil {
				m.all = on[m.node.Name]
				m.pods = slices.DeleteFunc(slices.Clone(m.all), func(p fairway.Pod) bool { return p.Mirror || p.OwnerKind == "DaemonSet" })
				slices.SortFunc(m.pods, func(a, b fairway.Pod) int { return cmp.Compare(podName(a), podName(b)) })
			}
			m.away = v.away(m)
			m.kind = m.classify(now)
			pl.members = append(pl.members, m)
		}
		slices.SortFunc(pl.members, func(a, b *member) int { return cmp.Or(cmp.Compare(a.name(), b.name()), cmp.Compare(a.ID, b.ID)) })
		v.pools = append(v.pools, pl)
	}
	v.brake = v.braked(s.Instances, node)
	return v
}

// base returns the size of the group from before the roll, and whether a roll
// has recorded it.
func base(g fairway.Group) (int, bool) {
	size, tagged := g.Desired, false
	if n, err := strconv.Atoi(g.Tags[fairway.TagRollBase]); err == nil && n >= 0 {
		size, tagged = n, true
	}
	return min(max(size, g.Min), max(g.Max, g.Min)), tagged
}

// old reports whether the member is made from anything but the group's newest
// launch template.
func (m *member) old() bool { return m.Generation != m.pool.Group.Generation }

// name returns the name that people know the member by.
func (m *member) name() string {
	if m.node != nil {
		return m.node.Name
	}
	return m.ID
}

// zone returns where the instance stands.
func (m *member) zone() string {
	if m.Zone == "" && m.node != nil {
		return m.node.Zone
	}
	return m.Zone
}

func (m *member) classify(now time.Time) kind {
	if m.State == fairway.InstanceTerminating {
		return leaving
	}
	if m.node != nil {
		// On a current node only Fairway's own marks count: nobody else drains those.
		mine := owned(*m.node)
		switch {
		case m.drained() && (m.old() || mine[fairway.MarkDrainStart] != ""):
			return draining // also when it is tried again and still says why it was left alone
		case m.node.Annotations[fairway.AnnotationQuarantine] != "" && (m.old() || mine[fairway.MarkQuarantine] != ""):
			return quarantined
		}
	}
	if m.old() {
		return fresh
	}
	if m.node == nil || !m.node.Ready || m.State != fairway.InstanceInService {
		// A Ready node may have pods already, though the group does not count it yet.
		if m.late(now) && (m.node == nil || !m.node.Ready) {
			return broken
		}
		return booting
	}
	since := m.node.ReadySince
	if m.InServiceAt.After(since) {
		since = m.InServiceAt
	}
	if now.Sub(since) < m.pool.MinReady {
		return booting
	}
	return good
}

// drained reports whether a drain of the node has begun.
func (m *member) drained() bool {
	return m.node.Labels[fairway.LabelLifecycleStatus] == fairway.LifecycleDraining || m.node.Annotations[fairway.AnnotationDrainStart] != ""
}

// away returns since when a member has been seen not Ready, by what this manager
// has seen itself.
func (v *view) away(m *member) time.Time {
	if m.State == fairway.InstanceTerminating || m.node != nil && m.node.Ready {
		delete(v.History.Away, m.ID)
		return v.now
	}
	if _, known := v.History.Away[m.ID]; !known {
		v.History.Away[m.ID] = v.now
	}
	return v.History.Away[m.ID]
}

// wasReady reports whether the node is not Ready now and has been.
func (m *member) wasReady() bool {
	return m.node != nil && !m.node.Ready && m.node.ReadySince.After(m.node.CreatedAt.Add(neverReady))
}

// late reports whether a new instance has not become Ready in time. A node that
// was Ready once has the whole time again from when it ceased to be.
func (m *member) late(now time.Time) bool {
	if m.wasReady() {
		return m.dead(now)
	}
	return now.Sub(m.LaunchedAt) >= m.pool.nodeReadyTimeout()
}

// dead reports whether the node has been away for so long that its pods cannot
// be waited for.
func (m *member) dead(now time.Time) bool {
	return m.node != nil && !m.node.Ready && now.Sub(m.node.ReadySince) >= m.pool.nodeReadyTimeout() && now.Sub(m.away) >= m.pool.nodeReadyTimeout()
}

// schedulable reports whether the member is capacity of its pool.
func (m *member) schedulable() bool {
	if m.node == nil || !m.node.Ready || m.node.Unschedulable || m.starts || m.State != fairway.InstanceInService {
		return false
	}
	return m.old() || m.kind == good || m.kind == draining || m.kind == quarantined
}

// drainStart returns when the drain began; the zero time when the node does
// not say.
func (m *member) drainStart() time.Time {
	t, err := time.Parse(time.RFC3339, m.node.Annotations[fairway.AnnotationDrainStart])
	if err != nil {
		return time.Time{}
	}
	return t
}

// zonal reports whether volumes tie the member to its zone.
func (m *member) zonal() bool {
	return m.node != nil && (m.node.VolumesAttached > 0 || slices.ContainsFunc(m.pods, func(p fairway.Pod) bool { return p.VolumeZone != "" }))
}

// count returns how many members are of one of the kinds.
func (p *pool) count(kinds ...kind) int { return len(p.of(kinds...)) }

// of returns the members of one of the kinds.
func (p *pool) of(kinds ...kind) []*member {
	var out []*member
	for _, m := range p.members {
		if slices.Contains(kinds, m.kind) {
			out = append(out, m)
		}
	}
	return out
}

// attached is how many instances the cloud counts towards the desired size.
func (p *pool) attached() int { return len(p.members) - p.count(leaving) }

// launching is how many instances the cloud still owes.
func (p *pool) launching() int { return max(0, p.Desired-p.attached()) }

// current is how many instances of the newest generation there are or will be.
func (p *pool) current() int {
	n := p.launching()
	for _, m := range p.members {
		if !m.old() && m.kind != leaving {
			n++
		}
	}
	return n
}

// outdated returns the old members that are not leaving.
func (p *pool) outdated() []*member {
	return slices.DeleteFunc(slices.Clone(p.members), func(m *member) bool { return !m.old() || m.kind == leaving })
}

// stuck is how many old members are quarantined.
func (p *pool) stuck() int {
	n := 0
	for _, m := range p.outdated() {
		if m.kind == quarantined && !m.starts {
			n++
		}
	}
	return n
}

// active is how many old members are still to be replaced.
func (p *pool) active() int { return len(p.outdated()) - p.stuck() }

// schedulable is the capacity of the pool.
func (p *pool) schedulable() int {
	n := 0
	for _, m := range p.members {
		if m.schedulable() {
			n++
		}
	}
	return n
}

// floor is the capacity that the pool keeps: its size from before the roll but
// for outdated nodes that a person had cordoned.
func (p *pool) floor() int {
	n := p.base
	for _, m := range p.outdated() {
		if m.node != nil && m.node.Unschedulable && m.kind != draining && owned(*m.node)[fairway.MarkCordon] == "" {
			n--
		}
	}
	return n
}

// moving is how many members or launches are on their way somewhere.
func (p *pool) moving() int {
	n := p.count(leaving, booting, broken, draining)
	for _, m := range p.members {
		if m.starts && m.kind != draining {
			n++
		}
	}
	return n
}

// needed is how many current instances the pool has when the roll is over.
func (p *pool) needed() int { return p.base - p.stuck() }

// limit is the greatest size that the surge allows.
func (p *pool) limit() int { return min(p.Max, p.base+p.surgeNow()) }

// surgeNow is the surge in force; control planes go one by one.
func (p *pool) surgeNow() int {
	if p.OneAtATime {
		return 1
	}
	return p.surge()
}

// zones returns the zones of the pool in order.
func (p *pool) zones() []string {
	zones := slices.Clone(p.Group.Zones)
	for _, m := range p.members {
		if z := m.zone(); z != "" {
			zones = append(zones, z)
		}
	}
	slices.Sort(zones)
	return slices.Compact(zones)
}

// notAfter moves times that a clock which went back has left in the future.
func (h *History) notAfter(now time.Time) {
	for k, t := range h.RefusedAt {
		h.RefusedAt[k] = earlier(t, now)
		if now.Sub(t) > time.Hour {
			delete(h.RefusedAt, k)
		}
	}
	for k, s := range h.Services {
		s.Since = earlier(s.Since, now)
		h.Services[k] = s
	}
	for k, d := range h.Drains {
		d.Since = earlier(d.Since, now)
		h.Drains[k] = d
	}
	h.Began = earlier(h.Began, now)
	for k, s := range h.Asked {
		s.At = earlier(s.At, now)
		h.Asked[k] = s
	}
	for k, t := range h.Away {
		h.Away[k] = earlier(t, now)
	}
	for k, t := range h.NoRoomSince {
		h.NoRoomSince[k] = earlier(t, now)
	}
	for k, t := range h.IdleSince {
		h.IdleSince[k] = earlier(t, now)
	}
}

func earlier(a, b time.Time) time.Time {
	if a.After(b) {
		return b
	}
	return a
}
