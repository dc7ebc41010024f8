package pdb

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fairwayhq/fairway"
)

const (
	firstRetry, longestRetry = 500 * time.Millisecond, time.Minute
	// writeTime bounds one write.
	writeTime = 10 * time.Second
)

// decide decides on a namespace and carries out what it can. Nothing begins
// after ctx has ended; writing is the context of what has begun.
func (c *Controller) decide(ctx, writing context.Context, name string) {
	snapshot, changed := c.state.snapshot(name)
	d := Decide(snapshot, c.Policy, c.Now())
	leading := c.lead.is()
	c.report(writing, c.state.publish(name, d, leading))
	failed := false
	rest := len(d.Actions) > batch
	if leading {
		failed = c.carryOut(ctx, writing, d.Actions[:min(len(d.Actions), batch)], changed)
	}
	c.state.done(name, d.Next, failed, rest && leading && !c.DryRun)
}

// carryOut carries out actions and reports whether one of them failed. Those
// that remove end before others begin.
func (c *Controller) carryOut(ctx, writing context.Context, actions []Action, changed time.Time) bool {
	failed := false
	for len(actions) > 0 {
		same := 1
		for same < len(actions) && (actions[same].Verb == Remove) == (actions[0].Verb == Remove) {
			same++
		}
		var group errgroup.Group
		group.SetLimit(writers)
		var mu sync.Mutex
		for _, a := range actions[:same] {
			if ctx.Err() != nil || !c.lead.is() {
				break
			}
			group.Go(func() error {
				if err := c.act(writing, a, changed); err != nil {
					mu.Lock()
					defer mu.Unlock()
					failed = true
				}
				return nil
			})
		}
		_ = group.Wait() // errors are counted above
		actions = actions[same:]
	}
	return failed
}

// act carries out one action.
func (c *Controller) act(ctx context.Context, a Action, changed time.Time) error {
	b := a.Budget()
	log := c.Log.With("namespace", b.Namespace, "budget", b.Name, "reason", a.Verdict.Sentence())
	if a.Workload != nil {
		log = log.With("workload", string(a.Workload.Kind)+"/"+a.Workload.Name)
	}
	if c.DryRun {
		if c.state.news(b.Namespace, "dry run: "+string(a.Verb)+" "+b.Name+" "+string(a.Verdict)) {
			c.count.acted(a.Verb, "dry_run", 0)
			log.Info("would "+string(a.Verb)+" budget", "max_unavailable", b.MaxUnavailable)
		}
		return nil
	}
	err := c.write(ctx, a)
	switch {
	case err == nil:
		c.count.acted(a.Verb, "done", c.Now().Sub(changed))
		c.acted(ctx, log, a)
	case fairway.ErrorCode(err) == fairway.CodeConflict:
		// Somebody was quicker; the watch will say who, and we decide anew.
		c.count.acted(a.Verb, "conflict", 0)
		log.Debug("budget was changed meanwhile", "verb", string(a.Verb), "error", err)
	default:
		c.count.acted(a.Verb, "failed", 0)
		log.Warn("cannot "+string(a.Verb)+" budget; it is tried again", "error", err, "hint", fairway.ErrorHint(err))
	}
	return err
}

func (c *Controller) write(ctx context.Context, a Action) error {
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	switch a.Verb {
	case Create:
		left, err := c.Cluster.CreateBudget(ctx, a.Want)
		if err == nil {
			c.state.wrote(nil, left)
		}
		return err
	case Change:
		left, err := c.Cluster.ChangeBudget(ctx, a.Is, a.Want)
		if err == nil {
			c.state.wrote(a.Is, left)
		}
		return err
	case Remove:
		err := c.Cluster.DeleteBudget(ctx, a.Is)
		if err == nil {
			c.state.wrote(a.Is, nil)
		}
		return err
	}
	return errors.New("unknown verb " + string(a.Verb))
}

// pastTense names what an action did.
var pastTense = map[Verb]string{Create: "Created", Change: "Changed", Remove: "Removed"}

// acted says what was done, in the log and to the owners of the workload.
func (c *Controller) acted(ctx context.Context, log *slog.Logger, a Action) {
	if a.Verb == Change {
		now := *a.Want
		now.NonReadySince, now.Labels = a.Is.NonReadySince, a.Is.Labels
		if same(a.Is, &now) {
			// Labels, or the note of its readiness: this happens with every deployment.
			log.Debug("labels or readiness noted on budget", "non_ready_since", a.Want.NonReadySince)
			return
		}
	}
	log.Info("budget "+string(a.Verb)+"d", "max_unavailable", a.Budget().MaxUnavailable)
	if a.Workload == nil {
		return
	}
	message := "PodDisruptionBudget " + a.Budget().Name + ": " + a.Verdict.Sentence()
	c.record(ctx, a.Workload, "DisruptionBudget"+pastTense[a.Verb], message, a.Verdict == NonReady)
}

// report says findings that are new.
func (c *Controller) report(ctx context.Context, findings []Finding) {
	for _, f := range findings {
		c.Log.Warn("a person may have to act", "namespace", f.Workload.Namespace, "workload", string(f.Workload.Kind)+"/"+f.Workload.Name,
			"finding", f.Reason, "message", f.Message)
		c.record(ctx, f.Workload, f.Reason, f.Message, true)
	}
}

// record writes an event. Events are for people: one that is lost changes nothing.
func (c *Controller) record(ctx context.Context, w *fairway.ReplicatedWorkload, reason, message string, warning bool) {
	if c.DryRun {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	if err := c.Cluster.RecordAbout(ctx, w.Ref(), w.UID, reason, message, warning); err != nil {
		c.Log.Debug("event was not recorded", "namespace", w.Namespace, "workload", w.Name, "finding", reason, "error", err)
	}
}

// snapshot returns a namespace as it was last told of, and since when it waits.
func (s *state) snapshot(name string) (Namespace, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.in(name)
	v := Namespace{
		Workloads: make([]*fairway.ReplicatedWorkload, 0, len(n.workloads)),
		Budgets:   make([]*fairway.DisruptionBudget, 0, len(n.budgets)),
		Absent:    map[fairway.WorkloadKind]bool{},
	}
	for _, w := range n.workloads {
		v.Workloads = append(v.Workloads, w.object)
	}
	for _, b := range n.budgets {
		v.Budgets = append(v.Budgets, b.object)
	}
	for _, kind := range []fairway.WorkloadKind{fairway.KindDeployment, fairway.KindStatefulSet, fairway.KindRollout} {
		f := s.kinds[kind]
		v.Absent[kind] = f == nil || f.state != fairway.WatchCurrent
	}
	changed := n.changed
	n.changed = time.Time{}
	return v, changed
}

// publish keeps what was decided for the metrics. It returns the findings that
// are new, all of them when this replica has just begun to act, and none when
// another acts.
func (s *state) publish(name string, d Decision, leading bool) (news []Finding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.in(name)
	n.verdicts, n.overlaps = d.Verdicts, 0
	still := map[string]bool{}
	for _, f := range d.Findings {
		key := f.Reason + " " + f.Workload.UID + " " + f.Message
		if still[key] = leading; leading && !n.found[key] {
			news = append(news, f)
		}
		if f.Reason == ReasonOverlap {
			n.overlaps++
		}
	}
	for _, a := range d.Actions {
		if key := "dry run: " + string(a.Verb) + " " + a.Budget().Name + " " + string(a.Verdict); n.found[key] {
			still[key] = true
		}
	}
	n.found = still
	return news
}

// news reports whether something is said for the first time.
func (s *state) news(name, what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.in(name)
	if n.found[what] {
		return false
	}
	n.found[what] = true
	return true
}

// done ends the work on a namespace and says when it is due again.
func (s *state) done(name string, next time.Time, failed, rest bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, now := s.in(name), s.now()
	n.running = false
	if !failed {
		n.failures = 0
	} else {
		n.failures++
		pause := min(firstRetry<<min(n.failures-1, 10), longestRetry)
		next = now.Add(pause/2 + rand.N(pause))
	}
	if rest && !failed {
		next = now
	}
	if !next.IsZero() && (n.due.IsZero() || next.Before(n.due)) {
		n.due = next
	}
	if len(n.workloads)+len(n.budgets) == 0 && n.due.IsZero() {
		delete(s.namespaces, name)
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
