package kube

import (
	"reflect"

	"github.com/fairwayhq/fairway/internal/pure/manifest"
)

// changed reports whether an apply changed an object that has a new resource
// version. Controllers write between the read and the apply too, so only what
// the apply can have done counts: the values of the applied fields, and which
// fields Fairway owns, from which a field that left the configuration is gone.
func (c *Cluster) changed(before, after map[string]any, applied map[string]any) bool {
	// The plain data of a Secret is stored in another field.
	if applied["stringData"] != nil && !reflect.DeepEqual(before["data"], after["data"]) {
		return true
	}
	return !reflect.DeepEqual(manifest.AppliedFields(before, c.manager), manifest.AppliedFields(after, c.manager)) || differs(before, after, applied)
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
