// Package kube speaks to the API server of one cluster: it applies, judges and
// deletes objects, reads what rolling nodes depends on, marks nodes, evicts pods
// and holds the lease that makes one manager the owner of the cluster.
//
//	cluster, err := kube.New(kube.Options{Kubeconfig: path, Log: log})
//	if err != nil {
//		return err
//	}
//	result, err := cluster.Apply(ctx, object)
//	if fairway.ErrorCode(err) == fairway.CodeInvalid {
//		// The API server rejected the object; applying it again cannot help.
//	}
//	workloads, err := cluster.Workloads(ctx)
//
// Nothing is cached but discovery: whatever is returned was read from the API
// server after the call began.
package kube
