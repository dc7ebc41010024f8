package pdb

import (
	"github.com/fairwayhq/fairway"
)

// addedLater are labels that controllers put on pods beyond those of the
// template. Whether a selector on them selects a pod of a workload is not known.
func addedLater(key string) bool {
	switch key {
	case "pod-template-hash", "controller-revision-hash", "rollouts-pod-template-hash",
		"statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index":
		return true
	}
	return false
}

// selectors finds those of many selectors that select given labels without
// asking each: every selector is filed under the rarest label that it demands.
type selectors struct {
	all  []*fairway.LabelSelector
	by   map[pair][]int
	rest []int // those that demand no certain label
}

type pair struct{ key, value string }

func file(all []*fairway.LabelSelector) *selectors {
	s := &selectors{all: all, by: map[pair][]int{}}
	count := map[pair]int{}
	for _, selector := range all {
		if selector != nil {
			for key, value := range selector.MatchLabels {
				count[pair{key, value}]++
			}
		}
	}
	for i, selector := range all {
		if selector == nil {
			continue
		}
		rarest, found := pair{}, false
		for key, value := range selector.MatchLabels {
			at := pair{key, value}
			if !addedLater(key) && (!found || count[at] < count[rarest]) {
				rarest, found = at, true
			}
		}
		if found {
			s.by[rarest] = append(s.by[rarest], i)
		} else {
			s.rest = append(s.rest, i)
		}
	}
	return s
}

// matching calls yield with the place of every selector that selects the labels.
func (s *selectors) matching(labels map[string]string, yield func(int)) {
	s.each(labels, func(i int) {
		if s.all[i].Matches(labels) {
			yield(i)
		}
	})
}

// mayMatch reports whether a selector may select pods with these labels and
// others that are not known.
func (s *selectors) mayMatch(labels map[string]string) (found bool) {
	s.each(labels, func(i int) { found = found || s.all[i].MayMatch(labels, addedLater) })
	return found
}

func (s *selectors) each(labels map[string]string, yield func(int)) {
	for _, i := range s.rest {
		yield(i)
	}
	for key, value := range labels {
		for _, i := range s.by[pair{key, value}] {
			yield(i)
		}
	}
}
