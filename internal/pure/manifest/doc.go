// Package manifest knows Kubernetes objects as values: whether they can be
// applied at all, in which order, and what tells two states of one apart.
//
//	for _, stage := range manifest.Stages(bundle.Components) {
//		for _, item := range stage { ... } // in any order, or at once
//	}
package manifest
