package httpapi

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/fairwayhq/fairway"
)

// wireText returns a cluster on the wire as JSON: what wire makes, in a fraction
// of the time that the general encoder takes for maps of texts. A list of
// thousands of clusters is made of little else.
func wireText(c *fairway.Cluster, verbose bool) ([]byte, error) {
	rest := *c
	rest.ConfigItems, rest.NodePools = nil, nil
	text, err := encoded(wire(rest, false))
	if err != nil || !verbose {
		return text, err
	}
	text = append(text[:len(text)-1], `,"config_items":`...)
	text = appendItems(text, c.ConfigItems)
	text = append(text, `,"node_pools":[`...)
	for i, p := range c.NodePools {
		if i > 0 {
			text = append(text, ',')
		}
		items := p.ConfigItems
		p.ConfigItems = nil
		if p.InstanceTypes == nil {
			p.InstanceTypes = []string{}
		}
		one, err := encoded(p)
		if err != nil {
			return nil, err
		}
		text = append(append(text, one[:len(one)-1]...), `,"config_items":`...)
		text = append(appendItems(text, items), '}')
	}
	return append(text, "]}"...), nil
}

// encoded returns a value as JSON without a line feed.
func encoded(v any) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(1 << 10)
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// appendItems appends a map of texts as JSON, sorted by key.
func appendItems(b []byte, items map[string]string) []byte {
	b = append(b, '{')
	for i, k := range slices.Sorted(maps.Keys(items)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, k), ':')
		b = appendText(b, items[k])
	}
	return append(b, '}')
}

// appendText appends a text as JSON. What needs an escape is left to the general
// encoder.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			text, err := encoded(s)
			if err != nil {
				panic(err) // every text can be encoded
			}
			return append(b, text...)
		}
	}
	b = append(append(b, '"'), s...)
	return append(b, '"')
}
