// Package local is the provider of clusters that run on this machine as
// localkube processes: a real control plane each, and groups of simulated
// machines behind an API like that of a cloud (docs/localkube.md).
//
//	provider := local.New(local.Options{DataDir: dir, Log: log, NewKubernetes: connect})
//	kubernetes, cloud, err := provider.Connect(ctx, cluster)
//	if fairway.ErrorCode(err) == fairway.CodeUnavailable {
//		// The process is not up yet; try again later.
//	}
//	group, err := cloud.EnsurePool(ctx, spec)
//
// A node pool is a group and a launch template of the pool's name. A generation
// of nodes is a version of the template, "<template>:<version>".
package local
