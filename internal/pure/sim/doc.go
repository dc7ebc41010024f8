// Package sim is a small world in virtual time: cloud groups, nodes, pods, a
// scheduler, controllers, budgets and volumes, and a manager that rolls nodes
// and is killed now and then. Everything follows from one seed. Invariants are
// checked after every event; Run returns the first that was broken.
//
//	result := sim.Run(sim.Random(42), roll.Decide)
//	if result.Broken != "" { ... }
package sim
