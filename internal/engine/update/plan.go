package update

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

// Observer is what the Kubernetes of a cluster that is updated is beside: it reads
// what a plan needs, with get and list alone.
type Observer interface {
	// Observe reads everything that a plan of the bundle needs; inventory is what
	// is remembered of the last apply, nil when nobody does.
	Observe(ctx context.Context, b *fairway.Bundle, inventory []fairway.InventoryItem) (*plan.Observed, error)
	// Deletable reads what the deletions of the bundle select now.
	Deletable(ctx context.Context, b *fairway.Bundle) ([]plan.Deletion, error)
}

// planned is what an update is carrying out.
type planned struct {
	// short is the plan as stored, nil while none is known to this piece of work.
	short *fairway.UpdatePlan
	// whole is the plan that this piece of work has made itself, nil for none.
	whole *plan.Plan
	at    time.Time // when whole was observed
}

// planFresh is for how long what was observed is as good as another look.
const planFresh = 30 * time.Second

// fresh reports whether this piece of work has looked at the cluster just now. A
// clock that was set back makes nothing look fresh.
func (r *run) fresh() bool {
	age := r.Now().Sub(r.planned.at)
	return r.planned.whole != nil && age >= 0 && age < planFresh
}

// plan is the step that finds out what the update will do; nothing is written to
// the cluster before it is over.
func (r *run) plan(ctx context.Context) (string, error) {
	before, err := r.stored(ctx)
	if err != nil {
		return "", err
	}
	now, err := r.foresee(ctx, nil)
	if err != nil {
		return "", err
	}
	if before == nil || before.Digest != now.Digest {
		r.event(ctx, "update.planned", "update to "+short(r.update.Revision)+" will do: "+now.Verdict)
	}
	if err := r.adopt(ctx, before, now); err != nil {
		return "", err
	}
	return now.Verdict, nil
}

// replan plans what is left of an update that is under way, because the cluster
// is not as it was planned for (why), or because nobody has looked for a while
// (why is ""). It stops the update when the new plan is worse.
func (r *run) replan(ctx context.Context, why string) error {
	before, err := r.stored(ctx)
	if err != nil {
		return err
	}
	now, err := r.foresee(ctx, before)
	if err != nil {
		return err
	}
	if why != "" && (before == nil || before.Digest != now.Digest) {
		r.event(ctx, "update.replanned", "the plan of the update to "+short(r.update.Revision)+" is outdated ("+why+"); what is left now: "+now.Verdict)
	}
	return r.adopt(ctx, before, now)
}

// foresee observes the cluster and makes the plan; underWay is the plan that is
// being carried out, nil before anything is.
func (r *run) foresee(ctx context.Context, underWay *fairway.UpdatePlan) (*fairway.UpdatePlan, error) {
	in := plan.Input{Cluster: r.cluster, Bundle: r.bundle, Now: r.Now()}
	if underWay != nil && slices.Index(fairway.StepNames, r.at) > slices.Index(fairway.StepNames, fairway.StepPreApply) {
		left := *r.bundle // what was deleted before the manifests may be there again
		left.PreApply = nil
		in.Bundle = &left
	}
	inventory, err := r.Store.Inventory(ctx, r.cluster.ID)
	if err != nil {
		return nil, err
	}
	if len(inventory) == 0 {
		inventory = nil // nobody remembers: the objects themselves tell
	}
	observer, ok := r.reader.(Observer)
	if !ok {
		return nil, fairway.Errorf(fairway.CodeInternal, "plan the update of %s: its provider %q cannot read clusters", r.cluster.Alias, r.cluster.Provider)
	}
	observed, err := observer.Observe(ctx, in.Bundle, inventory)
	if err != nil {
		return nil, err
	}
	in.Observed = *observed
	history, err := r.Store.Updates(ctx, fairway.UpdateFilter{ClusterID: r.cluster.ID, Limit: 20})
	if err != nil {
		return nil, err
	}
	if in.Pools, err = Pools(ctx, &in, r.machinery, history); err != nil {
		return nil, err
	}
	if past, ok := r.Source.(fairway.Historian); ok {
		if in.NoOp, err = IsNoOp(ctx, past, r.runs(), r.update.Revision); err != nil {
			return nil, err
		}
	}
	whole := plan.Build(in)
	whole.Rate(func(f plan.Finding) plan.Severity { return severity(f, r.bundle) })
	s := plan.Short(in, whole, underWay)
	s.UpdateID = r.update.ID
	if s.Approval != "" {
		if s.Authors, err = r.authors(ctx); err != nil {
			return nil, err
		}
	}
	r.planned = planned{short: s, whole: whole, at: in.Now}
	return s, nil
}

// adopt stores a plan and decides whether it may be carried out.
func (r *run) adopt(ctx context.Context, before, now *fairway.UpdatePlan) error {
	ok, err := r.agreed(ctx, now)
	if err != nil {
		return err
	}
	if ok { // what was said yes to is what a later plan is compared with
		for i := range now.Pools {
			now.Pools[i].Agreed = max(now.Pools[i].Agreed, now.Pools[i].Outdated)
		}
	}
	if err := r.Store.SavePlan(ctx, now); err != nil {
		return err
	}
	r.warn(ctx, before, now)
	if err := stopped(now); err != nil {
		return err
	}
	if ok {
		return nil
	}
	if before == nil || before.ApprovalDigest != now.ApprovalDigest {
		r.event(ctx, "approval.needed", "update to "+short(r.update.Revision)+" waits for approval: "+now.Approval+"; `fairway update approve "+r.update.ID+"`")
	}
	return errApproval
}

// stored returns the plan of the update as it is stored, nil when there is none.
func (r *run) stored(ctx context.Context) (*fairway.UpdatePlan, error) {
	p, err := r.Store.Plan(ctx, r.update.ID)
	if fairway.ErrorCode(err) == fairway.CodeNotFound {
		return nil, nil
	}
	return p, err
}

// mostWarnings is how many findings of one plan become events.
const mostWarnings = 10

// warn tells people of the findings that the plan before did not have.
func (r *run) warn(ctx context.Context, before, now *fairway.UpdatePlan) {
	told := 0
	for _, f := range now.Findings {
		if f.Severity != string(plan.Warn) || before != nil && slices.Contains(before.Findings, f) {
			continue
		}
		if told++; told <= mostWarnings {
			r.event(ctx, "plan.warning", f.Check+", "+f.Object+": "+f.Reason)
		}
	}
	if told > mostWarnings {
		r.event(ctx, "plan.warning", fmt.Sprintf("%d more warnings: `fairway update show %s`", told-mostWarnings, r.update.ID))
	}
}

// stopped is the error of a plan with findings that stop an update.
func stopped(p *fairway.UpdatePlan) error {
	var why, remedies []string
	for _, f := range p.Findings {
		if f.Severity == string(plan.Block) {
			why, remedies = append(why, f.Object+": "+f.Reason), append(remedies, f.Remedy)
		}
	}
	if len(why) == 0 {
		return nil
	}
	text := strings.Join(why[:min(3, len(why))], "; ")
	if len(why) > 3 {
		text += fmt.Sprintf("; and %d more", len(why)-3)
	}
	return fairway.Errorf(fairway.CodeInvalid, "nothing was written: %s", text).WithHint("%s", remedies[0])
}

// IsNoOp reports whether every commit of a revision that a cluster at another one,
// from, does not run yet says that it changes nothing. Merges say nothing
// themselves.
func IsNoOp(ctx context.Context, past fairway.Historian, from, revision string) (bool, error) {
	all, err := past.Commits(ctx, from, revision, "")
	if err != nil {
		return false, err
	}
	all = slices.DeleteFunc(all, func(c fairway.Commit) bool { return c.Merge })
	return len(all) > 0 && !slices.ContainsFunc(all, func(c fairway.Commit) bool { return !c.IsNoOp() }), nil
}

// runs is the revision that the cluster runs.
func (r *run) runs() string { return fairway.ParseVersion(r.cluster.Status.CurrentVersion).Revision }

// commits are those that the cluster does not run yet.
func (r *run) commits(ctx context.Context, file string) ([]fairway.Commit, error) {
	past, ok := r.Source.(fairway.Historian)
	if !ok {
		return nil, nil
	}
	return past.Commits(ctx, r.runs(), r.update.Revision, file)
}
