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
	all, texts := map[string]string{}, map[string]string{}
	for _, src := range r.in.Sources {
		one, err := r.defaultsOf(src, texts)
		if err != nil {
			r.errs.add(wrap("unable to read configuration defaults", err))
			continue
		}
		maps.Copy(all, one)
	}
	r.perSource("config-defaults", texts)
	return all
}

// defaultsOf renders the defaults of one source and notes their text.
func (r *renderer) defaultsOf(src Source, texts map[string]string) (map[string]string, error) {
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
	texts[src.Name] = out
	// Decoding into strings keeps the source text of scalars: 0400 stays 0400.
	var items map[string]string
	if err := yaml.Unmarshal([]byte(out), &items); err != nil {
		return nil, yamlError(file, err).WithHint("every default is one line \"name: value\" with a plain value")
	}
	size := 0
	for key, value := range items {
		size += len(key) + len(value)
	}
	// Aliases make many long values of a short text.
	if size > maxFileOutput {
		return nil, fairway.Errorf(fairway.CodeInvalid, "%s: the defaults have more than %d MiB", file, maxFileOutput>>20).WithHint("look for aliases of long texts")
	}
	return items, nil
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
