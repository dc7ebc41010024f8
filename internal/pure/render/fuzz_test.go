package render

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	sigsyaml "sigs.k8s.io/yaml"
)

// FuzzDecode: no text makes the program fail, and whatever both ways accept
// they read alike.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		head, head + "z: 0400\n", head + "y: 2\nz: \"\\tx\\n\"\n", head + "---\n" + head, head + "z: &a {b: c}\ny: {<<: *a}\n", head + "z: !!binary aGk=\n",
		head + "z: |\n  a\n\n   b\n", head + "z: >+\n  a\n\n", head + "z: 1.5e3\n", head + "z: [1, {a: ~}]\n", head + "z: \"\\u2028\\x00\\r\\n\"\n", "- a\n", "{}", "&a [*a]",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		objects, err := decode("f", text)
		if err != nil {
			return
		}
		normal, err := Normalise(text)
		if err != nil {
			return
		}
		docs, err := documents("f", normal)
		if err != nil {
			t.Fatalf("the normalised text %q cannot be read: %v", normal, err)
		}
		if len(objects) != 1 || len(docs) != 1 {
			return
		}
		asJSON, err := sigsyaml.YAMLToJSON([]byte(normal))
		if err != nil {
			return
		}
		var read map[string]any
		if err := utiljson.Unmarshal(asJSON, &read); err != nil {
			return
		}
		if diff := cmp.Diff(read, map[string]any(objects[0])); diff != "" {
			t.Errorf("%s\ntext %q\nnormalised %q", diff, text, normal)
		}
	})
}

// FuzzTemplate: no text makes the program fail or speak of itself.
func FuzzTemplate(f *testing.F) {
	for _, text := range []string{
		"{{ .Cluster.ID }}", "{{ .Cluster.ConfigItems.x }}", "{{ if", "{{ range .Cluster.NodePools }}{{ .Name }}{{ end }}", "{{ index .Values \"a\" }}", "{{ amiID 1 }}",
		"{{ define \"a\" }}{{ .x }}{{ end }}{{ template \"a\" . }}", "{{ .NodePool.Taints }}", "{{ .Cluster.SiblingCluster.Name }}", "{{ printf \"%d\" \"a\" | indent 3 }}", "}}{{\n\n{{ nope }}",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 200 {
			return
		}
		if _, err := evaluate(text, nil); err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
	})
}
