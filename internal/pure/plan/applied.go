package plan

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
)

// Applied is what a cluster is taken for that runs an earlier bundle: its
// objects, those that left since, and what the deletions name of them.
// Selectors are not carried out: which labels live objects have, the bundle does
// not say.
func Applied(before, now *fairway.Bundle) Observed {
	o := Observed{Basis: BasisApplied, Live: map[Key]fairway.Object{}}
	wanted := map[Key]bool{}
	for _, c := range now.Components {
		for _, object := range c.Objects {
			wanted[KeyOf(object.Ref())] = true
		}
	}
	for _, c := range before.Components {
		for _, object := range c.Objects {
			ref := object.Ref()
			o.Live[KeyOf(ref)] = object
			if !wanted[KeyOf(ref)] {
				o.Left = append(o.Left, ref)
			}
			for _, phase := range []struct {
				name string
				all  []fairway.Deletion
			}{{"before", now.PreApply}, {"after", now.PostApply}} {
				if i := slices.IndexFunc(phase.all, func(d fairway.Deletion) bool { return isNamed(d, ref) }); i >= 0 {
					o.Deleted = append(o.Deleted, Deletion{Ref: ref, Phase: phase.name, Entry: phase.all[i].String()})
				}
			}
		}
	}
	return o
}

// isNamed reports whether a deletion names an object.
func isNamed(d fairway.Deletion, ref fairway.ObjectRef) bool {
	kind := strings.ToLower(ref.Kind)
	called := strings.ToLower(d.Kind)
	called, _, _ = strings.Cut(called, ".")
	return d.Name == ref.Name && d.Name != "" && d.Namespace == ref.Namespace && (called == kind || called == kind+"s" || called == kind+"es")
}

// Measured is how long the replacement of one node took in the past: the middle
// of the updates of the cluster, or else of all clusters, each divided by its
// rounds of so many nodes at once. It counts all of an update and so is rather
// too long. 0 when no update replaced nodes.
func Measured(history []fairway.Update, clusterID string, slots int) time.Duration {
	var own, all []time.Duration
	for _, u := range history {
		if u.State != fairway.UpdateDone || u.NodesDone == 0 || u.StartedAt.IsZero() || !u.FinishedAt.After(u.StartedAt) {
			continue
		}
		rounds := math.Ceil(1 + float64(u.NodesDone-1)/float64(max(1, slots)))
		each := time.Duration(float64(u.FinishedAt.Sub(u.StartedAt)) / rounds)
		all = append(all, each)
		if u.ClusterID == clusterID {
			own = append(own, each)
		}
	}
	if len(own) == 0 {
		own = all
	}
	if len(own) == 0 {
		return 0
	}
	slices.Sort(own)
	return own[len(own)/2]
}
