package plan

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/manifest"
)

// comparison finds out what a server-side apply of an object would change of the
// live one.
type comparison struct {
	manager string
	// exact says that the live object is one of an earlier rendering: what the
	// new one does not have is removed, and there are no owners.
	exact bool
	// sameRender says that the object was applied like this before: whatever
	// differs, somebody or something else did.
	sameRender bool
	// remembered says that the object was applied before, like this or not.
	remembered bool
	// plain says that data of a Secret was applied in plain: whoever changes what
	// is stored of it takes nothing over.
	plain   bool
	adopts  bool
	changes []Field
	drift   []Field
}

// ours are the fields of metadata that configurations set; everything else in it
// is the API server's.
var ours = []string{"labels", "annotations", "ownerReferences", "finalizers"}

func (c *comparison) compare(desired, live fairway.Object) {
	own := ownersOf(live, c.manager)
	if c.exact {
		own = owners{}
	}
	_, c.plain = own.mine["f:stringData"]
	own = own.withPlainData(live)
	desired = settable(desired)
	if !c.exact && manifest.ScaledByOthers(live) {
		desired = manifest.WithoutReplicas(desired)
	}
	// An object without any field to own leaves no trace of who applied it, and
	// neither does one of which others took every field.
	c.adopts = !c.exact && !own.applied && !c.remembered && ownable(desired)
	for _, k := range slices.Sorted(maps.Keys(desired)) {
		has, value := lookup(live, k)
		if k == "metadata" {
			c.metadata(desired, live, own.child("f:metadata"))
			continue
		}
		c.value(k, desired[k], value, has, own.child("f:"+k))
	}
	if c.exact {
		c.missing("", settable(live), desired)
		return
	}
	c.removed("", desired, live, own, func(k string) bool { return k != "metadata" && k != "status" && k != "stringData" })
}

// dryRun puts what the API server says that an apply makes of an object in the
// place of what was worked out: defaults and webhooks are in it. Whose a field
// is stays as it was found; what nobody had foreseen is a change.
func (c *comparison) dryRun(dry, live fairway.Object) {
	real := &comparison{exact: true}
	real.compare(dry, live)
	foreseen := c.drift
	c.drift = nil
	c.changes = slices.DeleteFunc(c.changes, func(f Field) bool { return f.Op != FieldOwn && f.Op != FieldRelease })
	for _, f := range real.changes {
		at := slices.IndexFunc(foreseen, func(d Field) bool { return within(d.Path, f.Path) || within(f.Path, d.Path) })
		if at < 0 {
			c.changes = append(c.changes, f)
			continue
		}
		f.By, f.Since = foreseen[at].By, foreseen[at].Since
		c.drift = append(c.drift, f)
	}
}

// within reports whether a path is another, or below it.
func within(outer, path string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// settable is an object without what an apply of it does not set: its identity,
// its status, and the plain form of a secret's data.
func settable(o fairway.Object) map[string]any {
	out := maps.Clone(map[string]any(o))
	delete(out, "apiVersion")
	delete(out, "kind")
	delete(out, "status")
	plain, isSecret := out["stringData"].(map[string]any)
	if isSecret && o["kind"] == "Secret" {
		data, _ := out["data"].(map[string]any)
		data = maps.Clone(data)
		if data == nil {
			data = map[string]any{}
		}
		for k, v := range plain {
			text, _ := v.(string)
			data[k] = base64.StdEncoding.EncodeToString([]byte(text))
		}
		out["data"] = data
		delete(out, "stringData")
	}
	return out
}

// ownable reports whether an apply of the object sets any field.
func ownable(desired map[string]any) bool {
	for k, v := range desired {
		if k != "metadata" && v != nil {
			return true
		}
	}
	meta, _ := desired["metadata"].(map[string]any)
	return slices.ContainsFunc(ours, func(k string) bool { return meta[k] != nil })
}

// metadata compares what configurations may set of it.
func (c *comparison) metadata(desired map[string]any, live fairway.Object, own owners) {
	want, _ := desired["metadata"].(map[string]any)
	is, _ := live["metadata"].(map[string]any)
	for _, k := range ours {
		if value, given := want[k]; given && value != nil {
			has, now := lookup(is, k)
			c.value("metadata."+k, value, now, has, own.child("f:"+k))
		}
	}
	if !c.exact {
		c.removed("metadata", want, is, own, func(k string) bool { return slices.Contains(ours, k) })
	}
}

// value compares one field.
func (c *comparison) value(path string, desired, live any, exists bool, own owners) {
	if desired == nil {
		return // an apply takes null for nothing
	}
	if !exists || live == nil {
		if !c.dropped(desired, own) {
			c.differs(path, FieldAdd, nil, desired, own)
		}
		return
	}
	want, isMap := desired.(map[string]any)
	is, liveMap := live.(map[string]any)
	if isMap && liveMap {
		if own.isLeaf() && len(want) > 0 {
			c.whole(path, desired, live, own)
			return
		}
		for _, k := range slices.Sorted(maps.Keys(want)) {
			has, now := lookup(is, k)
			c.value(join(path, k), want[k], now, has, own.child("f:"+k))
		}
		c.removed(path, want, is, own, nil)
		if c.exact {
			c.missing(path, is, want)
		}
		return
	}
	items, isList := desired.([]any)
	now, liveList := live.([]any)
	if isList && liveList {
		c.list(path, items, now, own)
		return
	}
	c.whole(path, desired, live, own)
}

// dropped reports whether the API server does not store such a value: it was
// applied and is not there, or is empty.
func (c *comparison) dropped(desired any, own owners) bool {
	if c.exact {
		return false
	}
	switch d := desired.(type) {
	case string:
		return d == ""
	case []any:
		return len(d) == 0
	case map[string]any:
		if len(d) > 0 {
			for _, v := range d {
				if !c.dropped(v, own) {
					return false
				}
			}
			return own.mine != nil
		}
	case bool:
		if d {
			return false
		}
	default:
		if f, ok := number(desired); !ok || f != 0 {
			return false
		}
	}
	return own.mine != nil
}

// whole compares a field that has one value.
func (c *comparison) whole(path string, desired, live any, own owners) {
	if c.exact && !equal(path, desired, live) || !c.exact && !covers(path, desired, live) {
		c.differs(path, FieldSet, live, desired, own)
		return
	}
	if !c.exact && !c.adopts && own.mine == nil && !c.sameRender && own.known {
		c.changes = append(c.changes, Field{Path: path, Op: FieldOwn, From: live, To: desired})
	}
}

// differs notes a difference where it belongs.
func (c *comparison) differs(path string, op FieldOp, from, to any, own owners) {
	f := Field{Path: path, Op: op, From: from, To: to}
	if c.exact || c.adopts {
		c.changes = append(c.changes, f)
		return
	}
	if c.sameRender && own.mine != nil && op == FieldSet && !(c.plain && strings.HasPrefix(path, "data")) {
		// What was applied was stored differently by a webhook or by the API
		// server, and will be again.
		return
	}
	other, by := own.other()
	if by || c.sameRender {
		f.By, f.Since = other.manager, other.time
		c.drift = append(c.drift, f)
		return
	}
	c.changes = append(c.changes, f)
}

// removed finds the fields that Fairway owns and the object does not have any more.
func (c *comparison) removed(path string, desired, live map[string]any, own owners, only func(string) bool) {
	for _, name := range slices.Sorted(maps.Keys(own.mine)) {
		k, isField := strings.CutPrefix(name, "f:")
		if !isField || only != nil && !only(k) {
			continue
		}
		if v, wanted := desired[k]; wanted && v != nil {
			continue
		}
		if value, exists := live[k]; exists {
			c.gone(join(path, k), value, own.child(name))
		}
	}
}

// gone notes a field that is not wanted any more: it goes, unless others own
// parts of it, which stay.
func (c *comparison) gone(path string, live any, own owners) {
	if len(own.others) == 0 {
		c.changes = append(c.changes, Field{Path: path, Op: FieldRemove, From: live})
		return
	}
	is, isMap := live.(map[string]any)
	found := false
	for _, name := range slices.Sorted(maps.Keys(own.mine)) {
		if k, isField := strings.CutPrefix(name, "f:"); isField && isMap {
			if value, exists := is[k]; exists {
				c.gone(join(path, k), value, own.child(name))
				found = true
			}
		}
	}
	if !found {
		c.changes = append(c.changes, Field{Path: path, Op: FieldRelease, From: live, By: own.others[0].manager})
	}
}

// missing finds what an earlier rendering had and a later one has not.
func (c *comparison) missing(path string, was, is map[string]any) {
	for _, k := range slices.Sorted(maps.Keys(was)) {
		if v := is[k]; v == nil && was[k] != nil {
			c.changes = append(c.changes, Field{Path: join(path, k), Op: FieldRemove, From: was[k]})
		}
	}
	if path == "" {
		want, _ := is["metadata"].(map[string]any)
		had, _ := was["metadata"].(map[string]any)
		for _, k := range ours {
			if want[k] == nil && had[k] != nil {
				c.changes = append(c.changes, Field{Path: "metadata." + k, Op: FieldRemove, From: had[k]})
			}
		}
	}
}

func lookup(m map[string]any, key string) (bool, any) {
	v, ok := m[key]
	return ok, v
}

// join extends a path by a field; one with dots is quoted.
func join(path, field string) string {
	if strings.ContainsAny(field, ".[]/ ") {
		return fmt.Sprintf("%s[%q]", path, field)
	}
	if path == "" {
		return field
	}
	return path + "." + field
}
