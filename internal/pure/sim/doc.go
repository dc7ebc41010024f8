// Package sim is a world in virtual time: cloud groups, nodes, pods, a
// scheduler, controllers, budgets, volumes, data services with leaders, load
// balancers, an autoscaler, faults of all of them, and a manager that rolls nodes
// and is killed, cut off and doubled. Everything follows from one seed.
// Invariants (Rules) are checked after every event; Run returns the first that
// was broken, Shrink makes its world smaller, Play plays many.
//
//	result := sim.Run(sim.Random(42), roll.Decide)
//	if result.Broken != "" {
//		small := sim.Shrink(ctx, sim.Random(42), roll.Decide)
//		...
//	}
package sim
