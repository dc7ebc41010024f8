// Package sources makes one configuration of several config sources: the first
// one has the stacks, all have components and defaults, and their revisions
// together are what a cluster runs.
//
//	configuration, err := sources.New(main, addons)
//	revision, err := configuration.Resolve(ctx, "beta")        // main=1f3a...;addons=9c02...
//	files, err := configuration.Open(ctx, revision)            // of main, then of addons
package sources
