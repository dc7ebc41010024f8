package render

import (
	"fmt"
	"testing"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/synthrepo"
)

// usual is a cluster of a configuration repository of the usual size, see
// package synthrepo, with the number of clusters in the registry.
func usual(tb testing.TB, clusters int) (Input, []fairway.Cluster) {
	tb.Helper()
	answers, roots := synthrepo.Lookups()
	recorded, err := ParseRecorded(answers, func(string) ([]byte, error) { return roots, nil })
	if err != nil {
		tb.Fatal(err)
	}
	all := synthrepo.Clusters(1, clusters, fairway.ProviderAWS)
	return Input{
		Cluster: &all[0], Siblings: all, Lookups: recorded, ManageEtcdStack: true,
		Sources: []Source{{Name: "main", FS: synthrepo.FS(synthrepo.Files(1))}},
	}, all
}

// BenchmarkRender is the first render of a cluster, with no cache.
func BenchmarkRender(b *testing.B) {
	in, _ := usual(b, 10)
	b.ReportAllocs()
	for b.Loop() {
		bundle, err := Render(in)
		if err != nil {
			b.Fatal(err)
		}
		checkSize(b, bundle)
	}
}

// BenchmarkRenderAgain is the second render of a cluster: everything comes from
// the cache.
func BenchmarkRenderAgain(b *testing.B) {
	in, _ := usual(b, 10)
	in.Cache = NewCache(DefaultCacheBytes)
	if _, err := Render(in); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		bundle, err := Render(in)
		if err != nil {
			b.Fatal(err)
		}
		checkSize(b, bundle)
	}
}

// BenchmarkRenderOthers are renders of one cluster after the other: what they
// have in common comes from the cache.
func BenchmarkRenderOthers(b *testing.B) {
	in, all := usual(b, 1000)
	in.Cache = NewCache(DefaultCacheBytes)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		in.Cluster = &all[i%len(all)]
		bundle, err := Render(in)
		if err != nil {
			b.Fatal(err)
		}
		checkSize(b, bundle)
	}
}

func checkSize(b *testing.B, bundle *fairway.Bundle) {
	if len(bundle.Components) != synthrepo.Components || len(bundle.Pools) != 5 {
		b.Fatalf("%d components, %d pools", len(bundle.Components), len(bundle.Pools))
	}
}

// BenchmarkFiles is the same as files, with the exact text of every manifest.
func BenchmarkFiles(b *testing.B) {
	in, _ := usual(b, 10)
	b.ReportAllocs()
	for b.Loop() {
		all, err := Files(b.Context(), FilesInput{Input: in, Reveal: true})
		if err != nil {
			b.Fatal(err)
		}
		if len(all) < 300 {
			b.Fatal(fmt.Sprint(len(all), " files"))
		}
	}
}
