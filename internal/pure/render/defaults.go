package render

import (
	"maps"
	"path"

	"gopkg.in/yaml.v2"

	"github.com/fairwayhq/fairway"
)

// defaults renders and merges the config defaults of all sources; a later
// source wins (contract 2.7). Errors are collected.
func (r *renderer) defaults() map[string]string {
	all := map[string]string{}
	for _, src := range r.in.Sources {
		one, err := r.defaultsOf(src)
		if err != nil {
			r.errs.add(wrap("unable to read configuration defaults", err))
			continue
		}
		maps.Copy(all, one)
	}
	return all
}

func (r *renderer) defaultsOf(src Source) (map[string]string, error) {
	text, found, err := readOptional(src, defaultsFile)
	if err != nil || !found {
		return nil, err
	}
	file := src.file(defaultsFile)
	// Items are empty here: a default that depends on an item would depend on
	// the order of the defaults.
	bare := *r.cluster
	bare.ConfigItems = map[string]string{}
	out, err := r.engine.render(job{file: file, text: text, data: data{Cluster: &bare}})
	if err != nil {
		return nil, err
	}
	// Decoding into strings keeps the source text of scalars: 0400 stays 0400.
	var items map[string]string
	if err := yaml.Unmarshal([]byte(out), &items); err != nil {
		return nil, yamlError(file, err).WithHint("every default is one line \"name: value\" with a plain value")
	}
	return items, nil
}

// setDefaults gives the cluster the defaults that it has no value for, then
// every pool the cluster's items that the pool has no value for. A value that
// is present counts even when it is empty.
func setDefaults(c *clusterView, defaults map[string]string) {
	lacking(c.ConfigItems, defaults)
	for _, p := range c.NodePools {
		lacking(p.ConfigItems, c.ConfigItems)
	}
}

// lacking copies into m what it does not have.
func lacking(m, from map[string]string) {
	for k, v := range from {
		if _, has := m[k]; !has {
			m[k] = v
		}
	}
}

// parseAll reports the templates that do not parse, when nothing can be
// rendered because the defaults are wrong: all errors at once.
func (r *renderer) parseAll() {
	parse := func(src Source, name string) {
		text, found, err := readOptional(src, name)
		if err != nil || !found {
			r.errs.add(err)
			return
		}
		_, err = r.engine.parse(job{file: src.file(name), text: text})
		r.errs.add(err)
	}
	for i, src := range r.in.Sources {
		parse(src, deletionsFile)
		all, err := folders(src)
		r.errs.add(err)
		for _, f := range all {
			for _, name := range f.files {
				parse(src, path.Join(manifestsDir, f.name, name))
			}
		}
		if i > 0 {
			continue
		}
		seen := map[string]bool{}
		for _, p := range r.cluster.NodePools {
			if name := path.Join(poolsDir, p.Profile, "userdata.yaml"); !seen[name] && validPath(name) {
				seen[name] = true
				parse(src, name)
			}
		}
	}
}

// wrap puts words before the message of an error and keeps its code and hint.
func wrap(words string, err error) error {
	return fairway.Errorf(codeOf(err), "%s: %w", words, err).WithHint("%s", fairway.ErrorHint(err))
}

// yamlError says which line of the rendered text is no YAML. The text itself
// may hold secrets and is not quoted.
func yamlError(file string, err error) *fairway.Error {
	return fairway.Errorf(fairway.CodeInvalid, "%s: the rendered text is not valid: %w (lines are those of the rendered text)", file, err)
}
