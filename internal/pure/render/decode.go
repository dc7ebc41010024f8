package render

import (
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gopkg.in/yaml.v2"

	"github.com/fairwayhq/fairway"
)

// errUnsupported is the contract's sentence for what is no Kubernetes object.
const errUnsupported = "unsupported manifest, expecting kind/apiVersion/metadata.name for Kubernetes"

// decode reads the rendered text of a manifest as the API server would get it
// after the normalisation of contract 3.8: the same values as reading the
// output of Normalise, without making that text. Empty documents vanish; the
// items of a List stand for themselves.
func decode(file, text string) ([]fairway.Object, error) {
	docs, err := documents(file, text)
	if err != nil {
		return nil, err
	}
	var objects []fairway.Object
	var errs Errors
	for i, doc := range docs {
		found, err := object(doc)
		if err != nil {
			errs.add(fairway.Errorf(fairway.CodeInvalid, "%s: document %d: %w", file, i+1, err).WithHint("%s", fairway.ErrorHint(err)))
			continue
		}
		objects = append(objects, found...)
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return objects, nil
}

// maxDocuments is how many bytes the documents of one file may have.
const maxDocuments = 64 << 20

// documents is the first pass of the normalisation: yaml.v2 into untyped
// values, which resolves anchors, aliases, merge keys and YAML 1.1 scalars.
func documents(file, text string) ([]any, error) {
	d := yaml.NewDecoder(strings.NewReader(text))
	var docs []any
	left := maxDocuments
	for {
		var doc any
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return nil, yamlError(file, err)
		}
		// Aliases make a large document of a small text.
		if left -= measure(reflect.ValueOf(doc), left+1); left < 0 {
			return nil, fairway.Errorf(fairway.CodeInvalid, "%s: the documents have more than %d MiB", file, maxDocuments>>20).WithHint("look for aliases of long texts")
		}
		if doc != nil {
			docs = append(docs, doc)
		}
	}
}

// object makes an object, or the items of a List, of a decoded document.
func object(doc any) ([]fairway.Object, error) {
	if err := isManifest(doc); err != nil {
		return nil, err
	}
	value, wrong := jsonValue(doc)
	if wrong != nil {
		return nil, wrong.error()
	}
	o := fairway.Object(value.(map[string]any))
	items, isList := o["items"].([]any)
	if ref := o.Ref(); !isList || ref.APIVersion != "v1" || ref.Kind != "List" {
		return []fairway.Object{o}, nil
	}
	var all []fairway.Object
	for i, item := range items {
		found, err := object(item)
		if err != nil {
			return nil, fmt.Errorf("item %d of the list: %w", i+1, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// isManifest checks that kind, apiVersion and metadata.name are there.
func isManifest(doc any) error {
	scalar := func(v any) bool {
		switch v := v.(type) {
		case nil, []any, map[any]any, map[string]any:
			return false
		case string:
			return v != ""
		}
		return true
	}
	meta := member(doc, "metadata")
	for _, part := range []struct {
		name  string
		value any
	}{{"kind", member(doc, "kind")}, {"apiVersion", member(doc, "apiVersion")}, {"metadata.name", member(meta, "name")}} {
		if !scalar(part.value) {
			return fairway.Errorf(fairway.CodeInvalid, "%s; %s is missing", errUnsupported, part.name)
		}
	}
	return annotations(meta)
}

// annotations checks that annotations are plain values; a client could not
// read others.
func annotations(meta any) error {
	switch all := member(meta, "annotations").(type) {
	case nil:
	case map[any]any:
		wrong := "" // the first by name: mappings have no order
		for key, value := range all {
			switch value.(type) {
			case []any, map[any]any:
				if name := fmt.Sprint(key); wrong == "" || name < wrong {
					wrong = name
				}
			}
		}
		if wrong != "" {
			return fairway.Errorf(fairway.CodeInvalid, "%s; annotation %s is no plain value", errUnsupported, wrong).WithHint("put the value into quotes")
		}
	default:
		return fairway.Errorf(fairway.CodeInvalid, "%s; metadata.annotations is no mapping", errUnsupported)
	}
	return nil
}

// member returns a value of a decoded mapping, nil when it is none.
func member(v any, key string) any {
	switch m := v.(type) {
	case map[any]any:
		return m[key]
	case map[string]any:
		return m[key]
	}
	return nil
}

// badValue is a value that JSON cannot hold, with the way to it from where the
// error is now: every level puts its own step before it, so that paths cost
// nothing where all is well.
type badValue struct{ path, before, after, hint string }

// bad says what is wrong with a value; @ in the text stands for its path.
func bad(hint, format string, args ...any) *badValue {
	before, after, _ := strings.Cut(fmt.Sprintf(format, args...), "@")
	return &badValue{before: before, after: after, hint: hint}
}

// at puts a step before the path.
func (e *badValue) at(step string) *badValue {
	e.path = step + e.path
	return e
}

// error is the error as it is told.
func (e *badValue) error() error {
	return fairway.Errorf(fairway.CodeInvalid, "%s%s%s", e.before, e.path, e.after).WithHint("%s", e.hint)
}

// jsonValue turns a value of yaml.v2 into JSON types: integers that fit are
// int64, also those that were written as floats, as they are after a way
// through JSON.
func jsonValue(v any) (any, *badValue) {
	switch v := v.(type) {
	case nil, bool, int64:
		return v, nil
	case string:
		if !utf8.ValidString(v) {
			return nil, bad("put binary data into a Secret or into binaryData, as base64 text", "@ is not valid UTF-8")
		}
		return v, nil
	case int:
		return int64(v), nil
	case uint64:
		return float64(v), nil
	case float64:
		return number(v)
	case time.Time:
		return v.Format(time.RFC3339Nano), nil
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			one, err := jsonValue(item)
			if err != nil {
				return nil, err.at("[" + strconv.Itoa(i) + "]")
			}
			list[i] = one
		}
		return list, nil
	case map[string]any:
		return v, nil
	case map[any]any:
		return jsonMap(v)
	}
	return nil, bad("", "@ has a value of type %T, which JSON cannot hold", v)
}

// jsonMap is jsonValue of a mapping. Of several wrong values the first by name
// is told, because mappings have no order.
func jsonMap(v map[any]any) (any, *badValue) {
	m := make(map[string]any, len(v))
	var worst *badValue
	found := func(err *badValue) {
		if worst == nil || err.path+err.after < worst.path+worst.after {
			worst = err
		}
	}
	for k, item := range v {
		name, isText := keyText(k)
		if !isText {
			found(bad("", "a key of @ is no text"))
			continue
		}
		if _, twice := m[name]; twice {
			found(bad("put the keys into quotes", "two keys of @ are %q after YAML 1.1 rules", name))
			continue
		}
		one, err := jsonValue(item)
		if err != nil {
			found(err.at("." + name))
		}
		m[name] = one
	}
	return m, worst
}

func number(f float64) (any, *badValue) {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return nil, bad("put it into quotes when it is meant as text", "@ is no finite number")
	case f == math.Trunc(f) && math.Abs(f) < 1<<63:
		return int64(f), nil
	}
	return f, nil
}

// keyText is how a key of a mapping reads in JSON.
func keyText(k any) (text string, isText bool) {
	switch k := k.(type) {
	case string:
		return k, true
	case bool:
		return strconv.FormatBool(k), true
	case int:
		return strconv.Itoa(k), true
	case int64:
		return strconv.FormatInt(k, 10), true
	case uint64:
		return strconv.FormatUint(k, 10), true
	case float64:
		return strconv.FormatFloat(k, 'g', -1, 32), true
	}
	return "", false
}
