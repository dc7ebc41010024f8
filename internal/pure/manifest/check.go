package manifest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

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

// maxName is the longest name that Kubernetes stores, maxLabel the longest that
// is part of a host's name or of a label, maxAnnotations how many bytes the
// annotations of an object may have together.
const (
	maxName        = 253
	maxLabel       = 63
	maxAnnotations = 256 << 10
)

// shortNames are the kinds whose names become parts of others, by group and kind.
var shortNames = map[string]int{"/Namespace": maxLabel, "/Service": maxLabel, "batch/CronJob": 52}

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
		text, ok := namespace.(string)
		if !ok {
			return fmt.Sprintf("metadata.namespace is %s, not a text", kindOf(namespace)), yaml11
		}
		if len(text) > maxLabel {
			return fmt.Sprintf("metadata.namespace has %d characters, Kubernetes stores at most %d", len(text), maxLabel), "shorten the name"
		}
	}
	most, special := shortNames[o.Ref().Group()+"/"+o["kind"].(string)]
	switch {
	case special && len(name) > most:
		return fmt.Sprintf("metadata.name has %d characters, the name of a %s at most %d", len(name), o["kind"], most), "shorten the name"
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
	size := 0
	for _, k := range slices.Sorted(maps.Keys(m)) {
		// A null is accepted by the API server as an empty text.
		value, ok := m[k].(string)
		if !ok && m[k] != nil {
			return fmt.Sprintf("metadata.%s %q is %s, not a text", field, k, kindOf(m[k])), yaml11
		}
		size += len(k) + len(value)
		if wrong := validation.IsQualifiedName(strings.ToLower(k)); len(wrong) > 0 {
			return fmt.Sprintf("metadata.%s: the key %q is not valid: %s", field, k, strings.Join(wrong, "; ")), ""
		}
		if wrong := validation.IsValidLabelValue(value); field == "labels" && len(wrong) > 0 {
			return fmt.Sprintf("metadata.labels %q: the value %q is not valid: %s", k, value, strings.Join(wrong, "; ")),
				"labels are short names to select by; put other texts into annotations"
		}
	}
	if field == "annotations" && size > maxAnnotations {
		return fmt.Sprintf("metadata.annotations have %d KiB, Kubernetes stores at most %d", size>>10, maxAnnotations>>10), "put long texts into a ConfigMap"
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
