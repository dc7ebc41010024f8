package update

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

// current returns the plan that is carried out. Another piece of work may have
// made it; one that nobody agreed to is made anew.
func (r *run) current(ctx context.Context) (*fairway.UpdatePlan, error) {
	if r.planned.short != nil {
		return r.planned.short, nil
	}
	p, err := r.stored(ctx)
	if err != nil {
		return nil, err
	}
	if p != nil {
		ok, err := r.agreed(ctx, p)
		if err != nil {
			return nil, err
		}
		if ok {
			r.planned.short = p
			return p, nil
		}
	}
	if err := r.replan(ctx, ""); err != nil {
		return nil, err
	}
	return r.planned.short, nil
}

// remove carries out the deletions of one phase as they were planned: what they
// select now is looked at again, and nothing goes that the plan does not have.
func (r *run) remove(ctx context.Context, phase string, all []fairway.Deletion) (string, error) {
	if len(all) == 0 {
		return r.deletions(ctx, nil)
	}
	p, err := r.current(ctx)
	if err != nil {
		return "", err
	}
	// What the manifests have brought into being may be selected by what follows them.
	if phase == "after" || !r.fresh() {
		why, err := r.selectsMore(ctx, p, all)
		if err != nil {
			return "", err
		}
		if why != "" {
			if err := r.replan(ctx, why); err != nil {
				return "", err
			}
			p = r.planned.short
		}
	}
	meant := slices.Clone(all)
	for i, d := range meant {
		meant[i].Only = []string{}
		for _, one := range p.Deletions {
			if one.Phase == phase && one.Entry == d.String() && !one.Done {
				meant[i].Only = append(meant[i].Only, one.Ref.Name)
			}
		}
	}
	return r.deletions(ctx, meant)
}

// selectsMore says what deletions select now that the plan does not have.
func (r *run) selectsMore(ctx context.Context, p *fairway.UpdatePlan, all []fairway.Deletion) (string, error) {
	observer, ok := r.reader.(Observer)
	if !ok {
		return "", nil
	}
	now, err := observer.Deletable(ctx, &fairway.Bundle{PreApply: all})
	if err != nil {
		return "", err
	}
	var more []string
	for _, d := range now {
		if p.Exceeds(fairway.PlannedDeletion{Ref: d.Ref, Contents: d.Contents}) {
			more = append(more, d.Ref.String())
		}
	}
	if len(more) == 0 {
		return "", nil
	}
	return "deletions.yaml selects " + joinList(more, 3) + " now", nil
}

// mayRoll looks whether the nodes that are outdated now are those that were
// planned to be, before any is touched.
func (r *run) mayRoll(ctx context.Context) error {
	if r.cluster.LifecycleStatus == fairway.StatusRequested {
		return nil // a new cluster is not rolled
	}
	p, err := r.current(ctx)
	if err != nil {
		return err
	}
	groups, instances, err := r.machines(ctx)
	if err != nil {
		return err
	}
	for _, g := range groups {
		left := slices.Contains(r.left(groups), g.Pool)
		if !left && !slices.ContainsFunc(r.bundle.Pools, func(s fairway.PoolSpec) bool { return s.Pool.Name == g.Pool }) {
			continue // somebody else's
		}
		agreed := 0
		if i := slices.IndexFunc(p.Pools, func(was fairway.PlannedPool) bool { return was.Pool == g.Pool }); i >= 0 {
			agreed = max(p.Pools[i].Outdated, p.Pools[i].Agreed)
		}
		now := 0
		for _, i := range instances {
			// One that was launched since came with an autoscaler, and goes with the others.
			if i.Pool == g.Pool && i.State != fairway.InstanceTerminating && (left || i.Generation != g.Generation) && i.LaunchedAt.Before(p.At) {
				now++
			}
		}
		if now > agreed {
			return r.replan(ctx, fmt.Sprintf("%d nodes of pool %s are to be replaced, %d were planned", now, g.Pool, agreed))
		}
	}
	return nil
}

// apply applies the manifests and compares what that did with the plan.
func (r *run) apply(ctx context.Context) (string, error) {
	if _, err := r.current(ctx); err != nil {
		return "", err
	}
	if !r.fresh() {
		if err := r.replan(ctx, ""); err != nil {
			return "", err
		}
	}
	r.did.forget()
	detail, err := r.manifests(ctx)
	if err != nil {
		return "", err
	}
	if other := r.did.otherwise(r.planned.whole); len(other) > 0 {
		text := fmt.Sprintf("%d objects not as planned: %s", len(other), joinList(other, 3))
		r.event(ctx, "plan.differs", "update to "+short(r.update.Revision)+": "+text)
		detail += "; " + text
		r.planned = planned{} // the cluster is another one: what follows looks again
	}
	return detail, nil
}

// deeds are what applies have done. It is safe for concurrent use.
type deeds struct {
	mu   sync.Mutex
	done map[plan.Key]fairway.Action // guarded by mu
}

func (d *deeds) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done = map[plan.Key]fairway.Action{}
}

func (d *deeds) note(result fairway.ApplyResult) {
	if d == nil || result.Action == fairway.ActionUnchanged {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.done != nil {
		d.done[plan.KeyOf(result.Ref)] = result.Action
	}
}

// otherwise says in words what was done otherwise than planned.
func (d *deeds) otherwise(p *plan.Plan) []string {
	if p == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	want := map[plan.Key]fairway.Action{}
	for _, o := range p.Drift {
		want[plan.KeyOf(o.Ref)] = fairway.ActionChanged
	}
	for _, o := range p.Objects {
		want[plan.KeyOf(o.Ref)] = fairway.ActionChanged
		if o.Action == plan.Create {
			want[plan.KeyOf(o.Ref)] = fairway.ActionCreated
		}
	}
	var out []string
	say := func(k plan.Key, was, is fairway.Action) {
		name := fairway.ObjectRef{Kind: k.Kind, Namespace: k.Namespace, Name: k.Name}.String()
		out = append(out, fmt.Sprintf("%s is %s, not %s", name, orUnchanged(is), orUnchanged(was)))
	}
	for k, is := range d.done {
		if want[k] != is {
			say(k, want[k], is)
		}
	}
	for k, was := range want {
		if _, done := d.done[k]; !done {
			say(k, was, "")
		}
	}
	slices.Sort(out)
	return out
}

func orUnchanged(a fairway.Action) fairway.Action {
	if a == "" {
		return fairway.ActionUnchanged
	}
	return a
}
