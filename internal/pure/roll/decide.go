package roll

import (
	"fmt"
	"time"
)

const (
	// soon is how long to wait after something was asked for.
	soon = 150 * time.Millisecond
	// later is the longest wait without a deadline.
	later = 2 * time.Second
)

// Decide returns what to do now with the pools of the snapshot.
func Decide(s Snapshot, now time.Time) Decision {
	v := newView(s, now)
	v.remember()
	v.measure()
	switch {
	case s.Aborted:
		v.abort()
	case v.paused != "":
		v.pause()
	case v.fails():
		v.giveUp()
	case v.History.Blocked != nil:
		v.tidyUp()
	default:
		for _, p := range v.everyPool() {
			v.mark(p)
		}
		for _, p := range v.pools {
			v.protect(p)
		}
		v.probe()
		if v.brake != "" {
			v.wait(Wait{Reason: v.brake, Actor: "whoever looks after the nodes; a person may let the roll go on all the same"})
			break
		}
		v.recordGrowth()
		v.watchApps()
		v.replaceBroken()
		v.endDrained()
		v.quarantine()
		v.giveUpHopeless()
		v.evict()
		for _, p := range v.pools {
			v.start(p)
			v.resize(p)
			v.shrink(p)
		}
		v.notice()
		v.finish()
	}
	v.sum()
	v.scratch.forget()
	return v.Decision
}

// act adds an action of a pool.
func (v *view) act(p *pool, a Action) {
	a.Pool = p.Pool
	switch a.Kind {
	case ActionProtect, ActionUnprotect, ActionEndProbe:
	case ActionMark:
		p.acted = p.acted || a.Marks.DrainStart != nil || a.Marks.Quarantine != nil
	default:
		p.acted = true
	}
	v.Actions = append(v.Actions, a)
}

func (v *view) wait(w Wait) { v.Waits = append(v.Waits, w) }

// sum counts, finds the sentence, and says when to look again.
func (v *view) sum() {
	if len(v.Actions) == 0 && len(v.Waits) == 0 && !v.Done && v.Failed == "" {
		v.wait(Wait{Reason: "waits for the cluster to show what was done last"})
	}
	v.since()
	for _, p := range v.everyPool() {
		old := p.countOutdated()
		v.Old += old
		v.Total += max(p.base, old)
	}
	v.Replaced = v.Total - v.Old
	v.Sentence = v.sentence()
	v.Next = later
	if len(v.Actions) > 0 {
		v.Next = soon
	}
	for _, p := range v.pools {
		if p.moving() > 0 || p.launching() > 0 {
			v.Next = min(v.Next, time.Second)
		}
	}
}

// sentence says what the roll does or waits for.
func (v *view) sentence() string {
	switch {
	case v.Failed != "":
		return v.Failed
	case v.Done && len(v.Blocked) > 0:
		return fmt.Sprintf("%d of %d nodes replaced; %s cannot be rolled: %s", v.Replaced, v.Total, v.Blocked[0].Node, v.Blocked[0].Reason)
	case v.aborted:
		return v.abortedSentence()
	case v.Done && v.Old > 0:
		return v.keptSentence()
	case v.Done && v.Total == 0:
		return "no nodes to roll"
	case v.Done:
		return fmt.Sprintf("all %d nodes are up to date", v.Total)
	case v.paused != "":
		return fmt.Sprintf("paused by %s; %d of %d nodes replaced", v.paused, v.Replaced, v.Total)
	case v.brake != "":
		return v.brake
	}
	for _, a := range v.Actions {
		if a.Kind == ActionTerminate || a.Kind == ActionEvict || a.Kind == ActionForce || a.Marks.DrainStart != nil {
			return a.Why
		}
	}
	// A drain says more than a boot, a boot more than those that wait for their turn.
	for _, w := range v.Waits {
		if w.Pod != "" {
			return w.Reason
		}
	}
	if len(v.Waits) > 0 {
		return v.Waits[0].Reason
	}
	if len(v.Actions) > 0 {
		return v.Actions[0].Why
	}
	return fmt.Sprintf("%d of %d nodes replaced", v.Replaced, v.Total)
}
