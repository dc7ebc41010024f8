package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
)

// Owned returns a digest (SHA-256, hex) of the fields that a manager owns of a
// live object by apply, and of the values that they have: it changes when
// somebody else changes one of these fields or takes it over, and with nothing
// else. "" when the manager has not applied the object.
func Owned(live fairway.Object, manager string) string {
	fields := AppliedFields(live, manager)
	if fields == nil {
		return ""
	}
	value := map[string]any(live)
	if plain, ok := fields["f:stringData"].(map[string]any); ok && live["kind"] == "Secret" {
		// The plain data of a Secret is stored in another field.
		value = map[string]any{"stringData": encoded(live, plain)}
		for k, v := range live {
			value[k] = v
		}
	}
	b, err := json.Marshal([]any{fields, pick(fields, value)})
	if err != nil {
		panic(fmt.Sprintf("digest of %s: %v", live.Ref(), err)) // as in Digest
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// AppliedFields returns the set of fields that the API server notes as applied
// by a manager, in the form of managedFields; nil for none.
func AppliedFields(live fairway.Object, manager string) map[string]any {
	metadata, _ := live["metadata"].(map[string]any)
	entries, _ := metadata["managedFields"].([]any)
	for _, e := range entries {
		entry, _ := e.(map[string]any)
		if entry["manager"] == manager && entry["operation"] == "Apply" && entry["subresource"] == nil {
			fields, _ := entry["fieldsV1"].(map[string]any)
			return fields
		}
	}
	return nil
}

// encoded is the data of a Secret as far as it was applied in plain.
func encoded(live fairway.Object, plain map[string]any) map[string]any {
	data, _ := live["data"].(map[string]any)
	out := map[string]any{}
	for step := range plain {
		if key, ok := strings.CutPrefix(step, "f:"); ok {
			if v, there := data[key]; there {
				out[key] = v
			}
		}
	}
	return out
}

// absent stands for a field that is owned and not there.
const absent = "(absent)"

// pick returns of a value what a set of fields names. A field without any below
// it is owned as a whole.
func pick(fields map[string]any, value any) any {
	if len(fields) == 0 {
		return value
	}
	out := make(map[string]any, len(fields))
	places := map[int]string{}
	for step, below := range fields {
		sub, _ := below.(map[string]any)
		if item, at, there := follow(step, value); there {
			out[step] = pick(sub, item)
			if at >= 0 {
				places[at] = step
			}
		} else if step != "." {
			out[step] = absent
		}
	}
	if len(places) > 1 { // the order of items is their meaning, for some
		var order []string
		for _, at := range slices.Sorted(maps.Keys(places)) {
			order = append(order, places[at])
		}
		out["order"] = order
	}
	return out
}

// follow takes one step of a set of fields. at is the place of an item in a list
// whose items have keys, and negative for all else.
func follow(step string, value any) (item any, at int, there bool) {
	form, rest, _ := strings.Cut(step, ":")
	switch v := value.(type) {
	case map[string]any:
		if form == "f" {
			item, there := v[rest]
			return item, -1, there
		}
	case []any:
		switch form {
		case "k":
			return keyed(v, rest)
		case "v":
			for _, item := range v {
				if text, err := json.Marshal(item); err == nil && string(text) == rest {
					return item, -1, true
				}
			}
		}
	}
	return nil, -1, false
}

// keyed returns the item of a list that has a key, given as JSON.
func keyed(list []any, key string) (item any, at int, there bool) {
	var want map[string]any
	if json.Unmarshal([]byte(key), &want) != nil {
		return nil, -1, false
	}
	for i, item := range list {
		fields, _ := item.(map[string]any)
		fits := fields != nil
		for name, v := range want {
			fits = fits && same(fields[name], v)
		}
		if fits {
			return item, i, true
		}
	}
	return nil, -1, false
}

// same compares two values of JSON, whose numbers decoders read differently.
func same(a, b any) bool {
	if n, ok := a.(int64); ok {
		a = float64(n)
	}
	return reflect.DeepEqual(a, b)
}
