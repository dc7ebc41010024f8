package update

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/fairwayhq/fairway"
)

const (
	// approvalAgain is how soon to look again at an update that waits for approval.
	approvalAgain = 2 * time.Second
	// replanWaiting is how old the plan of such an update gets before it is made
	// anew: what was to be deleted may be gone by itself.
	replanWaiting = time.Minute
)

// errApproval ends a piece of work on an update whose plan waits for the word of
// a second person.
var errApproval = errors.New("the plan waits for approval")

// agreed reports whether a plan may be carried out: it needs nobody's word, or
// somebody gave it for this much or more.
func (r *run) agreed(ctx context.Context, p *fairway.UpdatePlan) (bool, error) {
	if p.Approval == "" {
		return true, nil
	}
	// An update that failed after it was approved is begun again by another.
	all, err := r.Store.Updates(ctx, fairway.UpdateFilter{ClusterID: r.update.ClusterID, Limit: 10})
	if err != nil {
		return false, err
	}
	for _, u := range all {
		if u.ID != r.update.ID && (u.Version != r.update.Version || u.State == fairway.UpdateDone || u.Aborting != "") {
			break
		}
		given, err := r.Store.Approvals(ctx, u.ID)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(given, func(a fairway.Approval) bool { return a.Covers(p) }) {
			return true, nil
		}
	}
	return false, nil
}

// awaits reports whether the update waits for approval and nothing is to be done
// about it now.
func (r *run) awaits(ctx context.Context) (bool, error) {
	p, err := r.stored(ctx)
	if err != nil || p == nil || p.Approval == "" {
		return false, err
	}
	if age := r.Now().Sub(p.At); age < 0 || age > replanWaiting {
		return false, nil
	}
	ok, err := r.agreed(ctx, p)
	return !ok, err
}

// await says what the update waits for and gives the cluster back meanwhile.
func (r *run) await(ctx context.Context) (time.Duration, error) {
	p, err := r.stored(ctx)
	if err != nil || p == nil {
		return 0, err
	}
	r.say("planned: "+p.Verdict, fairway.WaitingForApproval+p.Approval, "somebody other than the author, with `fairway update approve "+r.update.ID+"`")
	r.update.Attempts, r.update.Error, r.update.Hint = 0, "", ""
	return r.standBack(ctx, approvalAgain)
}

// authors are those who made the change, as far as can be told: of the commits
// that the cluster does not run yet those that changed what is deleted, or else
// all; and who changed the registry entry since.
func (r *run) authors(ctx context.Context) ([]string, error) {
	commits, err := r.commits(ctx, "deletions.yaml")
	if err == nil && len(commits) == 0 {
		commits, err = r.commits(ctx, "")
	}
	if err != nil {
		return nil, err
	}
	var names []string
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, c := range commits {
		add(c.Author + " <" + c.Email + ">")
	}
	current := fairway.ParseVersion(r.cluster.Status.CurrentVersion)
	if current.Hash == "" || current.Hash == r.cluster.Hash() {
		return names, nil
	}
	changes, err := r.Store.Changes(ctx, fairway.ChangeFilter{Kinds: []string{fairway.KindCluster}, ID: r.cluster.ID, Events: []fairway.ChangeEvent{fairway.ChangeUpdated}, Newest: true, Limit: 50})
	if err != nil {
		return nil, err
	}
	for _, c := range changes {
		if c.Who != "fairway" {
			add(c.Who)
			break
		}
	}
	return names, nil
}
