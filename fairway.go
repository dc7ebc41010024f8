// Package fairway holds the nouns of Fairway, their rules, their errors and the
// interfaces between its rooms. It imports the standard library only.
//
// Fairway continuously delivers Kubernetes infrastructure to fleets of
// clusters: a registry says which clusters exist, a git repository says what a
// cluster is made of, and channels say how far a change has come. Everything
// else stands below internal/; docs/architecture.md has the picture.
//
//	cluster, err := registry.FindCluster(ctx, "beta-1")
//	revision, err := source.Resolve(ctx, cluster.Channel)
//	due := cluster.Version(revision) != cluster.Status.CurrentVersion
package fairway
