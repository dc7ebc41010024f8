package sim

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/fairwayhq/fairway"
)

// group is a cloud group.
type group struct {
	fairway.Group
	spec     PoolSpec
	retrying bool
}

// instance is a machine.
type instance struct {
	fairway.Instance
	bad    bool // never joins
	drains bool // termination has been asked for
}

// cloudView is what the cloud's API showed at a time.
type cloudView struct {
	at        time.Time
	groups    []fairway.Group
	instances []fairway.Instance
}

func (w *world) addInstance(g *group, zone, generation string) *instance {
	id := w.id("i")
	inst := &instance{Instance: fairway.Instance{
		ID: id, Pool: g.Pool, Zone: zone, Generation: generation, State: fairway.InstancePending,
		ProviderID: "sim:///" + zone + "/" + id, NodeName: "node-" + id, LaunchedAt: w.now,
	}}
	w.instances[id] = inst
	w.names.instances = append(w.names.instances, id)
	return inst
}

// attached returns the instances that count towards the desired size.
func (w *world) attached(g *group) []*instance {
	var out []*instance
	for _, id := range w.names.instances {
		if i := w.instances[id]; i != nil && i.Pool == g.Pool && i.State != fairway.InstanceTerminating {
			out = append(out, i)
		}
	}
	return out
}

// balance launches until the group has its size, or asks again later. An
// instance too many is a scale-in that nobody drained for.
func (w *world) balance(g *group) {
	in := w.attached(g)
	if len(in) > g.Desired {
		w.breaks("group %s is set to %d with %d instances attached: the cloud would choose one to end", g.Pool, g.Desired, len(in))
		return
	}
	for len(in) < g.Desired {
		zone, refusal := w.place(in)
		if refusal != "" {
			g.Refusals = []string{refusal}
			if !g.retrying {
				g.retrying = true
				w.after(5*time.Second, func() { g.retrying = false; w.balance(g) })
			}
			return
		}
		g.Refusals = nil
		in = append(in, w.launch(g, zone))
	}
}

// place returns the zone with the fewest instances, ties by name, or why there
// is no room. A zone without capacity is passed over.
func (w *world) place(in []*instance) (zone, refusal string) {
	if w.Quota > 0 && len(w.instances) >= w.Quota {
		return "", "quota of " + strconv.Itoa(w.Quota) + " instances"
	}
	var zones []string
	t := w.now.Sub(epoch)
	for i := range w.Zones {
		if z := zoneName(i); z != w.ZoneOut || t < w.ZoneOutFrom || t >= w.ZoneOutTill {
			zones = append(zones, z)
		}
	}
	if len(zones) == 0 {
		return "", "no capacity in " + w.ZoneOut
	}
	count := map[string]int{}
	for _, i := range in {
		count[i.Zone]++
	}
	return slices.MinFunc(zones, func(a, b string) int { return cmp.Or(cmp.Compare(count[a], count[b]), cmp.Compare(a, b)) }), ""
}

func (w *world) launch(g *group, zone string) *instance {
	w.result.Launches++
	inst := w.addInstance(g, zone, g.Generation)
	inst.bad = w.BadEvery > 0 && w.result.Launches%w.BadEvery == 0
	boot := w.Boot + w.upTo(w.BootSpread)
	never := inst.bad && w.rand.IntN(2) == 0
	w.after(boot, func() {
		if inst.State == fairway.InstancePending && !never {
			w.register(inst, !inst.bad)
			w.schedule()
		}
	})
	w.after(boot+w.upTo(w.InServiceDelay), func() {
		if inst.State == fairway.InstancePending {
			inst.State, inst.InServiceAt = fairway.InstanceInService, w.now
		}
	})
	return inst
}

// terminate is the cloud's API call.
func (w *world) terminate(id string, decrement bool) {
	inst := w.instances[id]
	if inst == nil || inst.State == fairway.InstanceTerminating {
		return
	}
	w.check.terminates(inst, decrement)
	g := w.groups[inst.Pool]
	inst.State = fairway.InstanceTerminating
	if decrement {
		g.Desired--
	}
	if n := w.nodes[inst.NodeName]; n != nil {
		n.Ready = false
		for _, p := range w.on(n) {
			w.remove(p)
		}
	}
	w.balance(g)
	w.after(w.about(w.Shutdown), func() {
		delete(w.instances, id)
		w.unregister(inst.NodeName)
		w.balance(g)
	})
}

// setDesired is the cloud's API call.
func (w *world) setDesired(pool string, desired, base int) {
	g := w.groups[pool]
	w.check.resizes(g, desired)
	g.Desired = desired
	delete(g.Tags, fairway.TagRollBase)
	if base > 0 {
		g.Tags[fairway.TagRollBase] = strconv.Itoa(base)
	}
	w.balance(g)
}

// look keeps what the cloud shows now, for later views.
func (w *world) look() {
	v := cloudView{at: w.now}
	for _, p := range w.Pools {
		g := w.groups[p.Name].Group
		g.Tags, g.Refusals = maps.Clone(g.Tags), slices.Clone(g.Refusals)
		v.groups = append(v.groups, g)
	}
	for _, id := range w.names.instances {
		if i := w.instances[id]; i != nil {
			v.instances = append(v.instances, i.Instance)
		}
	}
	w.past = append(w.past, v)
	if len(w.past) > 8 {
		w.past = w.past[1:]
	}
}

// seen returns what the cloud's API answers, which may be late.
func (w *world) seen() cloudView {
	if w.CloudDelay == 0 {
		w.past = nil
	}
	w.look()
	view := w.past[len(w.past)-1]
	if w.CloudDelay == 0 || w.rand.IntN(2) == 0 {
		return view
	}
	notBefore := w.now.Add(-w.upTo(w.CloudDelay))
	for _, v := range w.past {
		if !v.at.Before(notBefore) {
			return v
		}
	}
	return view
}
