package plan

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
)

// shortestSecret is the shortest text that is looked for as a secret: a shorter
// one would be found everywhere.
const shortestSecret = 6

// mask hides secrets: all that Secrets hold, values whose name says that they
// are secrets, and the values of config items that are, wherever they stand.
type mask struct{ texts []string }

func newMask(in Input) mask {
	var m mask
	add := func(key, registered, value string) {
		if (fairway.IsSecretReference(registered) || fairway.LooksSecret(key, value)) && len(value) >= shortestSecret {
			m.texts = append(m.texts, value, base64.StdEncoding.EncodeToString([]byte(value)))
		}
	}
	for k, v := range in.Bundle.Settings {
		add(k, in.Cluster.ConfigItems[k], v)
	}
	for _, p := range in.Bundle.Pools {
		registered, _ := in.Cluster.Pool(p.Pool.Name)
		for k, v := range p.Pool.ConfigItems {
			add(k, registered.ConfigItems[k], v)
		}
	}
	// The longest first: one can be part of another.
	slices.SortFunc(m.texts, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	m.texts = slices.Compact(m.texts)
	return m
}

// fields masks the values of the changed fields of an object.
func (m mask) fields(ref fairway.ObjectRef, fields []Field) {
	for i := range fields {
		f := &fields[i]
		if ref.Kind == "Secret" && isData(f.Path) {
			f.From, f.To = hidden(f.From), hidden(f.To)
			continue
		}
		key := strings.ToLower(lastStep(f.Path))
		f.From, f.To = m.value(key, f.From), m.value(key, f.To)
	}
}

// isData reports whether a path of a Secret is, or is part of, its contents.
func isData(path string) bool {
	return path == "data" || path == "stringData" || strings.HasPrefix(path, "data.") || strings.HasPrefix(path, "data[") ||
		strings.HasPrefix(path, "stringData")
}

// hidden stands for a value, of which only whether there is one is told; of a
// map the keys are.
func hidden(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case map[string]any:
		out := map[string]any{}
		for k := range v {
			out[k] = fairway.Masked
		}
		return out
	}
	return fairway.Masked
}

// value masks a value that stands under a name.
func (m mask) value(key string, v any) any {
	return eachText(key, v, func(key, s string) string {
		if fairway.LooksSecret(key, s) {
			return fairway.Masked
		}
		return m.text(s)
	})
}

// eachText returns a value with each text in it replaced, under its name.
func eachText(key string, v any, replace func(key, s string) string) any {
	switch v := v.(type) {
	case string:
		return replace(key, v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = eachText(key, v[i], replace)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			name := strings.ToLower(k)
			// {name: DB_PASSWORD, value: ...} is an entry under its name.
			if named, ok := v["name"].(string); ok && k == "value" {
				name = strings.ToLower(named)
			}
			out[k] = eachText(name, v[k], replace)
		}
		return out
	}
	return v
}

// text replaces the secrets in a text, also line by line those in longer texts
// such as a file in a ConfigMap.
func (m mask) text(s string) string {
	s = veiled.ReplaceAllString(s, fairway.Masked)
	for _, secret := range m.texts {
		s = strings.ReplaceAll(s, secret, fairway.Masked)
	}
	if !strings.Contains(s, "\n") {
		return s
	}
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		name, value, found := strings.Cut(line, ":")
		if !found {
			name, value, found = strings.Cut(line, "=")
		}
		value = strings.Trim(strings.TrimSpace(value), `"'`)
		if found && fairway.LooksSecret(strings.ToLower(strings.TrimSpace(name)), value) {
			lines[i] = strings.Replace(line, value, fairway.Masked, 1)
		}
	}
	return strings.Join(lines, "\n")
}

// lastStep is the name of the field at the end of a path: of an entry of env
// that is its variable.
func lastStep(path string) string {
	rest, isValue := strings.CutSuffix(path, "].value")
	if isValue {
		return rest[strings.LastIndexAny(rest, "[=")+1:]
	}
	if inner, quoted := strings.CutSuffix(path, `"]`); quoted {
		return inner[strings.LastIndexByte(inner, '"')+1:]
	}
	return strings.Trim(path[strings.LastIndexAny(path, ".[")+1:], "]")
}
