// Package registryfile reads clusters.yaml: the file form of the cluster
// registry, as the ecosystem writes it, and its short form with defaults.
//
//	file, err := registryfile.Parse(data, registryfile.Defaults{Channel: "beta", Provider: "local"})
//	if err != nil {
//		return err // names every problem with its line
//	}
//	for _, c := range file.Clusters {
//		fmt.Println(c.ID, c.Origin["channel"])
//	}
package registryfile
