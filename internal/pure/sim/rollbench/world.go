package rollbench

import (
	"container/heap"
	"fmt"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// epoch is when every world begins.
var epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	poolName  = "worker"
	namespace = "default"
	// oldPods is how old the pods are at the start.
	oldPods = 73 * time.Hour
)

// world is the state of everything at one moment.
type world struct {
	Scenario
	seed   uint64
	now    time.Time
	queue  events
	serial int

	group     group
	instances []*instance // not gone, in the order of their launches
	nodes     []*node     // in the order in which they were made
	byName    map[string]*node
	pods      []fairway.Pod // as the API server shows them, in no order
	states    []*pod        // of the same index
	list      []fairway.Pod // see shown
	byUID     map[string]*pod
	pending   []*pod // without a node, first come first served
	apps      []*app
	budgets   []fairway.Budget

	manager  manager
	measures measures
	changed  bool // since the manager last looked
	// changedAt is when the first of those changes happened.
	changedAt time.Time
	over      bool
	decisions int
}

// event is something that happens at a time.
type event struct {
	at     time.Time
	serial int
	do     func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	if !e[i].at.Equal(e[j].at) {
		return e[i].at.Before(e[j].at)
	}
	return e[i].serial < e[j].serial
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// Policy decides what the manager of a world does.
type Policy func(roll.Snapshot, time.Time) roll.Decision

// Run plays a scenario with the product's own decision until the roll is over
// or the scenario's time is up. Equal arguments give equal results.
func Run(s Scenario, seed uint64) Result { return RunWith(s, seed, roll.Decide) }

// RunWith is Run with another policy.
func RunWith(s Scenario, seed uint64, decide Policy) Result {
	w := &world{Scenario: s, seed: seed, now: epoch, byName: map[string]*node{}, byUID: map[string]*pod{}}
	w.build()
	w.manager = manager{world: w, decide: decide, next: epoch}
	w.measures.start(w)
	w.grow()
	end := epoch.Add(seconds(s.CapS))
	for !w.over {
		// The manager looks when everything that happens at this moment has happened.
		look := w.manager.looksAt()
		if len(w.queue) > 0 && !w.queue[0].at.After(look) {
			if w.queue[0].at.After(end) {
				break
			}
			e := heap.Pop(&w.queue).(event)
			w.pass(e.at)
			e.do()
			w.schedule()
			w.settle()
			continue
		}
		if look.After(end) {
			break
		}
		w.pass(look)
		w.manager.look()
	}
	if !w.over {
		w.pass(end)
	}
	return w.result()
}

// settle notes what the newest event has changed.
func (w *world) settle() {
	if w.changed {
		if w.changedAt.IsZero() {
			w.changedAt = w.now
		}
		w.measures.see(w)
	}
}

// pass lets time pass.
func (w *world) pass(to time.Time) {
	w.measures.pass(w, to.Sub(w.now))
	w.now = to
}

// after plans something.
func (w *world) after(d time.Duration, do func()) {
	w.serial++
	heap.Push(&w.queue, event{at: w.now.Add(d), serial: w.serial, do: do})
}

// build makes a pool of old nodes full of pods.
func (w *world) build() {
	w.group = group{Group: fairway.Group{Pool: poolName, Max: w.groupMax(), Desired: w.N, Generation: "2", Tags: map[string]string{}}, limit: w.groupMax()}
	for z := range w.Zones {
		w.group.Zones = append(w.group.Zones, zoneName(z))
	}
	for i := range w.N {
		inst := w.addInstance(fmt.Sprintf("old-%05d", i), i%w.Zones, "1")
		inst.LaunchedAt = epoch.Add(-30 * 24 * time.Hour)
		inst.State, inst.InServiceAt = fairway.InstanceInService, inst.LaunchedAt.Add(90*time.Second)
		n := w.register(inst, true)
		n.CreatedAt, n.ReadySince = inst.InServiceAt, inst.InServiceAt
	}
	placement := w.placement(w.seed)
	for a, on := range placement {
		w.addApp(fmt.Sprintf("app-%d", a), len(on), a < w.BlockedApps)
	}
	// On each node with a volume the pod with the lowest number is the one that has it.
	volumes := w.volumeNodes()
	for a, on := range placement {
		for _, n := range on {
			node := w.nodes[n]
			p := w.addPod(w.apps[a], volumes[n])
			delete(volumes, n)
			w.bind(p, node)
			if p.volume {
				p.api().VolumeZone = node.Zone
				node.attach(p)
			}
			p.api().CreatedAt = epoch.Add(-oldPods)
			w.isReady(p)
		}
	}
	w.queue, w.serial = nil, 0 // nobody is starting any more
	for _, a := range w.apps {
		a.least = a.healthy
	}
}

// grow plans what an autoscaler does: one more node, for pods that need it.
func (w *world) grow() {
	var extra *app
	for j := range w.GrowthNodes {
		w.after(seconds(60)+time.Duration(j)*seconds(w.GrowthEveryS), func() {
			if extra == nil {
				extra = w.addApp("growth", 0, false)
				extra.grows = true
			}
			for range w.PodsPerNode {
				extra.replicas++
				w.addPod(extra, false)
			}
			w.measures.target++
			w.group.limit = max(w.group.limit, w.group.Desired+1)
			w.resize(w.group.Desired + 1)
		})
	}
}

func zoneName(i int) string { return "zone-" + string('a'+rune(i)) }
