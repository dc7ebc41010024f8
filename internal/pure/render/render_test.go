package render

import (
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

const defaultsPath = "cluster/config-defaults.yaml"

func TestDefaults(t *testing.T) {
	t.Parallel()
	b := renderFiles(t, map[string]string{
		defaultsPath: `
mode: 0400
ratio: 1.50
flag: yes
nothing:
node_image: from-defaults
empty: from-defaults
twice: first
twice: last
pools: "{{ range .Cluster.NodePools }}{{ .Name }}={{ index .ConfigItems "own" }}{{ end }}"
seen: "{{ len .Cluster.ConfigItems }}"
labels: "a=b, c=d,broken,=x"
taints: "t=v:NoSchedule,bare,broken:Never,:NoSchedule"
---
second: document
`,
	}, func(c *fairway.Cluster) {
		c.ConfigItems["empty"] = ""
		c.NodePools[0].ConfigItems = map[string]string{"own": "pool", "mode": "mine"}
	})
	want := map[string]string{
		"mode": "0400", "ratio": "1.50", "flag": "yes", "nothing": "", "node_image": "image-1", "empty": "", "twice": "last",
		"pools": "workers=pool", "seen": "0", "labels": "a=b, c=d,broken,=x", "taints": "t=v:NoSchedule,bare,broken:Never,:NoSchedule",
	}
	if diff := cmp.Diff(want, b.Settings); diff != "" {
		t.Error(diff)
	}
	pool := b.Pools[0]
	wantPool := map[string]string{"own": "pool"}
	for k, v := range want {
		wantPool[k] = v
	}
	wantPool["mode"] = "mine"
	if diff := cmp.Diff(wantPool, pool.Pool.ConfigItems); diff != "" {
		t.Errorf("items of the pool: %s", diff)
	}
	if pool.Image != "image-1" || pool.UserData != "image: image-1\n" {
		t.Errorf("image %q, user data %q", pool.Image, pool.UserData)
	}
	if diff := cmp.Diff(map[string]string{"a": "b", "c": "d"}, pool.Labels); diff != "" {
		t.Errorf("labels: %s", diff)
	}
	if diff := cmp.Diff([]fairway.Taint{{Key: "t", Value: "v", Effect: "NoSchedule"}}, pool.Taints); diff != "" {
		t.Errorf("taints: %s", diff)
	}
}

func TestDefaults_NoItemsAtAll(t *testing.T) {
	t.Parallel()
	b := renderFiles(t, map[string]string{defaultsPath: "node_image: a\n"}, func(c *fairway.Cluster) { c.ConfigItems = nil })
	if b.Pools[0].UserData != "image: a\n" {
		t.Errorf("user data %q", b.Pools[0].UserData)
	}
}

// TestRender_LeavesItsInputAlone: the registry entry is shared with others.
func TestRender_LeavesItsInputAlone(t *testing.T) {
	t.Parallel()
	c := testCluster(nil)
	before := c.Hash()
	if _, err := Render(Input{Cluster: c, Sources: []Source{{Name: "main", FS: base(map[string]string{defaultsPath: "more: items"})}}}); err != nil {
		t.Fatal(err)
	}
	if c.Hash() != before {
		t.Errorf("the cluster has changed: %v", c)
	}
}

func TestRender_SameInputSameBytes(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		defaultsPath:                "a: 1\nb: 2\nc: 3\n",
		"cluster/manifests/b/a.yml": configMap + "{{ range $k, $v := .Cluster.ConfigItems }}{{ $k }}{{ $v }}{{ end }}\n",
	}
	var first string
	for range 20 {
		b, err := json.Marshal(renderFiles(t, map[string]string{
			defaultsPath:                files[defaultsPath],
			"cluster/manifests/b/b.yml": strings.ReplaceAll(files["cluster/manifests/b/a.yml"], "name: a", "name: b"),
		}, nil))
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(b)
		}
		if string(b) != first {
			t.Fatalf("another render of the same input:\n%s\n%s", first, b)
		}
	}
}

func TestRender_Values(t *testing.T) {
	t.Parallel()
	b := renderFiles(t, map[string]string{
		userData:                   `{{ range $k, $v := .Values }}{{ $k }} {{ end }}{{ .Values.hosted_zone }}`,
		deletionsFile:              "post_apply:\n- {kind: A, name: '{{ range $k, $v := .Values }}{{ $k }}{{ end }}'}\n",
		manifestsDir + "/x/x.yaml": strings.ReplaceAll(configMap, "name: a", "name: x") + "'{{ if .NodePool }}pool{{ else }}none{{ end }}'",
	}, nil)
	if got, want := b.Pools[0].UserData, "ClusterStackOutputs hosted_zone example.zalan.do"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := b.PostApply[0].Name, "hosted_zone"; got != want {
		t.Errorf("deletions see %q, want %q", got, want)
	}
	if got := b.Components[1].Objects[0]["data"].(map[string]any)["x"]; got != "none" {
		t.Errorf("got %v", got)
	}
}

func TestComponents_Layout(t *testing.T) {
	t.Parallel()
	named := func(name string) string { return strings.ReplaceAll(configMap, "name: a", "name: "+name) + "1\n" }
	files := base(map[string]string{
		manifestsDir + "/b/x.yaml":         named("b"),
		manifestsDir + "/B/x.yaml":         named("upper"),
		manifestsDir + "/02/10.yaml":       named("n10") + "---\n" + named("n10b"),
		manifestsDir + "/02/2.yml":         named("n2"),
		manifestsDir + "/02/sub/x.yaml":    "{{ broken",
		manifestsDir + "/02/readme.txt":    "{{ broken",
		manifestsDir + "/empty/readme":     "",
		manifestsDir + "/nothing/x.yaml":   "# only a comment\n---\n---\nnull\n",
		manifestsDir + "/not-a-folder.txt": "{{ broken",
		"cluster/shared.yaml":              named("shared"),
	})
	files[manifestsDir+"/b/link.yaml"] = &fstest.MapFile{Data: []byte("../../shared.yaml"), Mode: fs.ModeSymlink | 0o777}
	files[manifestsDir+"/linked"] = &fstest.MapFile{Data: []byte("b"), Mode: fs.ModeSymlink | 0o777}
	b, err := Render(Input{Cluster: testCluster(nil), Sources: []Source{{Name: "main", FS: files}}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range b.Components {
		for _, o := range c.Objects {
			got = append(got, c.Name+":"+o.Ref().Name)
		}
	}
	if diff := cmp.Diff([]string{"02:n10", "02:n10b", "02:n2", "B:upper", "a:a", "b:shared", "b:b"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestComponents_FolderNamedLikeAFile(t *testing.T) {
	t.Parallel()
	errs := renderError(t, map[string]string{manifestsDir + "/a/x.yaml/y.yaml": "a"}, nil)
	contains(t, "the error", errs.Error(), "main/cluster/manifests/a/x.yaml: is a directory")
}

func TestManifestHash(t *testing.T) {
	t.Parallel()
	doc := func(name, value string) string {
		return "apiVersion: v1\nkind: X\nmetadata: {name: " + name + "}\nv: '" + value + "'\n"
	}
	for _, tc := range []struct {
		name  string
		files map[string]string
		fails string
	}{
		{name: "a sibling that asks itself, rendered before", files: map[string]string{"0.yaml": doc("zero", `{{ manifestHash "b.yaml" }}`), "b.yaml": doc("b", "1"), "user.yaml": doc("user", `{{ manifestHash "0.yaml" }}`)}},
		{name: "a sibling that asks itself, rendered later", files: map[string]string{"a.yaml": doc("user", `{{ manifestHash "b.yaml" }}`), "b.yaml": doc("b", `{{ manifestHash "c.yaml" }}`), "c.yaml": doc("c", "")}, fails: "manifestHash is not reentrant"},
		{name: "itself", files: map[string]string{"a.yaml": doc("user", `{{ manifestHash "a.yaml" }}`)}, fails: "manifestHash is not reentrant"},
		{name: "a cleaned path", files: map[string]string{"b.yaml": doc("b", ""), "user.yaml": doc("user", `{{ manifestHash "../h/b.yaml" }}`)}},
		{name: "another component", files: map[string]string{"user.yaml": doc("user", `{{ manifestHash "../a/a.yaml" }}`)}, fails: "template file not found: ../a/a.yaml"},
		{name: "no YAML file", files: map[string]string{"x.txt": "", "user.yaml": doc("user", `{{ manifestHash "x.txt" }}`)}, fails: "template file not found: x.txt"},
		{name: "a broken sibling", files: map[string]string{"b.yaml": doc("b", "{{ .Cluster.ConfigItems.gone }}"), "a.yaml": doc("user", `{{ manifestHash "b.yaml" }}`)}, fails: `config item "gone" is not set`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{}
			for name, text := range tc.files {
				files[manifestsDir+"/h/"+name] = text
			}
			if tc.fails != "" {
				contains(t, "the error", renderError(t, files, nil).Error(), tc.fails)
				return
			}
			for _, o := range renderFiles(t, files, nil).Components[1].Objects {
				if v, _ := o["v"].(string); o.Ref().Name == "user" && len(v) != 64 {
					t.Errorf("hash %q", v)
				}
			}
		})
	}
}

// TestManifestHash_Vector is vector 9.4: the hash is that of the text before
// any normalisation.
func TestManifestHash_Vector(t *testing.T) {
	t.Parallel()
	const hash = "82b883f3662dfed3357ba6c497a77684b1d84468c6aa49bf89c4f209889ddc77"
	c := &componentRender{texts: map[string]string{"x.yaml": "foo abc123"}, folder: folder{name: "h", files: []string{"x.yaml"}}}
	if got, err := c.hash("x.yaml"); err != nil || got != hash {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestSources(t *testing.T) {
	t.Parallel()
	named := func(name string) string { return strings.ReplaceAll(configMap, "name: a", "name: "+name) + "1\n" }
	second := tree(map[string]string{
		defaultsPath:               "two: second\nboth: second\n",
		manifestsDir + "/a/a.yaml": named("other"),
		deletionsFile:              "pre_apply: [{kind: B, name: b}]",
		userData:                   "never read",
	})
	b, err := Render(Input{Cluster: testCluster(nil), Sources: []Source{
		{Name: "main", FS: base(map[string]string{defaultsPath: "one: first\nboth: first\n", deletionsFile: "pre_apply: [{kind: A, name: a}]"})},
		{Name: "extra", FS: second},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"one": "first", "two": "second", "both": "second", "node_image": "image-1"}, b.Settings); diff != "" {
		t.Error(diff)
	}
	var names []string
	for _, c := range b.Components {
		names = append(names, c.Name)
	}
	for _, d := range b.PreApply {
		names = append(names, d.String())
	}
	if diff := cmp.Diff([]string{"main/a", "extra/a", "A/a", "B/b"}, names); diff != "" {
		t.Error(diff)
	}
	if b.Pools[0].UserData != "image: image-1\n" {
		t.Errorf("user data %q is not of the first source", b.Pools[0].UserData)
	}
}

// TestErrors holds what is said of each mistake: where, which action, what is
// missing, and what to do.
func TestErrors(t *testing.T) {
	t.Parallel()
	pad := "# one\n# two\n"
	for _, tc := range []struct {
		name  string
		files map[string]string
		want  string
		hint  string
	}{
		{"missing item", map[string]string{manifestsDir + "/a/b.yaml": pad + "x: {{ .Cluster.ConfigItems.node_imag }}"},
			`main/cluster/manifests/a/b.yaml:3: {{ .Cluster.ConfigItems.node_imag }}: config item "node_imag" is not set`, `did you mean "node_image"?`},
		{"missing item in a condition", map[string]string{manifestsDir + "/a/b.yaml": "{{ if eq .Cluster.ConfigItems.enabled \"true\" }}{{ end }}"},
			`b.yaml:1: {{ if eq .Cluster.ConfigItems.enabled "true" }}: config item "enabled" is not set`, "give it a default in cluster/config-defaults.yaml or set it on cluster aws:123456789012:eu-central-1:kube-1"},
		{"missing item of a pool", map[string]string{userData: "{{ .NodePool.ConfigItems.node_imge }}"},
			`node pool workers: main/cluster/node-pools/worker/userdata.yaml:1: {{ .NodePool.ConfigItems.node_imge }}: config item "node_imge" is not set on node pool workers`, `did you mean "node_image"?`},
		{"missing value", map[string]string{manifestsDir + "/a/b.yaml": "{{ .Values.hosted_zon }}"}, `value "hosted_zon" is not there`, `did you mean "hosted_zone"?`},
		{"value in defaults", map[string]string{defaultsPath: "a: {{ .Values.x }}"}, `unable to read configuration defaults: main/cluster/config-defaults.yaml:1: {{ .Values.x }}: value "x" is not there`, "use the fields of .Cluster"},
		{"item in defaults", map[string]string{defaultsPath: "a: {{ .Cluster.ConfigItems.node_image }}"}, "config items are not visible in config-defaults.yaml", "other fields"},
		{"unknown field", map[string]string{manifestsDir + "/a/b.yaml": "{{ .Cluster.Regin }}"}, `.Cluster has no field "Regin"`, `did you mean "Region"?`},
		{"unknown field of a pool", map[string]string{manifestsDir + "/a/b.yaml": "{{ range .Cluster.NodePools }}{{ .MinSiz }}{{ end }}"}, `a node pool has no field "MinSiz"`, `did you mean "MinSize"?`},
		{"old root", map[string]string{manifestsDir + "/a/b.yaml": "{{ .ConfigItems.x }}"}, `the root of a template has no field "ConfigItems"`, "it has: Cluster, NodePool, Values"},
		{"pool outside of pools", map[string]string{manifestsDir + "/a/b.yaml": "{{ .NodePool.Name }}"}, "{{ .NodePool.Name }}: .NodePool is not set here", "cluster/node-pools"},
		{"no sibling", map[string]string{manifestsDir + "/a/b.yaml": "{{ .Cluster.SiblingCluster.ID }}"}, "there is no cluster to take .ID from", "{{ with }}"},
		{"does not parse", map[string]string{manifestsDir + "/a/b.yaml": pad + "{{ if }}"}, "main/cluster/manifests/a/b.yaml:3: template does not parse: missing value for if", "line 3"},
		{"unknown function", map[string]string{manifestsDir + "/a/b.yaml": "{{ bas64 .Cluster.ID }}"}, `b.yaml:1: template does not parse: function "bas64" not defined`, `did you mean the function "base64"?`},
		{"failing function", map[string]string{manifestsDir + "/a/b.yaml": "{{ asgSize 7 3 }}"}, "{{ asgSize 7 3 }}: asgSize: pool size must be an exact multiple of 3", ""},
		{"look-up", map[string]string{manifestsDir + "/a/b.yaml": `{{ amiID "a" "b" }}`}, "function amiID needs look-ups, which provider local does not have", "guard it"},
		{"panic in a function", map[string]string{manifestsDir + "/a/b.yaml": `{{ index .NodePool.Nothing 0 }}`}, "b.yaml:1", ""},
		{"no YAML", map[string]string{manifestsDir + "/a/b.yaml": "a: b: c"}, "main/cluster/manifests/a/b.yaml: the rendered text is not valid: yaml: mapping values", ""},
		{"no object", map[string]string{manifestsDir + "/a/b.yaml": "kind: A\napiVersion: v1\nmetadata: {}"}, "main/cluster/manifests/a/b.yaml: document 1: unsupported manifest, expecting kind/apiVersion/metadata.name for Kubernetes; metadata.name is missing", ""},
		{"defaults that are no map", map[string]string{defaultsPath: "- a"}, "unable to read configuration defaults: main/cluster/config-defaults.yaml: the rendered text is not valid", "plain value"},
		{"defaults with a list", map[string]string{defaultsPath: "a: [b]"}, "unable to read configuration defaults", "plain value"},
		{"missing profile", map[string]string{userData: "", "cluster/node-pools/worker-x/userdata.yaml": ""}, "", ""},
		{"too much text", map[string]string{manifestsDir + "/a/b.yaml": `{{ range 100000 }}{{ printf "%01000d" . }}{{ end }}`}, "main/cluster/manifests/a/b.yaml: the template makes more than 16 MiB of text", "range"},
		{"an object twice", map[string]string{manifestsDir + "/b/b.yaml": configMap + "2"}, "components a and b both have ConfigMap/a", "remove it from one of them"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var change func(*fairway.Cluster)
			if tc.name == "missing profile" {
				change = func(c *fairway.Cluster) { c.NodePools[0].Profile = "worker-y" }
				tc.want, tc.hint = "main/cluster/node-pools/worker-y/userdata.yaml: file not found; node pool workers has profile \"worker-y\"", `did you mean profile "worker-x"?`
			}
			errs := renderError(t, tc.files, change)
			if len(errs) != 1 {
				t.Errorf("%d errors, want 1: %v", len(errs), errs)
			}
			contains(t, "the error", errs[0].Error(), tc.want)
			contains(t, "the hint", errs[0].Hint, tc.hint)
			if strings.Contains(errs.Error(), "render.") || strings.Contains(errs.Error(), "executing") {
				t.Errorf("the error speaks of the program: %v", errs)
			}
		})
	}
}

func TestErrors_AllAtOnce(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		manifestsDir + "/a/b.yaml": "{{ .Cluster.ConfigItems.first }}",
		manifestsDir + "/a/c.yaml": "{{ broken",
		manifestsDir + "/b/d.yaml": "a: b: c",
		manifestsDir + "/b/e.yaml": "apiVersion: v1\nkind: A\n---\nmetadata: {name: x}",
		deletionsFile:              "pre_apply:\n- kind: A\n- name: b\npost_apply:\n- {kind: C, name: c, selector: d}",
		userData:                   "{{ .NodePool.ConfigItems.second }}",
	}
	_, err := Render(Input{Cluster: testCluster(nil), Sources: []Source{{Name: "main", FS: base(files)}}, Revision: "abc"})
	errs, _ := errors.AsType[Errors](err)
	want := []string{
		"deletions.yaml: pre_apply entry 1 (A/): none of name, selector and labels is given",
		"deletions.yaml: pre_apply entry 2 (/b): kind is missing",
		"deletions.yaml: post_apply entry 1 (C/(d)): more than one of name, selector and labels is given",
		`b.yaml:1: {{ .Cluster.ConfigItems.first }}: config item "first" is not set`,
		"c.yaml:1: template does not parse",
		"d.yaml: the rendered text is not valid",
		"e.yaml: document 1: unsupported manifest",
		"e.yaml: document 2: unsupported manifest",
		`config item "second" is not set on node pool workers`,
	}
	if len(errs) != len(want) {
		t.Fatalf("%d errors, want %d: %v", len(errs), len(want), err)
	}
	for i, part := range want {
		contains(t, "the error", errs[i].Error(), part)
		if errs[i].Code != fairway.CodeInvalid {
			t.Errorf("code of %v is %s", errs[i], errs[i].Code)
		}
	}
	contains(t, "the whole", err.Error(), "render cluster aws:123456789012:eu-central-1:kube-1 at revision abc: 9 errors:", want[0], want[8])
	if fairway.ErrorHint(err) != errs[0].Hint {
		t.Errorf("hint %q, want the first one", fairway.ErrorHint(err))
	}
}

// TestErrors_BrokenDefaults: what would only follow from them is not said, but
// templates that do not parse are.
func TestErrors_BrokenDefaults(t *testing.T) {
	t.Parallel()
	errs := renderError(t, map[string]string{
		defaultsPath:               "{{ .Nope }}",
		manifestsDir + "/a/b.yaml": "{{ .Cluster.ConfigItems.would_have_a_default }}",
		manifestsDir + "/a/c.yaml": "{{ broken",
		userData:                   "{{ also broken",
	}, nil)
	if len(errs) != 3 {
		t.Fatalf("%d errors: %v", len(errs), errs)
	}
	contains(t, "the errors", errs.Error(), "unable to read configuration defaults", "c.yaml:1: template does not parse", "userdata.yaml:1: template does not parse")
}

func TestErrors_ManyAreCut(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for _, a := range "abcdefghij" {
		for _, b := range "abc" {
			files[manifestsDir+"/x/"+string(a)+string(b)+".yaml"] = "{{ .Cluster.ConfigItems.gone }}"
		}
	}
	errs := renderError(t, files, nil)
	if len(errs) != 30 {
		t.Errorf("%d errors, want 30", len(errs))
	}
	contains(t, "the text", errs.Error(), "and 10 more")
}

// TestRender_NoManifests: an empty repository is an error, never a bundle
// without objects.
func TestRender_NoManifests(t *testing.T) {
	t.Parallel()
	_, err := Render(Input{Cluster: testCluster(nil), Sources: []Source{{Name: "main", FS: tree(map[string]string{userData: "{{ .NodePool.Name }}"})}}})
	if err == nil {
		t.Fatal("rendered a repository without manifests")
	}
	contains(t, "the error", err.Error(), "main/cluster/manifests: folder not found")
	contains(t, "the hint", fairway.ErrorHint(err), "root of a repository")
}

// failing is a file system whose repository cannot be read.
type failing struct{ fs.FS }

func (f failing) Open(name string) (fs.File, error) {
	if strings.HasSuffix(name, "a.yaml") {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fairway.Errorf(fairway.CodeUnavailable, "the repository is gone").WithHint("look for it")}
	}
	return f.FS.Open(name)
}

// TestRender_RepositoryUnavailable: that is no fault of the configuration, and
// trying again can help.
func TestRender_RepositoryUnavailable(t *testing.T) {
	t.Parallel()
	_, err := Render(Input{Cluster: testCluster(nil), Sources: []Source{{Name: "main", FS: failing{base(nil)}}}})
	if fairway.ErrorCode(err) != fairway.CodeUnavailable || fairway.ErrorHint(err) != "look for it" {
		t.Errorf("code %s, hint %q: %v", fairway.ErrorCode(err), fairway.ErrorHint(err), err)
	}
}
