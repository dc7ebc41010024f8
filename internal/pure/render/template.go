package render

import (
	"errors"
	"strings"
	"text/template"

	"github.com/fairwayhq/fairway"
)

// Limits of what one template may make, far above what any real one needs.
const (
	maxFileOutput = 16 << 20 // bytes of one rendered file
	maxRepeat     = 4 << 20  // bytes that one call of indent or indexedList may make
)

// data is the root object of a template (contract 3.1).
type data struct {
	Cluster  *clusterView
	Values   map[string]any
	NodePool *poolView
}

// job is one file to render.
type job struct {
	file string // <source>/<path>, for errors
	text string
	data data
	// hash answers manifestHash; nil where there are no siblings.
	hash func(name string) (string, error)
}

// engine evaluates templates. It is used by one goroutine at a time.
type engine struct {
	funcs template.FuncMap
}

func newEngine(provider string) *engine { return &engine{funcs: functions(provider)} }

// parse reads a template; the error names file, line and action.
func (e *engine) parse(j job) (*template.Template, error) {
	hash := j.hash
	if hash == nil {
		hash = func(name string) (string, error) { return "", errNoTemplate(name) }
	}
	// A set of its own per file: a define is visible only in its own file.
	t, err := template.New(j.file).Option("missingkey=error").Funcs(e.funcs).Funcs(template.FuncMap{"manifestHash": hash}).Parse(j.text)
	if err != nil {
		return nil, e.parseError(j, err)
	}
	return t, nil
}

// render parses and executes; there is no output beside an error.
func (e *engine) render(j job) (string, error) {
	t, err := e.parse(j)
	if err != nil {
		return "", err
	}
	out := &bounded{left: maxFileOutput}
	if err := t.Execute(out, j.data); err != nil {
		if errors.Is(err, errTooLarge) {
			return "", fairway.Errorf(fairway.CodeInvalid, "%s: the template makes more than %d MiB of text", j.file, maxFileOutput>>20).
				WithHint("look for a range over something unexpectedly long")
		}
		return "", e.execError(j, err)
	}
	return out.b.String(), nil
}

// bounded is a writer that refuses to grow without end.
type bounded struct {
	b    strings.Builder
	left int
}

var errTooLarge = errors.New("output too large")

// Write appends p as long as there is room.
func (w *bounded) Write(p []byte) (int, error) {
	if len(p) > w.left {
		return 0, errTooLarge
	}
	w.left -= len(p)
	return w.b.Write(p)
}
