package pdb

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/fairwayhq/fairway"
)

// Options are what a Controller is made from.
type Options struct {
	Cluster fairway.BudgetCluster
	Policy  Policy
	// Rollouts follows Argo Rollouts, too, where the cluster has them.
	Rollouts bool
	// Holder is the name by which this process holds the lease; it must differ
	// from those of the other replicas.
	Holder string
	// LeaseTTL is how long the lease of a process that died outlives it; 0
	// means 15 s. Whole seconds.
	LeaseTTL time.Duration
	// DryRun says what would be done and writes nothing, not even the lease.
	DryRun bool
	// Log says what was done and why; nil discards it.
	Log *slog.Logger
	// Now is the clock; nil means time.Now.
	Now fairway.Clock
}

const (
	// workers is how many namespaces are worked on at a time, and writers how
	// many writes of one namespace are under way at a time.
	workers, writers = 4, 4
	// batch is how many actions are carried out before a namespace is decided
	// on again: what happens meanwhile must not wait for thousands of them.
	batch = 200
	// stopTime is how long writes that have begun may take at the end.
	stopTime = 10 * time.Second
)

// Controller keeps the budgets of one cluster. Run it once.
type Controller struct {
	Options
	state *state
	lead  *leadership
	count counters
}

// New returns a controller that does nothing yet.
func New(o Options) *Controller {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.LeaseTTL <= 0 {
		o.LeaseTTL = 15 * time.Second
	}
	c := &Controller{Options: o}
	c.state = newState(o.Now, c.follows())
	c.lead = &leadership{Options: o, taken: c.state.touchAll}
	return c
}

// follows returns the kinds to watch.
func (c *Controller) follows() []fairway.WorkloadKind {
	kinds := []fairway.WorkloadKind{fairway.KindDisruptionBudget, fairway.KindDeployment, fairway.KindStatefulSet}
	if c.Rollouts {
		kinds = append(kinds, fairway.KindRollout)
	}
	return kinds
}

// Run keeps the budgets until ctx ends. Then it lets the writes that have begun
// end, gives the lease back, so that another replica takes over at once, and
// returns nil.
func (c *Controller) Run(ctx context.Context) error {
	// Writes that have begun outlive ctx, but not for long.
	writing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	context.AfterFunc(ctx, func() {
		time.AfterFunc(stopTime, stop)
	})
	jobs := make(chan string)
	var group, electing sync.WaitGroup
	ended, end := context.WithCancel(context.WithoutCancel(ctx))
	electing.Go(func() { c.lead.run(ended) })
	group.Go(func() { c.Cluster.Follow(ctx, c.follows(), c.state) })
	group.Go(func() {
		defer close(jobs)
		c.dispatch(ctx, jobs)
	})
	for range workers {
		group.Go(func() {
			for name := range jobs {
				c.decide(ctx, writing, name)
			}
		})
	}
	group.Wait()
	end() // nobody writes any more: the lease may go
	electing.Wait()
	return nil
}

// dispatch hands namespaces to the workers when they are due.
func (c *Controller) dispatch(ctx context.Context, jobs chan<- string) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		name, pause := c.state.next()
		if name != "" {
			select {
			case jobs <- name:
				continue
			case <-ctx.Done():
				return
			}
		}
		timer.Reset(pause)
		select {
		case <-timer.C:
		case <-c.state.wake:
		case <-ctx.Done():
			return
		}
	}
}

// idle is the longest pause of the dispatcher.
const idle = time.Minute

// next takes the namespace that is due for longest, or returns how long none is.
func (s *state) next() (string, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.complete() {
		return "", idle
	}
	first := ""
	for name, n := range s.namespaces {
		if !n.running && !n.due.IsZero() && (first == "" || n.due.Before(s.namespaces[first].due)) {
			first = name
		}
	}
	if first == "" {
		return "", idle
	}
	n := s.namespaces[first]
	if pause := n.due.Sub(s.now()); pause > 0 {
		return "", min(pause, idle)
	}
	if n.changed.IsZero() {
		n.changed = n.due // time passed, that is the change
	}
	n.running, n.due = true, time.Time{}
	return first, 0
}
