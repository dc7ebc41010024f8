package plan

import "slices"

// selects reports whether a label selector, as decoded JSON, matches labels. An
// empty one matches everything; one with an unknown operator nothing.
func selects(selector map[string]any, labels map[string]string) bool {
	match, _ := selector["matchLabels"].(map[string]any)
	for k, v := range match {
		if is, has := labels[k]; !has || v != is {
			return false
		}
	}
	expressions, _ := selector["matchExpressions"].([]any)
	for _, e := range expressions {
		if expression, _ := e.(map[string]any); !holds(expression, labels) {
			return false
		}
	}
	return true
}

func holds(expression map[string]any, labels map[string]string) bool {
	key, _ := expression["key"].(string)
	values, _ := expression["values"].([]any)
	is, has := labels[key]
	switch expression["operator"] {
	case "In":
		return has && slices.Contains(values, any(is))
	case "NotIn":
		return !has || !slices.Contains(values, any(is))
	case "Exists":
		return has
	case "DoesNotExist":
		return !has
	}
	return false
}

// at returns what stands at a path of nested maps, nil when nothing does.
func at(v any, path ...string) any {
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

func mapAt(v any, path ...string) map[string]any {
	m, _ := at(v, path...).(map[string]any)
	return m
}

func textAt(v any, path ...string) string {
	s, _ := at(v, path...).(string)
	return s
}

func listAt(v any, path ...string) []any {
	l, _ := at(v, path...).([]any)
	return l
}
