package render

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fairwayhq/fairway"
)

// largeConfiguration is of the size of a grown configuration repository: 45
// components with 340 objects in 1.5 MB, two CRDs of 0.5 MB among them, five
// pools and 1,100 lines of defaults.
func largeConfiguration() (fstest.MapFS, *fairway.Cluster) {
	files := map[string]string{}
	var defaults strings.Builder
	for i := range 1100 {
		fmt.Fprintf(&defaults, "item_%d: value-{{ .Cluster.Region }}-%d\n", i, i)
	}
	files[defaultsFile] = defaults.String()
	for n := range 2 {
		var crd strings.Builder
		fmt.Fprintf(&crd, "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: kind%d.example.org\nspec:\n  schema:\n    properties:\n", n)
		for i := 0; crd.Len() < 500_000; i++ {
			fmt.Fprintf(&crd, "      field%d:\n        description: >-\n          What field number %d means, in a sentence of usual length for such a file.\n        type: string\n        minLength: %d\n", i, i, i%9)
		}
		files[fmt.Sprintf("%s/crds/%d.yaml", manifestsDir, n)] = crd.String()
	}
	for i := range 338 {
		var o strings.Builder
		fmt.Fprintf(&o, "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-%d\n  namespace: {{ .Cluster.Environment }}\nspec:\n  replicas: 2\n  template:\n    spec:\n      containers:\n      - name: app\n        image: registry.example.org/app:{{ .Cluster.ConfigItems.item_%d }}\n        env:\n", i, i)
		for e := 0; o.Len() < 1450; e++ {
			fmt.Fprintf(&o, "        - name: VARIABLE_%d\n          value: \"{{ index .Cluster.ConfigItems \"item_%d\" }}\"\n", e, e*3)
		}
		files[fmt.Sprintf("%s/component-%02d/%03d.yaml", manifestsDir, i%44, i)] = o.String()
	}
	files[userData] = strings.Repeat("line: {{ .NodePool.ConfigItems.item_7 }} {{ .NodePool.Name }}\n", 200)
	c := testCluster(func(c *fairway.Cluster) {
		c.NodePools = nil
		for i := range 5 {
			c.NodePools = append(c.NodePools, fairway.NodePool{Name: fmt.Sprintf("pool-%d", i), Profile: "worker", InstanceTypes: []string{"m5.large"}})
		}
	})
	return tree(files), c
}

// BenchmarkRender is the first render of a cluster, with no cache.
func BenchmarkRender(b *testing.B) {
	files, c := largeConfiguration()
	size := 0
	for _, f := range files {
		size += len(f.Data)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		bundle, err := Render(Input{Cluster: c, Sources: []Source{{Name: "main", FS: files}}})
		if err != nil {
			b.Fatal(err)
		}
		if len(bundle.Components) != 45 || len(bundle.Pools) != 5 {
			b.Fatalf("%d components, %d pools", len(bundle.Components), len(bundle.Pools))
		}
	}
}

// BenchmarkFiles is the same as files, with the exact text of every manifest.
func BenchmarkFiles(b *testing.B) {
	files, c := largeConfiguration()
	b.ReportAllocs()
	for b.Loop() {
		all, err := Files(b.Context(), FilesInput{Input: Input{Cluster: c, Sources: []Source{{Name: "main", FS: files}}}, Reveal: true})
		if err != nil {
			b.Fatal(err)
		}
		if len(all) < 45+340 {
			b.Fatalf("%d files", len(all))
		}
	}
}
