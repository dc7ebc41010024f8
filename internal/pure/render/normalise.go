package render

import (
	"bytes"
	"reflect"
	"strconv"
	"strings"

	yaml3 "go.yaml.in/yaml/v3"
	"gopkg.in/yaml.v2"
)

// Normalise returns rendered manifests as the text that contract 3.8 defines,
// byte for byte: two passes through two YAML libraries. Where the second pass
// would damage a string, the string is written in double quotes instead
// (errata 2). "" means that the file holds no object.
func Normalise(text string) (string, error) { return normalise("text", text) }

func normalise(file, text string) (string, error) {
	docs, err := documents(file, text)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for i, doc := range docs {
		if err := isManifest(doc); err != nil {
			return "", err
		}
		one, err := secondPass(doc, false)
		if err != nil {
			return "", yamlError(file, err)
		}
		if i > 0 {
			out.WriteString("---\n")
		}
		out.Write(one)
	}
	return out.String(), nil
}

// pass writes a document as the engine in question does.
func (r *renderer) pass(doc any) ([]byte, error) {
	switch r.in.Engine {
	case Engine2024:
		return yaml.Marshal(doc)
	case EngineHead:
		return secondPass(doc, true)
	}
	return secondPass(doc, false)
}

// secondPass is yaml.v2 out, yaml.v3 in and out. What that damages is kept,
// unless damage is wanted.
func secondPass(doc any, damage bool) ([]byte, error) {
	first, err := yaml.Marshal(doc)
	if err != nil {
		return nil, err
	}
	var value any
	if err := yaml3.Unmarshal(first, &value); err != nil {
		return nil, err
	}
	second, err := yaml3.Marshal(value)
	if err != nil {
		return nil, err
	}
	if damage || keeps(second, doc) {
		return second, nil
	}
	return quoted(value)
}

// keeps reports whether a text reads back as the value.
func keeps(text []byte, value any) bool {
	var back any
	return yaml.Unmarshal(text, &back) == nil && reflect.DeepEqual(back, value)
}

// quoted writes a value with double quotes around the strings that do not
// survive being written otherwise; everything else looks as it always does.
func quoted(value any) ([]byte, error) {
	// The library cannot be told the style of a value, only that of a node,
	// and cannot make nodes of these very strings: names stand for them.
	var damaged []string
	named := replaceStrings(value, "", func(s, path string) string {
		// In its surroundings, because the indentation is what does the damage.
		around := surrounded(s, path)
		text, err := yaml3.Marshal(around)
		if err == nil && keeps(text, around) {
			return s
		}
		damaged = append(damaged, s)
		return placeholder + strconv.Itoa(len(damaged)-1)
	})
	var tree yaml3.Node
	if err := tree.Encode(named); err != nil {
		return nil, err
	}
	restore(&tree, damaged)
	var b bytes.Buffer
	e := yaml3.NewEncoder(&b)
	if err := e.Encode(&tree); err != nil {
		return nil, err
	}
	return b.Bytes(), e.Close()
}

// placeholder starts the names; no manifest holds it.
const placeholder = "\u2063fairway string "

// surrounded puts a string into as many lists and mappings as it is in.
func surrounded(s, path string) any {
	var around any = s
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == 'l' {
			around = []any{around}
		} else {
			around = map[any]any{"z": around}
		}
	}
	return around
}

// replaceStrings copies a value with other strings; keys stay. The path has an
// l or m for each list and mapping around a string, the outermost first.
func replaceStrings(v any, path string, replace func(s, path string) string) any {
	switch v := v.(type) {
	case string:
		return replace(v, path)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = replaceStrings(v[i], path+"l", replace)
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for k := range v {
			m[k] = replaceStrings(v[k], path+"m", replace)
		}
		return m
	case map[any]any:
		m := make(map[any]any, len(v))
		for k := range v {
			m[k] = replaceStrings(v[k], path+"m", replace)
		}
		return m
	}
	return v
}

// restore puts the strings back, in double quotes.
func restore(n *yaml3.Node, damaged []string) {
	if number, is := strings.CutPrefix(n.Value, placeholder); is {
		if i, err := strconv.Atoi(number); err == nil && i < len(damaged) {
			n.Value, n.Style = damaged[i], yaml3.DoubleQuotedStyle
		}
	}
	for _, child := range n.Content {
		restore(child, damaged)
	}
}
