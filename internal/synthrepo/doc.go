// Package synthrepo makes a configuration repository of the size of a grown
// public one, and the registry entries of any number of clusters for it: 45
// components with 340 objects in 1.5 MB of manifests, two
// CustomResourceDefinitions of 0.5 MB among them, four profiles of node pools
// and 1,100 lines of defaults. It is support for tests and benchmarks.
//
//	files := synthrepo.Files(1)                         // path -> text
//	clusters := synthrepo.Clusters(1, 1000, "zalando-aws")
//	lookups := synthrepo.Lookups()                      // recorded answers, as JSON
//	next := synthrepo.Changed(files)                    // a usual change: three images, a setting
//
// Everything is a function of the seed. The objects are acceptable to a real
// API server, in the order in which Fairway applies them; with provider local
// or kubeconfig nothing is asked of a cloud, so that no look-ups are needed.
package synthrepo
