// Package plan says what an update of a cluster would do before it does
// anything: which objects it creates, changes and deletes, field by field, which
// nodes it replaces, how long that takes, and what would go wrong. It is a
// function of a bundle and of what was observed; it reads and writes nothing.
//
//	p := plan.Build(plan.Input{Cluster: cluster, Bundle: bundle, Observed: observed, Now: now})
//	fmt.Println(p.Verdict)
//	for _, f := range p.Findings {
//		fmt.Println(f.Severity, f.Object, f.Reason)
//	}
//
// Live objects are compared by the fields that Fairway's field manager owns, so
// that a plan needs get and list alone: docs/adr/0031 says why and what that
// cannot see.
package plan
