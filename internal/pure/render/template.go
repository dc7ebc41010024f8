package render

import (
	"context"
	"errors"
	"strings"
	"text/template"

	"github.com/fairwayhq/fairway"
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
	// noInstances says that the functions about instance types fail (contract 4.7).
	noInstances bool
}

// engine evaluates templates. It is used by one goroutine at a time.
type engine struct {
	ctx     context.Context
	funcs   template.FuncMap
	secrets *secrets
	// spent is that of the file in hand; written is what all files made so far.
	spent   spent
	written int
	// bare says that the file in hand may not ask for instance types.
	bare bool
}

// newEngine returns an engine whose functions ask the look-ups.
func newEngine(ctx context.Context, answers *answers) *engine {
	e := &engine{ctx: ctx, secrets: &secrets{}}
	e.funcs = e.guarded(functions(answers, func() bool { return e.bare }))
	return e
}

// parse reads a template; the error names file, line and action.
func (e *engine) parse(j job) (*template.Template, error) {
	if len(j.text) > maxFileSize {
		return nil, fairway.Errorf(fairway.CodeInvalid, "%s: the template has more than %d MiB", j.file, maxFileSize>>20)
	}
	hash := j.hash
	if hash == nil {
		hash = func(name string) (string, error) { return "", errNoTemplate(name) }
	}
	own := template.FuncMap{"manifestHash": hash, tickName: e.tick}
	// A set of its own per file: a define is visible only in its own file.
	t, err := template.New(j.file).Option("missingkey=error").Funcs(e.funcs).Funcs(own).Parse(j.text)
	if err != nil {
		return nil, e.parseError(j, err)
	}
	if err := countTicks(t); err != nil {
		return nil, e.parseError(j, err)
	}
	return t, nil
}

// render parses and executes; there is no output beside an error.
func (e *engine) render(j job) (string, error) {
	if e.ctx.Err() != nil {
		return "", stopped(e.ctx)
	}
	t, err := e.parse(j)
	if err != nil {
		return "", err
	}
	outer, bare := e.spent, e.bare
	e.spent, e.bare = spent{}, j.noInstances
	defer func() { e.spent, e.bare = outer, bare }()
	out := &bounded{left: min(maxFileOutput, maxOutput-e.written)}
	err = t.Execute(out, j.data)
	e.written += out.b.Len()
	if err != nil {
		if errors.Is(err, errTooLarge) {
			return "", e.tooLarge(j)
		}
		return "", e.execError(j, err)
	}
	return out.b.String(), nil
}

func (e *engine) tooLarge(j job) error {
	if e.written >= maxOutput-maxFileOutput {
		return fairway.Errorf(fairway.CodeInvalid, "%s: all templates together make more than %d MiB of text", j.file, maxOutput>>20)
	}
	return fairway.Errorf(fairway.CodeInvalid, "%s: the template makes more than %d MiB of text", j.file, maxFileOutput>>20).
		WithHint("look for a range over something unexpectedly long")
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
