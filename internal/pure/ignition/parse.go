package ignition

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/fairwayhq/fairway/internal/pure/nearest"
)

// read reads the value of a key into the object that is being made; at is the
// place of that object in the result.
type read func(p *parser, n *yaml.Node, at string, out map[string]any)

// shape says which keys an object may have.
type shape map[string]read

// object reads a mapping. Unknown and repeated keys are errors.
func (p *parser) object(n *yaml.Node, at string, out map[string]any, s shape) {
	p.lines[at] = n.Line
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		p.fail(n, "", "a mapping is expected")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolve(n.Content[i+1])
		reader, known := s[key.Value]
		switch {
		case !known:
			hint := "the keys are " + strings.Join(keys(s), ", ")
			if near := nearest.To(key.Value, slices.Values(keys(s))); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			p.fail(key, hint, "unknown key %q", key.Value)
		case seen[key.Value]:
			p.fail(key, "", "key %q is there twice", key.Value)
		case !isNull(value):
			reader(p, value, at, out)
		}
		seen[key.Value] = true
	}
}

// text reads a string under a name of the result.
func text(to string) read {
	return func(p *parser, n *yaml.Node, at string, out map[string]any) {
		if n.Kind != yaml.ScalarNode {
			p.fail(n, "", "a text is expected")
			return
		}
		p.lines[path.Join(at, to)] = n.Line
		out[to] = n.Value
	}
}

// whole reads a whole number; 0644 is octal.
func whole(to string) read {
	return func(p *parser, n *yaml.Node, at string, out map[string]any) {
		var v int
		if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || n.Decode(&v) != nil {
			p.fail(n, "", "a whole number is expected")
			return
		}
		p.lines[path.Join(at, to)] = n.Line
		out[to] = v
	}
}

// flag reads true or false.
func flag(to string) read {
	return func(p *parser, n *yaml.Node, at string, out map[string]any) {
		var v bool
		if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || n.Decode(&v) != nil {
			p.fail(n, "", "true or false is expected")
			return
		}
		p.lines[path.Join(at, to)] = n.Line
		out[to] = v
	}
}

// texts reads a list of strings.
func texts(to string) read {
	return func(p *parser, n *yaml.Node, at string, out map[string]any) {
		if n.Kind != yaml.SequenceNode {
			p.fail(n, "", "a list is expected")
			return
		}
		var all []any
		for i, item := range n.Content {
			item = resolve(item)
			if item.Kind != yaml.ScalarNode {
				p.fail(item, "", "a text is expected")
				continue
			}
			p.lines[path.Join(at, to, strconv.Itoa(i))] = item.Line
			all = append(all, item.Value)
		}
		out[to] = all
	}
}

// within reads an object under a name.
func within(to string, s shape) read {
	return func(p *parser, n *yaml.Node, at string, out map[string]any) {
		p.object(n, path.Join(at, to), section(out, to), s)
	}
}

// each reads a list of objects under a name; after, unless nil, finishes each.
func each(to string, s shape, after func(p *parser, n *yaml.Node, at string, item map[string]any)) read {
	return func(p *parser, n *yaml.Node, at string, out map[string]any) {
		if n.Kind != yaml.SequenceNode {
			p.fail(n, "", "a list is expected")
			return
		}
		for _, one := range n.Content {
			one = resolve(one)
			item := map[string]any{}
			all, _ := out[to].([]any)
			place := path.Join(at, to, strconv.Itoa(len(all)))
			p.object(one, place, item, s)
			if after != nil {
				after(p, one, place, item)
			}
			out[to] = append(all, item)
		}
	}
}

// refuse reports a section that has no place in Ignition 3.
func refuse(hint string) read {
	return func(p *parser, n *yaml.Node, _ string, _ map[string]any) {
		p.fail(n, hint, "this section is not converted")
	}
}

// with returns a shape that has more keys.
func (s shape) with(more shape) shape {
	all := shape{}
	for _, one := range []shape{s, more} {
		for k, v := range one {
			all[k] = v
		}
	}
	return all
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// resolve follows aliases.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}
