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

// actAtOnce is how many nodes are acted on in parallel; each node's own actions
// are done in order.
const actAtOnce = 16

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
	name := fairway.StepWorkers
	if controlPlane {
		name = fairway.StepControlPlane
	}
	x := r.newRolling(pools, name)
	x.controlPlane = controlPlane
	return x.loop(ctx)
}

// newRolling takes up a roll of a step where this process left it.
func (r *run) newRolling(pools map[string]poolSettings, step fairway.StepName) *rolling {
	x := &rolling{run: r, settings: pools, doing: r.update.Doing, step: step, remembered: remembered{pulse: &pulse{}}}
	if known, ok := r.histories.Load(historyKey{r.update.ID, step}); ok {
		x.remembered = known.(remembered)
	}
	return x
}

// loop looks, decides and acts until the roll is over.
func (x *rolling) loop(ctx context.Context) (string, error) {
	r := x.run
	defer func() { r.histories.Store(historyKey{r.update.ID, x.step}, x.remembered) }()
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
		if err := x.rest(ctx, next); err != nil {
			return "", err
		}
	}
}

// poolSettings is how a pool is rolled, and what the pure decision does not need
// to know of that.
type poolSettings struct {
	roll.Settings
	probe fairway.Probe
	// remove says that the pool is to go.
	remove bool
}

// rollPools returns the settings of the pools to be rolled, by pool name.
func (r *run) rollPools(controlPlane bool) (map[string]poolSettings, error) {
	pools := map[string]poolSettings{}
	for _, spec := range r.bundle.Pools {
		if spec.Pool.IsMaster() != controlPlane || spec.Pool.IsKarpenter() {
			continue
		}
		s, err := rollSettings(r.bundle.Settings, spec.Pool)
		if err != nil {
			return nil, err
		}
		pools[spec.Pool.Name] = poolSettings{Settings: s, probe: rollProbe(r.bundle.Settings, spec.Pool)}
	}
	return pools, nil
}

// historyKey names what one roll remembers.
type historyKey struct {
	updateID string
	step     fairway.StepName
}

// remembered is what a roll knows from earlier looks.
type remembered struct {
	history roll.History
	pulse   *pulse
}

// forget drops what the rolls of an update remember.
func (u *Updater) forget(updateID string) {
	for _, step := range []fairway.StepName{fairway.StepControlPlane, fairway.StepWorkers, fairway.StepOrphans, ""} {
		u.histories.Delete(historyKey{updateID, step})
	}
}

// rolling is one roll as far as this process remembers it; losing it costs a
// little time and nothing else.
type rolling struct {
	*run
	settings     map[string]poolSettings
	step         fairway.StepName
	controlPlane bool
	aborted      bool // only takes marks and additional nodes away
	doing        string
	spent        time.Duration         // how long the newest look and its decision took
	blindSince   time.Time             // since when looks fail; zero while they do not
	changed      <-chan struct{}       // closed when a look would show something new; nil when not known
	apiServer    error                 // what the API server said of itself at the newest look
	old          int                   // outdated instances of the whole cluster at the newest look
	blocked      []fairway.BlockedNode // what the roll could not replace, once it is over

	mu         sync.Mutex       // guards history while acting, and the counters of the update
	remembered                  // the pulse guards itself
	budgets    []fairway.Budget // of the newest look
}

// blindFor is how long a roll goes on looking when looks fail for a passing
// reason, before that counts as a failure of the step.
const blindFor = time.Minute

// tick looks once, decides, and acts. It returns the outcome when the roll is over.
func (x *rolling) tick(ctx context.Context) (over string, next time.Duration, err error) {
	begin := time.Now()
	snapshot, err := x.observe(ctx)
	if err != nil {
		return x.blind(ctx, err)
	}
	x.blindSince = time.Time{}
	if x.controlPlane && x.apiServer != nil {
		// etcd and API server must be well between two control-plane nodes.
		x.say(x.doing, x.apiServer.Error(), "whoever looks after the control plane")
		return "", lookEvery, x.saveProgress(ctx)
	}
	d := roll.Decide(snapshot, x.Now())
	x.spent = time.Since(begin)
	if x.controlPlane {
		var why string
		if d.Actions, why = spareControlPlane(snapshot, d.Actions); why != "" {
			d.Waits = append([]roll.Wait{{Reason: why, Actor: "whoever looks after the control plane"}}, d.Waits...)
			d.Done = false
		}
	}
	if err := x.progress(ctx, d); err != nil {
		return "", 0, err
	}
	x.history = d.History
	if slices.ContainsFunc(d.Actions, disrupts) {
		x.pulse.settle()
	}
	if err := x.act(ctx, d.Actions); err != nil {
		return "", 0, err
	}
	if d.Failed != "" {
		return "", 0, fairway.Errorf(fairway.CodeInvalid, "%s", d.Failed).
			WithHint("new nodes do not become ready with this revision: look at the instances named, then merge a correction")
	}
	// A decision that still acts is over only when the next look finds nothing to do.
	if d.Done && len(d.Actions) == 0 && x.update.State.IsOver() {
		return outcome(d), 0, nil // a sweep after it
	}
	if d.Done && len(d.Actions) == 0 {
		x.blocked = d.Blocked
		x.update.Blocked = blockedNow(x.update.Blocked, snapshot, d.Blocked)
		if err := x.save(ctx); err != nil {
			return "", 0, err
		}
		return outcome(d), 0, nil
	}
	return "", d.Next, nil
}

// blind decides what a look that failed means: for a while nothing but waiting,
// because an API server that does not answer is a reason to stand still, not to
// give up.
func (x *rolling) blind(ctx context.Context, err error) (string, time.Duration, error) {
	now := x.Now()
	if x.blindSince.IsZero() {
		x.blindSince = now
	}
	// A sweep (its update is over) comes again by itself.
	if ctx.Err() != nil || fairway.ErrorCode(err) != fairway.CodeUnavailable || now.Sub(x.blindSince) >= blindFor || x.update.State.IsOver() {
		return "", 0, fmt.Errorf("look at nodes: %w", err)
	}
	x.log.Info("look failed", "error", err)
	x.say(x.doing, "cannot look at the cluster: "+err.Error(), "")
	return "", lookEvery, x.saveProgress(ctx)
}

// blockedNow puts the nodes that a roll could not replace beside those of other
// pools. What is there of the roll's own pools, or of nodes that are gone, is from
// an earlier time: of a process that ended before it could journal the step.
func blockedNow(before []fairway.BlockedNode, s roll.Snapshot, blocked []fairway.BlockedNode) []fairway.BlockedNode {
	isOther := func(b fairway.BlockedNode) bool {
		n := slices.IndexFunc(s.Nodes, func(n fairway.Node) bool { return n.Name == b.Node })
		return slices.ContainsFunc(s.Instances, func(i fairway.Instance) bool {
			is := i.NodeName == b.Node || i.ID == b.Node || n >= 0 && i.ProviderID != "" && i.ProviderID == s.Nodes[n].ProviderID
			return is && !slices.ContainsFunc(s.Pools, func(p roll.Pool) bool { return p.Group.Pool == i.Pool })
		})
	}
	kept := slices.DeleteFunc(slices.Clone(before), func(b fairway.BlockedNode) bool { return !isOther(b) })
	return append(kept, blocked...)
}

func outcome(d roll.Decision) string {
	text := fmt.Sprintf("%d of %d nodes replaced", d.Replaced, d.Total)
	for _, b := range d.Blocked {
		text += fmt.Sprintf("; %s cannot be rolled: %s", b.Node, b.Reason)
	}
	return text
}

// observe reads everything afresh, cluster and cloud at the same time, and how
// the API server does.
func (x *rolling) observe(ctx context.Context) (roll.Snapshot, error) {
	begin := time.Now()
	var workloads *fairway.Workloads
	var groups []fairway.Group
	var instances []fairway.Instance
	var group errgroup.Group // each to its end: a request that is cut off would count as a failure
	group.Go(func() (err error) {
		workloads, err = x.kube.Workloads(ctx)
		x.pulse.call(err, x.Now())
		return err
	})
	group.Go(func() error {
		// This request tells how fast the API server answers: Workloads may come
		// from watches, and may wait for them.
		x.apiServer = x.kube.Healthy(ctx)
		x.pulse.look(time.Since(begin), x.apiServer, x.Now())
		return nil
	})
	group.Go(func() (err error) { groups, instances, err = x.machines(ctx); return err })
	if err := group.Wait(); err != nil {
		return roll.Snapshot{}, err
	}
	s := roll.Snapshot{Nodes: workloads.Nodes, Pods: workloads.Pods, Budgets: workloads.Budgets, DaemonSets: workloads.DaemonSets,
		Instances: instances, API: x.pulse.api(x.Now()), History: x.history}
	x.steered(&s)
	s.Aborted = s.Aborted || x.aborted
	x.budgets, x.changed, x.old = workloads.Budgets, workloads.Changed, len(outdated(groups, instances))
	for _, g := range groups {
		if settings, ok := x.settings[g.Pool]; ok {
			s.Pools = append(s.Pools, roll.Pool{Group: g, Settings: settings.Settings, Remove: settings.remove})
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
	if x.update.State.IsOver() {
		return nil // a sweep after it
	}
	// Nodes can also be replaced for their age or on request.
	left := max(x.old, d.Old)
	x.update.NodesTotal = max(x.update.NodesTotal, left)
	x.update.NodesDone = max(0, x.update.NodesTotal-left)
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
	// Sizes and protections begin first, so that room is asked for before it is needed.
	slices.SortStableFunc(order, func(a, b string) int { return rank(lanes[a]) - rank(lanes[b]) })
	var group errgroup.Group
	group.SetLimit(actAtOnce)
	for _, key := range order {
		group.Go(func() error {
			for _, a := range lanes[key] {
				err := x.one(ctx, a)
				if isOfKubernetes(a.Kind) {
					x.pulse.call(err, x.Now())
				}
				if err != nil {
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

// isOfKubernetes reports whether the cluster's API server is asked for an action.
func isOfKubernetes(k roll.ActionKind) bool {
	switch k {
	case roll.ActionMark, roll.ActionEvict, roll.ActionForce, roll.ActionProbe, roll.ActionEndProbe:
		return true
	}
	return false
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
	case roll.ActionForce:
		return x.force(ctx, a)
	case roll.ActionProbe:
		return x.kube.StartProbe(ctx, a.Node, x.settings[a.Pool].probe)
	case roll.ActionEndProbe:
		return x.kube.DeletePod(ctx, a.Pod)
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
