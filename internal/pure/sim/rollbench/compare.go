package rollbench

import (
	"cmp"
	"slices"
)

// Systems are the existing systems that Fairway is set beside, in the order of
// Others.
var Systems = []string{"CLM rolling", "kops, maxSurge", "EKS managed node group", "Cluster API, maxSurge", "Karpenter, 10 %", "plain reference"}

// Others returns what the existing systems do in a standard scenario: the
// median ratio of three seeds to the lower bound, or how it ends. CLM is its
// real code, the others are models of their documented policies, played in the
// same world. Nil where nobody has measured it.
func Others(id string) []string { return others[id] }

var others = map[string][]string{
	"s03-n100":           {"3.21", "1.43", "0.81, capacity 6 %", "1.28", "1.17, capacity 90 %", "1.02"},
	"s05-n100-pdb1":      {"3.20", "1.48", "0.81, capacity 6 %", "1.30", "1.20, capacity 90 %", "1.02"},
	"s06-n100-pdb1-s10":  {"10.7", "1.85", "1.21, capacity 10 %", "1.40", "1.09, capacity 90 %", "1.06"},
	"s07-n300-pdb10-s10": {"32.6", "1.71", "1.43, capacity 10 %", "1.37", "1.14, capacity 90 %", "1.08"},
	"s08-n30-blocked":    {"stuck", "breaks the budget", "fails, 27 old left", "stuck, 27 old left", "stuck, 10 old left", "20 of 20"},
	"s09-n100-zonal":     {"3.20", "1.49", "0.82, capacity 6 %", "1.32", "1.27, capacity 90 %", "1.04"},
	"s12-n30-quota":      {"stuck", "fails", "fails", "stuck", "stuck", "1.07, capacity 90 %"},
	"s14-n100-notready":  {"3.41, 2 not ready", "fails", "fails", "stuck", "1.44, capacity 90 %", "1.07"},
}

// Median returns the result with the middle ratio of the results of one
// scenario; with the middle time and the middle bound of all, which may be those
// of other seeds; and with the worst of all of them where one is bad luck enough: outcome,
// capacity, budgets broken and volumes lost.
func Median(results []Result) Result {
	sorted := slices.SortedFunc(slices.Values(results), func(a, b Result) int { return cmp.Compare(a.Ratio, b.Ratio) })
	m := sorted[len(sorted)/2]
	m.Seconds = middle(results, func(r Result) float64 { return r.Seconds })
	m.LowerBoundSeconds = middle(results, func(r Result) float64 { return r.LowerBoundSeconds })
	for _, r := range results {
		if worse(r.Outcome) > worse(m.Outcome) {
			m.Outcome = r.Outcome
		}
		m.MinSchedulableFraction = min(m.MinSchedulableFraction, r.MinSchedulableFraction)
		m.MinAppAvailable = min(m.MinAppAvailable, r.MinAppAvailable)
		m.PDBViolations = max(m.PDBViolations, r.PDBViolations)
		m.UnsafeVolumes = max(m.UnsafeVolumes, r.UnsafeVolumes)
		m.NewNotReady = max(m.NewNotReady, r.NewNotReady)
	}
	return m
}

func middle(results []Result, of func(Result) float64) float64 {
	var all []float64
	for _, r := range results {
		all = append(all, of(r))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func worse(outcome string) int { return slices.Index([]string{Done, Partial, Stuck}, outcome) }
