package sim

import (
	"sync"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// manager is a roll's executor: it looks, decides and acts, in turns, and
// forgets everything when it is killed.
type manager struct {
	world    *world
	history  roll.History
	sight    sight
	began    time.Duration
	dead     bool // killed: what it planned is void
	replaced bool // another has taken over: what it planned may still happen, late
	last     roll.Decision
	quiet    time.Duration // the pause before the next look, longer while nothing happens
	api      roll.API
	// key of the budget that refused an eviction, and when; in this life.
	refused map[string]time.Duration
}

const (
	// actsWithin is how long an action takes at most.
	actsWithin = 200 * time.Millisecond
	// patience is the longest pause between two looks.
	patience = 20 * time.Second
	// maxKills is after how many kills and take-overs a manager is left alone, so
	// that a run ends.
	maxKills = 40
	// lateAction is how much later than planned an action of a manager may land
	// that another has replaced.
	lateAction = 2 * time.Second
	// stalest is how old a list of the cluster may be at most.
	stalest = 3 * time.Second
)

// take makes a manager that takes over and looks for the first time.
func (w *world) take() {
	m := &manager{world: w, began: w.now}
	if before := w.manager; before != nil && !w.Unleased {
		m.sight.inherit(&before.sight)
	} else if before == nil {
		m.sight = *sights.Get().(*sight)
	}
	w.manager = m
	m.sight.all(w)
	w.after(w.upTo(time.Second), m.tick)
}

// sights are the lists of managers whose worlds are over.
var sights = sync.Pool{New: func() any { return new(sight) }}

// kill ends the manager; another begins after a while.
func (w *world) kill() {
	if w.checker.kills++; w.checker.kills > maxKills || w.manager.dead {
		return
	}
	w.manager.dead = true
	w.jump()
	w.after(w.upTo(5*time.Second), w.take)
}

// double lets a second manager take over while actions of the first are still
// on their way.
func (w *world) double() {
	if w.checker.kills++; w.checker.kills > maxKills || w.manager.dead {
		return
	}
	w.manager.replaced = true
	w.jump()
	w.take()
}

// jump moves the manager's clock.
func (w *world) jump() {
	if !w.ClockJumps {
		return
	}
	if w.clock = time.Duration((w.rand.Float64()*2 - 1) * float64(time.Hour)); w.checker.kills > 5 {
		w.clock = 0
	}
}

// fails reports whether a call of the manager fails now, and whether it works
// all the same.
func (w *world) fails() (fails, works bool) {
	if w.now < w.cut {
		return true, false
	}
	if w.chance(w.Errors) {
		return true, w.rand.IntN(3) == 0
	}
	return false, true
}

// tick is one turn.
func (m *manager) tick() {
	w := m.world
	if m.dead || m.replaced && !w.Unleased || w.over || w.result.Outcome != "" {
		return
	}
	w.checker.holds(m)
	m.api.Requests++
	if fails, _ := w.fails(); fails {
		m.api.Errors++
		w.after(w.about(w.Look), m.look)
		return
	}
	s := m.snapshot()
	now := w.managerTime()
	d := w.decide(s, now)
	w.result.Decisions++
	w.checker.decides(m, s, d, now)
	m.last, m.history = d, d.History
	if (d.Done || d.Failed != "") && len(d.Actions) == 0 {
		w.ends(d)
		return
	}
	latest := time.Duration(0)
	budgets := s.Budgets
	for _, i := range w.rand.Perm(len(d.Actions)) {
		a, in := d.Actions[i], w.upTo(actsWithin)
		latest = max(latest, in)
		w.after(in, func() { m.act(budgets, a) })
	}
	if m.quiet = min(m.quiet*2, patience); len(d.Actions) > 0 || m.quiet == 0 {
		m.quiet = w.about(w.Look)
	}
	m.rest(latest + m.quiet)
}

// look reads everything afresh and decides.
func (m *manager) look() {
	if !m.dead {
		m.sight.all(m.world)
		m.tick()
	}
}

// rest waits for the next decision. The lists that it will be made from are read
// at moments of their own before it.
func (m *manager) rest(pause time.Duration) {
	w := m.world
	if w.Stale == 0 && w.CloudDelay == 0 {
		w.after(pause, m.look)
		return
	}
	m.sight.turn()
	for list := range m.sight.read {
		late := min(w.Stale, stalest)
		if list >= groupsList {
			late = w.CloudDelay
		}
		age := w.upTo(late)
		if late > 0 && w.rand.IntN(4) == 0 && w.now+pause-m.sight.read[list] < late {
			continue // the same answer once more
		}
		if age >= pause {
			m.sight.take(w, list)
		} else {
			w.after(pause-age, func() {
				if w.manager == m || w.Unleased {
					m.sight.take(w, list)
				}
			})
		}
	}
	w.after(pause, m.tick)
}

// act carries out one action, unless the manager is dead or the call fails.
func (m *manager) act(budgets []fairway.Budget, a roll.Action) {
	w := m.world
	if m.dead {
		return
	}
	if m.replaced && !w.Unleased {
		if w.now < m.ended()+lateAction {
			w.after(w.upTo(m.ended()+lateAction-w.now), func() { m.do(budgets, a) })
		}
		return
	}
	m.do(budgets, a)
}

// ended is when the manager was replaced.
func (m *manager) ended() time.Duration { return m.world.manager.began }

func (m *manager) do(budgets []fairway.Budget, a roll.Action) {
	w := m.world
	fails, works := w.fails()
	m.api.Requests++
	if fails {
		m.api.Errors++
		w.checker.failed = w.now
	}
	if !works || w.over {
		return
	}
	w.checker.leavesToOthers(a)
	switch a.Kind {
	case roll.ActionSetDesired:
		w.setDesired(a.Pool, a.Desired, a.Base)
	case roll.ActionProtect, roll.ActionUnprotect:
		if i := w.instance(a.Instance); i != nil {
			i.Protected = a.Kind == roll.ActionProtect
		}
	case roll.ActionMark:
		a.Marks.UpdateID = updateID
		w.mark(a.Node, a.Marks)
	case roll.ActionEvict:
		if w.evict(a.Node, a.Pod.UID, true) || fails {
			return
		}
		w.result.Refused++
		w.checker.refuses(m, a.Pod, roll.RefusalKey(budgets, a.Pod))
		m.history.Refuse(budgets, a.Pod, w.managerTime())
	case roll.ActionForce:
		w.force(a)
	case roll.ActionProbe:
		w.startProbe(a.Node)
	case roll.ActionEndProbe:
		if p := w.pod(a.Node, a.Pod.UID); p != nil {
			w.remove(p)
		}
	case roll.ActionTerminate:
		w.terminate(a.Instance, a.Decrement)
	}
}

// ends is the end of the roll: what is left is to see that nothing is left.
func (w *world) ends(d roll.Decision) {
	w.result.Blocked = d.Blocked
	switch {
	case w.aborted():
		w.result.Outcome = "aborted"
	case d.Failed != "":
		w.result.Outcome = "failed"
	case len(d.Blocked) > 0:
		w.result.Outcome = "partial"
	default:
		w.result.Outcome = "done"
	}
	w.checker.ends(d)
	w.calm = true
	w.after(time.Minute, w.checker.forgotten)
	for i := range 4 {
		w.after(time.Duration(i+1)*time.Minute, w.sweep)
	}
	w.after(5*time.Minute, func() { w.checker.swept(); w.over = true })
}

// sweep is what a manager does now and then with the marks of updates that are over.
func (w *world) sweep() {
	m := w.manager
	m.sight.all(w)
	for _, a := range roll.Orphans(m.sight.nodes, func(string) bool { return false }) {
		m.do(nil, a)
	}
}

func (w *world) aborted() bool { return w.AbortAt > 0 && w.now >= w.AbortAt }

// paused says who paused the roll, or "".
func (w *world) paused() string {
	if w.PauseAt > 0 && w.now >= w.PauseAt && w.now < w.PauseAt+w.PauseFor {
		return "an operator: a look at the graphs"
	}
	return ""
}
