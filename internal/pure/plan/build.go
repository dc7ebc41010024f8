package plan

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/manifest"
)

// defaultManager is the field manager that updates apply with.
const defaultManager = "fairway"

// Build makes the plan of a bundle for an observed cluster.
func Build(in Input) *Plan {
	p := &Plan{
		Schema: Schema, Cluster: in.Cluster.ID, Alias: in.Cluster.Alias, Channel: in.Cluster.Channel, Revision: in.Bundle.Revision,
		Basis: cmp.Or(in.Observed.Basis, BasisNothing), By: in.Observed.By, At: in.Now.UTC(),
		Objects: []Object{}, Drift: []Object{}, LeftAlone: []Object{}, Deletions: []Deletion{}, Departed: []fairway.ObjectRef{}, Pools: []PoolImpact{}, Findings: []Finding{},
	}
	hide := newMask(in)
	if seen := in.Observed; seen.Basis == BasisRecorded {
		p.RecordedAt = &seen.RecordedAt
	}
	hidden := func(o fairway.Object) fairway.Object { return o }
	if in.Observed.Salt != "" {
		hidden = newVeil(in, in.Observed.Salt).object
	}
	for _, stage := range manifest.Stages(in.Bundle.Components) {
		for _, item := range stage {
			item.Object = hidden(item.Object)
			p.add(in.Observed, item, hide, in.Bundle.Policy(item.Component).Drift)
		}
	}
	p.Deletions = append(p.Deletions, in.Observed.Deleted...)
	p.Departed = append(p.Departed, departed(in.Observed.Left, p.Deletions)...)
	p.Pools = append(p.Pools, impacts(in.Pools)...)
	changed, dangers := stacks(in.Stacks, hide)
	p.Stacks = append([]StackImpact{}, changed...)
	p.sum()
	findings, unused := preflight(in, p, dangers, hide)
	p.Findings, p.Unused = append(p.Findings, findings...), unused
	p.Blocked = slices.ContainsFunc(p.Findings, func(f Finding) bool { return f.Severity == Block })
	p.Changes = p.Summary.Create+p.Summary.Change+p.Summary.Drift+p.Summary.Delete+p.Summary.Nodes+p.Summary.Stacks > 0
	p.Verdict = p.verdict()
	return p
}

// add compares one object of the bundle with what is observed of it.
func (p *Plan) add(seen Observed, item manifest.Item, hide mask, policy fairway.DriftPolicy) {
	key := KeyOf(item.Object.Ref())
	live, exists := seen.Live[key]
	again := slices.ContainsFunc(seen.Deleted, func(d Deletion) bool { return d.Phase == "before" && KeyOf(d.Ref) == key })
	if !exists || again {
		p.Summary.Create++
		p.Objects = append(p.Objects, Object{Component: item.Component, Ref: item.Object.Ref(), Action: Create})
		return
	}
	if seen.Basis == BasisApplied && same(item.Object, live) {
		p.Summary.Unchanged++
		return
	}
	c := seen.compare(item.Object, live)
	if dry, done := seen.Dry[key]; done {
		c.dryRun(dry, live)
	}
	hide.fields(item.Object.Ref(), c.changes)
	hide.fields(item.Object.Ref(), c.drift)
	o := Object{Component: item.Component, Ref: item.Object.Ref(), Action: Change}
	changes := len(c.changes) > 0 || c.adopts
	switch {
	case len(c.drift) == 0:
	case policy == fairway.DriftReport && !changes && (c.sameRender || !c.remembered):
		p.Summary.LeftAlone++
		p.LeftAlone = append(p.LeftAlone, o.with(c.drift))
	default:
		p.Summary.Drift++
		p.Drift = append(p.Drift, o.with(c.drift))
	}
	switch {
	case changes:
		p.Summary.Change++
		o.Adopts = c.adopts
		p.Objects = append(p.Objects, o.with(c.changes))
	case len(c.drift) == 0:
		p.Summary.Unchanged++
	}
}

// same reports whether two objects are one in memory, as those of renderings
// with one cache are when nothing changed.
func same(a, b fairway.Object) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}

// sameRender reports whether an object was applied like this before.
func (seen Observed) sameRender(o fairway.Object) bool {
	digest, known := seen.Applied[KeyOf(o.Ref())]
	return known && digest == manifest.Digest(o)
}

// compare compares an object with a live one by the fields that managers own.
func (seen Observed) compare(o, live fairway.Object) *comparison {
	_, remembered := seen.Applied[KeyOf(o.Ref())]
	c := &comparison{manager: cmp.Or(seen.Manager, defaultManager), exact: seen.Basis == BasisApplied, remembered: remembered, sameRender: seen.sameRender(o)}
	c.compare(o, live)
	return c
}

func (seen Observed) differs(o, live fairway.Object) bool {
	c := seen.compare(o, live)
	return len(c.changes)+len(c.drift) > 0 || c.adopts
}

func (o Object) with(fields []Field) Object {
	o.Fields = fields
	return o
}

// departed are the objects that left the configuration and are not deleted.
func departed(left []fairway.ObjectRef, deleted []Deletion) []fairway.ObjectRef {
	gone := map[Key]bool{}
	for _, d := range deleted {
		gone[KeyOf(d.Ref)] = true
	}
	var stay []fairway.ObjectRef
	for _, ref := range left {
		if !gone[KeyOf(ref)] {
			stay = append(stay, ref)
		}
	}
	slices.SortFunc(stay, func(a, b fairway.ObjectRef) int { return cmp.Compare(a.String(), b.String()) })
	return stay
}

// sum counts what the lists hold.
func (p *Plan) sum() {
	s := &p.Summary
	s.Delete, s.Departed = len(p.Deletions), len(p.Departed)
	for _, stack := range p.Stacks {
		if stack.Action != StackLeave {
			s.Stacks++
		}
		for _, r := range stack.Resources {
			if r.Replaced == Replaced {
				s.Replaced++
			}
		}
	}
	var planes, workers int
	for _, pool := range p.Pools {
		if n := pool.Replaced + pool.Removed; n > 0 {
			s.Pools++
			s.Nodes += n
		}
		s.NodeHours += pool.NodeHours
		// The control plane is rolled first, one node at a time over all its
		// pools; the pools of workers are rolled together.
		if pool.ControlPlane {
			planes += pool.Seconds
		} else {
			workers = max(workers, pool.Seconds)
		}
	}
	s.Seconds = planes + workers
}
