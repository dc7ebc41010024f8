// Package rollbench plays rolls in a simple world that is exactly defined, so
// that the time a roll takes can be set beside the time of other systems and
// beside the least time that any system needs.
//
// The world: a cloud group whose k-th launch has a boot time that only the
// seed and k decide; a scheduler, replica controllers and budgets that act
// without delay; termination of an instance kills what still runs on it. It
// does not model API latency, DaemonSets, load balancers, spot or throttling:
// the random worlds of package sim are the nasty ones.
//
//	scenarios, err := rollbench.Parse(file)
//	result := rollbench.Run(scenarios[0], 1)
package rollbench
