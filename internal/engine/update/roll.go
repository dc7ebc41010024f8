package update

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

const (
	// lookEvery is the longest pause between two looks at a cluster in a roll,
	// lookSoon the shortest. In between, a pause is lookRest times as long as the
	// look took: large clusters are looked at less often, so that looking stays a
	// fifth of the time at most.
	lookEvery = 400 * time.Millisecond
	lookSoon  = 100 * time.Millisecond
	lookRest  = 4
	// actAtOnce is how many nodes are acted on in parallel; each node's own
	// actions are done in order.
	actAtOnce = 16
)

// roll replaces the outdated nodes of the control-plane pools, or of all
// others together: observe, decide, act, observe again.
func (r *run) roll(ctx context.Context, controlPlane bool) (string, error) {
	// A new cluster is provisioned without rolling nodes (contract 1.5).
	if r.cluster.LifecycleStatus == fairway.StatusRequested {
		return "a new cluster: nothing to roll", nil
	}
	pools, err := r.rollPools(controlPlane)
	if err != nil {
		return "", err
	}
	if len(pools) == 0 {
		return "no node pools", nil
	}
	// Marks that an earlier update left would be taken for our own decisions.
	if _, err := r.sweep(ctx, r.kube); err != nil {
		return "", err
	}
	x := &rolling{run: r, settings: pools, controlPlane: controlPlane, doing: r.update.Doing}
	key := historyKey{r.update.ID, controlPlane}
	if known, ok := r.histories.Load(key); ok {
		x.history = known.(roll.History)
	}
	defer func() { r.histories.Store(key, x.history) }()
	for {
		if err := r.checkpoint(ctx); err != nil {
			return "", err
		}
		if err := r.askedFor(ctx); err != nil {
			return "", err
		}
		over, next, err := x.tick(ctx)
		if err != nil || over != "" {
			return over, err
		}
		if err := r.pause(ctx, min(next, max(lookSoon, min(lookRest*x.looked, lookEvery)))); err != nil {
			return "", err
		}
	}
}

// rollPools returns the settings of the pools to be rolled, by pool name.
func (r *run) rollPools(controlPlane bool) (map[string]roll.Settings, error) {
	pools := map[string]roll.Settings{}
	for _, spec := range r.bundle.Pools {
		if spec.Pool.IsMaster() != controlPlane || spec.Pool.IsKarpenter() {
			continue
		}
		s, err := rollSettings(r.bundle.Settings, spec.Pool)
		if err != nil {
			return nil, err
		}
		pools[spec.Pool.Name] = s
	}
	return pools, nil
}

// historyKey names what one roll remembers.
type historyKey struct {
	updateID     string
	controlPlane bool
}

// forget drops what the rolls of an update remember.
func (u *Updater) forget(updateID string) {
	u.histories.Delete(historyKey{updateID, true})
	u.histories.Delete(historyKey{updateID, false})
}

// rolling is one roll as far as this process remembers it; losing it costs a
// little time and nothing else.
type rolling struct {
	*run
	settings     map[string]roll.Settings
	controlPlane bool
	doing        string
	looked       time.Duration // how long the newest look took
	old          int           // outdated instances of the whole cluster at the newest look

	mu      sync.Mutex // guards history while acting, and the counters of the update
	history roll.History
	budgets []fairway.Budget // of the newest look
}

// tick looks once, decides, and acts. It returns the outcome when the roll is over.
func (x *rolling) tick(ctx context.Context) (over string, next time.Duration, err error) {
	begin := time.Now()
	snapshot, err := x.observe(ctx)
	x.looked = time.Since(begin)
	if err != nil {
		return "", 0, fmt.Errorf("look at nodes: %w", err)
	}
	if x.controlPlane {
		// etcd and API server must be well between two control-plane nodes.
		if err := x.kube.Healthy(ctx); err != nil {
			x.say(x.doing, "the API server to be ready: "+err.Error(), "")
			return "", lookEvery, x.saveProgress(ctx)
		}
	}
	d := roll.Decide(snapshot, x.Now())
	if err := x.progress(ctx, d); err != nil {
		return "", 0, err
	}
	x.history = d.History
	if err := x.act(ctx, d.Actions); err != nil {
		return "", 0, err
	}
	if d.Failed != "" {
		return "", 0, fairway.Errorf(fairway.CodeInvalid, "%s", d.Failed).
			WithHint("new nodes do not become ready with this revision: look at the instances named, then merge a correction")
	}
	// A decision that still acts is over only when the next look finds nothing to do.
	if d.Done && len(d.Actions) == 0 {
		x.update.Blocked = append(x.update.Blocked, d.Blocked...)
		if err := x.save(ctx); err != nil {
			return "", 0, err
		}
		return outcome(d), 0, nil
	}
	return "", d.Next, nil
}

func outcome(d roll.Decision) string {
	text := fmt.Sprintf("%d of %d nodes replaced", d.Replaced, d.Total)
	for _, b := range d.Blocked {
		text += fmt.Sprintf("; %s cannot be rolled: %s", b.Node, b.Reason)
	}
	return text
}

// observe reads everything afresh, cluster and cloud at the same time.
func (x *rolling) observe(ctx context.Context) (roll.Snapshot, error) {
	var workloads *fairway.Workloads
	var groups []fairway.Group
	var instances []fairway.Instance
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { workloads, err = x.kube.Workloads(ctx); return err })
	group.Go(func() (err error) { groups, instances, err = x.machines(ctx); return err })
	if err := group.Wait(); err != nil {
		return roll.Snapshot{}, err
	}
	s := roll.Snapshot{Nodes: workloads.Nodes, Pods: workloads.Pods, Budgets: workloads.Budgets, Instances: instances,
		History: x.history}
	x.steered(&s)
	x.budgets, x.old = workloads.Budgets, len(outdated(groups, instances))
	for _, g := range groups {
		if settings, ok := x.settings[g.Pool]; ok {
			s.Pools = append(s.Pools, roll.Pool{Group: g, Settings: settings})
		}
	}
	return s, nil
}

// progress stores what a person may want to know of the decision.
func (x *rolling) progress(ctx context.Context, d roll.Decision) error {
	waiting, actor := "", ""
	if len(d.Waits) > 0 {
		waiting, actor = d.Waits[0].Reason, d.Waits[0].Actor
	}
	doing := x.doing
	if d.Sentence != "" {
		doing = d.Sentence
	}
	x.say(doing, waiting, actor)
	x.update.NodesDone = max(0, x.update.NodesTotal-x.old)
	return x.saveProgress(ctx)
}

// act carries out actions: those on one node in their order, different nodes
// in parallel. What fails for a passing reason is found missing at the next
// look and done again.
func (x *rolling) act(ctx context.Context, actions []roll.Action) error {
	var order []string
	lanes := map[string][]roll.Action{}
	for _, a := range actions {
		key := strings.Join([]string{a.Pool, a.Node, a.Instance}, "/")
		if _, ok := lanes[key]; !ok {
			order = append(order, key)
		}
		lanes[key] = append(lanes[key], a)
	}
	// Sizes and protections first: nothing is drained for room that was not asked for.
	slices.SortStableFunc(order, func(a, b string) int { return rank(lanes[a]) - rank(lanes[b]) })
	var group errgroup.Group
	group.SetLimit(actAtOnce)
	for _, key := range order {
		group.Go(func() error {
			for _, a := range lanes[key] {
				if err := x.one(ctx, a); err != nil {
					if code := fairway.ErrorCode(err); code == fairway.CodeNotFound {
						return nil // gone meanwhile; the next look shows what that means
					} else if code == fairway.CodeUnavailable || code == fairway.CodeConflict {
						x.log.Info("action put off", "action", a.Kind, "node", a.Node, "error", err)
						return nil
					}
					return fmt.Errorf("%s %s: %w", a.Kind, strings.TrimLeft(key, "/"), err)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func rank(lane []roll.Action) int {
	if lane[0].Kind == roll.ActionSetDesired || lane[0].Kind == roll.ActionProtect {
		return 0
	}
	return 1
}

// one carries out a single action.
func (x *rolling) one(ctx context.Context, a roll.Action) error {
	switch a.Kind {
	case roll.ActionSetDesired:
		return x.cloud.SetDesired(ctx, a.Pool, a.Desired, a.Base)
	case roll.ActionProtect:
		return x.cloud.Protect(ctx, a.Instance, true)
	case roll.ActionUnprotect:
		return x.cloud.Protect(ctx, a.Instance, false)
	case roll.ActionMark:
		m := a.Marks
		m.UpdateID = x.update.ID
		if err := x.kube.Mark(ctx, a.Node, m); err != nil {
			return err
		}
		if m.DrainStart != nil && !m.DrainStart.IsZero() {
			x.event(ctx, "node.draining", "draining node "+a.Node+": "+a.Why)
		}
		if m.Quarantine != nil && *m.Quarantine != "" {
			x.event(ctx, "node.quarantined", "node "+a.Node+" is left alone: "+*m.Quarantine)
		}
		return nil
	case roll.ActionEvict:
		return x.evict(ctx, a)
	case roll.ActionTerminate:
		if err := x.cloud.Terminate(ctx, a.Instance, a.Decrement); err != nil {
			return err
		}
		x.event(ctx, "node.terminated", fmt.Sprintf("terminated instance %s (node %s): %s", a.Instance, a.Node, a.Why))
		return nil
	}
	return fmt.Errorf("no action %q", a.Kind)
}

// evict asks for one eviction and remembers a refusal, so that the budget is
// asked again only after a while.
func (x *rolling) evict(ctx context.Context, a roll.Action) error {
	result, reason, err := x.kube.Evict(ctx, a.Pod)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	switch result {
	case fairway.Evicted:
		x.update.Evictions++
	case fairway.EvictRefused:
		x.update.EvictionsRefused++
		x.history.Refuse(x.budgets, a.Pod, x.Now())
		x.log.Debug("eviction refused", "pod", a.Pod.Namespace+"/"+a.Pod.Name, "node", a.Node, "reason", reason)
	}
	return nil
}
