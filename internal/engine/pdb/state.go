package pdb

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/fairwayhq/fairway"
)

// settleTime is how long a namespace rests after its first change before it is
// decided on: a workload and its budget are often applied one after the other.
const settleTime = 200 * time.Millisecond

// state is what the watches told, and which namespaces are to be decided on.
// It is the sink of the watches, and safe for concurrent use.
type state struct {
	now  fairway.Clock
	wake chan struct{} // has a value when something may be due

	mu         sync.Mutex
	kinds      map[fairway.WorkloadKind]*followed // fixed; the values are guarded by mu
	namespaces map[string]*namespace              // guarded by mu
}

// followed is a kind and how far its watch can be relied on.
type followed struct {
	state fairway.WatchState // "" before the first list
	epoch int                // number of the list that is being or was told last
	// lostAt is when changes ceased to arrive.
	lostAt time.Time
}

// namespace is one namespace; the state's mu guards it.
type namespace struct {
	workloads map[owner]told[*fairway.ReplicatedWorkload]
	budgets   map[string]told[*fairway.DisruptionBudget]

	changed  time.Time // when the oldest change that is not decided on came; zero for none
	due      time.Time // when to decide; zero for never
	running  bool      // a worker is at it
	failures int       // in a row
	found    map[string]bool
	verdicts map[Verdict]int
	overlaps int
}

// told is an object and the list or watch that told of it.
type told[T any] struct {
	epoch  int
	object T
}

func newState(now fairway.Clock, kinds []fairway.WorkloadKind) *state {
	s := &state{now: now, wake: make(chan struct{}, 1), kinds: map[fairway.WorkloadKind]*followed{}, namespaces: map[string]*namespace{}}
	for _, kind := range kinds {
		s.kinds[kind] = &followed{}
	}
	return s
}

// Begin implements fairway.BudgetSink.
func (s *state) Begin(kind fairway.WorkloadKind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kinds[kind].epoch++
}

// State implements fairway.BudgetSink.
func (s *state) State(kind fairway.WorkloadKind, is fairway.WatchState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.kinds[kind]
	if is == fairway.WatchLost && f.state == fairway.WatchCurrent {
		f.lostAt = s.now()
	}
	changed := f.state != is
	f.state = is
	switch is {
	case fairway.WatchCurrent:
		s.sweep(kind, f.epoch)
	case fairway.WatchAbsent:
		s.sweep(kind, f.epoch+1)
	}
	if changed && s.complete() {
		for name := range s.namespaces {
			s.touch(name)
		}
	}
}

// sweep forgets the objects of a kind that the last list did not tell of.
func (s *state) sweep(kind fairway.WorkloadKind, epoch int) {
	for name, n := range s.namespaces {
		before := len(n.workloads) + len(n.budgets)
		if kind == fairway.KindDisruptionBudget {
			maps.DeleteFunc(n.budgets, func(_ string, b told[*fairway.DisruptionBudget]) bool { return b.epoch < epoch })
		} else {
			maps.DeleteFunc(n.workloads, func(of owner, w told[*fairway.ReplicatedWorkload]) bool { return of.kind == kind && w.epoch < epoch })
		}
		if len(n.workloads)+len(n.budgets) != before {
			s.touch(name)
		}
	}
}

// complete reports whether everything is known: nothing is decided on less.
func (s *state) complete() bool {
	for _, f := range s.kinds {
		if f.state != fairway.WatchCurrent && f.state != fairway.WatchAbsent {
			return false
		}
	}
	// Without budgets or the kinds that every cluster has, there is no answer
	// to whether a budget is missing.
	return s.kinds[fairway.KindDisruptionBudget].state == fairway.WatchCurrent
}

// Workload implements fairway.BudgetSink.
func (s *state) Workload(w *fairway.ReplicatedWorkload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, of := s.in(w.Namespace), owner{w.Kind, w.Name}
	was, ok := n.workloads[of]
	n.workloads[of] = told[*fairway.ReplicatedWorkload]{s.kinds[w.Kind].epoch, w}
	if !ok || !sameWorkload(was.object, w) {
		s.touch(w.Namespace)
	}
}

// sameWorkload reports whether two states of a workload are decided on alike.
func sameWorkload(a, b *fairway.ReplicatedWorkload) bool {
	return a.UID == b.UID && a.Deleting == b.Deleting && a.NonReadyTTL == b.NonReadyTTL && a.Replicas == b.Replicas &&
		min(a.ReadyReplicas, a.Replicas) == min(b.ReadyReplicas, b.Replicas) &&
		maps.Equal(a.Labels, b.Labels) && maps.Equal(a.PodLabels, b.PodLabels) && sameSelector(a.Selector, b.Selector)
}

// Budget implements fairway.BudgetSink.
func (s *state) Budget(b *fairway.DisruptionBudget) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.in(b.Namespace)
	was, ok := n.budgets[b.Name]
	if ok && older(b.Version, was.object.Version) {
		return // an answer of the API server was quicker than the watch
	}
	n.budgets[b.Name] = told[*fairway.DisruptionBudget]{s.kinds[fairway.KindDisruptionBudget].epoch, b}
	if !ok || !sameBudget(was.object, b) {
		s.touch(b.Namespace)
	}
}

// sameBudget reports whether two states of a budget are decided on alike. Its
// status changes with every pod and does not matter.
func sameBudget(a, b *fairway.DisruptionBudget) bool {
	return a.UID == b.UID && a.Deleting == b.Deleting && a.NonReadySince == b.NonReadySince && a.MinAvailable == b.MinAvailable &&
		a.MaxUnavailable == b.MaxUnavailable && maps.Equal(a.Labels, b.Labels) && slices.Equal(a.Owners, b.Owners) &&
		(a.Selector == nil && b.Selector == nil || sameSelector(a.Selector, b.Selector))
}

// Gone implements fairway.BudgetSink.
func (s *state) Gone(kind fairway.WorkloadKind, name, object, version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.in(name)
	if kind == fairway.KindDisruptionBudget {
		if is, ok := n.budgets[object]; ok && older(version, is.object.Version) {
			return // another of that name was made since
		}
		delete(n.budgets, object)
	} else {
		delete(n.workloads, owner{kind, object})
	}
	s.touch(name)
}

// wrote notes what a write of ours left, before the watch tells of it; nil is
// for a budget that was deleted.
func (s *state) wrote(is, left *fairway.DisruptionBudget) {
	if left != nil {
		s.Budget(left)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.in(is.Namespace)
	if b, ok := n.budgets[is.Name]; ok && b.object.UID == is.UID {
		delete(n.budgets, is.Name)
		s.touch(is.Namespace)
	}
}

// older reports whether a resource version is older than another of the same
// kind. Versions that are no numbers are never older.
func older(a, b string) bool {
	x, err := strconv.ParseUint(a, 10, 64)
	y, err2 := strconv.ParseUint(b, 10, 64)
	return err == nil && err2 == nil && x < y
}

// in returns a namespace; mu is held.
func (s *state) in(name string) *namespace {
	n := s.namespaces[name]
	if n == nil {
		n = &namespace{
			workloads: map[owner]told[*fairway.ReplicatedWorkload]{}, budgets: map[string]told[*fairway.DisruptionBudget]{},
			found: map[string]bool{},
		}
		s.namespaces[name] = n
	}
	return n
}

// touch has a namespace decided on soon; mu is held.
func (s *state) touch(name string) {
	n, now := s.in(name), s.now()
	if n.changed.IsZero() {
		n.changed = now
	}
	if due := now.Add(settleTime); n.due.IsZero() || due.Before(n.due) {
		n.due = due
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// touchAll has everything decided on.
func (s *state) touchAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.namespaces {
		s.touch(name)
	}
}
