package render

import (
	"syscall"
	"testing"
	"time"

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

// spend runs f again and again and reports the processor time of a run, that of
// the garbage collector included.
func spend(b *testing.B, f func(i int)) {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	b.ReportAllocs()
	n, before := 0, used()
	for b.Loop() {
		f(n)
		n++
	}
	b.ReportMetric(float64((used()-before).Microseconds())/1000/float64(n), "CPU-ms/op")
}

func bundleOf(b *testing.B, in Input) {
	bundle, err := Render(in)
	if err != nil {
		b.Fatal(err)
	}
	if len(bundle.Components) != synthrepo.Components || len(bundle.Pools) != 5 {
		b.Fatalf("%d components, %d pools", len(bundle.Components), len(bundle.Pools))
	}
}

// BenchmarkRenderFirst is the first render of a cluster, with nothing to remember.
func BenchmarkRenderFirst(b *testing.B) {
	in, _ := usual(b, 10)
	spend(b, func(int) { bundleOf(b, in) })
}

// BenchmarkRenderAgain is the second one: all documents come from the cache.
func BenchmarkRenderAgain(b *testing.B) {
	in, _ := usual(b, 10)
	in.Cache = NewCache(DefaultCacheBytes)
	bundleOf(b, in)
	spend(b, func(int) { bundleOf(b, in) })
}

// BenchmarkRenderOthers are renders of one cluster after the other: what they
// have in common comes from the cache.
func BenchmarkRenderOthers(b *testing.B) {
	in, all := usual(b, 1000)
	in.Cache = NewCache(DefaultCacheBytes)
	spend(b, func(i int) {
		in.Cluster = &all[i%len(all)]
		bundleOf(b, in)
	})
}

func filesOf(b *testing.B, in Input) {
	all, err := Files(b.Context(), FilesInput{Input: in, Reveal: true})
	if err != nil {
		b.Fatal(err)
	}
	if len(all) < 300 {
		b.Fatalf("%d files", len(all))
	}
}

// BenchmarkFilesFirst is the first render as files, with the exact text of every
// manifest, which goes through two more passes of YAML.
func BenchmarkFilesFirst(b *testing.B) {
	in, _ := usual(b, 10)
	spend(b, func(int) { filesOf(b, in) })
}

// BenchmarkFilesAgain is the second one.
func BenchmarkFilesAgain(b *testing.B) {
	in, _ := usual(b, 10)
	in.Cache = NewCache(DefaultCacheBytes)
	filesOf(b, in)
	spend(b, func(int) { filesOf(b, in) })
}
