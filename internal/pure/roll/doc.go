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
// keeps as many ready schedulable nodes as before the roll (or, where the cloud
// has no room for one more, all but one); a group never grows beyond its
// maximum; a node with zonal volumes goes only when a ready current node with
// room stands in its zone; a data service loses at most one member; pods leave
// by eviction alone; nothing is drained or ended while too many nodes are not
// ready.
package roll
