package pdb

import (
	"time"

	"github.com/fairwayhq/fairway"
)

// Namespace is one namespace as it was last seen.
type Namespace struct {
	Workloads []*fairway.ReplicatedWorkload
	Budgets   []*fairway.DisruptionBudget
	// Absent are the kinds of workloads that cannot be seen: budgets of such
	// workloads are left alone.
	Absent map[fairway.WorkloadKind]bool
}

// Decision is what to do in one namespace.
type Decision struct {
	// Actions are independent of each other; those that remove come first.
	Actions  []Action
	Findings []Finding
	// Verdicts counts the workloads by what was decided about them.
	Verdicts map[Verdict]int
	// Next is when to decide anew though nothing changed; zero means never.
	Next time.Time
}

// Verb is what an action does.
type Verb string

// The verbs.
const (
	Create Verb = "create"
	Change Verb = "change"
	Remove Verb = "remove"
)

// Action is one write.
type Action struct {
	Verb Verb
	// Is is the budget as it stands, nil for Create; Want what it is to be, nil
	// for Remove.
	Is, Want *fairway.DisruptionBudget
	// Workload is the one that the budget is for; nil when it is gone.
	Workload *fairway.ReplicatedWorkload
	Verdict  Verdict
}

// Budget returns the budget that the action is about.
func (a Action) Budget() *fairway.DisruptionBudget {
	if a.Want != nil {
		return a.Want
	}
	return a.Is
}

// Verdict says why a workload has a budget of the controller or has none.
type Verdict string

// The verdicts.
const (
	// Guarded: it has a budget of the controller.
	Guarded Verdict = "guarded"
	// Gone: the workload does not exist any more.
	Gone Verdict = "gone"
	// Single: it has one replica or none, so that a budget would only block.
	Single Verdict = "single"
	// Covered: a budget that a person made selects its pods.
	Covered Verdict = "covered"
	// Shared: the budget of another workload selects its pods, too.
	Shared Verdict = "shared"
	// NonReady: its pods have been non-ready for longer than they may.
	NonReady Verdict = "non_ready"
	// Unselectable: it has no selector of its own.
	Unselectable Verdict = "unselectable"
	// Entangled: its budget would select pods that have another budget.
	Entangled Verdict = "entangled"
	// NameTaken: budgets of people have the names that its budget could have.
	NameTaken Verdict = "name_taken"
	// Surplus: the workload has another budget of the controller.
	Surplus Verdict = "surplus"
)

// sentences says each verdict as the reason for an action.
var sentences = map[Verdict]string{
	Guarded:      "several replicas and no other budget",
	Gone:         "the workload is gone",
	Single:       "one replica or none: a budget would only block",
	Covered:      "another budget selects the pods",
	Shared:       "the budget of another workload selects the pods",
	NonReady:     "pods have been non-ready for longer than they may",
	Unselectable: "the workload has no selector of its own",
	Entangled:    "it would select pods that have another budget, and pods with two cannot be evicted",
	NameTaken:    "the names for its budget are taken",
	Surplus:      "the workload has another budget",
}

// Sentence says the verdict to people.
func (v Verdict) Sentence() string { return sentences[v] }

// Finding is something that a person may have to look at.
type Finding struct {
	// Reason is that of the event: one word.
	Reason   string
	Workload *fairway.ReplicatedWorkload
	Message  string
}

// The reasons of findings.
const (
	ReasonOverlap      = "DisruptionBudgetsOverlap"
	ReasonNotProtected = "NoDisruptionBudget"
	ReasonInvalidTTL   = "InvalidNonReadyTTL"
)
