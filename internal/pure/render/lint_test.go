package render

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLint(t *testing.T) {
	t.Parallel()
	files := tree(map[string]string{
		"cluster/config-defaults.yaml": "used: a\nunused: b\n{{ if eq .Cluster.Environment \"e2e\" }}\nby_index: c\n{{ end }}\nimage_v1_amd64: d\nupdate_strategy: clc\n",
		"cluster/manifests/a/a.yaml": "x: {{ .Cluster.ConfigItems.used }}\ny: {{ .Cluster.ConfigItems.usde }}\nz: {{ index .Cluster.ConfigItems \"by_index\" }}\n" +
			"v: {{ index .Cluster.ConfigItems (print \"image_\" .Cluster.Environment) }}\ns: {{ .Cluster.ConfigItems.of_registry }}{{ .Cluster.ConfigItems.vpc_id }}\n" +
			"#{{ if true }}\nimage: registry.example.org:5000/app\nimage: app:latest\nimage: app:v1\nimage: app@sha256:0123\nimage: {{ .Cluster.Alias }}\n#{{ end }}\n# {{/* a comment */}}\n",
		"cluster/manifests/a/b.yaml":              "\n{{ if }}\n",
		"cluster/manifests/dead/a.yaml":           "# nothing\n---\n",
		"cluster/manifests/empty/README":          "",
		"cluster/node-pools/worker/userdata.yaml": "{{ .UserData }}\n{{ range .Cluster.NodePools }}{{ .ConfigItems }}{{ $.LocalID }}{{ end }}\n{{ .NodePool.InstanceType }}\n{{ define \"x\" }}{{ .Region }}{{ $.Region }}{{ end }}",
		"cluster/manifests/a/ignored.txt":         "{{",
	})
	got, err := Lint(t.Context(), []Source{{Name: "main", FS: files}}, []string{"of_registry"})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range got {
		lines = append(lines, fmt.Sprintf("%s:%d %s %s: %s", f.File, f.Line, f.Severity, f.Check, f.Message))
	}
	want := []string{
		"main/cluster/config-defaults.yaml:2 warning unused: config item \"unused\" is used nowhere",
		"main/cluster/manifests/a/a.yaml:2 warning undefined: config item \"usde\" is defined nowhere",
		"main/cluster/manifests/a/a.yaml:6 info commented: the action behind # is run all the same, and the line stays in the text",
		"main/cluster/manifests/a/a.yaml:7 warning image: image registry.example.org:5000/app has neither tag nor digest",
		"main/cluster/manifests/a/a.yaml:8 warning image: image app:latest floats",
		"main/cluster/manifests/a/a.yaml:12 info commented: the action behind # is run all the same, and the line stays in the text",
		"main/cluster/manifests/a/b.yaml:2 error parse: template does not parse: missing value for if",
		"main/cluster/manifests/dead:0 warning dead: component dead holds no manifest",
		"main/cluster/manifests/empty:0 warning dead: component empty holds no manifest",
		"main/cluster/node-pools/worker/userdata.yaml:1 error deprecated: the root of a template has no field \"UserData\" any more",
		"main/cluster/node-pools/worker/userdata.yaml:2 error deprecated: the root of a template has no field \"LocalID\" any more",
		"main/cluster/node-pools/worker/userdata.yaml:3 warning deprecated: the field InstanceType of a node pool is deprecated",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	for _, f := range got {
		if f.Check == "undefined" && !strings.Contains(f.Hint, `did you mean "used"?`) {
			t.Errorf("hint %q", f.Hint)
		}
	}
}

// What is well made has no findings.
func TestLint_Clean(t *testing.T) {
	t.Parallel()
	files := tree(map[string]string{
		"cluster/config-defaults.yaml":            "version: v1\n",
		"cluster/manifests/a/a.yaml":              "image: app:{{ .Cluster.ConfigItems.version }}\n",
		"cluster/node-pools/worker/userdata.yaml": "{{ with .NodePool }}{{ .Name }} {{ .ConfigItems.version }} {{ index .InstanceTypes 0 }}{{ end }}\n",
	})
	if got, err := Lint(t.Context(), []Source{{Name: "main", FS: files}}, nil); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

// TestLint_BrokenTemplate: what a template that does not parse would use is not
// called useless.
func TestLint_BrokenTemplate(t *testing.T) {
	t.Parallel()
	files := base(map[string]string{
		defaultsFile:                 "node_image: a\nsize: \"1\"\nroom: \"2\"\nidle: \"3\"\n",
		"cluster/manifests/a/b.yaml": "{{ .Cluster.ConfigItems.size }}{{ index .Cluster.ConfigItems \"room\" }}{{ if }}\n",
	})
	found, err := Lint(t.Context(), []Source{{Name: "main", FS: files}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range found {
		got = append(got, f.Check+" "+f.Message)
	}
	want := []string{`unused config item "idle" is used nowhere`, "parse template does not parse: missing value for if"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
