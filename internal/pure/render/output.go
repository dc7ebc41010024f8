package render

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
)

// File is one file of a rendering.
type File struct {
	// Path is below the folder of the cluster, with slashes.
	Path    string
	Content []byte
}

// output collects the files of a rendering; nil collects nothing.
type output struct {
	files     map[string][]byte
	manifests map[string][]document
	items     map[string]map[string]string
	wanted    selection
}

// document is one document of a manifest: as it is written, or, where secrets
// are masked, decoded until all of them are known.
type document struct {
	value any
	text  []byte
}

// put keeps a file.
func (o *output) put(path string, content []byte) {
	if o != nil && o.wanted.file(path) {
		o.files[path] = content
	}
}

func (o *output) putText(path, text string) { o.put(path, []byte(text)) }

func (o *output) putJSON(path string, v any) {
	if o != nil && o.wanted.file(path) {
		o.put(path, indented(v))
	}
}

// indented is JSON as it is written to files: two spaces, sorted keys, no HTML
// escapes, a newline at the end.
func indented(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // texts, numbers and bools only: cannot happen
	}
	return b.Bytes()
}

// finish returns the files sorted by path, without secrets if r masks them.
func (o *output) finish(r *renderer) []File {
	for path, docs := range o.manifests {
		text, err := r.manifestText(path, docs)
		r.errs.add(err)
		o.put(path, []byte(text))
	}
	for path, items := range o.items {
		if r.masks {
			items = maps.Clone(items)
			for key := range items {
				if r.secretItems[key] && !strings.HasPrefix(items[key], kmsPrefix) {
					items[key] = mask
				}
			}
		}
		o.putJSON(path, items)
	}
	var all []File
	for _, path := range slices.Sorted(maps.Keys(o.files)) {
		content := o.files[path]
		if r.masks {
			if strings.HasPrefix(path, "s3/") || strings.HasSuffix(path, ".b64") {
				continue
			}
			if o.manifests[path] == nil {
				content = []byte(r.maskText(path, string(content)))
			}
		}
		all = append(all, File{path, content})
	}
	return all
}

// manifestText writes the documents of a component (contract 3.8).
func (r *renderer) manifestText(path string, docs []document) (string, error) {
	var out strings.Builder
	for i, doc := range docs {
		if doc.text == nil {
			var err error
			if doc.text, err = r.pass(r.engine.secrets.maskValue(doc.value)); err != nil {
				return "", yamlError(path, err)
			}
		}
		if i > 0 {
			out.WriteString("---\n")
		}
		out.Write(doc.text)
	}
	return out.String(), nil
}

// maskText masks a rendered text; of a manifest also what its Secrets hold in
// clear.
func (r *renderer) maskText(path, text string) string {
	s := *r.engine.secrets
	if strings.HasPrefix(path, "manifests-rendered/") {
		s = secrets{texts: slices.Clone(s.texts), known: maps.Clone(s.known)}
		docs, _ := documents(path, text) // what is no YAML was an error already
		for _, doc := range docs {
			if member(doc, "kind") != "Secret" {
				continue
			}
			for _, part := range []string{"data", "stringData"} {
				values, _ := member(doc, part).(map[any]any)
				for _, v := range values {
					if value, ok := v.(string); ok {
						s.add(value)
					}
				}
			}
		}
	}
	return s.mask(text)
}

// selection says which parts of a rendering are wanted; the zero value means all.
type selection struct{ only, components []string }

// parts are the parts that can be asked for.
var parts = []string{"cf-manifests", "cluster", "config", "deletions", "etcd", "manifests", "node-pools"}

// newSelection checks what is asked for: names of parts, of components
// (manifests/NAME) and of node pools (node-pools/NAME).
func newSelection(only, components []string) (selection, error) {
	for _, o := range only {
		part, name, _ := strings.Cut(o, "/")
		if !slices.Contains(parts, part) || name != "" && part != "manifests" && part != "node-pools" {
			return selection{}, fairway.Errorf(fairway.CodeInvalid, "there is no part %q of a rendering", o).
				WithHint("%s", suggest(part, slices.Values(parts), "the parts are "+list(slices.Values(parts))+", manifests/COMPONENT and node-pools/POOL"))
		}
	}
	return selection{only, components}, nil
}

// part reports whether anything of a part is wanted.
func (s selection) part(part string) bool {
	if len(s.only)+len(s.components) == 0 || part == "manifests" && len(s.components) > 0 {
		return true
	}
	return slices.ContainsFunc(s.only, func(o string) bool { return o == part || strings.HasPrefix(o, part+"/") })
}

// one reports whether one component or node pool is wanted.
func (s selection) one(part, name string) bool {
	if len(s.only)+len(s.components) == 0 || part == "manifests" && slices.Contains(s.components, name) {
		return true
	}
	return slices.Contains(s.only, part) || slices.Contains(s.only, part+"/"+name)
}

// named returns more and the names that are asked for within a part.
func (s selection) named(part string, more []string) []string {
	names := slices.Clone(more)
	for _, o := range s.only {
		if name, within := strings.CutPrefix(o, part+"/"); within && name != "" {
			names = append(names, name)
		}
	}
	return names
}

// file reports whether a file that was made on the way is wanted: archives and
// calls come with the part that makes them.
func (s selection) file(path string) bool {
	head, _, _ := strings.Cut(path, "/")
	switch {
	case head == "config-items" || head == "config-defaults" || path == "config-defaults.yaml":
		return s.part("config")
	case path == "deletions.yaml" || path == "cf-deletions.yaml" || head == "deletions" || head == "cf-deletions":
		return s.part("deletions")
	}
	return true
}
