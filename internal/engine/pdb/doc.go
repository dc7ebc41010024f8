// Package pdb keeps a PodDisruptionBudget for every workload that has several
// replicas and none of its own, and takes it away where it would only be in the
// way. It runs inside the cluster that it serves, in any number of replicas of
// which one acts.
//
//	c := pdb.New(pdb.Options{Cluster: cluster, Policy: pdb.Policy{MaxUnavailable: "1"}, Holder: pod, Log: log})
//	err := c.Run(ctx)
//
// Decide is a pure function of one namespace and a time. The controller keeps
// what the cluster's watches tell, decides about every namespace in which
// something changed, and carries the actions out with the versions that were
// seen as preconditions, so that a write after the fact is refused and decided
// anew. A process remembers nothing that it could not read again.
package pdb
