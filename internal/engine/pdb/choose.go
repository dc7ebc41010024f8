package pdb

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
)

// choose decides between workloads whose selectors reach for the same pods, so
// that no budget of ours selects pods that have another.
func (d *decider) choose() {
	places, wanted := []int{}, []*fairway.LabelSelector{}
	for i, w := range d.cases {
		if w.verdict == Guarded {
			places, wanted = append(places, i), append(wanted, d.selector(w.ReplicatedWorkload))
		}
	}
	files := file(wanted)
	for i, w := range d.cases {
		files.matching(w.labels, func(at int) {
			v := d.cases[places[at]]
			v.reach = append(v.reach, i)
		})
	}
	for _, i := range places {
		w := d.cases[i]
		switch {
		case w.guard >= 0:
			w.verdict = Shared
		case slices.ContainsFunc(w.reach, func(at int) bool { return d.cases[at].guard >= 0 || len(d.cases[at].others) > 0 }):
			w.verdict = Entangled
			d.find(w, ReasonNotProtected, "no budget was made: the selector also selects pods of "+d.entangling(w)+
				", which have a budget, and pods with two cannot be evicted; give the workloads selectors that keep apart, or make a budget for these pods")
		default:
			for _, at := range w.reach {
				d.cases[at].guard = i
			}
		}
	}
}

// entangling names the workloads whose pods have a budget already.
func (d *decider) entangling(w *workload) string {
	var names []string
	for _, at := range w.reach {
		if v := d.cases[at]; v.guard >= 0 || len(v.others) > 0 {
			names = append(names, string(v.Kind)+" "+v.Name)
		}
	}
	slices.Sort(names)
	return some(names)
}

// some joins names, but not more than anybody reads.
func some(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, " and ")
}

// settle turns verdicts into actions.
func (d *decider) settle() {
	for _, w := range d.cases {
		if w.verdict == Guarded && len(w.budgets) > 0 {
			d.taken[w.budgets[0].Name] = true
		}
	}
	for _, w := range d.cases {
		keep := 0
		if w.verdict == Guarded {
			keep = 1
			d.guard(w)
		}
		d.Verdicts[w.verdict]++
		for i, b := range w.budgets {
			switch {
			case i >= keep && keep > 0:
				d.remove(b, w.ReplicatedWorkload, Surplus)
			case i >= keep:
				d.remove(b, w.ReplicatedWorkload, w.verdict)
			}
		}
	}
	for _, left := range d.owned {
		for _, b := range left {
			d.remove(b, nil, Gone)
		}
	}
}

func (d *decider) remove(b *fairway.DisruptionBudget, w *fairway.ReplicatedWorkload, why Verdict) {
	d.Actions = append(d.Actions, Action{Verb: Remove, Is: b, Workload: w, Verdict: why})
}

// guard gives a workload its budget, or makes the one that it has right. A
// budget keeps its name whatever the suffix is now.
func (d *decider) guard(w *workload) {
	want := d.budget(w.ReplicatedWorkload, w.since)
	if len(w.budgets) > 0 {
		is := w.budgets[0]
		want.Name = is.Name
		if !same(is, want) {
			d.Actions = append(d.Actions, Action{Verb: Change, Is: is, Want: want, Workload: w.ReplicatedWorkload, Verdict: Guarded})
		}
		return
	}
	names := d.names(w.ReplicatedWorkload)
	free := slices.IndexFunc(names[:], func(name string) bool { return !d.taken[name] })
	if free < 0 {
		w.verdict = NameTaken
		d.find(w, ReasonNotProtected, fmt.Sprintf("no budget was made: budgets %s and %s are there and select other pods; rename one of them", names[0], names[1]))
		return
	}
	want.Name = names[free]
	d.taken[want.Name] = true
	d.Actions = append(d.Actions, Action{Verb: Create, Want: want, Workload: w.ReplicatedWorkload, Verdict: Guarded})
}

// overlaps finds workloads whose pods several budgets of others select. Ours
// are never among them: see choose.
func (d *decider) overlaps() {
	for _, w := range d.cases {
		if len(w.others) < 2 {
			continue
		}
		names := make([]string, len(w.others))
		for i, at := range w.others {
			names[i] = d.others[at].Name
		}
		slices.Sort(names)
		d.find(w, ReasonOverlap, fmt.Sprintf("budgets %s select the same pods, which therefore cannot be evicted; keep one of them", some(names)))
	}
}
