package roll

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// suffers is how long applications may be without a ready pod, or more pods
	// than before not ready, until no other drain begins: pods that move are
	// ready again long before.
	suffers = 3 * time.Minute
	// downShare of the applications that had ready pods may have none, and one
	// in any case: a single one may be its owner's doing.
	downShare = 0.05
	// sickShare of all pods, and sickFloor in any case, may be not ready beyond
	// those that were not before the roll.
	sickShare = 0.10
	sickFloor = 3
	// appsEvery is how often applications are looked at; they are many.
	appsEvery = 3 * time.Second
	// packedShare of an application's ready pods on one node are too many.
	packedShare = 0.50
)

// Apps are the applications of a cluster as they were when the roll began, and
// what is wrong with them since. A manager that has forgotten compares with
// what it finds.
type Apps struct {
	// Ready are the applications that had ready pods, Packed those that had more
	// than half of them on one node; nil before the first look.
	Ready, Packed map[string]bool
	// Sick of All pods were not ready.
	Sick, All int
	// Down is since when an application has had no ready pod, PackedSince since
	// when it has been on one node.
	Down, PackedSince map[string]time.Time
	// SickSince is since when more pods than before are not ready; zero when they are not.
	SickSince time.Time
	// CautionSince is since when anything has been wrong with them.
	CautionSince time.Time
	// At is when they were last looked at, and Caution what was found wrong.
	At      time.Time
	Caution string
}

func (a Apps) clone() Apps {
	a.Down, a.PackedSince = cloned(a.Down), cloned(a.PackedSince)
	return a // the others are never changed
}

// app is an application as it is now.
type app struct {
	owner    owner
	ready    int
	votes    int    // for the node that may have most of its pods
	most     int    // ready pods on one node
	on       string // that node
	critical bool
	tied     bool // a pod waits for a node in the zone of its volume: the roll brings one
	spread   bool // of a ReplicaSet
}

// watchApps finds out whether applications suffer, so that no other drain
// begins: drains under way go on, since what they wait for may be what the
// applications wait for. Only applications that were well when the roll began
// count, and only after more time than a pod needs to move.
func (v *view) watchApps() {
	h := &v.History.Apps
	if since := v.now.Sub(h.At); h.Ready != nil && since >= 0 && since < appsEvery {
		if !v.careless {
			v.caution = h.Caution
		}
		return
	}
	apps, sick, all := v.apps()
	h.At, h.Caution = v.now, ""
	if h.Ready == nil || !v.rolls() {
		h.Ready, h.Packed, h.Sick, h.All = map[string]bool{}, map[string]bool{}, sick, all
		for i := range apps {
			a := &apps[i]
			if a.ready > 0 {
				h.Ready[a.name()] = true
			}
			if a.packed() {
				h.Packed[a.name()] = true
			}
		}
		h.Down, h.PackedSince, h.SickSince, h.CautionSince = map[string]time.Time{}, map[string]time.Time{}, time.Time{}, time.Time{}
		return
	}
	var down, packed map[string]time.Time
	var names []string
	important := false
	for i := range apps {
		a := &apps[i]
		if a.ready == 0 && !a.tied && h.Ready[a.name()] {
			name := a.name()
			put(&down, name, v.whence(h.Down, name))
			if v.now.Sub(down[name]) >= suffers {
				names = append(names, name)
				important = important || a.critical
			}
		}
		if a.spread && a.packed() && !h.Packed[a.name()] && v.spreads(a.on) {
			put(&packed, a.name(), v.whence(h.PackedSince, a.name()))
		}
	}
	h.Down, h.PackedSince = down, packed
	if sick <= h.Sick+max(sickFloor, int(sickShare*float64(all))) {
		h.SickSince = time.Time{}
	} else if h.SickSince.IsZero() {
		h.SickSince = v.now
	}
	if h.Caution = v.suffering(names, important, sick, all, apps); h.Caution == "" {
		h.CautionSince = time.Time{}
	} else if h.CautionSince.IsZero() {
		h.CautionSince = v.now
	}
	if !v.careless {
		v.caution = h.Caution
	}
}

// suffering says which applications no other drain may begin for, or "".
func (v *view) suffering(down []string, important bool, sick, all int, apps []app) string {
	h := &v.History.Apps
	limit := max(1, int(downShare*float64(len(h.Ready))))
	switch {
	case len(down) > limit || important:
		slices.Sort(down)
		text := strings.Join(down[:min(len(down), mostNamed)], ", ")
		if len(down) > mostNamed {
			text += fmt.Sprintf(" and %d more", len(down)-mostNamed)
		}
		return fmt.Sprintf("%s had ready pods before the roll and has had none for %s", text, suffers)
	case !h.SickSince.IsZero() && v.now.Sub(h.SickSince) >= suffers:
		return fmt.Sprintf("%d of %d pods are not ready, %d of %d before the roll", sick, all, h.Sick, h.All)
	}
	for i := range apps {
		if len(h.PackedSince) == 0 {
			break
		}
		a := &apps[i]
		since, is := h.PackedSince[a.name()]
		if is && v.now.Sub(since) < v.packedFor() {
			return fmt.Sprintf("%d of %d ready pods of %s stand on %s alone, until somebody spreads them or %s", a.most, a.ready, a.name(), a.on, since.Add(v.packedFor()).UTC().Format(time.TimeOnly))
		}
	}
	return ""
}

// cautionPatience times as long as a blocked node is waited for, suffering
// applications are; then the roll ends and names the nodes that are left.
const cautionPatience = 6

// forsake sets the nodes of a pool aside that wait for suffering applications,
// once nothing else goes on in it and nobody has come for long.
func (v *view) forsake(p *pool) {
	since := v.History.Apps.CautionSince
	if v.caution == "" || since.IsZero() || p.moving() > 0 || v.now.Sub(since) < cautionPatience*p.blockedAfter() {
		return
	}
	for _, m := range p.of(fresh) {
		if m.node != nil {
			v.setAside(m, v.caution)
		}
	}
}

// packedFor is how long a packed application holds up others: as long as a
// blocked node.
func (v *view) packedFor() time.Duration {
	longest := time.Duration(0)
	for _, p := range v.pools {
		longest = max(longest, p.blockedAfter())
	}
	return longest
}

func (v *view) whence(known map[string]time.Time, name string) time.Time {
	if at, ok := known[name]; ok {
		return at
	}
	return v.now
}

// packed reports whether more than half of several ready pods stand on one node.
func (a *app) packed() bool { return a.ready >= 2 && float64(a.most) > packedShare*float64(a.ready) }

// spreads reports whether the pods of a node could stand elsewhere: it is new,
// and another new node is ready.
func (v *view) spreads(node string) bool {
	for _, p := range v.pools {
		here, others := false, 0
		for _, m := range p.members {
			if m.kind != good || m.node.Unschedulable {
				continue
			}
			if m.node.Name == node {
				here = true
			} else if m.free().slots > 0 {
				others++
			}
		}
		if here {
			return others > 0
		}
	}
	return false
}

// rolls reports whether any node is being replaced.
func (v *view) rolls() bool {
	return slices.ContainsFunc(v.pools, (*pool).rolling)
}

// apps counts the pods of every application.
func (v *view) apps() (apps []app, sick, all int) {
	v.numberOwners()
	index := v.scratch.index[:0] // of an owner's application, and one more; 0 is none
	for range v.owners.all {
		index = append(index, 0)
	}
	v.scratch.index = index
	apps = v.scratch.apps[:0]
	for i := range v.pods {
		p := &v.pods[i]
		number := v.owners.of[i]
		if number == noOwner || p.Finished || p.Mirror || p.Probe || p.OwnerKind == "Job" || p.OwnerKind == "DaemonSet" {
			continue
		}
		if index[number] == 0 {
			apps = append(apps, app{owner: v.owners.all[number], spread: p.OwnerKind == "ReplicaSet"})
			index[number] = int32(len(apps))
		}
		a := &apps[index[number]-1]
		if !p.Deleting {
			all++
			if !p.Ready && (p.Node != "" || p.VolumeZone == "") {
				sick++ // one that waits for a node in its zone is what the roll is for
			}
		}
		a.critical = a.critical || p.Critical
		a.tied = a.tied || p.Node == "" && p.VolumeZone != ""
		if !p.Ready || p.Deleting {
			continue
		}
		a.ready++
		switch {
		case a.votes == 0:
			a.votes, a.on = 1, p.Node
		case a.on == p.Node:
			a.votes++
		default:
			a.votes--
		}
	}
	for i := range apps {
		if apps[i].votes == 0 || !apps[i].spread {
			apps[i].on = "" // no node has more than half
		}
	}
	for i := range v.pods {
		if p := &v.pods[i]; p.Ready && !p.Deleting && !p.Finished && p.OwnerKind == "ReplicaSet" {
			if at := index[v.owners.of[i]]; at > 0 && apps[at-1].on == p.Node {
				apps[at-1].most++
			}
		}
	}
	v.scratch.apps = apps
	return apps, sick, all
}

// name is how people and the history know the application.
func (a *app) name() string { return a.owner.namespace + "/" + a.owner.name }
