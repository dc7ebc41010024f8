package sim

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/fairwayhq/fairway"
)

// pod is a pod with what the world knows of it.
type pod struct {
	fairway.Pod
	of      *workload
	on      *node   // nil while it waits for a node
	volume  *volume // nil for none
	broken  bool    // never becomes Ready
	started bool    // has been Ready
	gone    bool
	forced  bool // was deleted without asking its budgets
	ours    bool // is leaving because of the roll
	target  bool // a load balancer sends it requests
	fails   bool // and the roll has taken away who would answer them
}

// volume is a volume with the zone that it is bound to.
type volume struct {
	name, zone string
	at         *node // nil while it is attached nowhere
}

// workload is a set of pods under a controller.
type workload struct {
	*Workload
	pods    []*pod
	budgets []*budget
	volumes []*volume
	left    time.Duration // when a pod of it was last deleted
	service
	balancer
}

func (w *world) addWorkload(spec *Workload) {
	wl := &workload{Workload: spec}
	w.workloads = append(w.workloads, wl)
	if spec.Kind == "DaemonSet" || spec.Kind == "Mirror" {
		for _, n := range w.nodes {
			w.daemon(wl, n)
			n.equip()
		}
		return
	}
	if spec.MinAvailable >= 0 {
		w.addBudget(wl, spec.MinAvailable, false)
	}
	if spec.Leader && spec.LeaderBudget {
		w.addBudget(wl, 1, true)
	}
	for i := range spec.Replicas {
		p := w.addPod(wl, spec.Name+"-"+strconv.Itoa(i))
		p.broken = i < spec.NeverReady
		p.CreatedAt = epoch.Add(-time.Hour)
	}
}

// addPod makes a pod that waits for a node.
func (w *world) addPod(wl *workload, name string) *pod {
	p := w.newPod(wl, name)
	p.CPU, p.Memory = wl.CPU, wl.CPU*slotMemory/slotCPU
	if wl.Kind == "StatefulSet" {
		p.Service = "default/" + wl.Name
	}
	if wl.Leader {
		p.Role = "replica"
	}
	if wl.Zonal {
		i := slices.IndexFunc(wl.volumes, func(v *volume) bool { return v.name == name })
		if i < 0 {
			i = len(wl.volumes)
			wl.volumes = append(wl.volumes, &volume{name: name})
		}
		p.volume = wl.volumes[i]
		p.VolumeZone = p.volume.zone
	}
	w.waiting = append(w.waiting, p)
	w.unplaced = true
	return p
}

func (w *world) newPod(wl *workload, name string) *pod {
	p := &pod{of: wl, Pod: fairway.Pod{
		Namespace: "default", Name: name, UID: w.id("pod-"), OwnerKind: wl.Kind, OwnerName: wl.Name,
		Critical: wl.Critical, CreatedAt: w.time(), GracePeriod: 30 * time.Second,
	}}
	wl.pods = append(wl.pods, p)
	w.pods++
	return p
}

func (w *world) daemon(wl *workload, n *node) {
	p := w.newPod(wl, wl.Name+"-"+n.Name)
	p.Ready = n.Ready && wl.Kind == "Mirror"
	p.started = true
	if wl.Kind == "Mirror" {
		p.Mirror, p.OwnerKind = true, "Node"
	}
	n.add(p)
}

// stays reports whether a drain leaves the pod where it is.
func (p *pod) stays() bool {
	return p.Finished || p.Mirror || p.of.Kind == "DaemonSet" || p.Probe
}

// add puts a pod into the list of the node.
func (n *node) add(p *pod) {
	p.on, p.Node = n, n.Name
	i, _ := slices.BinarySearchFunc(n.pods, p, func(a, b *pod) int {
		return cmp.Or(rank(a.Finished)-rank(b.Finished), rank(a.stays())-rank(b.stays()), cmp.Compare(a.Name, b.Name))
	})
	n.pods = slices.Insert(n.pods, i, p)
}

func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// schedule gives waiting pods a node: first come, first served; nodes without
// the taint, with fewest pods of the same workload, with fewest pods first.
func (w *world) schedule() {
	if len(w.waiting) == 0 {
		return
	}
	w.waiting = slices.DeleteFunc(w.waiting, func(p *pod) bool {
		if p.gone {
			return true
		}
		if n := w.fit(p); n != nil {
			w.bind(p, n)
			return true
		}
		return false
	})
}

// load is how many pods take a place on the node: finished ones, which come
// last, do not.
func (n *node) load() int {
	count := len(n.pods)
	for count > 0 && n.pods[count-1].Finished {
		count--
	}
	return count
}

// fit returns the best node for a pod, or nil.
func (w *world) fit(p *pod) *node {
	var best *node
	least := 0
	for _, n := range w.nodes {
		if !n.Ready || n.Unschedulable || p.of.Pool != "" && p.of.Pool != n.inst.Pool || p.VolumeZone != "" && p.VolumeZone != n.Zone ||
			n.load() >= w.Slots || p.volume != nil && len(n.CSIDrivers) == 0 {
			continue
		}
		score, cpu := len(n.pods), n.CPU
		taken := false
		for _, t := range n.Taints {
			taken = taken || t.Effect == "NoSchedule"
			score += 10_000 * rank(t.Effect == "PreferNoSchedule")
		}
		for _, o := range n.pods[:n.load()] {
			cpu -= o.CPU
			score += 100 * rank(o.of == p.of)
		}
		if !taken && cpu >= p.CPU && (best == nil || score < least) {
			best, least = n, score
		}
	}
	return best
}

// bind puts a pod on a node; it starts once its volume is free and attached.
func (w *world) bind(p *pod, n *node) {
	n.add(p)
	n.idle = -1
	if p.volume == nil {
		w.after(w.about(w.PodStart), func() { w.becomesReady(p) })
		return
	}
	p.VolumeZone, p.volume.zone = n.Zone, n.Zone
	w.attach(p, n)
}

func (w *world) attach(p *pod, n *node) {
	v := p.volume
	switch {
	case p.gone || n.gone || p.Deleting:
		return
	case v.at != nil && v.at != n:
		w.after(500*time.Millisecond, func() { w.attach(p, n) })
		return
	case v.at == nil:
		v.at = n
		n.volumes = append(n.volumes, v)
		n.VolumesAttached = len(n.volumes)
	}
	w.after(w.about(w.Attach)+w.about(w.PodStart), func() { w.becomesReady(p) })
}

func (w *world) becomesReady(p *pod) {
	if p.gone || p.Deleting || p.broken || p.Finished || p.on == nil || p.on.gone {
		return
	}
	p.started = true
	p.Ready = p.on.Ready
	w.serves(p)
	w.changed(p)
	if p.of.Kind == "Job" {
		w.after(p.of.RunFor, func() {
			if !p.gone && !p.Deleting {
				p.Finished, p.Ready = true, false
				p.on.pods = slices.DeleteFunc(p.on.pods, func(o *pod) bool { return o == p })
				p.on.add(p)
			}
		})
	}
}

// deletePod begins the end of a pod.
func (w *world) deletePod(p *pod, ours bool) {
	p.Deleting, p.ours = true, ours
	p.of.left = w.now
	p.DeletedAt = w.time().Add(p.GracePeriod)
	w.serves(p)
	w.changed(p)
	if p.of.Kind == "ReplicaSet" {
		w.replaceLater(p)
	}
	w.after(w.about(w.PodStop), func() { w.remove(p) })
}

// remove is the end of a pod.
func (w *world) remove(p *pod) {
	if p.gone {
		return
	}
	p.gone = true
	w.pods--
	p.of.pods = slices.DeleteFunc(p.of.pods, func(o *pod) bool { return o == p })
	if n := p.on; n != nil {
		n.pods = slices.DeleteFunc(n.pods, func(o *pod) bool { return o == p })
		if n.probe == p {
			n.probe = nil
			w.proves(n)
		}
	}
	p.Ready = false
	w.forgets(p)
	kind := p.of.Kind
	if kind == "StatefulSet" || kind == "Job" && !p.Finished || kind == "ReplicaSet" && !p.Deleting {
		w.replaceLater(p)
	}
	if v := p.volume; v != nil && v.at != nil && v.at == p.on {
		w.after(w.about(w.Detach), func() { w.detach(v, p.on) })
	}
	w.changed(p)
	w.unplaced = true
}

func (w *world) detach(v *volume, n *node) {
	v.at = nil
	n.volumes = slices.DeleteFunc(n.volumes, func(o *volume) bool { return o == v })
	n.VolumesAttached = len(n.volumes)
	w.unplaced = true
}

// replaceLater makes the substitute of a pod, as its controller does.
func (w *world) replaceLater(p *pod) {
	w.after(w.upTo(500*time.Millisecond), func() {
		name := p.Name
		if p.of.Kind != "StatefulSet" {
			name = w.id(p.of.Name + "-")
		}
		q := w.addPod(p.of, name)
		q.broken = p.broken
		w.changed(q)
	})
}
