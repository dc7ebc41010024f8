package render

import (
	"cmp"
	"encoding/base64"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// mask stands in the place of a secret.
const mask = "***"

// shortest is the shortest text that is taken for a secret: what is shorter
// would be found, and masked, everywhere.
const shortest = 4

// secrets are the texts that must not be shown: the values that were
// encrypted, and what functions made of them.
type secrets struct {
	texts []string
	known map[string]bool
}

// shortestLine is the shortest line of a secret that is one by itself.
const shortestLine = 8

// add notes a secret in the forms in which it may appear. The lines of a long
// one count by themselves, because texts are indented.
func (s *secrets) add(text string) {
	forms := []string{text, strings.TrimSpace(text), base64.StdEncoding.EncodeToString([]byte(text))}
	if strings.Contains(strings.TrimSpace(text), "\n") {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); len(line) >= shortestLine && !strings.HasPrefix(line, "-----") {
				forms = append(forms, line)
			}
		}
	}
	for _, form := range forms {
		if len(form) < shortest || s.known[form] {
			continue
		}
		if s.known == nil {
			s.known = map[string]bool{}
		}
		s.known[form] = true
		s.texts = append(s.texts, form)
	}
}

// in reports whether a text holds a secret.
func (s *secrets) in(text string) bool {
	for _, secret := range s.texts {
		if strings.Contains(text, secret) {
			return true
		}
	}
	return false
}

// derive notes what a function makes of a secret, when the secret cannot be
// seen in it any more: a text in another encoding or with other indentation.
func (s *secrets) derive(function string, args []reflect.Value, result reflect.Value) {
	if len(s.texts) == 0 || tellsNothing[function] {
		return
	}
	secret := false
	for _, a := range args {
		eachText(a, func(text string) { secret = secret || s.in(text) })
	}
	if !secret {
		return
	}
	eachText(result, func(text string) {
		if !s.in(text) {
			s.add(text)
		}
	})
}

// dataURLs finds what a converted user data holds in another encoding.
var dataURLs = regexp.MustCompile(`data:;base64,([A-Za-z0-9+/]+=*)`)

// encoded notes the encoded contents in a text that hold a secret.
func (s *secrets) encoded(text string) {
	for _, m := range dataURLs.FindAllStringSubmatch(text, -1) {
		if b, err := base64.StdEncoding.DecodeString(m[1]); err == nil && s.in(string(b)) {
			s.add(m[1])
		}
	}
}

// tellsNothing are the functions whose results may be known although their
// arguments may not.
var tellsNothing = map[string]bool{"certificateExpiry": true, "generateJWKSDocument": true, "manifestHash": true, "publicKey": true, "sha256": true}

// eachText calls do for every text in a value of a template.
func eachText(v reflect.Value, do func(string)) {
	switch v.Kind() {
	case reflect.String:
		do(v.String())
	case reflect.Interface:
		eachText(v.Elem(), do)
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			eachText(v.Index(i), do)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			eachText(it.Value(), do)
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			if field.CanInterface() {
				eachText(field, do)
			}
		}
	}
}

// mask returns a text without the secrets in it. Longer ones go first, because
// one secret may be part of another.
func (s *secrets) mask(text string) string {
	slices.SortFunc(s.texts, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b))
	})
	for _, secret := range s.texts {
		text = strings.ReplaceAll(text, secret, mask)
	}
	return text
}

// maskValue returns a decoded document of a manifest without secrets: those in
// its texts and numbers, and all that a Secret holds.
func (s *secrets) maskValue(doc any) any {
	m, isMap := doc.(map[any]any)
	if isMap && m["kind"] == "Secret" {
		out := map[any]any{}
		for k, v := range m {
			if values, ok := v.(map[any]any); ok && (k == "data" || k == "stringData") {
				hidden := map[any]any{}
				for name := range values {
					hidden[name] = mask
				}
				v = hidden
			}
			out[k] = v
		}
		doc = out
	}
	return s.maskTexts(doc)
}

func (s *secrets) maskTexts(v any) any {
	switch v := v.(type) {
	case string:
		return s.mask(v)
	case int, int64, uint64, float64:
		if text := textOf(v); s.known[text] {
			return mask
		}
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = s.maskTexts(v[i])
		}
		return out
	case map[any]any:
		out := make(map[any]any, len(v))
		for k := range v {
			out[s.maskTexts(k)] = s.maskTexts(v[k])
		}
		return out
	}
	return v
}
