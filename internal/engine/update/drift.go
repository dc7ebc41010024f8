package update

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/manifest"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

// task is an object of the configuration beside the live one, and what is to be
// done about it.
type task struct {
	manifest.Item
	live fairway.LiveObject
	item fairway.InventoryItem // as it is to be remembered; Owned is of the last apply
	// applied is the digest of what was last applied; "" when that is not known.
	applied string
	// why it is to be applied; "" when it is as it should be, or is left alone.
	why string
	// drifted says that somebody else changed it since the last apply, fields how,
	// deleted that it is gone.
	drifted, deleted bool
	fields           []plan.Field
}

// tasks compares the objects of a stage with what is live. An object whose
// configuration is the one that was last applied, and whose fields are still
// those that came of it, is as it should be: that is certain without knowing what
// API servers and webhooks make of it. The others are compared field by field.
func (a *applying) tasks(stage []manifest.Item, live []fairway.LiveObject) []task {
	all := make([]task, len(stage))
	var unsure []*task
	for i, item := range stage {
		t := &all[i]
		*t = task{Item: item, live: live[i], item: fairway.InventoryItem{Ref: item.Object.Ref(), Component: item.Component, Digest: manifest.Digest(item.Object)}}
		if live[i].Object != nil {
			t.item.Ref = fairway.Object(live[i].Object).Ref()
		}
		was, known := a.known[plan.KeyOf(t.item.Ref)]
		same := known && was.Digest == t.item.Digest
		if same {
			t.item.Owned = was.Owned
		}
		if was.Owned != "" {
			t.applied = was.Digest
		}
		switch {
		case live[i].Object == nil:
			t.why = "it does not exist"
			// A Job that has finished may have been removed by its own time to live.
			t.deleted = same && t.item.Ref.Kind != "Job"
			t.drifted = t.deleted
		case known && !same:
			t.why = "its configuration changed"
			unsure = append(unsure, t)
		case !same || was.Owned == "" || was.Owned != live[i].Owned:
			unsure = append(unsure, t)
		}
	}
	judgeTasks(a.cluster, a.bundle, unsure)
	return all
}

// judgeTasks compares objects field by field and says what is to be done.
func judgeTasks(c *fairway.Cluster, b *fairway.Bundle, unsure []*task) {
	if len(unsure) == 0 {
		return
	}
	changes, drift := compareTasks(c, b, unsure)
	for _, t := range unsure {
		key := plan.KeyOf(t.Object.Ref())
		t.fields, t.drifted = drift[key], len(drift[key]) > 0
		remembered := t.item.Owned != ""
		switch {
		case t.why != "": // its own change carries everything else with it
		case t.drifted && !changes[key] && b.Policy(t.Component).Drift == fairway.DriftReport:
		case t.drifted:
			t.why = "somebody else changed it"
		case changes[key]:
			t.why = "it differs"
		case remembered && t.item.Owned != t.live.Owned:
			t.why = "fields of it are no longer Fairway's"
		}
	}
}

// compareTasks makes a plan of these objects alone: which are to be changed, and
// which fields somebody else changed.
func compareTasks(c *fairway.Cluster, b *fairway.Bundle, tasks []*task) (changes map[plan.Key]bool, drift map[plan.Key][]plan.Field) {
	part := *b
	part.Components = make([]fairway.Component, len(tasks))
	seen := plan.Observed{Basis: plan.BasisLive, Live: map[plan.Key]fairway.Object{}, Applied: map[plan.Key]string{}}
	for i, t := range tasks {
		part.Components[i] = fairway.Component{Name: t.Component, Objects: []fairway.Object{t.Object}}
		key := plan.KeyOf(t.Object.Ref())
		seen.Live[key] = t.live.Object
		if t.applied != "" {
			seen.Applied[key] = t.applied
		}
	}
	p := plan.Build(plan.Input{Cluster: c, Bundle: &part, Observed: seen})
	changes, drift = map[plan.Key]bool{}, map[plan.Key][]plan.Field{}
	for _, o := range p.Objects {
		changes[plan.KeyOf(o.Ref)] = true
	}
	for _, o := range append(p.Drift, p.LeftAlone...) {
		drift[plan.KeyOf(o.Ref)] = o.Fields
	}
	return changes, drift
}

// drift is the task for the report.
func (t task) drift(now time.Time, repaired bool) fairway.DriftedObject {
	d := fairway.DriftedObject{Ref: t.item.Ref, Component: t.Component, State: fairway.DriftFound, Deleted: t.deleted, Since: now}
	for _, f := range t.fields {
		d.Fields = append(d.Fields, fairway.DriftedField{Path: f.Path, Is: f.From, Wanted: f.To, By: f.By, Since: f.Since})
	}
	if repaired {
		d.State, d.RepairedAt = fairway.DriftRepaired, now
	}
	return d
}

// leftAlone names the objects that differ and stay so.
func leftAlone(all []fairway.DriftedObject) []string {
	var names []string
	for _, o := range all {
		if o.State != fairway.DriftRepaired {
			names = append(names, o.Ref.String())
		}
	}
	return names
}

// tellDrift stores what the step found of changes by others, and says it.
func (a *applying) tellDrift(ctx context.Context) error {
	before, err := a.Store.Drift(ctx, a.cluster.ID)
	if err != nil {
		return err
	}
	d := merged(before, &fairway.Drift{ClusterID: a.cluster.ID, At: a.Now(), Objects: a.total, Found: a.drift}, a.Now())
	a.tellNews(ctx, before, d)
	return a.Store.SaveDrift(ctx, d)
}

// merged is a new look with what an earlier one knew: since when an object
// differs, and which ones were repaired lately.
func merged(before, now *fairway.Drift, at time.Time) *fairway.Drift {
	known := map[plan.Key]fairway.DriftedObject{}
	for _, o := range before.Found {
		known[plan.KeyOf(o.Ref)] = o
	}
	out := *now
	out.Found = []fairway.DriftedObject{}
	for _, o := range now.Found {
		was, seen := known[plan.KeyOf(o.Ref)]
		delete(known, plan.KeyOf(o.Ref))
		if seen && was.State != fairway.DriftRepaired {
			o.Since = was.Since
		}
		o.Repairs = was.Repairs
		if o.State == fairway.DriftRepaired {
			o.Repairs++
		} else {
			o.RepairedAt = was.RepairedAt
		}
		out.Found = append(out.Found, o)
	}
	for _, o := range before.Found {
		// What does not differ any more is forgotten, but for its repairs.
		if o, stays := known[plan.KeyOf(o.Ref)]; stays && at.Sub(o.RepairedAt) < fairway.RepairMemory {
			o.State = fairway.DriftRepaired
			out.Found = append(out.Found, o)
		}
	}
	slices.SortFunc(out.Found, func(a, b fairway.DriftedObject) int { return strings.Compare(a.Ref.String(), b.Ref.String()) })
	return &out
}

// tellNews writes events about what an earlier report did not say.
func (r *run) tellNews(ctx context.Context, before, now *fairway.Drift) {
	known := map[plan.Key]fairway.DriftedObject{}
	for _, o := range before.Found {
		known[plan.KeyOf(o.Ref)] = o
	}
	for _, o := range now.Found {
		was := known[plan.KeyOf(o.Ref)]
		switch {
		case o.State == fairway.DriftRepaired && o.RepairedAt.After(was.RepairedAt):
			r.event(ctx, "drift.repaired", fmt.Sprintf("set back %s (component %s): %s", o.Ref, o.Component, whatDrifted(o)))
		case o.State == fairway.DriftContested && was.State != fairway.DriftContested:
			r.event(ctx, "drift.contested", fmt.Sprintf("%s (component %s) was set back %d times and changed again; it is left alone: %s", o.Ref, o.Component, o.Repairs, whatDrifted(o)))
		case o.State == fairway.DriftFound && (was.State != fairway.DriftFound || whatDrifted(o) != whatDrifted(was)):
			r.event(ctx, "drift.found", fmt.Sprintf("%s (component %s) differs from the configuration: %s", o.Ref, o.Component, whatDrifted(o)))
		}
	}
}

// whatDrifted says what differs in an object, and who did it, without values.
func whatDrifted(o fairway.DriftedObject) string {
	if o.Deleted {
		return "it was deleted"
	}
	var parts []string
	for _, f := range o.Fields {
		part := f.Path
		if f.By != "" {
			part += " by " + f.By
		}
		parts = append(parts, part)
	}
	if len(parts) > 5 {
		parts = append(parts[:5], fmt.Sprintf("%d more", len(parts)-5))
	}
	return strings.Join(parts, ", ")
}
