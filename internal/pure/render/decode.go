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
	value, err := jsonValue(doc, "")
	if err != nil {
		return nil, err
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
		for key, value := range all {
			switch value.(type) {
			case []any, map[any]any:
				return fairway.Errorf(fairway.CodeInvalid, "%s; annotation %v is no plain value", errUnsupported, key).WithHint("put the value into quotes")
			}
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

// jsonValue turns a value of yaml.v2 into JSON types: integers that fit are
// int64, also those that were written as floats, as they are after a way
// through JSON.
func jsonValue(v any, path string) (any, error) {
	switch v := v.(type) {
	case nil, bool, int64:
		return v, nil
	case string:
		if !utf8.ValidString(v) {
			return nil, fairway.Errorf(fairway.CodeInvalid, "%s is not valid UTF-8", path).WithHint("put binary data into a Secret or into binaryData, as base64 text")
		}
		return v, nil
	case int:
		return int64(v), nil
	case uint64:
		return float64(v), nil
	case float64:
		return number(v, path)
	case time.Time:
		return v.Format(time.RFC3339Nano), nil
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			one, err := jsonValue(item, path+"["+strconv.Itoa(i)+"]")
			if err != nil {
				return nil, err
			}
			list[i] = one
		}
		return list, nil
	case map[string]any:
		return v, nil
	case map[any]any:
		m := make(map[string]any, len(v))
		for k, item := range v {
			name, err := keyText(k, path)
			if err != nil {
				return nil, err
			}
			if _, twice := m[name]; twice {
				return nil, fairway.Errorf(fairway.CodeInvalid, "two keys of %s are %q after YAML 1.1 rules", path, name).WithHint("put the keys into quotes")
			}
			if m[name], err = jsonValue(item, path+"."+name); err != nil {
				return nil, err
			}
		}
		return m, nil
	}
	return nil, fairway.Errorf(fairway.CodeInvalid, "%s has a value of type %T, which JSON cannot hold", path, v)
}

func number(f float64, path string) (any, error) {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return nil, fairway.Errorf(fairway.CodeInvalid, "%s is no finite number", path).WithHint("put it into quotes when it is meant as text")
	case f == math.Trunc(f) && math.Abs(f) < 1<<63:
		return int64(f), nil
	}
	return f, nil
}

// keyText is how a key of a mapping reads in JSON.
func keyText(k any, path string) (string, error) {
	switch k := k.(type) {
	case string:
		return k, nil
	case bool:
		return strconv.FormatBool(k), nil
	case int:
		return strconv.Itoa(k), nil
	case int64:
		return strconv.FormatInt(k, 10), nil
	case uint64:
		return strconv.FormatUint(k, 10), nil
	case float64:
		return strconv.FormatFloat(k, 'g', -1, 32), nil
	}
	return "", fairway.Errorf(fairway.CodeInvalid, "a key of %s is no text", path)
}
