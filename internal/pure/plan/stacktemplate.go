package plan

import (
	"fmt"
	"strings"

	yaml3 "go.yaml.in/yaml/v3"
)

// maxTemplateNodes is how many nodes a template may have with all its aliases:
// CloudFormation takes 1 MB of text.
const maxTemplateNodes = 200_000

// parseTemplate reads a template of CloudFormation, in YAML with its short forms
// of functions or in JSON.
func parseTemplate(s string) (template, error) {
	t := template{resources: map[string]map[string]any{}, values: map[string]any{}}
	if strings.TrimSpace(s) == "" {
		return t, nil
	}
	var doc yaml3.Node
	if err := yaml3.Unmarshal([]byte(s), &doc); err != nil {
		return t, err
	}
	if len(doc.Content) == 0 {
		return t, nil
	}
	r := templateReader{left: maxTemplateNodes}
	root, err := r.value(doc.Content[0])
	if err != nil {
		return t, err
	}
	for id, v := range mapAt(root, "Resources") {
		if resource, ok := v.(map[string]any); ok {
			t.resources[id] = resource
		}
	}
	for name, p := range mapAt(root, "Parameters") {
		if value := at(p, "Default"); value != nil {
			t.values[name] = value
		}
	}
	for name, m := range mapAt(root, "Mappings") {
		top, _ := m.(map[string]any)
		for first, inner := range top {
			values, _ := inner.(map[string]any)
			for second, v := range values {
				t.values[name+"/"+first+"/"+second] = v
			}
		}
	}
	return t, nil
}

// templateReader turns nodes into values, so many at most.
type templateReader struct{ left int }

func (r *templateReader) value(n *yaml3.Node) (any, error) {
	if r.left--; r.left < 0 {
		return nil, fmt.Errorf("it has more than %d nodes", maxTemplateNodes)
	}
	plain, err := r.plain(n)
	name, short := strings.CutPrefix(n.Tag, "!")
	if err != nil || !short || name == "" || strings.HasPrefix(name, "!") {
		return plain, err
	}
	switch name {
	case "Ref", "Condition":
		return map[string]any{name: plain}, nil
	case "GetAtt":
		if text, ok := plain.(string); ok {
			id, attribute, _ := strings.Cut(text, ".")
			plain = []any{id, attribute}
		}
	}
	return map[string]any{"Fn::" + name: plain}, nil
}

func (r *templateReader) plain(n *yaml3.Node) (any, error) {
	switch n.Kind {
	case yaml3.AliasNode:
		return r.value(n.Alias)
	case yaml3.MappingNode:
		out := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			v, err := r.value(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			out[n.Content[i].Value] = v
		}
		return out, nil
	case yaml3.SequenceNode:
		out := []any{}
		for _, item := range n.Content {
			v, err := r.value(item)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	}
	if n.Tag == "!!null" {
		return nil, nil
	}
	return n.Value, nil // numbers and texts are the same to CloudFormation
}
