package sim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// Policy decides what a manager does.
type Policy func(roll.Snapshot, time.Time) roll.Decision

// Result is how a run ended.
type Result struct {
	Broken    string // the invariant that was broken; "" for none
	Outcome   string // done, partial, failed
	Blocked   []fairway.BlockedNode
	Seconds   float64
	Launches  int
	Evictions int
	Refused   int
	Decisions int
	// LeaderMoves is the greatest number of moves of one leader.
	LeaderMoves int
}

// epoch is when every world begins.
var epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// world is the state of everything at one moment.
type world struct {
	Scenario
	now    time.Time
	rand   *rand.Rand
	queue  events
	serial int

	groups    map[string]*group
	instances map[string]*instance
	nodes     map[string]*node
	pods      map[string]*pod
	budgets   []*budget
	services  map[string]*workload
	past      []cloudView // what a late view of the cloud may show

	names   names // entities in the order in which they were made
	manager manager
	check   checker
	result  Result
	over    bool
}

// names keep iteration in one order, so that a seed gives one run.
type names struct {
	instances, nodes, pods, workloads []string
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

// Run plays a scenario until the roll is over, an invariant breaks, or the
// time of the scenario is up.
func Run(s Scenario, decide Policy) Result {
	w := &world{
		Scenario: s, now: epoch, rand: rand.New(rand.NewPCG(s.Seed, 2)),
		groups: map[string]*group{}, instances: map[string]*instance{}, nodes: map[string]*node{}, pods: map[string]*pod{}, services: map[string]*workload{},
	}
	w.manager = manager{world: w, decide: decide}
	w.check = checker{world: w, base: map[string]int{}}
	w.build()
	w.after(0, w.manager.tick)
	w.disturb()
	end := epoch.Add(s.Cap)
	for !w.over && len(w.queue) > 0 {
		e := heap.Pop(&w.queue).(event)
		if e.at.After(end) {
			w.breaks("the roll has not ended after %s; it says: %s", s.Cap, w.manager.last.Sentence)
			break
		}
		w.now = e.at
		e.do()
		w.check.always()
	}
	w.result.Seconds = w.now.Sub(epoch).Seconds()
	return w.result
}

// forget drops the names of what is gone.
func (w *world) forget() {
	w.names.instances = slices.DeleteFunc(w.names.instances, func(id string) bool { return w.instances[id] == nil })
	w.names.nodes = slices.DeleteFunc(w.names.nodes, func(name string) bool { return w.nodes[name] == nil })
	w.names.pods = slices.DeleteFunc(w.names.pods, func(id string) bool { return w.pods[id] == nil })
}

// after plans something.
func (w *world) after(d time.Duration, do func()) {
	w.serial++
	heap.Push(&w.queue, event{at: w.now.Add(max(0, d)), serial: w.serial, do: do})
}

// breaks records the first broken invariant and ends the run.
func (w *world) breaks(format string, args ...any) {
	if w.result.Broken == "" {
		w.result.Broken = fmt.Sprintf("at %.1f s: ", w.now.Sub(epoch).Seconds()) + fmt.Sprintf(format, args...)
	}
	w.over = true
}

// id returns a new name.
func (w *world) id(kind string) string {
	w.serial++
	return kind + "-" + strconv.Itoa(w.serial)
}

// about returns a random duration around d.
func (w *world) about(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.5 + w.rand.Float64()))
}

// upTo returns a random duration below d.
func (w *world) upTo(d time.Duration) time.Duration {
	return time.Duration(float64(d) * w.rand.Float64())
}

// build makes pools full of ready nodes and workloads that run on them.
func (w *world) build() {
	for _, p := range w.Pools {
		g := &group{Group: fairway.Group{Pool: p.Name, Min: 0, Max: p.Max, Desired: p.Nodes, Generation: "2", Tags: map[string]string{}}, spec: p}
		for i := range w.Zones {
			g.Zones = append(g.Zones, zoneName(i))
		}
		w.groups[p.Name] = g
		w.check.base[p.Name] = p.Nodes
		for i := range p.Nodes {
			generation := "1"
			if i < p.Current {
				generation = "2"
			}
			inst := w.addInstance(g, zoneName(i%w.Zones), generation)
			w.register(inst, true)
			inst.State, inst.InServiceAt = fairway.InstanceInService, w.now
			inst.LaunchedAt = w.now.Add(-time.Hour)
			n := w.nodes[inst.NodeName]
			n.CreatedAt, n.ReadySince = inst.LaunchedAt, inst.LaunchedAt
			if w.ForeignCordon && i == 0 {
				n.Unschedulable, n.foreign = true, true
			}
		}
	}
	for _, spec := range w.Workloads {
		w.addWorkload(spec)
	}
	w.schedule()
	for _, id := range w.names.pods {
		if p := w.pods[id]; p.Node != "" {
			w.becomesReady(p)
		}
	}
	for _, b := range w.budgets {
		b.compute()
	}
	w.leaders()
	for _, b := range w.budgets {
		b.compute()
	}
	w.look()
}
