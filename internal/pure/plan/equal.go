package plan

import (
	"encoding/json"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// equal reports whether two values are the same to an API server: numbers by
// value, amounts of resources by what they mean.
func equal(path string, a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		m, ok := b.(map[string]any)
		if !ok || len(a) != len(m) {
			return false
		}
		for k, v := range a {
			other, has := m[k]
			if !has || !equal(join(path, k), v, other) {
				return false
			}
		}
		return true
	case []any:
		l, ok := b.([]any)
		if !ok || len(a) != len(l) {
			return false
		}
		for i := range a {
			if !equal(path, a[i], l[i]) {
				return false
			}
		}
		return true
	}
	return sameScalar(path, a, b)
}

func sameScalar(path string, a, b any) bool {
	x, isNumber := number(a)
	y, alsoNumber := number(b)
	if isNumber && alsoNumber {
		return x == y
	}
	if a == b {
		return true
	}
	if !isAmount(path) {
		return false
	}
	p, err := resource.ParseQuantity(text(a))
	if err != nil {
		return false
	}
	q, err := resource.ParseQuantity(text(b))
	return err == nil && p.Cmp(q) == 0
}

// isAmount reports whether a field holds amounts of resources, which API
// servers write in a form of their own: 1000m becomes 1.
func isAmount(path string) bool {
	for _, part := range []string{"limits", "requests", "hard", "capacity", "allocatable", "sizeLimit", "overhead", "default", "max", "min", "averageValue", "divisor", "storage", "target"} {
		if strings.Contains(path, part) {
			return true
		}
	}
	return false
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	return 0, false
}

func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, _ := json.Marshal(v)
	return string(b)
}

// covers reports whether a live value is what a desired one becomes: the same,
// with defaults filled in.
func covers(path string, desired, live any) bool {
	want, isMap := desired.(map[string]any)
	is, liveMap := live.(map[string]any)
	if isMap && liveMap {
		for k, v := range want {
			if v == nil {
				continue
			}
			if other, has := is[k]; !has && !isEmpty(v) || has && !covers(join(path, k), v, other) {
				return false
			}
		}
		for k, v := range is {
			if w, has := want[k]; (!has || w == nil) && !isDefault(path, k, v) {
				return false
			}
		}
		return true
	}
	items, isList := desired.([]any)
	now, liveList := live.([]any)
	if isList && liveList {
		if len(items) != len(now) {
			return false
		}
		for i := range items {
			if !covers(path, items[i], now[i]) {
				return false
			}
		}
		return true
	}
	return sameScalar(path, desired, live)
}

// isEmpty reports whether API servers leave such a value out.
func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	f, ok := number(v)
	return ok && f == 0
}

// defaults are what API servers fill in inside of lists and maps that have one
// owner as a whole, by the name of the field.
var defaults = map[string][]any{
	"protocol":          {"TCP"},
	"scope":             {"*"},
	"apiGroup":          {"rbac.authorization.k8s.io"}, // of subjects
	"apiVersion":        {"v1"},
	"expirationSeconds": {3600},
	"divisor":           {"0"},
	"optional":          {false},
	"defaultMode":       {420},
}

// claimDefaults are those of the claims that a StatefulSet makes, which are one
// value although every claim is an object.
var claimDefaults = map[string]bool{"apiVersion": true, "kind": true, "status": true, "volumeMode": true, "creationTimestamp": true}

func isDefault(path, field string, v any) bool {
	if strings.Contains(path, "volumeClaimTemplates") && claimDefaults[field] {
		return true
	}
	for _, d := range defaults[field] {
		if sameScalar(field, d, v) {
			return true
		}
	}
	return v == nil
}
