package render

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"text/template"
)

var listFunctions = template.FuncMap{
	"append":      func(to []string, items ...string) []string { return append(to[:len(to):len(to)], items...) },
	"azCount":     azCount,
	"dict":        dict,
	"indexedList": indexedList,
	"join":        join,
	"list":        func(items ...any) []any { return items },
	"split":       split,
}

// azCount counts the zones of a map of subnets; the entry * is all of them.
func azCount(subnets map[string]string) int {
	n := len(subnets)
	if _, has := subnets["*"]; has {
		n--
	}
	return n
}

// dict makes a map of keys and values in turn.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs) == 0 || len(pairs)%2 != 0 {
		return nil, fmt.Errorf("needs pairs of keys and values, got %d arguments", len(pairs))
	}
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("key %v is of type %T, not a string", pairs[i], pairs[i])
		}
		if _, twice := m[key]; twice {
			return nil, fmt.Errorf("duplicate key: %s", key)
		}
		m[key] = pairs[i+1]
	}
	return m, nil
}

// indexedList is n copies of a text joined by commas, in each of which $ is
// the number of the copy.
func indexedList(text string, n int64) (string, error) {
	if n < 0 {
		return "", fmt.Errorf("cannot make %d copies", n)
	}
	if n > int64(maxRepeat/(len(text)+1)) {
		return "", fmt.Errorf("%d copies make more than %d MiB", n, maxRepeat>>20)
	}
	var copies []string
	for i := range n {
		copies = append(copies, strings.ReplaceAll(text, "$", strconv.FormatInt(i, 10)))
	}
	return strings.Join(copies, ","), nil
}

// join joins the text forms of a list's elements, leaving nil ones out; what
// is no list is joined as itself.
func join(sep string, list any) string {
	if list == nil {
		return ""
	}
	v := reflect.ValueOf(list)
	if v.Kind() != reflect.Slice && v.Kind() != reflect.Array {
		return textOf(list)
	}
	var parts []string
	for i := range v.Len() {
		if item := v.Index(i).Interface(); item != nil {
			parts = append(parts, textOf(item))
		}
	}
	return strings.Join(parts, sep)
}

func textOf(v any) string {
	if b, ok := v.([]byte); ok {
		return string(b)
	}
	return fmt.Sprint(v)
}

// split cuts a text at a separator; an empty text has no parts.
func split(s, sep string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, sep)
}
