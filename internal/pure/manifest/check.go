package manifest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
)

// Check returns what the objects of a bundle are wrong in by themselves, all
// at once, each error CodeInvalid and naming component and object: names and
// kinds that no API server accepts, and objects that are there twice. nil when
// nothing is.
func Check(components []fairway.Component) error {
	var errs []error
	seen := map[fairway.ObjectRef]string{}
	for _, c := range components {
		for _, o := range c.Objects {
			if problem, hint := checkObject(o); problem != "" {
				errs = append(errs, fairway.Errorf(fairway.CodeInvalid, "component %s: %s: %s", c.Name, describe(o), problem).WithHint("%s", hint))
				continue
			}
			id := identity(o.Ref())
			first, twice := seen[id]
			switch {
			case twice && first == c.Name:
				errs = append(errs, fairway.Errorf(fairway.CodeInvalid, "component %s has %s twice", c.Name, o.Ref()).
					WithHint("the second would undo the first at every update; remove one"))
			case twice:
				errs = append(errs, fairway.Errorf(fairway.CodeInvalid, "components %s and %s both have %s", first, c.Name, o.Ref()).
					WithHint("each would undo the other at every update; remove it from one of them"))
			default:
				seen[id] = c.Name
			}
		}
	}
	return errors.Join(errs...)
}

// identity is what makes two manifests one object: the version of its API does
// not count, and no namespace is the namespace default.
func identity(ref fairway.ObjectRef) fairway.ObjectRef {
	ref.APIVersion = ref.Group()
	if ref.Namespace == "default" {
		ref.Namespace = ""
	}
	return ref
}

// describe names an object also when parts of its name are missing.
func describe(o fairway.Object) string {
	meta, _ := o["metadata"].(map[string]any)
	return fmt.Sprintf("%v %v", o["kind"], meta["name"])
}

// maxName is the longest name that Kubernetes stores.
const maxName = 253

// yaml11 is the hint for a value that YAML 1.1 reads as something else.
const yaml11 = "put it into quotes: YAML 1.1 reads y, n, yes, no, on and off as booleans, and digits as numbers"

func checkObject(o fairway.Object) (problem, hint string) {
	for _, field := range []string{"apiVersion", "kind"} {
		if s, ok := o[field].(string); !ok || s == "" {
			return fmt.Sprintf("%s is %s, not a text", field, kindOf(o[field])), yaml11
		}
	}
	if strings.Count(o["apiVersion"].(string), "/") > 1 {
		return fmt.Sprintf("apiVersion %q is not of the form group/version", o["apiVersion"]), ""
	}
	meta, ok := o["metadata"].(map[string]any)
	if !ok {
		return "metadata is missing", ""
	}
	name, ok := meta["name"].(string)
	if !ok || name == "" {
		return fmt.Sprintf("metadata.name is %s, not a text", kindOf(meta["name"])), yaml11
	}
	if namespace, has := meta["namespace"]; has && namespace != nil {
		if _, ok := namespace.(string); !ok {
			return fmt.Sprintf("metadata.namespace is %s, not a text", kindOf(namespace)), yaml11
		}
	}
	switch {
	case len(name) > maxName:
		return fmt.Sprintf("metadata.name has %d characters, Kubernetes stores at most %d", len(name), maxName), "shorten the name"
	case name == "." || name == ".." || strings.ContainsAny(name, "/%"):
		return fmt.Sprintf("metadata.name %q cannot stand in a URL", name), "use letters, digits, dots and dashes"
	}
	for _, field := range []string{"labels", "annotations"} {
		if problem, hint = checkTexts(meta, field); problem != "" {
			return problem, hint
		}
	}
	return "", ""
}

// checkTexts checks that labels and annotations map texts to texts, as the API
// server insists on.
func checkTexts(meta map[string]any, field string) (problem, hint string) {
	if meta[field] == nil {
		return "", ""
	}
	m, ok := meta[field].(map[string]any)
	if !ok {
		return fmt.Sprintf("metadata.%s is %s, not a mapping", field, kindOf(meta[field])), ""
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		// A null is accepted by the API server as an empty text.
		if _, ok := m[k].(string); !ok && m[k] != nil {
			return fmt.Sprintf("metadata.%s %q is %s, not a text", field, k, kindOf(m[k])), yaml11
		}
	}
	return "", ""
}

// kindOf says what a value is, in words.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "not given"
	case bool:
		return fmt.Sprintf("the boolean %t", v)
	case int64, float64:
		return fmt.Sprintf("the number %v", v)
	case string:
		return fmt.Sprintf("%q", v)
	case []any:
		return "a list"
	}
	return "a mapping"
}
