package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// Policy decides what a manager does. It must not keep the lists of the
// snapshot, nor change them: they are used again.
type Policy func(roll.Snapshot, time.Time) roll.Decision

// Result is how a run ended.
type Result struct {
	// Rule is the invariant that was broken, Broken says how; "" for none.
	Rule, Broken string
	Outcome      string // done, partial, failed, aborted
	Blocked      []fairway.BlockedNode
	Seconds      float64
	// Nodes and Pods are how many there were at the start.
	Nodes, Pods int
	Launches    int
	Evictions   int
	Forced      int
	Refused     int
	Decisions   int
	Events      int
	// LeaderMoves is the greatest number of moves of one leader because of the roll.
	LeaderMoves int
	// Requests reached load balancers in all; Failed found nobody to answer
	// because of the roll.
	Requests, Failed float64
}

// epoch is when every world begins.
var epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// world is the state of everything at one moment.
type world struct {
	*Scenario
	now    time.Duration // since epoch
	rand   *rand.Rand
	source rand.PCG
	queue  queue
	serial int

	groups    []*group
	nodes     []*node // in the order in which they came
	workloads []*workload
	budgets   []*budget
	waiting   []*pod // without a node
	pods      int    // how many there are
	instances int    // how many there are

	decide  Policy
	manager *manager
	clock   time.Duration // how far the manager's clock is off
	cut     time.Duration // until when all calls of the manager fail
	calm    bool          // nothing goes wrong any more
	checker checker
	result  Result
	over    bool

	hasAgents bool // there are critical DaemonSets
	unplaced  bool // the scheduler has something to do
	marks     map[uint16]string
}

// Run plays a scenario until the roll is over and has been cleaned up after, an
// invariant breaks, or the time of the scenario is up. Not more than one run at
// a time may use one scenario; different ones may.
func Run(s Scenario, decide Policy) Result {
	w := &world{Scenario: &s, decide: decide, marks: map[uint16]string{}, queue: make(queue, 0, 128)}
	w.source.Seed(s.Seed, 2)
	w.rand = rand.New(&w.source)
	w.checker.world = w
	w.hasAgents = slices.ContainsFunc(s.Workloads, func(wl Workload) bool { return wl.Kind == "DaemonSet" && wl.Critical })
	w.build()
	w.take()
	w.disturb()
	w.settle()
	for !w.over && len(w.queue) > 0 {
		e := w.queue.pop()
		if e.at > s.Cap && !w.calm {
			w.expire()
			break
		}
		w.now = e.at
		w.result.Events++
		e.do()
		w.settle()
		w.checker.always()
	}
	w.account()
	sights.Put(&w.manager.sight)
	w.result.Seconds = w.now.Seconds()
	return w.result
}

// expire is the end of the time: the roll has to be over by then, unless the
// cloud owes it something, and it says so.
func (w *world) expire() {
	for _, wait := range w.manager.last.Waits {
		if wait.Actor == "the cloud" && (w.Quota > 0 || w.BadEvery > 0) {
			w.result.Outcome = "waiting"
			return
		}
	}
	w.breaks(Progress, "the roll has not ended after %s; it says: %s", w.Cap, w.manager.last.Sentence)
}

// settle does what follows at once from an event.
func (w *world) settle() {
	if w.unplaced {
		w.unplaced = false
		w.schedule()
	}
}

// time is the moment as the API shows it.
func (w *world) time() time.Time { return epoch.Add(w.now) }

// managerTime is the moment as the manager's clock shows it.
func (w *world) managerTime() time.Time { return epoch.Add(w.now + w.clock) }

// after plans something.
func (w *world) after(d time.Duration, do func()) {
	w.serial++
	w.queue.push(event{at: w.now + max(0, d), serial: w.serial, do: do})
}

// every does something again and again, at mean distances, while things go wrong.
func (w *world) every(mean time.Duration, do func()) {
	if mean <= 0 {
		return
	}
	var again func()
	again = func() {
		if w.calm {
			return
		}
		do()
		w.after(w.about(mean), again)
	}
	w.after(w.about(mean), again)
}

// breaks records the first broken invariant and ends the run.
func (w *world) breaks(rule, format string, args ...any) {
	if w.result.Broken == "" {
		w.result.Rule = rule
		w.result.Broken = fmt.Sprintf("at %.1f s: %s: ", w.now.Seconds(), rule) + fmt.Sprintf(format, args...)
	}
	w.over = true
}

// id returns a new name.
func (w *world) id(kind string) string {
	w.serial++
	return kind + strconv.Itoa(w.serial)
}

// about returns a random duration around d.
func (w *world) about(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.5 + w.rand.Float64()))
}

// upTo returns a random duration below d.
func (w *world) upTo(d time.Duration) time.Duration {
	return time.Duration(float64(d) * w.rand.Float64())
}

// chance is true in a share of cases.
func (w *world) chance(p float64) bool { return p > 0 && w.rand.Float64() < p }

// build makes pools full of ready nodes and workloads that run on them.
func (w *world) build() {
	for i := range w.Pools {
		p := &w.Pools[i]
		g := &group{Group: fairway.Group{Pool: p.Name, Max: p.Max, Desired: p.Nodes, Generation: "2"}, world: w, spec: p, base: p.Nodes}
		for i := range w.Zones {
			g.Zones = append(g.Zones, zoneName(i))
		}
		if p.Remove {
			g.base = 0
		}
		w.groups = append(w.groups, g)
		for i := range p.Nodes {
			w.original(g, i)
		}
	}
	for i := range w.Workloads {
		w.addWorkload(&w.Workloads[i])
	}
	w.schedule()
	w.unplaced = false
	for _, wl := range w.workloads {
		for _, p := range wl.pods {
			if p.on != nil {
				w.becomesReady(p)
			}
		}
		w.elect(wl)
		w.result.Pods += len(wl.pods)
	}
	for _, b := range w.budgets {
		b.compute()
	}
	w.result.Nodes = len(w.nodes)
}

// original makes one of the nodes that are there from the start.
func (w *world) original(g *group, i int) {
	generation := "1"
	if i < g.spec.Current {
		generation = "2"
	}
	inst := w.addInstance(g, zoneName(i%w.Zones), generation)
	inst.State, inst.InServiceAt = fairway.InstanceInService, epoch
	inst.LaunchedAt = epoch.Add(-100 * time.Hour)
	n := w.register(inst, true)
	n.CreatedAt, n.ReadySince = inst.LaunchedAt, inst.LaunchedAt
	n.original, n.proven = true, true
	n.equip()
	if w.ForeignCordon && i == 0 {
		n.Unschedulable, n.foreign = true, true
	}
	if w.Rotate && i%2 == 0 {
		n.annotate(fairway.AnnotationRotate, "a person asked for it")
	}
}
