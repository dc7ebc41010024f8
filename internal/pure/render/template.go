package render

import (
	"context"
	"errors"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"

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
	kind    Engine
	funcs   template.FuncMap
	secrets *secrets
	cache   *Cache
	// base holds the functions for files without templates of their own.
	base *template.Template
	// hash answers manifestHash for the file in hand; nil where it has no siblings.
	hash func(name string) (string, error)
	// spent is that of the file in hand; written is what all files made so far.
	spent   spent
	written int
	// bare says that the file in hand may not ask for instance types.
	bare bool
}

// newEngine returns an engine whose functions ask the look-ups; cache may be nil.
func newEngine(ctx context.Context, answers *answers, cache *Cache) *engine {
	e := &engine{ctx: ctx, secrets: &secrets{}, kind: answers.engine, cache: cache}
	e.funcs = e.guarded(functions(answers, func() bool { return e.bare }))
	e.base = e.set("")
	return e
}

// manifestHash is the function that a file reaches its siblings with.
func (e *engine) manifestHash(name string) (string, error) {
	if e.hash == nil {
		return "", errNoTemplate(name)
	}
	return e.hash(name)
}

// set begins a set of templates.
func (e *engine) set(name string) *template.Template {
	return template.New(name).Option("missingkey=error").Funcs(e.funcs).
		Funcs(template.FuncMap{"manifestHash": e.manifestHash, tickName: e.tick})
}

// parsed is a template with its ticks, which any engine can evaluate: trees are
// not changed by that.
type parsed struct {
	trees map[string]*parse.Tree
	// calls says that it calls or defines templates.
	calls bool
}

// parse reads a template, which may be there already; the error names file,
// line and action.
func (e *engine) parse(j job) (parsed, error) {
	if len(j.text) > maxFileSize {
		return parsed{}, fairway.Errorf(fairway.CodeInvalid, "%s: the template has more than %d MiB", j.file, maxFileSize>>20)
	}
	// Which functions there are is part of whether a text parses.
	key := func() cacheKey { return keyOf(keyTemplate, string(e.kind)+":"+j.file, j.text) }
	return remembered(e.cache, key, func(parsed) int { return treeFactor * len(j.text) }, func() (parsed, error) {
		// A set of its own per file: a define is visible only in its own file.
		t, err := e.set(j.file).Parse(j.text)
		if err != nil {
			return parsed{}, e.parseError(j, err)
		}
		p := parsed{trees: map[string]*parse.Tree{}}
		for _, one := range t.Templates() {
			if one.Tree != nil && one.Root != nil {
				p.trees[one.Name()] = one.Tree
			}
		}
		p.calls = len(p.trees) > 1 || calls(t.Root)
		if err := countTicks(p.trees); err != nil {
			return parsed{}, e.parseError(j, err)
		}
		return p, nil
	})
}

// treeFactor is how many times the size of its text a parsed template takes in
// memory, about.
const treeFactor = 4

// calls reports whether a list of nodes calls a template.
func calls(list *parse.ListNode) bool {
	if list == nil {
		return false
	}
	return slices.ContainsFunc(list.Nodes, func(n parse.Node) bool {
		switch n := n.(type) {
		case *parse.TemplateNode:
			return true
		case *parse.IfNode:
			return calls(n.List) || calls(n.ElseList)
		case *parse.WithNode:
			return calls(n.List) || calls(n.ElseList)
		case *parse.RangeNode:
			return calls(n.List) || calls(n.ElseList)
		}
		return false
	})
}

// executable joins a parsed template with the functions of this engine.
func (e *engine) executable(file string, p parsed) (*template.Template, error) {
	if !p.calls {
		// It needs no set of its own, and making one takes longer than the
		// execution of most files.
		t := e.base.New(file)
		t.Tree = p.trees[file]
		return t, nil
	}
	t := e.set(file)
	for name, tree := range p.trees {
		if _, err := t.AddParseTree(name, tree); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// render parses and executes; there is no output beside an error.
func (e *engine) render(j job) (string, error) {
	if e.ctx.Err() != nil {
		return "", stopped(e.ctx)
	}
	p, err := e.parse(j)
	if err != nil {
		return "", err
	}
	t, err := e.executable(j.file, p)
	if err != nil {
		return "", e.parseError(j, err)
	}
	outer, bare, hash := e.spent, e.bare, e.hash
	e.spent, e.bare, e.hash = spent{}, j.noInstances, j.hash
	defer func() { e.spent, e.bare, e.hash = outer, bare, hash }()
	out := &bounded{left: min(maxFileOutput, maxOutput-e.written)}
	out.b.Grow(len(j.text) + len(j.text)/8) // most files become about as long as they are
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
