package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
)

// Short is the plan as it is stored with an update. before is the plan that the
// update has begun to carry out, nil while it has not: what that deletes and is
// gone counts on, so that the deletions of one update are judged together, and
// more nodes than it replaces need the word of a second person.
func Short(in Input, p *Plan, before *fairway.UpdatePlan) *fairway.UpdatePlan {
	s := &fairway.UpdatePlan{
		At: p.At, Verdict: p.Verdict, Create: p.Summary.Create, Change: p.Summary.Change, Unchanged: p.Summary.Unchanged,
		Drift: p.Summary.Drift, Departed: p.Summary.Departed, Nodes: p.Summary.Nodes, Seconds: p.Summary.Seconds, Objects: known(in),
	}
	for i, o := range append(slices.Clone(p.Objects), p.Drift...) {
		both := i >= len(p.Objects) && slices.ContainsFunc(p.Objects, func(c Object) bool { return c.Ref == o.Ref })
		if len(s.Changes) < fairway.MostPlannedChanges && !both {
			s.Changes = append(s.Changes, fairway.PlannedChange{Action: done[o.Action], Ref: o.Ref})
		}
	}
	for _, d := range p.Deletions {
		s.Deletions = append(s.Deletions, fairway.PlannedDeletion{Ref: d.Ref, Phase: d.Phase, Entry: d.Entry, Contents: d.Contents})
	}
	if before != nil {
		for _, d := range before.Deletions {
			if s.Deletes(d.Ref) == nil {
				d.Done = true
				s.Deletions = append(s.Deletions, d)
			}
		}
	}
	for i, impact := range p.Pools {
		pool := fairway.PlannedPool{Pool: impact.Pool, Nodes: impact.Nodes, Replaced: impact.Replaced, Removed: impact.Removed, Leaves: in.Pools[i].Leaves}
		for _, one := range in.Pools[i].Instances {
			if !ends(one) && in.Pools[i].Group != nil && (pool.Leaves || one.Generation != in.Pools[i].Generation) {
				pool.Outdated++
			}
		}
		pool.Agreed = pool.Outdated
		if before != nil {
			pool.Agreed = 0
			if i := slices.IndexFunc(before.Pools, func(was fairway.PlannedPool) bool { return was.Pool == pool.Pool }); i >= 0 {
				pool.Agreed = before.Pools[i].Agreed
			}
		}
		s.Pools = append(s.Pools, pool)
	}
	for _, f := range p.Findings {
		s.Findings = append(s.Findings, fairway.PlanFinding{Check: string(f.Check), Severity: string(f.Severity), Object: f.Object, Reason: f.Reason, Remedy: f.Remedy})
	}
	s.Digest = p.digest()
	s.Approval = strings.Join(append(large(s), worse(s)...), ", ")
	s.Seal()
	return s
}

// Rate gives the findings the severities that they have for whoever acts on the
// plan, and judges the plan anew.
func (p *Plan) Rate(severity func(Finding) Severity) {
	for i := range p.Findings {
		p.Findings[i].Severity = severity(p.Findings[i])
	}
	p.Blocked = slices.ContainsFunc(p.Findings, func(f Finding) bool { return f.Severity == Block })
	p.Verdict = p.verdict()
}

// done says what an action is once it has happened.
var done = map[Action]fairway.Action{Create: fairway.ActionCreated, Change: fairway.ActionChanged}

// ends reports whether an instance goes by itself.
func ends(i fairway.Instance) bool {
	return i.State == fairway.InstanceTerminating || i.State == fairway.InstanceTerminated
}

// digest names all that the plan does: values by their masked form.
func (p *Plan) digest() string {
	text, err := json.Marshal([]any{p.Objects, p.Drift, p.Deletions, p.Pools})
	if err != nil {
		panic(err) // decoded JSON and plain structs: always marshals
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// large says what of the deletions of a plan, those done included, needs the word
// of a second person (design rule 5); nothing when nothing does.
func large(p *fairway.UpdatePlan) []string {
	var why []string
	seen := map[Key]bool{}
	open := 0
	for _, d := range p.Deletions {
		if key := KeyOf(d.Ref); !seen[key] {
			seen[key] = true
			if !d.Done {
				open++
			}
		}
	}
	if open == 0 {
		return nil // what is done needs nobody's word any more
	}
	if len(seen) > DeletionLimit(p.Objects) {
		why = append(why, fmt.Sprintf("deletes %d of %d objects", len(seen), p.Objects))
	}
	var held []string
	for _, d := range p.Deletions {
		if text := d.Ref.String() + " with what it holds (" + d.Contents + ")"; !d.Done && d.Contents != "" && HoldsOthers(d.Ref.Kind) && !slices.Contains(held, text) {
			held = append(held, text)
		}
	}
	if len(held) > 0 {
		why = append(why, "deletes "+few(held, 3))
	}
	return why
}

// worse says which nodes go that nobody has planned before.
func worse(p *fairway.UpdatePlan) []string {
	var why []string
	for _, pool := range p.Pools {
		if pool.Outdated > pool.Agreed {
			why = append(why, fmt.Sprintf("replaces %s of pool %s, %d more than planned", plural(pool.Outdated, "node"), pool.Pool, pool.Outdated-pool.Agreed))
		}
	}
	return why
}

// known is how many objects the cluster has as far as Fairway knows: those of the
// configuration, those that left it, and what is deleted.
func known(in Input) int {
	keys := map[Key]bool{}
	for _, c := range in.Bundle.Components {
		for _, o := range c.Objects {
			keys[KeyOf(o.Ref())] = true
		}
	}
	for _, ref := range in.Observed.Left {
		keys[KeyOf(ref)] = true
	}
	for _, d := range in.Observed.Deleted {
		keys[KeyOf(d.Ref)] = true
	}
	return len(keys)
}

// distinct counts the objects of deletions: two entries may select the same.
func distinct(deletions []Deletion) int {
	keys := map[Key]bool{}
	for _, d := range deletions {
		keys[KeyOf(d.Ref)] = true
	}
	return len(keys)
}

// noOp finds what a change does that says of itself that it does nothing. What
// others changed by hand, and is set back, is not of its making.
func noOp(s subject) []Finding {
	sum := s.plan.Summary
	made := 0
	for _, p := range s.plan.Pools {
		if p.New > 0 {
			made++
		}
	}
	if !s.in.NoOp || sum.Create+sum.Change+sum.Delete+sum.Nodes+sum.Stacks+made == 0 {
		return nil
	}
	var what []string
	for _, o := range s.plan.Objects {
		what = append(what, string(o.Action)+" "+o.Ref.String())
	}
	for _, d := range s.plan.Deletions {
		what = append(what, "delete "+d.Ref.String())
	}
	for _, p := range s.plan.Pools {
		if n := p.Replaced + p.Removed + p.New; n > 0 {
			what = append(what, fmt.Sprintf("%s of node pool %s", plural(n, "node"), p.Pool))
		}
	}
	for _, stack := range s.plan.Stacks {
		if stack.Action != StackLeave {
			what = append(what, string(stack.Action)+" stack "+stack.Name)
		}
	}
	return []Finding{{
		Check: CheckNoOp, Severity: Block, Object: s.in.Cluster.ID,
		Reason: "the change is marked as a no-op, but it would do something: " + few(what, 3),
		Remedy: "take the line \"Fairway: no-op\" out of the commit's message if that is meant, else correct the change",
	}}
}
