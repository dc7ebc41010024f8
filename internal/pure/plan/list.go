package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// listKeys are the keys of lists of built-in kinds by the last step of their
// path, for lists that nobody owns yet.
var listKeys = map[string][]string{
	"containers": {"name"}, "initContainers": {"name"}, "ephemeralContainers": {"name"}, "volumes": {"name"}, "env": {"name"},
	"imagePullSecrets": {"name"}, "volumeMounts": {"mountPath"}, "volumeDevices": {"devicePath"}, "hostAliases": {"ip"},
	"webhooks": {"name"}, "ownerReferences": {"uid"}, "topologySpreadConstraints": {"topologyKey", "whenUnsatisfiable"},
}

// list compares two lists in the way that their owners were noted: by keys, as a
// set, or as one value.
func (c *comparison) list(path string, desired, live []any, own owners) {
	names, isSet := own.keys()
	switch {
	case c.exact || own.isLeaf() || len(names) == 0 && !isSet:
		names = listKeys[path[strings.LastIndexByte(path, '.')+1:]]
		if own.isLeaf() || len(names) == 0 {
			c.whole(path, desired, live, own)
			return
		}
	case isSet:
		c.set(path, desired, live, own)
		return
	}
	c.keyed(path, names, desired, live, own)
}

// keyed compares lists whose items have keys. A key that an item does not give
// is the API server's default, and matches any.
func (c *comparison) keyed(path string, names []string, desired, live []any, own owners) {
	taken := make([]bool, len(live))
	var places []int // of the desired items in the live list
	var order []any
	wanted := map[string]bool{}
	for _, item := range desired {
		want, _ := item.(map[string]any)
		at := -1
		for i, other := range live {
			if is, _ := other.(map[string]any); !taken[i] && is != nil && matches(want, is, names) {
				at = i
				break
			}
		}
		where := path + describeKey(want, names)
		if at < 0 {
			c.differs(where, FieldAdd, nil, item, own.item(want))
			continue
		}
		taken[at] = true
		places, order = append(places, at), append(order, describeKey(want, names))
		is := live[at].(map[string]any)
		step := own.step(is)
		wanted[step] = true
		c.value(where, item, is, true, own.child(step))
	}
	if !slices.IsSorted(places) {
		// An apply puts the items in its own order, which for some is their meaning.
		slices.Sort(places)
		var now []any
		for _, at := range places {
			now = append(now, describeKey(live[at].(map[string]any), names))
		}
		c.differs(path, FieldSet, now, order, owners{applied: own.applied, known: own.known})
	}
	for i, other := range live {
		is, _ := other.(map[string]any)
		if taken[i] || is == nil {
			continue
		}
		step := own.step(is)
		if c.exact {
			c.changes = append(c.changes, Field{Path: path + describeKey(is, names), Op: FieldRemove, From: other})
		} else if _, mine := own.mine[step]; mine && !wanted[step] {
			c.gone(path+describeKey(is, names), other, own.child(step))
		}
	}
}

// set compares lists whose values are their own keys.
func (c *comparison) set(path string, desired, live []any, own owners) {
	has := func(list []any, v any) bool {
		return slices.ContainsFunc(list, func(o any) bool { return equal(path, v, o) })
	}
	for _, v := range desired {
		if !has(live, v) {
			c.differs(fmt.Sprintf("%s[%v]", path, v), FieldAdd, nil, v, owners{})
		}
	}
	for _, v := range live {
		text, _ := json.Marshal(v)
		if _, mine := own.mine["v:"+string(text)]; mine && !has(desired, v) {
			c.gone(fmt.Sprintf("%s[%v]", path, v), v, own.child("v:"+string(text)))
		}
	}
}

// matches reports whether a desired item means a live one.
func matches(want, is map[string]any, names []string) bool {
	given := false
	for _, n := range names {
		v, ok := want[n]
		if !ok {
			continue
		}
		given = true
		if !equal(n, v, is[n]) {
			return false
		}
	}
	return given
}

// step finds the noted step of a live item.
func (o owners) step(is map[string]any) string {
	for _, one := range append([]owner{{fields: o.mine}}, o.others...) {
		for step := range one.fields {
			if !strings.HasPrefix(step, "k:") {
				continue
			}
			fits := true
			for n, v := range keyOf(step) {
				fits = fits && equal(n, v, is[n])
			}
			if fits {
				return step
			}
		}
	}
	return ""
}

// item are the owners of an item that the live list does not have: whoever wrote
// the list last without it is not noted, so that it is Fairway's own wish.
func (o owners) item(want map[string]any) owners {
	return owners{applied: o.applied, known: o.known, mine: o.child(o.step(want)).mine}
}

// describeKey is how a path names an item.
func describeKey(item map[string]any, names []string) string {
	var parts []string
	for _, n := range names {
		if v, ok := item[n]; ok {
			parts = append(parts, fmt.Sprintf("%s=%v", n, v))
		}
	}
	return "[" + strings.Join(parts, ",") + "]"
}
