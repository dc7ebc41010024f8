package ignition

import (
	"encoding/base64"
	"io/fs"
	"path"

	"go.yaml.in/yaml/v3"
)

// contents reads what a file holds into the resource under a name: an inline
// text, a file of the configuration, or what a URL leads to.
func contents(to string) read {
	return func(p *parser, n *yaml.Node, at string, out map[string]any) {
		resource := section(out, to)
		place := path.Join(at, to)
		given := 0
		from := func(r read) read {
			return func(p *parser, n *yaml.Node, at string, out map[string]any) {
				if given++; given > 1 {
					p.fail(n, "keep one of inline, local, source and remote", "the contents are given twice")
				}
				r(p, n, at, out)
			}
		}
		p.object(n, place, resource, shape{
			"inline": from(inline), "local": from(local), "source": from(text("source")), "remote": from(remote),
			"compression": text("compression"), "http_headers": headers, "verification": verification,
		})
	}
}

// inline is a text of the config itself.
func inline(p *parser, n *yaml.Node, at string, out map[string]any) {
	if n.Kind != yaml.ScalarNode {
		p.fail(n, "", "a text is expected")
		return
	}
	p.lines[path.Join(at, "source")] = n.Line
	out["source"] = dataURL([]byte(n.Value))
}

// local is a file beside the config.
func local(p *parser, n *yaml.Node, at string, out map[string]any) {
	if b, ok := p.localFile(n); ok {
		p.lines[path.Join(at, "source")] = n.Line
		out["source"] = dataURL(b)
	}
}

func (p *parser) localFile(n *yaml.Node) ([]byte, bool) {
	switch {
	case n.Kind != yaml.ScalarNode:
		p.fail(n, "", "a path is expected")
	case !fs.ValidPath(n.Value):
		p.fail(n, "give a path relative to the folder of this file", "%q is no path inside the configuration", n.Value)
	case p.source.Local == nil:
		p.fail(n, "write the contents inline", "local files cannot be read here")
	default:
		b, err := p.source.Local(n.Value)
		if err == nil {
			return b, true
		}
		p.fail(n, "the path is relative to the folder of this file", "local file %s: %v", n.Value, err)
	}
	return nil, false
}

// remote is a URL, with a hash of what it has to lead to.
func remote(p *parser, n *yaml.Node, at string, out map[string]any) {
	p.object(n, at, out, shape{"url": text("source"), "compression": text("compression"), "verification": verification})
}

// verification reads a hash, "sha512-SUM" or {function: sha512, sum: SUM}.
func verification(p *parser, n *yaml.Node, at string, out map[string]any) {
	p.object(n, path.Join(at, "verification"), section(out, "verification"), shape{"hash": func(p *parser, n *yaml.Node, at string, out map[string]any) {
		if n.Kind == yaml.ScalarNode {
			text("hash")(p, n, at, out)
			return
		}
		parts := map[string]any{}
		p.object(n, path.Join(at, "hash"), parts, shape{"function": text("function"), "sum": text("sum")})
		function, _ := parts["function"].(string)
		sum, _ := parts["sum"].(string)
		out["hash"] = function + "-" + sum
	}})
}

// headers are those of the request for a resource.
func headers(p *parser, n *yaml.Node, at string, out map[string]any) {
	each("httpHeaders", shape{"name": text("name"), "value": text("value")}, nil)(p, n, at, out)
}

// dataURL is a URL that holds what it leads to.
func dataURL(b []byte) string { return "data:;base64," + base64.StdEncoding.EncodeToString(b) }
