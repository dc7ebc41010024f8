package nodegroup

import (
	"maps"
	"slices"
	"time"
)

// idle is how long the loop sleeps at most. A look costs next to nothing, and
// timers stand still while a machine sleeps or is paused; the plans do not.
const idle = 2 * time.Second

// advance does everything that is due at now, and says whether anything
// changed.
func (s *Service) advance(now time.Time) bool {
	launches, changed := s.state.Launches, false
	for _, r := range s.records() {
		changed = s.step(r, now) || changed
	}
	for _, name := range slices.Sorted(maps.Keys(s.state.Groups)) {
		g := s.state.Groups[name]
		before := len(g.Activities)
		last := lastActivity(g)
		s.scale(g, now)
		changed = changed || len(g.Activities) != before || lastActivity(g) != last
	}
	return changed || s.state.Launches != launches
}

func lastActivity(g *Group) Activity {
	if len(g.Activities) == 0 {
		return Activity{}
	}
	return g.Activities[len(g.Activities)-1]
}

// step takes one instance to where it is at now.
func (s *Service) step(r *record, now time.Time) (changed bool) {
	switch {
	case due(r.DetectAt, now) && r.live():
		s.end(r, r.DetectAt)
		if g := s.state.Groups[r.Group]; g != nil {
			g.note(now, ActivityTerminate, "terminated %s in %s: it failed its health check", r.ID, r.Zone)
		}
	case r.State == StatePending && due(r.ServiceAt, now) && r.DetectAt.IsZero():
		r.State, r.InServiceAt = StateInService, r.ServiceAt.UTC()
	case r.State == StateTerminating && due(r.OffAt, now):
		s.end(r, r.OffAt)
	case r.State == StateTerminated && due(r.TerminatedAt.Add(keepTerminated), now):
		delete(s.state.Instances, r.ID)
	default:
		return false
	}
	return true
}

func (s *Service) end(r *record, at time.Time) {
	r.State, r.TerminatedAt = StateTerminated, at.UTC()
}

func due(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

// next is the time until something is planned. Registration is planned too:
// package machine must be woken for it.
func (s *Service) next(now time.Time) time.Duration {
	wait := idle
	plan := func(at time.Time) {
		if !at.IsZero() {
			wait = min(wait, max(at.Sub(now), 0))
		}
	}
	for _, r := range s.state.Instances {
		switch r.State {
		case StatePending, StateInService:
			plan(r.DetectAt)
			if r.State == StatePending && r.DetectAt.IsZero() {
				plan(r.ServiceAt)
			}
		case StateTerminating:
			plan(r.OffAt)
		case StateTerminated:
			plan(r.TerminatedAt.Add(keepTerminated))
		}
	}
	for _, at := range s.retryAt {
		if at.After(now) {
			plan(at)
		}
	}
	return wait
}
