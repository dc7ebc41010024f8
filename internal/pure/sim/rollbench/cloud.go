package rollbench

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/fairwayhq/fairway"
)

// quotaRetry is how long the cloud waits after a launch that failed.
const quotaRetry = time.Minute

// group is the cloud group.
type group struct {
	fairway.Group
	limit    int // the maximum that the group has but for a roll
	launches int
	retrying bool
}

// instance is a machine.
type instance struct {
	fairway.Instance
	zone int
	node *node
}

func (w *world) addInstance(name string, zone int, generation string) *instance {
	inst := &instance{zone: zone, Instance: fairway.Instance{
		ID: "i-" + name, Pool: poolName, Zone: zoneName(zone), Generation: generation, State: fairway.InstancePending,
		NodeName: name, ProviderID: "bench:///" + zoneName(zone) + "/i-" + name, LaunchedAt: w.now,
	}}
	w.instances = append(w.instances, inst)
	return inst
}

// attached is how many instances are not shutting down, in each zone and together.
func (w *world) attached() (zones []int, all int) {
	zones = make([]int, w.Zones)
	for _, i := range w.instances {
		if i.State != fairway.InstanceTerminating {
			zones[i.zone]++
			all++
		}
	}
	return zones, all
}

// resize changes the desired size and launches, or ends, at once.
func (w *world) resize(desired int) {
	w.group.Desired = desired
	w.group.Max = max(w.group.limit, desired)
	w.balance()
}

// balance launches until the group has its size. Where the cloud has no more
// instances it tries again later. Of too many it ends the oldest without protection.
func (w *world) balance() {
	zones, all := w.attached()
	for ; all < w.group.Desired; all++ {
		if q := w.quota(); q > 0 && len(w.instances) >= q {
			w.group.Refusals = []string{fmt.Sprintf("the quota of %d instances is used up", q)}
			if !w.group.retrying {
				w.group.retrying = true
				w.after(quotaRetry, func() { w.group.retrying = false; w.balance() })
			}
			return
		}
		w.group.Refusals = nil
		zone := slices.Index(zones, slices.Min(zones))
		zones[zone]++
		w.launch(zone)
	}
	w.group.Refusals = nil
	for ; all > w.group.Desired; all-- {
		i := slices.IndexFunc(w.instances, func(i *instance) bool { return !i.Protected && i.State != fairway.InstanceTerminating })
		if i < 0 {
			return
		}
		w.shutdown(w.instances[i])
	}
	w.changed = true
}

// launch makes the next instance.
func (w *world) launch(zone int) {
	w.group.launches++
	k := w.group.launches
	inst := w.addInstance(fmt.Sprintf("new-%05d", k), zone, "2")
	w.changed = true
	bad := w.isBad(k)
	w.after(w.bootTime(w.seed, k), func() {
		if inst.State == fairway.InstanceTerminating || bad && w.BadKind == "nojoin" {
			return
		}
		w.register(inst, !bad)
		if !bad {
			w.after(seconds(w.MinReadyS), func() { w.changed = true })
			inst.State, inst.InServiceAt = fairway.InstanceInService, w.now
		}
	})
	if bad {
		w.after(seconds(w.LaunchHookTimeoutS), func() {
			if inst.State == fairway.InstancePending {
				inst.State, inst.InServiceAt = fairway.InstanceInService, w.now
				w.changed = true
			}
		})
	}
}

// terminate is the cloud's API call.
func (w *world) terminate(id string, decrement bool) {
	i := slices.IndexFunc(w.instances, func(i *instance) bool { return i.ID == id })
	if i < 0 || w.instances[i].State == fairway.InstanceTerminating {
		return
	}
	inst := w.instances[i]
	if inst.node != nil && inst.node.VolumesAttached > 0 {
		w.measures.unsafeVolumes++
	}
	w.shutdown(inst)
	if decrement {
		w.group.Desired--
	}
	w.balance()
}

// shutdown ends an instance: its pods are killed at once, its Node object goes
// with it.
func (w *world) shutdown(inst *instance) {
	inst.State = fairway.InstanceTerminating
	w.changed = true
	if n := inst.node; n != nil {
		n.Ready, n.ReadySince = false, w.now
		for _, p := range slices.Clone(n.pods) {
			w.kill(p)
		}
	}
	w.after(seconds(w.InstanceShutdownS), func() {
		w.instances = slices.DeleteFunc(w.instances, func(o *instance) bool { return o == inst })
		if n := inst.node; n != nil {
			for _, p := range slices.Clone(n.pods) {
				w.kill(p)
			}
			w.nodes = slices.DeleteFunc(w.nodes, func(o *node) bool { return o == n })
			delete(w.byName, n.Name)
		}
		w.changed = true
	})
}

// setDesired is the cloud's API call.
func (w *world) setDesired(desired, base int) {
	delete(w.group.Tags, fairway.TagRollBase)
	delete(w.group.Tags, fairway.TagRollSize)
	if base > 0 {
		w.group.Tags[fairway.TagRollBase] = strconv.Itoa(base)
		w.group.Tags[fairway.TagRollSize] = strconv.Itoa(desired)
	}
	w.changed = true
	w.resize(desired)
}
