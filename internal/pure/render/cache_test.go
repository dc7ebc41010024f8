package render

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/manifest"
	"github.com/fairwayhq/fairway/internal/synthrepo"
)

// canonical is a bundle as bytes.
func canonical(tb testing.TB, b *fairway.Bundle) string {
	tb.Helper()
	text, err := json.Marshal(b)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// variants are renders that share much and not all: clusters, two states of the
// repository, engines, providers.
func variants(tb testing.TB) []Input {
	tb.Helper()
	base, clusters := usual(tb, 2)
	files := small(synthrepo.Files(1))
	changed := synthrepo.Changed(files)
	var all []Input
	for i := range clusters {
		for _, repository := range []map[string]string{files, changed} {
			for _, engine := range []Engine{EngineFairway, Engine2024} {
				in := base
				in.Cluster, in.Engine, in.Sources = &clusters[i], engine, []Source{{Name: "main", FS: synthrepo.FS(repository)}}
				all = append(all, in)
			}
		}
	}
	// The same file in another source, and the same text in another file.
	twice := all[0]
	twice.Sources = []Source{all[0].Sources[0], {Name: "more", FS: tree(map[string]string{
		manifestsDir + "/02-admission-controller/extra.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n",
		manifestsDir + "/extra/extra.yaml":                   "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\n",
	})}}
	return append(all, twice)
}

// small leaves the two large definitions out, which take most of the time.
func small(files map[string]string) map[string]string {
	for name, text := range files {
		if len(text) >= synthrepo.CRDBytes {
			delete(files, name)
		}
	}
	return files
}

// TestCacheChangesNoByte: whatever the cache holds, however small it is, in any
// order and in parallel, a render gives what it gives without a cache.
func TestCacheChangesNoByte(t *testing.T) {
	t.Parallel()
	all := variants(t)
	want := make([]string, len(all))
	for i, in := range all {
		b, err := Render(in)
		if err != nil {
			t.Fatal(err)
		}
		want[i] = canonical(t, b)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, bytes := range []int{0, 300_000, DefaultCacheBytes} {
		t.Run(fmt.Sprint(bytes), func(t *testing.T) {
			cache := NewCache(bytes)
			order := r.Perm(2 * len(all))
			var group sync.WaitGroup
			for worker := range 4 {
				group.Go(func() {
					for at, i := range order {
						if at%4 != worker {
							continue
						}
						i %= len(all)
						in := all[i]
						in.Cache = cache
						b, err := Render(in)
						if err != nil {
							t.Error(err)
							return
						}
						if got := canonical(t, b); got != want[i] {
							t.Errorf("variant %d, cache of %d bytes, seed %d: %s", i, bytes, seed, cmp.Diff(want[i], got))
						}
					}
				})
			}
			group.Wait()
		})
	}
}

// TestCacheOfFiles is the same for the files of a rendering, masked and not.
func TestCacheOfFiles(t *testing.T) {
	t.Parallel()
	cache := NewCache(DefaultCacheBytes)
	for i, in := range variants(t)[:3] {
		for _, reveal := range []bool{true, false, true} {
			plain, err := Files(t.Context(), FilesInput{Input: in, Reveal: reveal})
			if err != nil {
				t.Fatal(err)
			}
			in := in
			in.Cache = cache
			again, err := Files(t.Context(), FilesInput{Input: in, Reveal: reveal})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(plain, again, func(a, b File) bool { return a.Path == b.Path && string(a.Content) == string(b.Content) }) {
				t.Errorf("variant %d, reveal %t: %s", i, reveal, cmp.Diff(plain, again))
			}
		}
	}
}

// TestCacheErrors: what is wrong is wrong at every render, and names its own file.
func TestCacheErrors(t *testing.T) {
	t.Parallel()
	in := Input{Cluster: testCluster(nil), Cache: NewCache(DefaultCacheBytes)}
	const nameless = "apiVersion: v1\nkind: ConfigMap\n"
	for _, name := range []string{"a", "b", "a"} {
		in.Sources = []Source{{Name: "main", FS: tree(map[string]string{
			manifestsDir + "/x/" + name + ".yaml": nameless,
			manifestsDir + "/x/z.yaml":            "{{ .Cluster.ConfigItems.missing }}",
			manifestsDir + "/y/z.yaml":            "{{ if }}",
			userData:                              "x",
		})}}
		_, err := Render(in)
		contains(t, "the error", err.Error(), "main/cluster/manifests/x/"+name+".yaml: document 1: "+errUnsupported,
			`main/cluster/manifests/x/z.yaml:1: {{ .Cluster.ConfigItems.missing }}: config item "missing" is not set`,
			"main/cluster/manifests/y/z.yaml:1: template does not parse")
	}
}

// TestCacheIsBounded: it holds what was used last and no more than it may.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	in, clusters := usual(t, 30)
	in.Sources[0].FS = synthrepo.FS(small(synthrepo.Files(1)))
	const room = 4 << 20
	in.Cache = NewCache(room)
	for i := range clusters {
		in.Cluster = &clusters[i]
		if _, err := Render(in); err != nil {
			t.Fatal(err)
		}
		held := 0
		for e := in.Cache.order.Front(); e != nil; e = e.Next() {
			held += e.Value.(*cached).bytes
		}
		if held > room || in.Cache.left != room-held || len(in.Cache.byKey) != in.Cache.order.Len() {
			t.Fatalf("%d bytes held in a cache of %d, %d said to be free, %d and %d entries", held, room, in.Cache.left, len(in.Cache.byKey), in.Cache.order.Len())
		}
	}
	if in.Cache.order.Len() < 50 {
		t.Errorf("only %d entries are left", in.Cache.order.Len())
	}
}

// TestCacheSharesObjects: a second render takes the objects of the first, and
// what reads bundles leaves them as they are.
func TestCacheSharesObjects(t *testing.T) {
	t.Parallel()
	in, _ := usual(t, 2)
	in.Sources[0].FS = synthrepo.FS(small(synthrepo.Files(1)))
	in.Cache = NewCache(DefaultCacheBytes)
	first, err := Render(in)
	if err != nil {
		t.Fatal(err)
	}
	before := canonical(t, first)
	for _, stage := range manifest.Stages(first.Components) {
		for _, item := range stage {
			manifest.Digest(item.Object)
		}
	}
	if err := manifest.Check(first.Components); err != nil {
		t.Fatal(err)
	}
	second, err := Render(in)
	if err != nil {
		t.Fatal(err)
	}
	if canonical(t, second) != before {
		t.Error("the second bundle is another")
	}
	second.Components[0].Objects[0]["changed"] = true
	if first.Components[0].Objects[0]["changed"] != true {
		t.Error("the second render made the objects again")
	}
	// Lists are the bundle's own: appending to one leaves the other alone.
	second.Components[0].Objects = append(second.Components[0].Objects, fairway.Object{})
	third, err := Render(in)
	if err != nil || len(third.Components[0].Objects) != len(first.Components[0].Objects) {
		t.Errorf("%d objects, error %v", len(third.Components[0].Objects), err)
	}
}
