package pdb

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/fairwayhq/fairway"
)

// delayBounds are the upper bounds of the histogram of delays, in seconds.
var delayBounds = []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}

// counters count what was done. The zero value is ready; safe for concurrent use.
type counters struct {
	mu      sync.Mutex
	actions map[[2]string]int // by verb and outcome
	delays  [9]int            // one more than delayBounds
	sum     time.Duration
}

// acted counts one action. The delay is the time from the change that led to it
// to its success.
func (c *counters) acted(verb Verb, outcome string, delay time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.actions == nil {
		c.actions = map[[2]string]int{}
	}
	c.actions[[2]string{string(verb), outcome}]++
	if outcome != "done" {
		return
	}
	at := 0
	for at < len(delayBounds) && delay.Seconds() > delayBounds[at] {
		at++
	}
	c.delays[at]++
	c.sum += delay
}

// WriteMetrics writes what is to be measured in the text format of Prometheus.
func (c *Controller) WriteMetrics(w io.Writer) error {
	out := &exposition{w: w}
	c.state.metrics(out)
	out.metric("fairway_pdb_leader", "gauge", "Whether this replica acts.")
	out.value("fairway_pdb_leader", "", number(c.lead.is()))
	c.count.metrics(out)
	return out.err
}

func (s *state) metrics(out *exposition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	verdicts, overlaps, owned, others := map[Verdict]int{}, 0, 0, 0
	for _, n := range s.namespaces {
		for v, count := range n.verdicts {
			verdicts[v] += count
		}
		overlaps += n.overlaps
		for _, b := range n.budgets {
			if b.object.Owned() {
				owned++
			} else {
				others++
			}
		}
	}
	out.metric("fairway_pdb_workloads", "gauge", "Workloads by what was decided about them.")
	for _, v := range slices.Sorted(maps.Keys(verdicts)) {
		out.value("fairway_pdb_workloads", fmt.Sprintf("verdict=%q", v), verdicts[v])
	}
	out.metric("fairway_pdb_budgets", "gauge", "Budgets by who made them.")
	out.value("fairway_pdb_budgets", `owner="controller"`, owned)
	out.value("fairway_pdb_budgets", `owner="other"`, others)
	out.metric("fairway_pdb_overlaps", "gauge", "Workloads whose pods cannot be evicted because two budgets select them.")
	out.value("fairway_pdb_overlaps", "", overlaps)
	out.metric("fairway_pdb_watch_current", "gauge", "Whether changes of a kind arrive.")
	for _, kind := range slices.Sorted(maps.Keys(s.kinds)) {
		out.value("fairway_pdb_watch_current", fmt.Sprintf("kind=%q", kind), number(s.kinds[kind].state == fairway.WatchCurrent))
	}
}

func (c *counters) metrics(out *exposition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out.metric("fairway_pdb_actions_total", "counter", "Writes of budgets by their outcome.")
	keys := slices.SortedFunc(maps.Keys(c.actions), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	for _, key := range keys {
		out.value("fairway_pdb_actions_total", fmt.Sprintf("action=%q,outcome=%q", key[0], key[1]), c.actions[key])
	}
	const delay = "fairway_pdb_action_delay_seconds"
	out.metric(delay, "histogram", "Time from a change to the write that answers it.")
	sum := 0
	for i, bound := range delayBounds {
		sum += c.delays[i]
		out.value(delay+"_bucket", fmt.Sprintf("le=\"%g\"", bound), sum)
	}
	sum += c.delays[len(delayBounds)]
	out.value(delay+"_bucket", `le="+Inf"`, sum)
	out.value(delay+"_sum", "", c.sum.Seconds())
	out.value(delay+"_count", "", sum)
}

// Ready returns nil when everything has been read, so that this replica can act
// or take over.
func (c *Controller) Ready() error {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	for _, kind := range slices.Sorted(maps.Keys(c.state.kinds)) {
		if f := c.state.kinds[kind]; f.state == "" || f.state == fairway.WatchLost {
			return fairway.Errorf(fairway.CodeUnavailable, "changes of kind %s do not arrive", kind)
		}
	}
	return nil
}

// stuckAfter is how long one namespace may be due before the process counts as
// stuck. An API server that lets every write of a large namespace time out comes
// close to it, and a restart would not help that one.
const stuckAfter = 30 * time.Minute

// Healthy returns nil unless the process is stuck. An API server that cannot be
// reached does not make it so: a restart would not help.
func (c *Controller) Healthy() error {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	if !c.state.complete() {
		return nil
	}
	for name, n := range c.state.namespaces {
		if now := c.Now(); !n.due.IsZero() && now.Sub(n.due) > stuckAfter && !n.running {
			return fairway.Errorf(fairway.CodeInternal, "namespace %s has been due since %s", name, n.due.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// exposition writes the text format of Prometheus and keeps the first error.
type exposition struct {
	w   io.Writer
	err error
}

func (e *exposition) metric(name, kind, help string) {
	e.printf("# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

func (e *exposition) value(name, labels string, value any) {
	if labels != "" {
		labels = "{" + labels + "}"
	}
	e.printf("%s%s %v\n", name, labels, value)
}

func (e *exposition) printf(format string, args ...any) {
	if e.err == nil {
		_, e.err = fmt.Fprintf(e.w, format, args...)
	}
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}
