package registryfile

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/fairwayhq/fairway/internal/pure/nearest"
)

// field is a key that an object may have and what reads its value.
type field struct {
	name string
	read func(n *yaml.Node)
}

// object reads the known keys of a map and warns of the others.
func (p *parser) object(n *yaml.Node, fields []field) {
	known := make([]string, len(fields))
	for i, f := range fields {
		known[i] = f.name
	}
	p.pairs(n, func(key, value *yaml.Node) {
		for _, f := range fields {
			if f.name == key.Value {
				f.read(value)
				return
			}
		}
		hint := ""
		if near := nearest.To(key.Value, slices.Values(known)); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		p.warnf(key, hint, "unknown key %q is ignored", key.Value)
	})
}

// pairs calls do for every key of a map with what is merged into it by <<. Of a
// key that is there twice the last one counts, as for the ecosystem's readers,
// and a warning says so.
func (p *parser) pairs(n *yaml.Node, do func(key, value *yaml.Node)) {
	var order []string
	values := map[string][2]*yaml.Node{}
	merged := map[*yaml.Node]bool{} // a map that merges itself ends here
	var merge func(n *yaml.Node, own bool)
	merge = func(n *yaml.Node, own bool) {
		if n = resolve(n); merged[n] {
			return
		}
		merged[n] = true
		if n.Kind == yaml.SequenceNode && !own {
			for _, one := range n.Content {
				merge(one, false)
			}
			return
		}
		if n.Kind != yaml.MappingNode {
			p.errorf(n, "", "<< merges %s and not a map", kind(n))
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], resolve(n.Content[i+1])
			if key.Tag == "!!merge" {
				continue
			}
			if key = resolve(key); key.Kind != yaml.ScalarNode {
				p.errorf(key, "", "a key is %s and not a text", kind(key))
				continue
			}
			if before, there := values[key.Value]; !there {
				order = append(order, key.Value)
			} else if !own {
				continue // what is nearer wins over what is merged
			} else {
				p.warnf(key, "remove one of them", "key %q is there twice, on lines %d and %d; the last one counts", key.Value, before[0].Line, key.Line)
			}
			values[key.Value] = [2]*yaml.Node{key, value}
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Tag == "!!merge" {
				merge(n.Content[i+1], false)
			}
		}
	}
	merge(n, true)
	for _, key := range order {
		do(values[key][0], values[key][1])
	}
}

// each reads a list; null is an empty one.
func (p *parser) each(n *yaml.Node, name string, read func(n *yaml.Node)) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		p.errorf(n, "", "%s is %s and not a list", name, kind(n))
		return
	}
	for _, one := range n.Content {
		read(resolve(one))
	}
}

// text reads a scalar as its source text; null is "".
func (p *parser) text(name string, to *string) field {
	return field{name, func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode {
			p.errorf(n, "", "%s is %s and not a text", name, kind(n))
			return
		}
		*to = source(n)
	}}
}

// number reads a whole number of that many bits.
func number[T int32 | int64](p *parser, name string, bits int, to *T) field {
	return field{name, func(n *yaml.Node) {
		var v int64
		switch {
		case isNull(n):
		case n.Kind != yaml.ScalarNode:
			p.errorf(n, "", "%s is %s and not a number", name, kind(n))
		case n.Tag != "!!int" || n.Decode(&v) != nil || v != v<<(64-bits)>>(64-bits):
			p.errorf(n, "", "%s %q is not a whole number of %s bits", name, n.Value, strconv.Itoa(bits))
		default:
			*to = T(v)
		}
	}}
}

// moment reads a time.
func (p *parser) moment(name string, to *time.Time) field {
	return field{name, func(n *yaml.Node) {
		if isNull(n) {
			return
		}
		if n.Kind != yaml.ScalarNode || n.Decode(to) != nil {
			p.errorf(n, "for example 2026-01-31T12:00:00Z", "%s %q is not a time", name, n.Value)
			return
		}
		*to = to.UTC().Truncate(time.Microsecond)
	}}
}

// items reads config items, whose values keep their source text.
func (p *parser) items(to *map[string]string) field {
	return field{"config_items", func(n *yaml.Node) {
		if isNull(n) {
			return
		}
		if n.Kind != yaml.MappingNode {
			p.errorf(n, "write them as `key: value`", "config_items is %s and not a map", kind(n))
			return
		}
		*to = map[string]string{}
		p.pairs(n, func(key, value *yaml.Node) {
			if value.Kind != yaml.ScalarNode {
				p.errorf(value, "quote it to make it a text", "config item %s is %s and not a text", key.Value, kind(value))
				return
			}
			(*to)[key.Value] = source(value)
		})
	}}
}

// source is the text of a scalar as it was written; null is "".
func source(n *yaml.Node) string {
	if isNull(n) {
		return ""
	}
	return n.Value
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// resolve follows aliases.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// kind says what a node is.
func kind(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a map"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "empty"
	}
	return fmt.Sprintf("the value %q", n.Value)
}
