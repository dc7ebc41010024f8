package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/nearest"
)

// maxBody is the largest body that is read: a cluster of the largest size, with
// room for names and escapes.
const maxBody = 4 * fairway.MaxCluster

// invalid is everything that is wrong with a request.
type invalid struct{ findings []fairway.Finding }

func (e *invalid) Error() string {
	texts := make([]string, len(e.findings))
	for i, f := range e.findings {
		texts[i] = f.Message
		if f.Hint != "" {
			texts[i] += " (" + f.Hint + ")"
		}
	}
	return strings.Join(texts, "; ")
}

// fields are the JSON pointers of what is wrong, joined by commas.
func (e *invalid) fields() string {
	pointers := make([]string, len(e.findings))
	for i, f := range e.findings {
		pointers[i] = f.Pointer
	}
	return strings.Join(slices.Compact(pointers), ",")
}

// refuse turns findings into an error; none are nil.
func refuse(findings []fairway.Finding) error {
	if len(findings) == 0 {
		return nil
	}
	return fairway.Errorf(fairway.CodeInvalid, "%w", &invalid{findings})
}

// httpError is a refusal that has a status of its own.
type httpError struct {
	status  int
	message string
}

func (e *httpError) Error() string { return e.message }

// object is a JSON object that is read field by field, so that everything that
// is wrong is found at once.
type object struct {
	at       string // pointer of the object
	fields   map[string]json.RawMessage
	known    []string
	findings []fairway.Finding
}

// body reads a request's body as an object. The error is final.
func body(w http.ResponseWriter, r *http.Request) (*object, error) {
	if t := r.Header.Get("Content-Type"); t != "" {
		if kind, _, err := mime.ParseMediaType(t); err != nil || kind != "application/json" {
			return nil, &httpError{http.StatusUnsupportedMediaType, fmt.Sprintf("content type %q is not application/json", t)}
		}
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, &httpError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", maxBody)}
	}
	if err != nil {
		return nil, unread(err)
	}
	if !utf8.Valid(text) {
		return nil, refuse([]fairway.Finding{{Message: "the body is not valid UTF-8"}})
	}
	o, finding := parse("", text)
	if finding != nil {
		return nil, refuse([]fairway.Finding{*finding})
	}
	return o, nil
}

// unread is the answer to a body that did not come as a whole: in time, or at all.
func unread(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &httpError{http.StatusRequestTimeout, "the body did not come in time"}
	}
	return fairway.Errorf(fairway.CodeInvalid, "read the body: %w", err)
}

// parse reads a JSON object.
func parse(at string, text []byte) (*object, *fairway.Finding) {
	o := &object{at: at}
	if !json.Valid(text) {
		var v any
		err := json.Unmarshal(text, &v)
		return nil, &fairway.Finding{Pointer: at, Message: fmt.Sprintf("the body is not JSON: %v", err)}
	}
	if text = bytes.TrimSpace(text); len(text) == 0 || text[0] != '{' {
		return nil, &fairway.Finding{Pointer: at, Message: "expected a JSON object, found " + jsonKind(text)}
	}
	if err := json.Unmarshal(text, &o.fields); err != nil {
		return nil, &fairway.Finding{Pointer: at, Message: err.Error()}
	}
	return o, nil
}

func (o *object) find(name, hint, format string, args ...any) {
	o.findings = append(o.findings, fairway.Finding{Pointer: o.at + "/" + fairway.EscapePointer(name), Message: fmt.Sprintf(format, args...), Hint: hint})
}

// take returns the text of a field; null counts as not given.
func (o *object) take(name string) (json.RawMessage, bool) {
	o.known = append(o.known, name)
	text, given := o.fields[name]
	return text, given && string(text) != "null"
}

// ignore accepts fields that only the registry writes.
func (o *object) ignore(names ...string) { o.known = append(o.known, names...) }

// read reads a field into to and reports whether it was given.
func read[T any](o *object, name string, to *T) bool {
	text, given := o.take(name)
	if !given {
		return false
	}
	var v T
	if err := json.Unmarshal(text, &v); err != nil {
		o.find(name, "", "%s is %s, expected %s", name, jsonKind(text), expected(v))
		return false
	}
	*to = v
	return true
}

// optional reads a field that may be left out.
func optional[T any](o *object, name string) *T {
	var v T
	if read(o, name, &v) {
		return &v
	}
	return nil
}

// require reports fields that are not given.
func (o *object) require(names ...string) {
	for _, name := range names {
		if text, given := o.fields[name]; !given || string(text) == "null" {
			o.find(name, "", "%s is missing", name)
		}
	}
}

// done reports unknown fields and returns all findings.
func (o *object) done() []fairway.Finding {
	for _, name := range slices.Sorted(maps.Keys(o.fields)) {
		if slices.Contains(o.known, name) {
			continue
		}
		hint := ""
		if near := nearest.To(name, slices.Values(o.known)); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		o.find(name, hint, "unknown field %q", name)
	}
	return o.findings
}

// jsonKind says what a JSON text is.
func jsonKind(text []byte) string {
	switch text = bytes.TrimSpace(text); {
	case len(text) == 0:
		return "nothing"
	case text[0] == '{':
		return "an object"
	case text[0] == '[':
		return "a list"
	case text[0] == '"':
		return "a text"
	case text[0] == 't', text[0] == 'f':
		return "true or false"
	case text[0] == 'n':
		return "null"
	}
	return "the number " + string(text[:min(len(text), 40)])
}

// expected says what a Go type wants to read.
func expected(v any) string {
	switch v.(type) {
	case string, fairway.LifecycleStatus:
		return "a text"
	case int32:
		return "a whole number of 32 bits"
	case int64:
		return "a whole number of 64 bits"
	case []string:
		return "a list of texts"
	case map[string]string:
		return "an object of texts"
	}
	return "another type"
}
