package synthrepo_test

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/registryfile"
	"github.com/fairwayhq/fairway/internal/pure/render"
	"github.com/fairwayhq/fairway/internal/synthrepo"
)

func lookups(t *testing.T) *render.Recorded {
	t.Helper()
	answers, roots := synthrepo.Lookups()
	recorded, err := render.ParseRecorded(answers, func(string) ([]byte, error) { return roots, nil })
	if err != nil {
		t.Fatal(err)
	}
	return recorded
}

func TestSize(t *testing.T) {
	t.Parallel()
	files := synthrepo.Files(1)
	bytes, crds := 0, 0
	for name, text := range files {
		if strings.HasPrefix(name, "cluster/manifests/") {
			bytes += len(text)
		}
		if strings.Contains(text, "kind: CustomResourceDefinition") && len(text) >= synthrepo.CRDBytes {
			crds++
		}
	}
	if bytes < synthrepo.ManifestBytes*95/100 || bytes > synthrepo.ManifestBytes*105/100 || crds != 2 {
		t.Errorf("%d bytes of manifests, %d large definitions", bytes, crds)
	}
	if lines := strings.Count(files["cluster/config-defaults.yaml"], "\n"); lines != synthrepo.DefaultLines {
		t.Errorf("%d lines of defaults", lines)
	}
	for _, provider := range []string{fairway.ProviderAWS, fairway.ProviderLocal} {
		clusters := synthrepo.Clusters(1, 20, provider)
		in := render.Input{Cluster: &clusters[0], Siblings: clusters, Sources: []render.Source{{Name: "main", FS: synthrepo.FS(files)}}}
		if provider == fairway.ProviderAWS {
			in.Lookups, in.ManageEtcdStack = lookups(t), true
		}
		bundle, err := render.Render(in)
		if err != nil {
			t.Fatal(err)
		}
		objects := 0
		for _, c := range bundle.Components {
			objects += len(c.Objects)
		}
		if len(bundle.Components) != synthrepo.Components || objects != synthrepo.Objects || len(bundle.Pools) != 5 {
			t.Errorf("%s: %d components, %d objects, %d pools", provider, len(bundle.Components), objects, len(bundle.Pools))
		}
		if provider != fairway.ProviderAWS {
			continue
		}
		if _, err := render.Files(context.Background(), render.FilesInput{Input: in, Version: "1"}); err != nil {
			t.Error(err)
		}
	}
}

func TestSameSeedSameFiles(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(synthrepo.Files(7), synthrepo.Files(7)); diff != "" {
		t.Error(diff)
	}
	if maps.Equal(synthrepo.Files(7), synthrepo.Files(8)) {
		t.Error("two seeds, the same files")
	}
	if diff := cmp.Diff(synthrepo.Clusters(7, 3, fairway.ProviderAWS), synthrepo.Clusters(7, 9, fairway.ProviderAWS)[:3]); diff != "" {
		t.Error(diff)
	}
	one, _ := synthrepo.Lookups()
	two, _ := synthrepo.Lookups()
	if string(one) != string(two) {
		t.Error("look-ups differ")
	}
	before := synthrepo.Files(7)
	if maps.Equal(before, synthrepo.Changed(before)) {
		t.Error("nothing changed")
	}
}

// TestNoTwoClustersAreAlike: what clusters share comes from the repository.
func TestNoTwoClustersAreAlike(t *testing.T) {
	t.Parallel()
	clusters := synthrepo.Clusters(1, 1000, fairway.ProviderAWS)
	holders := map[string][]int{} // key and value -> clusters
	for i, c := range clusters {
		if len(c.ConfigItems) < 55 {
			t.Fatalf("cluster %d has %d config items", i, len(c.ConfigItems))
		}
		for k, v := range c.ConfigItems {
			holders[k+"="+v] = append(holders[k+"="+v], i)
		}
	}
	shared := map[[2]int]int{}
	for _, all := range holders {
		for i, a := range all {
			for _, b := range all[i+1:] {
				shared[[2]int{a, b}]++
			}
		}
	}
	for pair, n := range shared {
		if n >= 10 {
			t.Fatalf("clusters %v share %d config items", pair, n)
		}
	}
}

// TestRegistryIsClean: the registry reads back without a word.
func TestRegistryIsClean(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{fairway.ProviderAWS, fairway.ProviderLocal} {
		clusters := synthrepo.Clusters(1, 12, provider)
		file, err := registryfile.Parse(synthrepo.Registry(clusters), registryfile.Defaults{})
		if err != nil {
			t.Fatal(err)
		}
		if len(file.Warnings) > 0 || len(file.Clusters) != 12 {
			t.Errorf("%d clusters, warnings %v", len(file.Clusters), file.Warnings)
		}
	}
}

func TestLintFindsNothing(t *testing.T) {
	t.Parallel()
	clusters := synthrepo.Clusters(1, 1, fairway.ProviderAWS)
	var items []string
	for key := range clusters[0].ConfigItems {
		items = append(items, key)
	}
	for _, p := range clusters[0].NodePools {
		for key := range p.ConfigItems {
			items = append(items, key)
		}
	}
	found, err := render.Lint(t.Context(), []render.Source{{Name: "main", FS: synthrepo.FS(synthrepo.Files(1))}}, items)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Errorf("%s:%d %s %s", f.File, f.Line, f.Check, f.Message)
	}
}
