package synthrepo

import (
	"fmt"
	"strings"
)

// setting is one config item with a default.
type setting struct {
	component, key, value string
	// kind says how clusters give it a value of their own: name, hosts, duration,
	// memory, memory_max, or "" for one that they hardly change.
	kind string
}

// defaults are the config items of the repository.
type defaults struct{ all []setting }

// add adds the item of a component. What a value looks like decides how it is
// quoted; a value with an action stays as it is.
func (d *defaults) add(c component, item, value, kind string) string {
	d.all = append(d.all, setting{c.name, c.key(item), value, kind})
	return c.key(item)
}

// text is config-defaults.yaml: every item with a comment, some of them by
// environment, filled up to its number of lines.
func (d *defaults) text(all []component) string {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	add("# Defaults of all config items. Clusters override them in the registry.")
	last := ""
	for i, s := range d.all {
		if s.component != last {
			add("")
			add("# %s", s.component)
			last = s.component
		}
		switch {
		case strings.Contains(s.value, "{{"):
			add("%s: %s", s.key, s.value)
		case strings.HasSuffix(s.key, "_memory") && i%3 == 0:
			add(`{{ if eq .Cluster.Environment "production" }}`)
			add("%s: %q", s.key, "1"+s.value)
			add("{{ else }}")
			add("%s: %q", s.key, s.value)
			add("{{ end }}")
		default:
			add("%s: %q", s.key, s.value)
		}
	}
	add("")
	add(`{{ if eq .Cluster.Provider "zalando-aws" }}`)
	add(`node_image_amd64: {{ amiID "example-node-22.04-amd64-v1.36.2" "123456789012" }}`)
	add(`node_image_arm64: {{ amiID "example-node-22.04-arm64-v1.36.2" "123456789012" }}`)
	add("{{ else }}")
	add(`node_image_amd64: "local"`)
	add(`node_image_arm64: "local"`)
	add("{{ end }}")
	for i := 0; len(lines) < DefaultLines; i++ {
		add("# Note %d: an item of %s is changed in the registry for one cluster, and here for all.", i+1, all[1+i%(len(all)-2)].name)
	}
	return strings.Join(lines, "\n") + "\n"
}
