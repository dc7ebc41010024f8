package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ripple carries replacements on to what refers to the replaced: its property
// gets another value then, which can replace it in turn.
func (t template) ripple(by map[string]*ResourceImpact) {
	for again := true; again; {
		again = false
		for id, r := range t.resources {
			properties := mapAt(r, "Properties")
			for _, name := range slices.Sorted(maps.Keys(properties)) {
				for _, to := range refersTo(properties[name]) {
					target := by[to]
					if target == nil || target.Action != "change" || target.Replaced == InPlace || by[id] != nil && by[id].Action == "add" {
						continue
					}
					one := by[id]
					if one == nil {
						one = &ResourceImpact{ID: id, Type: textAt(r, "Type"), Action: "change", Replaced: InPlace, Kept: textAt(r, "UpdateReplacePolicy") == "Retain"}
					}
					path := name
					if !slices.ContainsFunc(one.Fields, func(f Field) bool { return within(path, f.Path) }) {
						one.Fields = append(one.Fields, Field{Path: path, Op: FieldSet, From: "of the old " + to, To: "of the new " + to})
						by[id], again = one, true
					}
					effect := replaces(one.Type, name)
					if effect == Replaced && target.Replaced == Unsure {
						effect = Unsure
					}
					if w := graver(one.Replaced, effect); w != one.Replaced && by[id] != nil {
						one.Replaced, again = w, true
					}
				}
			}
		}
	}
}

// refersTo are the resources whose reference or attribute a value is.
func refersTo(v any) []string {
	var out []string
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			switch item := v[k].(type) {
			case string:
				if k == "Ref" {
					out = append(out, item)
					continue
				}
				if k == "Fn::Sub" {
					out = append(out, inSub(item)...)
					continue
				}
				if k == "Fn::GetAtt" {
					id, _, _ := strings.Cut(item, ".")
					out = append(out, id)
					continue
				}
			case []any:
				// Another version of a launch template is not another launch template.
				if k == "Fn::GetAtt" && len(item) > 1 {
					out = append(out, text(item[0]))
					continue
				}
			}
			out = append(out, refersTo(v[k])...)
		}
	case []any:
		for _, item := range v {
			out = append(out, refersTo(item)...)
		}
	}
	return out
}

// inSub are the names in a text with ${Name} and ${Name.Attribute}.
func inSub(s string) []string {
	var out []string
	for _, part := range strings.Split(s, "${")[1:] {
		name, _, closed := strings.Cut(part, "}")
		if closed && !strings.HasPrefix(name, "!") {
			name, _, _ = strings.Cut(name, ".")
			out = append(out, name)
		}
	}
	return out
}

// resolved puts the values of parameters and mappings into what refers to them.
func (t template) resolved(v map[string]any) map[string]any {
	out, _ := t.resolve(v).(map[string]any)
	return out
}

func (t template) resolve(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if name, ok := v["Ref"].(string); ok && len(v) == 1 {
			if value, known := t.values[name]; known {
				return value
			}
		}
		if path, ok := v["Fn::FindInMap"].([]any); ok && len(v) == 1 && len(path) == 3 {
			if value, known := t.values[fmt.Sprint(t.resolve(path[0]), "/", t.resolve(path[1]), "/", t.resolve(path[2]))]; known {
				return value
			}
		}
		out := make(map[string]any, len(v))
		for k := range v {
			out[k] = t.resolve(v[k])
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = t.resolve(v[i])
		}
		return out
	}
	return v
}
