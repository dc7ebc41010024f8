package roll

import (
	"slices"

	"github.com/fairwayhq/fairway"
)

// room is what is free on a node; a negative limit is not known and counts as
// endless.
type room struct {
	slots, cpu, memory int64
}

// free returns what is free on the node of a member.
func (m *member) free() room {
	r := room{slots: m.node.Pods - int64(len(m.all)), cpu: m.node.CPU, memory: m.node.Memory}
	for i := range m.all {
		r.cpu -= m.all[i].CPU
		r.memory -= m.all[i].Memory
	}
	const endless = 1 << 60
	if m.node.Pods == 0 {
		r.slots = endless
	}
	if m.node.CPU == 0 {
		r.cpu = endless
	}
	if m.node.Memory == 0 {
		r.memory = endless
	}
	return r
}

// place puts the pods into the rooms, each into the first that has space, and
// reports whether all found one.
func place(rooms []room, pods []*fairway.Pod) bool {
	for _, p := range pods {
		i := slices.IndexFunc(rooms, func(r room) bool { return r.slots >= 1 && r.cpu >= p.CPU && r.memory >= p.Memory })
		if i < 0 {
			return false
		}
		rooms[i].slots--
		rooms[i].cpu -= p.CPU
		rooms[i].memory -= p.Memory
	}
	return true
}

// bound returns the pods of a member that volumes tie to its zone. A node with
// volumes and no such pod still needs one place: whose they are is not known.
func (m *member) bound() []*fairway.Pod {
	var pods []*fairway.Pod
	for i := range m.pods {
		if m.pods[i].VolumeZone != "" {
			pods = append(pods, &m.pods[i])
		}
	}
	if len(pods) == 0 && m.node != nil && m.node.VolumesAttached > 0 {
		pods = append(pods, &fairway.Pod{})
	}
	return pods
}

// matched reports whether the pods that are tied to the zone of m find room
// there on ready members that pass, after those that wait or leave already.
func (v *view) matched(m *member, pass func(*member) bool) bool {
	p, zone := m.pool, m.zone()
	var rooms []room
	var before []*fairway.Pod
	for _, o := range p.members {
		switch {
		case o == m || o.node == nil || o.zone() != zone:
		case o.starts || o.kind == draining && o.node.Unschedulable:
			before = append(before, o.bound()...)
		case pass(o) && o.schedulable():
			rooms = append(rooms, o.free())
		}
	}
	if p.Remove {
		rooms = v.elsewhere(p, zone)
	}
	for _, pod := range v.pending {
		if pod.VolumeZone == zone {
			before = append(before, pod)
		}
	}
	if len(rooms) == 0 || !place(rooms, before) {
		return false
	}
	return place(rooms, m.bound())
}

// elsewhere returns what is free in a zone on nodes outside the pool that any pod
// may stand on.
func (v *view) elsewhere(p *pool, zone string) []room {
	own := map[*fairway.Node]bool{}
	for _, m := range p.members {
		own[m.node] = true
	}
	var rooms []room
	for i := range v.nodes {
		n := &v.nodes[i]
		if n.Zone == zone && n.Ready && !n.Unschedulable && !own[n] && !slices.ContainsFunc(n.Taints, func(t fairway.Taint) bool { return t.Effect != "PreferNoSchedule" }) {
			rooms = append(rooms, (&member{node: n, all: v.on[n.Name].all}).free())
		}
	}
	return rooms
}

// isGood passes replacements only.
func isGood(m *member) bool { return m.kind == good }

// isAny passes every member.
func isAny(*member) bool { return true }

// homeless reports whether pods that are tied to the zone wait for a node there
// that the pool does not have.
func (v *view) homeless(p *pool, zone string) bool {
	var pods []*fairway.Pod
	for _, pod := range v.pending {
		if pod.VolumeZone == zone {
			pods = append(pods, pod)
		}
	}
	if len(pods) == 0 {
		return false
	}
	var rooms []room
	for _, m := range p.members {
		if m.zone() != zone || m.old() || m.kind == leaving {
			continue
		}
		if m.kind == booting && (m.node == nil || !m.node.Ready) {
			return false // one is on its way
		}
		if m.node != nil && m.node.Ready && !m.node.Unschedulable {
			rooms = append(rooms, m.free())
		}
	}
	return !place(rooms, pods)
}

// launchZone returns where the cloud launches the next instance when m has
// left: the zone with the fewest instances, of several the first by name.
func (p *pool) launchZone(m *member) string {
	least, in := 0, ""
	for i, zone := range p.zones() {
		n := 0
		for _, o := range p.members {
			if o != m && o.kind != leaving && o.kind != draining && !o.starts && o.zone() == zone {
				n++
			}
		}
		if i == 0 || n < least {
			least, in = n, zone
		}
	}
	return in
}
