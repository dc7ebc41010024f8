package pdb

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
)

// Decide returns what to do in a namespace at a time:
//
//  1. Budgets of people, and of workloads that cannot be seen, are never touched.
//  2. A workload wants a budget when it has several replicas, no other budget
//     may select its pods, and its pods have not been non-ready for too long.
//  3. Of workloads whose selectors reach for the same pods, the one that selects
//     more widely gets its budget, since a pod with two cannot be evicted.
//  4. Budgets of the controller that nobody wants any more are removed.
//
// Carried out, the decision leads to a namespace in which there is nothing left
// to do at that time.
func Decide(n Namespace, p Policy, now time.Time) Decision {
	d := &decider{Policy: p, now: now, absent: n.Absent, budgets: n.Budgets}
	d.Verdicts = map[Verdict]int{}
	d.sortOut(n)
	d.look(n.Workloads)
	d.choose()
	d.settle()
	d.overlaps()
	slices.SortFunc(d.Actions, func(a, b Action) int {
		return cmp.Or(cmp.Compare(order[a.Verb], order[b.Verb]), strings.Compare(a.Budget().Name, b.Budget().Name))
	})
	return d.Decision
}

var order = map[Verb]int{Remove: 0, Change: 1, Create: 2}

// decider is one decision in the making.
type decider struct {
	Decision
	Policy
	now     time.Time
	absent  map[fairway.WorkloadKind]bool
	budgets []*fairway.DisruptionBudget

	others []*fairway.DisruptionBudget // not ours to touch
	owned  map[owner][]*fairway.DisruptionBudget
	taken  map[string]bool // names of budgets that stay
	cases  []*workload     // in the order of choice
}

// owner is the workload that a budget of ours says it belongs to; the zero
// owner is none.
type owner struct {
	kind fairway.WorkloadKind
	name string
}

// workload is one workload and what is found out about it.
type workload struct {
	*fairway.ReplicatedWorkload
	labels  map[string]string // of its pods
	verdict Verdict           // Guarded while it wants a budget
	since   string            // AnnotationNonReadySince of its budget
	budgets []*fairway.DisruptionBudget
	others  []int // budgets of others that select its pods
	reach   []int // cases whose pods its selector selects
	guard   int   // place of the case whose budget selects its pods; -1 for none
}

// sortOut tells our budgets from others.
func (d *decider) sortOut(n Namespace) {
	d.owned, d.taken = map[owner][]*fairway.DisruptionBudget{}, map[string]bool{}
	for _, b := range n.Budgets {
		of, ours := d.ownerOf(b)
		switch {
		case !ours || b.Deleting: // one that is being deleted counts until it is gone
			d.others = append(d.others, b)
			d.taken[b.Name] = true
		default:
			d.owned[of] = append(d.owned[of], b)
		}
	}
}

// ownerOf returns whose budget it is, and whether it is ours to touch.
func (d *decider) ownerOf(b *fairway.DisruptionBudget) (owner, bool) {
	if !b.Owned() {
		return owner{}, false
	}
	for _, o := range b.Owners {
		switch kind := fairway.WorkloadKind(o.Kind); kind {
		case fairway.KindDeployment, fairway.KindStatefulSet, fairway.KindRollout:
			return owner{kind, o.Name}, !d.absent[kind]
		}
	}
	return owner{}, len(b.Owners) == 0
}

// look finds out about each workload by itself.
func (d *decider) look(all []*fairway.ReplicatedWorkload) {
	d.cases = make([]*workload, 0, len(all))
	for _, w := range all {
		if !w.Deleting {
			d.cases = append(d.cases, &workload{ReplicatedWorkload: w, labels: d.podLabels(w), guard: -1})
		}
	}
	slices.SortFunc(d.cases, func(a, b *workload) int {
		return cmp.Or(cmp.Compare(width(a.Selector), width(b.Selector)), cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
	})
	foreign := make([]*fairway.LabelSelector, len(d.others))
	for i, b := range d.others {
		foreign[i] = b.Selector
	}
	files := file(foreign)
	for _, w := range d.cases {
		w.budgets = d.budgetsOf(w)
		files.matching(w.labels, func(i int) { w.others = append(w.others, i) })
		w.verdict = d.wish(w, files)
	}
}

// width is how many requirements a selector has.
func width(s *fairway.LabelSelector) int {
	if s == nil {
		return 0
	}
	return len(s.MatchLabels) + len(s.MatchExpressions)
}

// budgetsOf takes the budgets that are the workload's, best first: those that
// name it as their owner, and one without owner that has the right name.
func (d *decider) budgetsOf(w *workload) []*fairway.DisruptionBudget {
	name := d.names(w.ReplicatedWorkload)[0]
	of := owner{w.Kind, w.Name}
	found := d.owned[of]
	delete(d.owned, of)
	lost := d.owned[owner{}]
	if i := slices.IndexFunc(lost, func(b *fairway.DisruptionBudget) bool { return b.Name == name }); i >= 0 {
		found = append(found, lost[i])
		d.owned[owner{}] = slices.Delete(lost, i, i+1)
	}
	slices.SortFunc(found, func(a, b *fairway.DisruptionBudget) int {
		return cmp.Or(-compareBool(a.Name == name, b.Name == name), strings.Compare(a.Name, b.Name))
	})
	return found
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// wish returns Guarded when the workload wants a budget, or why it does not.
func (d *decider) wish(w *workload, others *selectors) Verdict {
	selector := d.selector(w.ReplicatedWorkload)
	switch {
	case others.mayMatch(w.labels):
		return Covered
	case w.Replicas <= 1:
		return Single
	case selector == nil || selector.Everything():
		return Unselectable
	}
	ttl, limited, err := d.ttl(w.ReplicatedWorkload)
	if err != nil {
		d.find(w, ReasonInvalidTTL, fmt.Sprintf("annotation %s: %q is no duration such as 15m; the controller's own setting counts", fairway.AnnotationNonReadyTTL, w.NonReadyTTL))
	}
	if w.ReadyReplicas >= w.Replicas {
		return Guarded
	}
	return d.nonReady(w, ttl, limited)
}

// nonReady is the wish of a workload whose pods are not all ready.
func (d *decider) nonReady(w *workload, ttl time.Duration, limited bool) Verdict {
	since := d.now
	w.since = d.now.UTC().Format(time.RFC3339)
	if len(w.budgets) > 0 {
		// A note that is older than the workload is of another of its name.
		if at, err := time.Parse(time.RFC3339, w.budgets[0].NonReadySince); err == nil && !at.Before(w.CreatedAt) {
			since, w.since = at, w.budgets[0].NonReadySince
		}
	} else if limited {
		// Without a budget nothing says since when, so the age of the workload
		// does: one that is older than its time gets a budget when it is ready.
		// One that lost its budget is older, so it never gets it back before.
		if !d.now.Before(w.CreatedAt.Add(ttl)) {
			return NonReady
		}
	}
	if !limited {
		return Guarded
	}
	end := since.Add(ttl)
	if !d.now.Before(end) {
		return NonReady
	}
	if d.Next.IsZero() || end.Before(d.Next) {
		d.Next = end
	}
	return Guarded
}

// find notes what a person may have to look at.
func (d *decider) find(w *workload, reason, message string) {
	d.Findings = append(d.Findings, Finding{Reason: reason, Workload: w.ReplicatedWorkload, Message: message})
}
