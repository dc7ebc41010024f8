// Package render makes a bundle from a revision of the configuration and a
// cluster: it evaluates the config defaults, the templates of manifests,
// deletions and node pools, and normalises the YAML (contract 2 and 3). It is
// a function of its inputs: the same input gives the same bytes, on any
// machine.
//
//	bundle, err := render.Render(render.Input{
//		Cluster:  cluster,
//		Siblings: fleet,
//		Sources:  []render.Source{{Name: "main", FS: files}},
//		Revision: revision,
//	})
package render
