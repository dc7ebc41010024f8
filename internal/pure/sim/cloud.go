package sim

import (
	"slices"
	"strconv"
	"time"

	"github.com/fairwayhq/fairway"
)

// group is a cloud group.
type group struct {
	fairway.Group
	world     *world
	spec      *PoolSpec
	base      int         // its size from before the roll
	members   []*instance // all but the ended
	attached  int         // those that count towards the desired size
	retrying  bool
	refused   int           // launches that the cloud still refuses
	lost      time.Duration // when something else last took a node, or the size, away
	losses    []time.Duration
	fullAt    time.Duration // when the cloud last refused to launch
	scaledIn  int           // what an autoscaler took
	raised    int           // what an autoscaler added
	raisedAt  time.Duration // when it last did
	unsettled bool          // its limits are to be checked
}

// instance is a machine.
type instance struct {
	fairway.Instance
	of   *group
	node *node
	bad  badness
}

// badness is what is wrong with an instance.
type badness int

const (
	sound      badness = iota
	unborn             // its node never comes
	unready            // its node never becomes Ready
	driverless         // its storage driver never registers
	agentless          // its critical agent never becomes Ready
)

func (w *world) group(pool string) *group {
	for _, g := range w.groups {
		if g.Pool == pool {
			return g
		}
	}
	return nil
}

func (w *world) instance(id string) *instance {
	for _, g := range w.groups {
		for _, i := range g.members {
			if i.ID == id {
				return i
			}
		}
	}
	return nil
}

func (w *world) addInstance(g *group, zone, generation string) *instance {
	id := w.id("i-")
	inst := &instance{of: g, Instance: fairway.Instance{
		ID: id, Pool: g.Pool, Zone: zone, Generation: generation, State: fairway.InstancePending,
		ProviderID: "sim:///" + zone + "/" + id, NodeName: "node-" + id, LaunchedAt: w.time(), Spot: g.spec.Settings.Spot,
	}}
	g.members = append(g.members, inst)
	g.attached++
	g.unsettled = true
	w.instances++
	return inst
}

// balance launches until the group has its size, or asks again later. An
// instance too many is a scale-in that nobody drained for.
func (w *world) balance(g *group) {
	for g.attached > g.Desired && w.scaleIn(g) {
	}
	if g.attached > g.Desired {
		w.breaks(Limits, "group %s is set to %d with %d instances attached: the cloud would choose one to end", g.Pool, g.Desired, g.attached)
		return
	}
	for g.attached < g.Desired {
		zone, refusal := w.place(g)
		if refusal != "" {
			g.Refusals = []string{refusal}
			g.fullAt = w.now
			if !g.retrying {
				g.retrying = true
				w.after(5*time.Second, func() { g.retrying = false; w.balance(g) })
			}
			return
		}
		g.Refusals = nil
		w.launch(g, zone)
	}
}

// scaleIn is the cloud's choice of an instance to end, which spares protected
// ones: one that has only just been launched harms nobody.
func (w *world) scaleIn(g *group) bool {
	for _, i := range g.members {
		if !i.Protected && i.State == fairway.InstancePending && i.node == nil {
			w.shutDown(i, false)
			return true
		}
	}
	return false
}

// place returns the zone with the fewest instances, ties by name, or why there
// is no room. A zone without capacity is passed over.
func (w *world) place(g *group) (zone, refusal string) {
	if w.Quota > 0 && w.instances >= w.Quota {
		return "", "quota of " + strconv.Itoa(w.Quota) + " instances"
	}
	least := -1
	for _, z := range g.Zones {
		if z == w.ZoneOut && w.now >= w.ZoneOutFrom && w.now < w.ZoneOutTill {
			continue
		}
		n := 0
		for _, i := range g.members {
			if i.Zone == z && i.State != fairway.InstanceTerminating {
				n++
			}
		}
		if least < 0 || n < least {
			zone, least = z, n
		}
	}
	if least < 0 {
		return "", "no capacity in " + w.ZoneOut
	}
	return zone, ""
}

func (w *world) launch(g *group, zone string) {
	w.result.Launches++
	w.checker.launches(g)
	inst := w.addInstance(g, zone, g.Generation)
	if w.BadEvery > 0 && w.result.Launches%w.BadEvery == 0 {
		inst.bad = unborn + badness(w.rand.IntN(int(agentless)))
	}
	boot := w.Boot + w.upTo(w.BootSpread)
	if w.chance(w.FailedLaunches) {
		w.after(w.upTo(boot), func() { w.lose(inst, false) })
		return
	}
	if inst.bad != unborn {
		w.after(boot, func() {
			if inst.State == fairway.InstancePending || inst.State == fairway.InstanceInService {
				w.register(inst, inst.bad != unready)
			}
		})
	}
	w.after(boot+w.upTo(w.InServiceDelay), func() {
		if inst.State == fairway.InstancePending {
			inst.State, inst.InServiceAt = fairway.InstanceInService, w.time()
			if inst.node != nil {
				w.proves(inst.node)
			}
		}
	})
}

// terminate is the cloud's API call.
func (w *world) terminate(id string, decrement bool) {
	inst := w.instance(id)
	if inst == nil || inst.State == fairway.InstanceTerminating {
		return
	}
	w.checker.terminates(inst, decrement)
	w.shutDown(inst, decrement)
}

// lose ends an instance for a reason that is not the roll's.
func (w *world) lose(inst *instance, decrement bool) {
	if inst.State == fairway.InstanceTerminating || inst.State == fairway.InstanceTerminated {
		return
	}
	inst.of.lost = w.now
	inst.of.losses = append(inst.of.losses, w.now)
	if n := inst.node; n != nil {
		n.drained = -1 // what fails now is not the roll's
	}
	w.shutDown(inst, decrement)
}

func (w *world) shutDown(inst *instance, decrement bool) {
	g := inst.of
	inst.State = fairway.InstanceTerminating
	g.attached--
	g.unsettled = true
	if decrement {
		g.Desired--
	}
	if n := inst.node; n != nil {
		w.balances(n)
		n.Ready, n.ReadySince = false, w.time()
		for len(n.pods) > 0 {
			w.remove(n.pods[0])
		}
	}
	w.balance(g)
	w.after(w.about(w.Shutdown), func() {
		inst.State = fairway.InstanceTerminated
		g.members = slices.DeleteFunc(g.members, func(i *instance) bool { return i == inst })
		w.instances--
		w.unregister(inst)
		w.balance(g)
	})
}

// setDesired is the cloud's API call. Like the call of the interface it widens
// the limits of the group for as long as the size is outside.
func (w *world) setDesired(pool string, desired, base int) {
	g := w.group(pool)
	w.checker.resizes(g, desired)
	g.Desired = desired
	g.Max = max(g.spec.Max, desired)
	g.unsettled = true
	if g.raised > 0 && w.now-g.raisedAt < w.checker.settles() {
		g.Desired = max(desired, g.attached) // what the roll could not know of costs nobody a node
	}
	if base > 0 {
		g.Tags = map[string]string{fairway.TagRollBase: strconv.Itoa(base), fairway.TagRollSize: strconv.Itoa(desired)}
	} else {
		g.Tags = nil
	}
	w.balance(g)
}
