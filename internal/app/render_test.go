package app

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// write makes files below a folder.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// fairwayMain runs the command line.
func fairwayMain(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, errOut bytes.Buffer
	code = Main(args, strings.NewReader(stdin), &out, &errOut)
	return code, out.String(), errOut.String()
}

const renderRegistry = `clusters:
- id: local:here:eu:kube-1
  alias: one
  local_id: kube-1
  infrastructure_account: local:here
  api_server_url: https://kube-1.example.org
  channel: dev
  environment: test
  criticality_level: 1
  lifecycle_status: ready
  provider: local
  region: eu
  config_items: {name: registry, override_channel: "extra=other"}
  node_pools:
  - {name: workers, profile: worker, instance_types: [medium], discount_strategy: none, min_size: 1, max_size: 2}
- id: local:here:eu:kube-2
  alias: two
  local_id: kube-2
  infrastructure_account: local:here
  api_server_url: https://kube-2.example.org
  channel: dev
  environment: test
  criticality_level: 1
  lifecycle_status: ready
  provider: local
  region: eu
infrastructure_accounts:
- {id: "local:here", owner: ops, name: somewhere, type: local, environment: test, lifecycle_status: ready}
`

const renderManifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata:\n  name: {{ .Cluster.ConfigItems.name }}\n  late: {{ .Cluster.ConfigItems.late }}\n  owner: {{ .Cluster.Owner }}\n  siblings: \"{{ len .Cluster.AccountClusters }}\"\n"

func manifest(name string) string { return strings.ReplaceAll(renderManifest, "%s", name) }

// gitRepo makes a repository with a commit on each branch.
func gitRepo(t *testing.T, dir string, branches map[string]map[string]string) {
	t.Helper()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v %s", args, err, out)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	git("init", "--quiet", "--initial-branch=empty")
	git("commit", "--quiet", "--allow-empty", "-m", "empty")
	for branch, files := range branches {
		git("checkout", "--quiet", "-b", branch, "empty")
		write(t, dir, files)
		git("add", ".")
		git("commit", "--quiet", "-m", branch)
	}
	git("checkout", "--quiet", "empty")
}

// Two sources, a folder and a repository with another channel for one cluster:
// precedence, versions, names and the files that are written.
func TestRender_SeveralSources(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"clusters.yaml":                              renderRegistry,
		"main/cluster/config-defaults.yaml":          "late: first\nname: default\n",
		"main/cluster/manifests/a/a.yaml":            manifest("a"),
		"main/cluster/manifests/deletions.yaml":      "pre_apply: []\n",
		"main/cluster/node-pools/base/userdata.yaml": "{{ .NodePool.ConfigItems.late }}\n",
		"main/cluster/node-pools/worker/README":      "",
		"extra/unused":                               "",
	})
	// Existing repositories share files of profiles by links.
	if err := os.Symlink("../base/userdata.yaml", filepath.Join(dir, "main/cluster/node-pools/worker/userdata.yaml")); err != nil {
		t.Fatal(err)
	}
	gitRepo(t, filepath.Join(dir, "repo"), map[string]map[string]string{
		"dev":   {"cluster/manifests/a/a.yaml": manifest("of-dev")},
		"other": {"cluster/manifests/a/a.yaml": manifest("of-other"), "cluster/config-defaults.yaml": "late: second\n"},
	})
	args := []string{"render", "one", "--registry-file", filepath.Join(dir, "clusters.yaml"), "--config-source", "main:directory:" + filepath.Join(dir, "main"),
		"--config-source", "extra:git:" + filepath.Join(dir, "repo"), "--workdir", filepath.Join(dir, "mirrors"), "--out", filepath.Join(dir, "out")}
	for range 2 { // the second time over the files of the first
		if code, stdout, stderr := fairwayMain("", args...); code != 0 || stdout != "" || !strings.Contains(stderr, "files written to") {
			t.Fatalf("exit %d: %s%s", code, stdout, stderr)
		}
	}
	head, err := exec.Command("git", "-C", filepath.Join(dir, "repo"), "rev-parse", "other").Output()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	root := filepath.Join(dir, "out", "kube-1")
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		got[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	version, _, _ := strings.Cut(got["version.txt"], "#")
	if want := "main=<dir>;extra=" + strings.TrimSpace(string(head)); version != want {
		t.Errorf("version %q, want %q", version, want)
	}
	data := func(name string) string {
		return "apiVersion: v1\ndata:\n    late: second\n    name: registry\n    owner: ops\n    siblings: \"2\"\nkind: ConfigMap\nmetadata:\n    name: " + name + "\n"
	}
	for path, want := range map[string]string{
		"manifests/main/a.yaml": data("a"), "manifests/extra/a.yaml": data("of-other"), "node-pools/workers/userdata.yaml": "second\n", "deletions.yaml": "pre_apply: []\n",
	} {
		if diff := cmp.Diff(want, got[path]); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "out")); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestRender_Errors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"clusters.yaml": renderRegistry, "lookups.json": `{"imags": []}`, "bad.json": "{", "full/kube-1/precious": "",
		"main/cluster/manifests/a/a.yaml":              "{{ .Cluster.ConfigItems.nmae }}",
		"main/cluster/manifests/b/a.yaml":              "{{ .Cluster.ConfigItems.none }}",
		"main/cluster/node-pools/worker/userdata.yaml": "x",
	})
	registry, source := "--registry-file="+filepath.Join(dir, "clusters.yaml"), "--config-source=main:dir:"+filepath.Join(dir, "main")
	for _, tc := range []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"all errors of all files", []string{"one", registry, source}, 1, []string{
			"main/cluster/manifests/a/a.yaml:1: {{ .Cluster.ConfigItems.nmae }}: config item \"nmae\" is not set", `did you mean "name"?`, "main/cluster/manifests/b/a.yaml:1: "}},
		{"only one component", []string{"one", registry, source, "--component", "b"}, 1, []string{`config item "none" is not set`}},
		{"an unknown component", []string{"one", registry, source, "--component", "ab"}, 1, []string{`there is no component "ab"`}},
		{"an unknown part", []string{"one", registry, source, "--only", "manifest"}, 1, []string{`there is no part "manifest"`, `did you mean "manifests"?`}},
		{"an unknown cluster", []string{"on", registry, source}, 1, []string{`there is no cluster "on"`, `did you mean "one"?`}},
		{"no source", []string{"one", registry}, 2, []string{"no configuration source"}},
		{"a source twice", []string{"one", registry, source, source}, 1, []string{"duplicate config source name: main"}},
		{"no folder", []string{"one", registry, "--config-source=main:dir:" + filepath.Join(dir, "none")}, 1, []string{"does not exist"}},
		{"a typo in the look-ups", []string{"one", registry, source, "--lookups", filepath.Join(dir, "lookups.json")}, 1, []string{`warning: `, `unknown key "imags" is ignored; did you mean "images"?`}},
		{"no look-ups", []string{"one", registry, source, "--lookups", filepath.Join(dir, "bad.json")}, 1, []string{"bad.json: read look-ups: "}},
		{"files of somebody else", []string{"one", registry, source, "--only", "config", "--out", filepath.Join(dir, "full")}, 1, []string{"holds other files than those of an earlier rendering"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := fairwayMain("", append([]string{"render"}, tc.args...)...)
			if code != tc.code || stdout != "" {
				t.Errorf("exit %d, stdout %q", code, stdout)
			}
			for _, want := range tc.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("%q lacks %q", stderr, want)
				}
			}
		})
	}
}

func TestConfigCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"clusters.yaml": renderRegistry, "main/cluster/config-defaults.yaml": "late: {{ .Cluster.Region }}\n", "t.yaml": "{{ .NodePool.Name }}", "bad/cluster/cluster.yaml": "\n{{ end }}",
		"lookups.json": `{"images": [{"name": "a", "owner": "1", "id": "ami-1"}]}`,
	})
	registry, source := "--registry-file="+filepath.Join(dir, "clusters.yaml"), "--config-source=main:dir:"+filepath.Join(dir, "main")
	for _, tc := range []struct {
		name, stdin string
		args        []string
		code        int
		want, fails string
	}{
		{"a template", "{{ .Cluster.ConfigItems.late }} {{ .Cluster.Alias }}\n", []string{"eval", "kube-1", registry, source, "-"}, 0, "eu one\n", ""},
		{"by id, without sources", "{{ .Cluster.LocalID }}", []string{"eval", "local:here:eu:kube-2", registry, "-"}, 0, "kube-2", ""},
		{"a file for a pool", "", []string{"eval", "one", registry, source, "--node-pool", "workers", filepath.Join(dir, "t.yaml")}, 0, "workers", ""},
		{"an unknown pool", "", []string{"eval", "one", registry, source, "--node-pool", "w", "-"}, 1, "", `has no node pool "w"`},
		{"an error", "a\n{{ .Cluster.ConfigItems.lat }}", []string{"eval", "one", registry, source, "-"}, 1, "", `stdin:2: {{ .Cluster.ConfigItems.lat }}: config item "lat" is not set`},
		{"look-ups", `{{ amiID "a" "1" }}`, []string{"eval", "one", registry, source, "--lookups", filepath.Join(dir, "lookups.json"), "-"}, 0, "ami-1", ""},
		{"normalised", "apiVersion: v1\nkind: A\nmetadata: {name: x}\nd: 0400\ny: 2\n", []string{"normalise", "-"}, 0, "true: 2\napiVersion: v1\nd: 256\nkind: A\nmetadata:\n    name: x\n", ""},
		{"nothing", "# comment\n---\n", []string{"normalise", "-"}, 0, "", ""},
		{"no manifest", "a: b", []string{"normalise", "-"}, 1, "", "unsupported manifest, expecting kind/apiVersion/metadata.name for Kubernetes"},
		{"no file", "", []string{"normalise", filepath.Join(dir, "none")}, 1, "", "read the template: "},
		{"lint", "", []string{"lint", source, "-o", "jsonpath={.items[*].message}"}, 0, "config item \"late\" is used nowhere\n", ""},
		{"lint of what does not parse", "", []string{"lint", "--directory", filepath.Join(dir, "bad"), "-o", "jsonpath={.items[*].line}"}, 1, "2\n", "1 of 1 findings are errors"},
		{"lint of nothing", "", []string{"lint"}, 2, "", "no configuration source"},
		{"no argument", "", []string{"eval", "one"}, 2, "", "FILE is missing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := fairwayMain(tc.stdin, append([]string{"config"}, tc.args...)...)
			if code != tc.code || stdout != tc.want || !strings.Contains(stderr, tc.fails) || tc.fails == "" && stderr != "" {
				t.Errorf("exit %d, %q, %q", code, stdout, stderr)
			}
		})
	}
}

// The registry of 2018 with its defaults from fairway.yaml, and its layout.
func TestRender_ShortForms(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"clusters.yaml": `clusters:
- id: kube-7
  api_server_url: https://kube-7.example.org
  region: eu-central-1
  environment: test
  lifecycle_status: ready
  config_items: {motd: hello}
  node_pools:
  - {name: master-pool, instance_type: m4.large, min_size: 1, max_size: 1}
  - {name: pool-1, instance_type: m4.xlarge, min_size: 2, max_size: 20}
`,
		"main/fairway.yaml":                   "defaults: {channel: alpha, provider: local, infrastructure_account: \"local:here\"}\n",
		"main/cluster/manifests/a/a.yaml":     "",
		"main/cluster/master.clc.yaml":        "passwd: {users: [{name: core}]}\n",
		"main/cluster/worker.clc.yaml":        "storage:\n  files:\n  - {path: /etc/motd, mode: 0644, contents: {inline: \"{{ .NodePool.ConfigItems.motd }}\"}}\n",
		"main/cluster/worker-special.bu.yaml": "variant: flatcar\nversion: 1.0.0\n",
	})
	code, stdout, stderr := fairwayMain("", "render", "kube-7", "--registry-file", filepath.Join(dir, "clusters.yaml"), "--directory", filepath.Join(dir, "main"), "--out", filepath.Join(dir, "out"))
	if code != 0 {
		t.Fatalf("exit %d: %s%s", code, stdout, stderr)
	}
	for path, want := range map[string]string{
		"node-pools/master-pool/userdata.ign": `{"ignition":{"version":"3.4.0"},"passwd":{"users":[{"name":"core"}]}}`,
		"node-pools/pool-1/userdata.ign":      `{"ignition":{"version":"3.4.0"},"storage":{"files":[{"contents":{"source":"data:;base64,aGVsbG8="},"mode":420,"overwrite":true,"path":"/etc/motd"}]}}`,
	} {
		text, err := os.ReadFile(filepath.Join(dir, "out", "kube-7", path))
		if err != nil || string(text) != want {
			t.Errorf("%s: %s, %v, want %s", path, text, err, want)
		}
	}
}

// The example renders as its README says, without a network, and twice alike.
func TestRender_Example(t *testing.T) {
	t.Parallel()
	example := filepath.Join("..", "..", "examples", "2018")
	render := func() string {
		code, stdout, stderr := fairwayMain("", "render", "cluster-id", "--registry-file", filepath.Join(example, "clusters.yaml"),
			"--config-source", "main:dir:"+filepath.Join(example, "config"), "--lookups", filepath.Join(example, "lookups.json"), "--reveal-secrets")
		if code != 0 || stderr != "" {
			t.Fatalf("exit %d: %s", code, stderr)
		}
		return stdout
	}
	out := render()
	for _, want := range []string{
		"# cluster.yaml\n", "ImageId: ami-0123456789abcdef0", "UserData: eyJpZ25pdGlvbiI6", "# etcd/stack.yaml\n", "BucketName: etcd-backup-123456789012-eu-central-1",
		"# node-pools/master-pool/userdata.ign\n{\"ignition\":{\"version\":\"3.4.0\"}", "# manifests/dashboard.yaml\n", "HOSTED_ZONE: example.org", "replicas: 2", "# version.txt\n<dir>#",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the rendering lacks %q", want)
		}
	}
	if again := render(); again != out {
		t.Error("the second rendering differs from the first")
	}
}
