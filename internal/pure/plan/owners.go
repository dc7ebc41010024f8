package plan

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/fairwayhq/fairway"
)

// owners are the entries of managedFields at one place of an object: sets of
// fields as the API server writes them, nil where a manager owns nothing.
type owners struct {
	// mine is what Fairway owns by apply.
	mine   map[string]any
	others []owner
	// applied says that Fairway has applied the object; known that the API server
	// notes owners of it at all.
	applied, known bool
}

type owner struct {
	manager, time string
	fields        map[string]any
}

// ownersOf returns the owners of a live object, newest first.
func ownersOf(live fairway.Object, manager string) owners {
	metadata, _ := live["metadata"].(map[string]any)
	entries, _ := metadata["managedFields"].([]any)
	var own owners
	for _, e := range entries {
		entry, _ := e.(map[string]any)
		fields, _ := entry["fieldsV1"].(map[string]any)
		sub, _ := entry["subresource"].(string)
		if fields == nil || sub != "" && sub != "scale" {
			continue
		}
		own.known = true
		name, _ := entry["manager"].(string)
		if name == manager && entry["operation"] == "Apply" && sub == "" {
			own.mine, own.applied = fields, true
			continue
		}
		at, _ := entry["time"].(string)
		own.others = append(own.others, owner{name, at, fields})
	}
	slices.SortStableFunc(own.others, func(a, b owner) int { return cmp.Compare(b.time, a.time) })
	return own
}

// child are the owners one step further down.
func (o owners) child(step string) owners {
	out := owners{applied: o.applied, known: o.known}
	if sub, ok := o.mine[step].(map[string]any); ok {
		out.mine = sub
	} else if o.mine != nil && len(o.mine) == 0 {
		out.mine = o.mine // below something that is owned as a whole
	}
	for _, other := range o.others {
		if sub, ok := other.fields[step].(map[string]any); ok {
			out.others = append(out.others, owner{other.manager, other.time, sub})
		}
	}
	return out
}

// isLeaf reports whether the place is owned as a whole, by anybody: a value, or
// a map or list that the schema calls atomic.
func (o owners) isLeaf() bool {
	if o.mine != nil {
		return len(o.mine) == 0
	}
	return len(o.others) > 0 && len(o.others[0].fields) == 0
}

// other returns who else owns the place, when Fairway does not.
func (o owners) other() (owner, bool) {
	if o.mine != nil || len(o.others) == 0 {
		return owner{}, false
	}
	return o.others[0], true
}

// keys returns what the items of a list are told apart by: the names of fields,
// or isSet for a list whose values are.
func (o owners) keys() (names []string, isSet bool) {
	all := append([]owner{{fields: o.mine}}, o.others...)
	for _, one := range all {
		for step := range one.fields {
			switch {
			case len(step) > 2 && step[:2] == "k:":
				for name := range keyOf(step) {
					names = append(names, name)
				}
				slices.Sort(names)
				return names, false
			case len(step) > 2 && step[:2] == "v:":
				return nil, true
			}
		}
	}
	return nil, false
}

// keyOf reads a step "k:{...}".
func keyOf(step string) map[string]any {
	var key map[string]any
	if json.Unmarshal([]byte(step[2:]), &key) != nil {
		return nil
	}
	return key
}

// withPlainData counts what was applied as stringData of a Secret as its data,
// which is where it is stored.
func (o owners) withPlainData(live fairway.Object) owners {
	plain, _ := o.mine["f:stringData"].(map[string]any)
	if live["kind"] != "Secret" || plain == nil {
		return o
	}
	o.mine = maps.Clone(o.mine)
	data, _ := o.mine["f:data"].(map[string]any)
	data = maps.Clone(data)
	if data == nil {
		data = map[string]any{}
	}
	maps.Copy(data, plain)
	delete(data, ".")
	o.mine["f:data"] = data
	return o
}
