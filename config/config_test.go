package config_test

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v2"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/config"
	"github.com/fairwayhq/fairway/internal/pure/manifest"
	"github.com/fairwayhq/fairway/internal/pure/render"
)

// sample is a cluster as the demo has them.
func sample() *fairway.Cluster {
	worker := func(name string) fairway.NodePool {
		return fairway.NodePool{Name: name, Profile: "worker-default", InstanceTypes: []string{"m5.large"}, DiscountStrategy: "none", MinSize: 3, MaxSize: 6}
	}
	return &fairway.Cluster{
		ID: "local:demo:dev-1", Alias: "dev-1", LocalID: "dev-1", InfrastructureAccount: "local:demo", Region: "local",
		APIServerURL: "https://127.0.0.1:6443", Channel: "dev", Environment: "test", CriticalityLevel: 1,
		LifecycleStatus: fairway.StatusReady, Provider: fairway.ProviderLocal,
		NodePools: []fairway.NodePool{
			{
				Name: "control-plane", Profile: "master-default", InstanceTypes: []string{"m5.large"}, DiscountStrategy: "none", MinSize: 2, MaxSize: 2,
				ConfigItems: map[string]string{"taints": "node-role.kubernetes.io/control-plane=:NoSchedule", "labels": "node-role.kubernetes.io/control-plane="},
			},
			worker("workers"), worker("batch"),
		},
	}
}

func renderFS(t *testing.T, files fs.FS) *fairway.Bundle {
	t.Helper()
	b, err := render.Render(render.Input{Cluster: sample(), Sources: []render.Source{{Name: "main", FS: files}}, Revision: "r1"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// objects are all objects of a bundle by their names.
func objects(b *fairway.Bundle) map[string]fairway.Object {
	all := map[string]fairway.Object{}
	for _, c := range b.Components {
		for _, o := range c.Objects {
			all[o.Ref().String()] = o
		}
	}
	return all
}

func at(t *testing.T, o fairway.Object, path ...string) any {
	t.Helper()
	var v any = map[string]any(o)
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			t.Fatalf("%s has no %s", o.Ref(), strings.Join(path, "."))
		}
		v = m[p]
	}
	return v
}

func TestReferenceConfiguration(t *testing.T) {
	t.Parallel()
	b := renderFS(t, config.FS)

	t.Run("components", func(t *testing.T) {
		var names []string
		for _, c := range b.Components {
			names = append(names, c.Name)
		}
		want := []string{"01-namespaces", "02-priority-classes", "03-roles", "coredns", "ingress", "legacy-monitor", "metrics-agent"}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("every pod can be scheduled", func(t *testing.T) {
		for name, o := range objects(b) {
			switch o.Ref().Kind {
			case "Deployment", "DaemonSet":
			default:
				continue
			}
			pod := at(t, o, "spec", "template", "spec").(map[string]any)
			for _, c := range pod["containers"].([]any) {
				image := c.(map[string]any)["image"].(string)
				if tag := image[strings.LastIndexByte(image, ':')+1:]; !strings.HasPrefix(image, "registry.example.org/") || tag == "" || tag == "latest" {
					t.Errorf("%s runs image %q, want one of registry.example.org with a tag", name, image)
				}
			}
			if pod["nodeSelector"] != nil || pod["affinity"] != nil {
				t.Errorf("%s asks for nodes that a simulated cluster need not have", name)
			}
			if diff := cmp.Diff(at(t, o, "spec", "selector", "matchLabels"), at(t, o, "spec", "template", "metadata", "labels")); diff != "" {
				t.Errorf("%s: selector and labels differ: %s", name, diff)
			}
		}
	})
	t.Run("replicas and budgets", func(t *testing.T) {
		all := objects(b)
		for name, replicas := range map[string]int64{"Deployment/kube-system/coredns": 2, "Deployment/ingress/ingress": 3} {
			if got := at(t, all[name], "spec", "replicas"); got != replicas {
				t.Errorf("%s has %v replicas, want %d", name, got, replicas)
			}
			budget := strings.Replace(name, "Deployment", "PodDisruptionBudget", 1)
			if got := at(t, all[budget], "spec", "maxUnavailable"); got != int64(1) {
				t.Errorf("%s allows %v, want 1", budget, got)
			}
		}
	})
	t.Run("pools", func(t *testing.T) {
		var names []string
		for _, p := range b.Pools {
			names = append(names, p.Pool.Name)
			if p.Image != "fairway-node-2026.10.1" {
				t.Errorf("pool %s has image %q", p.Pool.Name, p.Image)
			}
			if !strings.HasPrefix(p.UserData, "#cloud-config\n") || !strings.Contains(p.UserData, "image: "+p.Image+"\n") {
				t.Errorf("user data of %s:\n%s", p.Pool.Name, p.UserData)
			}
			var parsed struct {
				WriteFiles []struct{ Path, Content string } `yaml:"write_files"`
			}
			if err := yaml.Unmarshal([]byte(p.UserData), &parsed); err != nil {
				t.Errorf("user data of %s is no YAML: %v\n%s", p.Pool.Name, err, p.UserData)
			}
			for _, f := range parsed.WriteFiles {
				var content any
				if err := yaml.Unmarshal([]byte(f.Content), &content); strings.HasSuffix(f.Path, ".yaml") && err != nil {
					t.Errorf("%s of %s is no YAML: %v\n%s", f.Path, p.Pool.Name, err, f.Content)
				}
			}
		}
		if diff := cmp.Diff([]string{"control-plane", "workers", "batch"}, names); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]fairway.Taint{{Key: "node-role.kubernetes.io/control-plane", Effect: "NoSchedule"}}, b.Pools[0].Taints); diff != "" {
			t.Error(diff)
		}
		if b.Pools[1].Taints != nil {
			t.Errorf("workers have taints %v", b.Pools[1].Taints)
		}
		if want := "maxPods: 110\n    systemReserved: {cpu: \"100m\", memory: \"164Mi\"}\n"; !strings.Contains(b.Pools[1].UserData, want) {
			t.Errorf("user data lacks %q:\n%s", want, b.Pools[1].UserData)
		}
	})
	t.Run("it is a bundle that can be applied", func(t *testing.T) {
		if err := manifest.Check(b.Components); err != nil {
			t.Error(err)
		}
		if len(b.PreApply)+len(b.PostApply) != 0 {
			t.Errorf("deletions before any change: %v %v", b.PreApply, b.PostApply)
		}
	})
	t.Run("the sizes of a pool are no part of its user data", func(t *testing.T) {
		c := sample()
		c.NodePools[1].MinSize, c.NodePools[1].MaxSize = 5, 50
		other, err := render.Render(render.Input{Cluster: c, Sources: []render.Source{{Name: "main", FS: config.FS}}, Revision: "r2"})
		if err != nil {
			t.Fatal(err)
		}
		if other.Pools[1].UserData != b.Pools[1].UserData {
			t.Error("another size makes other user data, so scaling would replace every node")
		}
	})
}

func TestSettings(t *testing.T) {
	t.Parallel()
	text, err := fs.ReadFile(config.FS, render.SettingsFile)
	if err != nil {
		t.Fatal(err)
	}
	got, err := render.ParseSettings(text)
	if err != nil {
		t.Fatal(err)
	}
	want := render.Settings{
		Channels: []string{"dev", "alpha", "beta"},
		Defaults: render.SettingsDefaults{Channel: "dev", Provider: "local", InfrastructureAccount: "local:demo"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestDemoChange applies the demo's change with git and compares what it does
// to a cluster.
func TestDemoChange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, config.FS); err != nil {
		t.Fatal(err)
	}
	patch := filepath.Join(dir, "changes", "demo.diff")
	for _, args := range [][]string{{"init", "--quiet"}, {"apply", "--check", patch}, {"apply", patch}} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args, err, out)
		}
	}
	before, after := renderFS(t, config.FS), renderFS(t, os.DirFS(dir))

	for i, p := range after.Pools {
		if p.Image != "fairway-node-2026.11.0" {
			t.Errorf("pool %s has image %q", p.Pool.Name, p.Image)
		}
		// Nothing but the image differs in the user data.
		if want := strings.Replace(before.Pools[i].UserData, "fairway-node-2026.10.1", "fairway-node-2026.11.0", 1); p.UserData != want {
			t.Errorf("user data of %s: %s", p.Pool.Name, cmp.Diff(want, p.UserData))
		}
	}
	was, is := objects(before), objects(after)
	var changed, gone, added []string
	for _, name := range slices.Sorted(maps.Keys(was)) {
		switch o, still := is[name]; {
		case !still:
			gone = append(gone, name)
		case manifest.Digest(o) != manifest.Digest(was[name]):
			changed = append(changed, name)
		}
	}
	for name := range is {
		if was[name] == nil {
			added = append(added, name)
		}
	}
	legacy := []string{"ConfigMap/visibility/legacy-monitor", "Deployment/visibility/legacy-monitor"}
	for _, tc := range []struct {
		name      string
		got, want []string
	}{
		{"changed", changed, []string{"ConfigMap/visibility/metrics-agent", "DaemonSet/visibility/metrics-agent"}},
		{"gone", gone, legacy},
		{"added", added, nil},
	} {
		if diff := cmp.Diff(tc.want, tc.got); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
	}
	var deleted []string
	for _, d := range after.PostApply {
		deleted = append(deleted, d.String())
	}
	slices.Sort(deleted)
	if diff := cmp.Diff(legacy, deleted); diff != "" || len(after.PreApply) != 0 {
		t.Errorf("deletions: %s, before: %v", diff, after.PreApply)
	}
	if bytes.Contains([]byte(after.Pools[0].UserData), []byte("legacy")) {
		t.Error("the user data still knows the legacy monitor")
	}
}
