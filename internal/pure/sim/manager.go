package sim

import (
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// manager is a roll's executor: it looks, decides and acts, in turns, and
// forgets everything when it is killed.
type manager struct {
	world   *world
	decide  Policy
	history roll.History
	life    int // grows with each kill; what an earlier life planned is void
	kills   int
	clock   time.Duration // how far its clock is off
	last    roll.Decision
	quiet   time.Duration // the pause before the next look, longer while nothing happens
}

// patience is the longest pause between two looks.
const patience = 6 * time.Second

// maxKills is after how many kills a manager is left alone, so that a run ends.
const maxKills = 60

func (m *manager) kill() {
	w := m.world
	if m.kills++; m.kills > maxKills {
		return
	}
	m.life++
	m.history = roll.History{}
	if w.ClockJumps {
		m.clock = time.Duration((w.rand.Float64()*2 - 1) * float64(time.Hour))
		if m.kills > 5 {
			m.clock = 0
		}
	}
	w.after(w.upTo(5*time.Second), m.tick)
}

// tick is one turn.
func (m *manager) tick() {
	w, life := m.world, m.life
	w.forget()
	s := w.snapshot(m.history)
	now := w.now.Add(m.clock)
	d := m.decide(s, now)
	w.result.Decisions++
	w.check.decides(s, d, now)
	m.last, m.history = d, d.History
	if d.Done && len(d.Actions) == 0 || d.Failed != "" {
		for _, a := range d.Actions {
			m.do(s, a)
		}
		w.ends(d)
		return
	}
	latest := time.Duration(0)
	for _, i := range w.rand.Perm(len(d.Actions)) {
		a, in := d.Actions[i], w.upTo(200*time.Millisecond)
		latest = max(latest, in)
		w.after(in, func() {
			if m.life == life {
				m.do(s, a)
			}
		})
	}
	if m.quiet = m.quiet * 2; len(d.Actions) > 0 || m.quiet == 0 {
		m.quiet = min(d.Next, w.about(w.Look))
	}
	m.quiet = min(m.quiet, patience)
	w.after(latest+m.quiet, func() {
		if m.life == life {
			m.tick()
		}
	})
}

// do carries out one action.
func (m *manager) do(s roll.Snapshot, a roll.Action) {
	w := m.world
	switch a.Kind {
	case roll.ActionSetDesired:
		w.setDesired(a.Pool, a.Desired, a.Base)
	case roll.ActionProtect, roll.ActionUnprotect:
		if i := w.instances[a.Instance]; i != nil {
			i.Protected = a.Kind == roll.ActionProtect
		}
	case roll.ActionMark:
		a.Marks.UpdateID = "u-1"
		w.mark(a.Node, a.Marks)
	case roll.ActionEvict:
		if w.evict(a.Pod.UID) {
			w.result.Evictions++
			return
		}
		w.result.Refused++
		w.check.refuses(a.Pod, roll.RefusalKey(s.Budgets, a.Pod))
		m.history.Refuse(s.Budgets, a.Pod, w.now.Add(m.clock))
	case roll.ActionTerminate:
		w.terminate(a.Instance, a.Decrement)
	}
}

// snapshot reads the cluster afresh and the cloud as its API shows it.
func (w *world) snapshot(h roll.History) roll.Snapshot {
	cloud := w.seen()
	s := roll.Snapshot{Instances: cloud.instances, History: h,
		Nodes: make([]fairway.Node, 0, len(w.nodes)), Pods: make([]fairway.Pod, 0, len(w.pods)), Budgets: make([]fairway.Budget, 0, len(w.budgets))}
	for i, p := range w.Pools {
		s.Pools = append(s.Pools, roll.Pool{Group: cloud.groups[i], Settings: p.Settings})
	}
	for _, name := range w.names.nodes {
		if n := w.nodes[name]; n != nil {
			s.Nodes = append(s.Nodes, n.clone())
		}
	}
	for _, id := range w.names.pods {
		if p := w.pods[id]; p != nil {
			s.Pods = append(s.Pods, p.Pod)
		}
	}
	for _, b := range w.budgets {
		s.Budgets = append(s.Budgets, b.status)
	}
	return s
}

// ends is the end of the roll.
func (w *world) ends(d roll.Decision) {
	w.over = true
	w.result.Blocked = d.Blocked
	switch {
	case d.Failed != "":
		w.result.Outcome = "failed"
	case len(d.Blocked) > 0:
		w.result.Outcome = "partial"
	default:
		w.result.Outcome = "done"
	}
	w.check.ends(d)
}

// instanceOf returns the instance under a node.
func (w *world) instanceOf(n *node) *instance {
	inst := w.instances[n.Name[len("node-"):]]
	if inst == nil || inst.State == fairway.InstanceTerminating {
		return nil
	}
	return inst
}
