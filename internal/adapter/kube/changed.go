package kube

import "reflect"

// changed reports whether an apply changed an object that has a new resource
// version. Controllers write between the read and the apply too, so only what
// the apply can have done counts: the values of the applied fields, and which
// fields Fairway owns, from which a field that left the configuration is gone.
func (c *Cluster) changed(before, after map[string]any, applied map[string]any) bool {
	// The plain data of a Secret is stored in another field.
	if applied["stringData"] != nil && !reflect.DeepEqual(before["data"], after["data"]) {
		return true
	}
	return !reflect.DeepEqual(c.ownedFields(before), c.ownedFields(after)) || differs(before, after, applied)
}

// ownedFields returns the fields that the server notes as applied by Fairway,
// nil for none.
func (c *Cluster) ownedFields(live map[string]any) any {
	metadata, _ := live["metadata"].(map[string]any)
	entries, _ := metadata["managedFields"].([]any)
	for _, e := range entries {
		entry, _ := e.(map[string]any)
		if entry["manager"] == c.manager && entry["operation"] == "Apply" && entry["subresource"] == nil {
			return entry["fieldsV1"]
		}
	}
	return nil
}

// differs reports whether two values differ in what is applied. Lists are
// compared as a whole.
func differs(before, after, applied any) bool {
	fields, isMap := applied.(map[string]any)
	old, wasMap := before.(map[string]any)
	now, areMaps := after.(map[string]any)
	if !isMap || !wasMap || !areMaps {
		return !reflect.DeepEqual(before, after)
	}
	for name, field := range fields {
		if differs(old[name], now[name], field) {
			return true
		}
	}
	return false
}
