package plan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/fairwayhq/fairway"
)

// drawnDeletions are deletions of all kinds that a seed draws, some of them twice.
func drawnDeletions(random *rand.Rand, n int) []Deletion {
	var all []Deletion
	for range n {
		kind := []string{"ConfigMap", "ConfigMap", "Secret", "Namespace", "PersistentVolume"}[random.IntN(5)]
		d := Deletion{Ref: fairway.ObjectRef{APIVersion: "v1", Kind: kind, Name: fmt.Sprint("n", random.IntN(12))}, Phase: "after", Entry: "e"}
		if random.IntN(4) == 0 {
			d.Contents = fmt.Sprintf("%d objects", 1+random.IntN(9))
		}
		if i := slices.IndexFunc(all, func(o Deletion) bool { return o.Ref == d.Ref }); i >= 0 {
			d.Contents = all[i].Contents
		}
		all = append(all, d)
	}
	return all
}

// What needs a second person, by counting anew; and what that word is for: the
// plan, in any order, and whatever does less.
func TestShort_Approval(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 0))
		component := fairway.Component{Name: "c"}
		for i := range random.IntN(120) {
			component.Objects = append(component.Objects, fairway.Object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": fmt.Sprint("o", i)}})
		}
		in := Input{Cluster: &fairway.Cluster{ID: "c"}, Bundle: &fairway.Bundle{Components: []fairway.Component{component}}}
		in.Observed.Deleted = drawnDeletions(random, random.IntN(12))
		short := func(deleted []Deletion, before *fairway.UpdatePlan) *fairway.UpdatePlan {
			in := in
			in.Observed.Deleted = deleted
			return Short(in, Build(in), before)
		}
		p := short(in.Observed.Deleted, nil)

		distinct, held := map[fairway.ObjectRef]bool{}, false
		for _, d := range in.Observed.Deleted {
			distinct[d.Ref] = true
			held = held || d.Contents != "" && d.Ref.Kind != "ConfigMap" && d.Ref.Kind != "Secret"
		}
		objects := len(component.Objects) + len(distinct)
		if needs := len(distinct) > max(3, objects/20) || held; needs != (p.Approval != "") || p.Objects != objects {
			t.Fatalf("seed %d: %d of %d objects (%d counted), held %v: needs %q", seed, len(distinct), objects, p.Objects, held, p.Approval)
		}
		shuffled := slices.Clone(in.Observed.Deleted)
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if again := short(shuffled, nil); again.ApprovalDigest != p.ApprovalDigest || again.Approval == "" != (p.Approval == "") {
			t.Fatalf("seed %d: the order counts: %q %q", seed, p.Approval, again.Approval)
		}
		if p.Approval == "" {
			continue
		}
		a, err := p.Approve(fairway.Principal{Name: "x"}, p.ApprovalDigest, "", in.Now)
		if err != nil || !a.Covers(p) {
			t.Fatalf("seed %d: %v, %+v", seed, err, a)
		}
		less := slices.Clone(shuffled[:random.IntN(len(shuffled))])
		if q := short(less, nil); !a.Covers(q) {
			t.Fatalf("seed %d: less is not covered: %v of %v", seed, less, shuffled)
		}
		// Half way through, what is gone counts on, and is not asked about again.
		under := short(less, p)
		if len(under.Deletions) < len(distinct) || !a.Covers(under) {
			t.Fatalf("seed %d: under way %+v", seed, under.Deletions)
		}
		more := append(slices.Clone(shuffled), Deletion{Ref: fairway.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Name: "another"}, Phase: "after", Entry: "e"})
		if q := short(more, nil); a.Covers(q) || q.ApprovalDigest == p.ApprovalDigest {
			t.Fatalf("seed %d: more is covered", seed)
		}
	}
}
