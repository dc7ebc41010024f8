// Package roll decides how the nodes of a cluster are replaced: which node
// next, and what with it. One decision per call, from one snapshot and a time;
// it reads no clock and remembers nothing. What a later call must know stands
// on the nodes (marks), on the cloud groups (the tag with the size from before)
// and in the instances themselves, so that a manager that was killed goes on by
// looking again.
//
//	var history roll.History
//	for {
//		d := roll.Decide(snapshot(history), now())
//		history = d.History
//		execute(d.Actions) // a refused eviction: history.Refuse(budgets, pod, now())
//		if d.Failed != "" || d.Done {
//			break // d.Actions of a last decision clean up: carry them out first
//		}
//		sleep(d.Next)
//	}
//
// What holds whatever the snapshot shows: a node is cordoned only when the pool
// keeps as many ready schedulable nodes, and as much CPU and memory on them, as
// before the roll (or, where the cloud has no room for more, a few less); a group
// never grows beyond its maximum; a node with zonal volumes goes only when a ready
// current node with room stands in its zone; a data service loses at most one
// member, and the next only when it is well and led; pods leave by eviction alone,
// or by the staged forcing where that is allowed, with a record; nothing is drained
// or ended while too many nodes are not ready, the API server is not well, or a
// person has paused the roll; every mark, tag and protection is gone in the end,
// also of a roll that gave up or was aborted.
//
// The questions, by file: outdated (who has to go), ready (who counts as new),
// size, capacity and growth (how many), start, contend, zone, strategy and still
// (who next), evict, service, jobs and force (which pods), stuck and hopeless (who
// is left alone), brake and apps (what stops it all), finish, pause and abort (how
// it ends), history (what a manager may forget).
package roll
