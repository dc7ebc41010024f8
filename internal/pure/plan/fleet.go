package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
)

// Fleet is the plans of several clusters and what they are together.
type Fleet struct {
	Schema string `json:"schema"`
	// Verdict is the fleet in one line.
	Verdict string  `json:"verdict"`
	Summary Summary `json:"summary"`
	// Clusters are all, Changed those with changes, Blocked those with findings
	// that block, Failed those for which there is no plan.
	Clusters int     `json:"clusters"`
	Changed  int     `json:"changed"`
	Blocked  int     `json:"blocked"`
	Failed   []Fault `json:"failed"`
	// Unused are the acceptances that match nothing in any cluster they concern.
	Unused []string `json:"unused_acceptances"`
	Plans  []*Plan  `json:"items"`
}

// Fault says why a cluster has no plan.
type Fault struct {
	Cluster string `json:"cluster"`
	Error   string `json:"error"`
	Hint    string `json:"hint,omitempty"`
}

// Together puts the plans of several clusters together. Its seconds are those of
// the longest one.
func Together(plans []*Plan, failed []Fault) *Fleet {
	f := &Fleet{Schema: Schema, Plans: plans, Failed: failed, Clusters: len(plans) + len(failed)}
	if f.Plans == nil {
		f.Plans = []*Plan{}
	}
	if f.Failed == nil {
		f.Failed = []Fault{}
	}
	f.Unused = unusedEverywhere(plans)
	rolled := 0
	for _, p := range plans {
		s, t := &f.Summary, p.Summary
		s.Create, s.Change, s.Unchanged, s.Drift, s.LeftAlone = s.Create+t.Create, s.Change+t.Change, s.Unchanged+t.Unchanged, s.Drift+t.Drift, s.LeftAlone+t.LeftAlone
		s.Delete, s.Departed, s.Pools, s.Nodes = s.Delete+t.Delete, s.Departed+t.Departed, s.Pools+t.Pools, s.Nodes+t.Nodes
		s.Stacks, s.Replaced = s.Stacks+t.Stacks, s.Replaced+t.Replaced
		s.NodeHours, s.Seconds = s.NodeHours+t.NodeHours, max(s.Seconds, t.Seconds)
		if p.Changes {
			f.Changed++
		}
		if p.Blocked {
			f.Blocked++
		}
		if t.Nodes > 0 {
			rolled++
		}
	}
	f.Verdict = fmt.Sprintf("%d of %s would change", f.Changed, plural(f.Clusters, "cluster"))
	if f.Summary.Nodes > 0 {
		f.Verdict += fmt.Sprintf("; replaces %s in %s", plural(f.Summary.Nodes, "node"), plural(rolled, "cluster"))
	} else {
		f.Verdict += "; no node is replaced"
	}
	if f.Summary.Delete > 0 {
		f.Verdict += fmt.Sprintf("; %s deleted", plural(f.Summary.Delete, "object"))
	}
	if f.Blocked > 0 {
		f.Verdict += fmt.Sprintf("; %s BLOCKED", plural(f.Blocked, "cluster"))
	}
	if len(failed) > 0 {
		f.Verdict += fmt.Sprintf("; no plan for %d", len(failed))
	}
	return f
}

// unusedEverywhere are the acceptances that no plan has a use for.
func unusedEverywhere(plans []*Plan) []string {
	used, unused := map[string]bool{}, []string{}
	for _, p := range plans {
		for _, finding := range p.Findings {
			used[finding.Lapsed] = true
			if finding.Accepted != nil {
				used[finding.Accepted.Entry] = true
			}
		}
	}
	for _, p := range plans {
		for _, u := range p.Unused {
			entry, _, _ := strings.Cut(u, ": ")
			if !used[entry] && !slices.Contains(unused, u) {
				unused = append(unused, u)
			}
		}
	}
	return unused
}

// cohort is clusters with the same change.
type cohort struct{ plans []*Plan }

// cohorts groups the plans by what they change, the largest first.
func (f *Fleet) cohorts() []cohort {
	by := map[string]*cohort{}
	var order []string
	for _, p := range f.Plans {
		id := p.fingerprint()
		if by[id] == nil {
			by[id] = &cohort{}
			order = append(order, id)
		}
		by[id].plans = append(by[id].plans, p)
	}
	var all []cohort
	for _, id := range order {
		all = append(all, *by[id])
	}
	slices.SortStableFunc(all, func(a, b cohort) int {
		if d := cmp.Compare(rank(a), rank(b)); d != 0 {
			return d
		}
		return cmp.Compare(len(b.plans), len(a.plans))
	})
	return all
}

// shapeOfStacks is what changes in stacks, whatever they are called and whatever
// stood in them before.
func (p *Plan) shapeOfStacks() []StackImpact {
	var out []StackImpact
	for _, s := range p.Stacks {
		s.Name = strings.ReplaceAll(s.Name, p.Alias, "")
		s.Resources = slices.Clone(s.Resources)
		for i := range s.Resources {
			s.Resources[i].Fields = slices.Clone(s.Resources[i].Fields)
			for j := range s.Resources[i].Fields {
				s.Resources[i].Fields[j].From = nil
			}
		}
		out = append(out, s)
	}
	return out
}

// rank puts what blocks first, and what does not change last.
func rank(c cohort) int {
	switch {
	case c.plans[0].Blocked:
		return 0
	case c.plans[0].Changes:
		return 1
	}
	return 2
}

// fingerprint is the same for plans that change the same: objects, fields and
// their new values, deletions, and why nodes are replaced; not how many nodes
// there are, nor what stood in a field before.
func (p *Plan) fingerprint() string {
	type part struct {
		Objects, Drift, LeftAlone []Object
		Deletions                 []Deletion
		Departed                  []fairway.ObjectRef
		Stacks                    []StackImpact
		Why                       []string
		Findings                  []Finding
	}
	strip := func(objects []Object) []Object {
		out := slices.Clone(objects)
		for i := range out {
			out[i].Fields = slices.Clone(out[i].Fields)
			for j := range out[i].Fields {
				out[i].Fields[j].From, out[i].Fields[j].Since = nil, ""
			}
		}
		return out
	}
	same := part{Objects: strip(p.Objects), Drift: strip(p.Drift), LeftAlone: strip(p.LeftAlone), Deletions: p.Deletions, Departed: p.Departed, Stacks: p.shapeOfStacks()}
	for _, i := range p.Pools {
		if i.Replaced+i.Removed+i.New > 0 {
			same.Why = append(same.Why, fmt.Sprint(i.Removed > 0, i.New > 0, strings.Join(i.Why, "; ")))
		}
	}
	slices.Sort(same.Why)
	same.Why = slices.Compact(same.Why)
	for _, f := range p.Findings {
		f.Object = strings.ReplaceAll(f.Object, p.Cluster, "")
		same.Findings = append(same.Findings, f)
	}
	b, _ := json.Marshal(same)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
