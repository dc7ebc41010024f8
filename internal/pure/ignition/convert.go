package ignition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	v3 "github.com/coreos/ignition/v2/config/v3_4"
	"github.com/coreos/ignition/v2/config/v3_4/types"
	"go.yaml.in/yaml/v3"

	"github.com/fairwayhq/fairway"
)

// Source is a text to convert.
type Source struct {
	// File names the text in errors. Its ending says what it is: .clc.yaml or
	// .bu.yaml.
	File string
	Text string
	// Local reads the files that the text takes its contents from; nil means
	// that there are none.
	Local func(name string) ([]byte, error)
}

// Convert returns the Ignition config of a source, as JSON with sorted keys.
// The error joins errors of CodeInvalid, one for each thing that is wrong,
// with lines of the text.
func Convert(s Source) (string, error) {
	p := &parser{source: s, lines: map[string]int{}}
	root := p.read()
	out := map[string]any{}
	if root != nil {
		if strings.HasSuffix(s.File, ".bu.yaml") {
			p.butane(root, out)
		} else {
			p.containerLinux(root, out)
		}
	}
	if len(p.errs) > 0 {
		return "", errors.Join(p.errs...)
	}
	return p.check(out)
}

// check lets Ignition itself look at the result.
func (p *parser) check(out map[string]any) (string, error) {
	section(out, "ignition")["version"] = types.MaxVersion.String()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(out); err != nil {
		return "", fmt.Errorf("%s: %w", p.source.File, err)
	}
	text := strings.TrimSuffix(b.String(), "\n")
	_, report, err := v3.Parse([]byte(text))
	for _, entry := range report.Entries {
		if entry.Kind.IsFatal() {
			p.errs = append(p.errs, fairway.Errorf(fairway.CodeInvalid, "%s:%d: %s", p.source.File, p.lineAt(entry.Context.Path), entry.Message))
		}
	}
	if err != nil && len(p.errs) == 0 {
		p.errs = append(p.errs, fairway.Errorf(fairway.CodeInvalid, "%s: %w", p.source.File, err))
	}
	if len(p.errs) > 0 {
		return "", errors.Join(p.errs...)
	}
	return text, nil
}

// lineAt is the line that a path of the result comes from, or that of the
// nearest thing around it.
func (p *parser) lineAt(parts []any) int {
	at := ""
	line := 1
	for _, part := range parts {
		at = path.Join(at, fmt.Sprint(part))
		if l, ok := p.lines[at]; ok {
			line = l
		}
	}
	return line
}

// parser reads one text and collects what is wrong with it.
type parser struct {
	source Source
	errs   []error
	// lines are those of the parts of the result, by path.
	lines map[string]int
}

func (p *parser) fail(n *yaml.Node, hint, format string, args ...any) {
	err := fairway.Errorf(fairway.CodeInvalid, "%s:%d: %s", p.source.File, n.Line, fmt.Sprintf(format, args...))
	if hint != "" {
		err = err.WithHint("%s", hint)
	}
	p.errs = append(p.errs, err)
}

// read parses the only document; nil when there is none or it is broken.
func (p *parser) read() *yaml.Node {
	d := yaml.NewDecoder(strings.NewReader(p.source.Text))
	var doc, second yaml.Node
	err := d.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		p.errs = append(p.errs, fairway.Errorf(fairway.CodeInvalid, "%s: %w (lines are those of the rendered text)", p.source.File, err))
		return nil
	case d.Decode(&second) == nil:
		p.fail(&second, "", "a second YAML document is not converted")
	}
	root := resolve(doc.Content[0])
	if isNull(root) {
		return nil
	}
	return root
}

// section returns a mapping inside a mapping, which is made when it is missing.
func section(out map[string]any, names ...string) map[string]any {
	for _, name := range names {
		inner, ok := out[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			out[name] = inner
		}
		out = inner
	}
	return out
}

// addTo appends an item to a list inside a section, and returns its place.
func addTo(out map[string]any, item map[string]any, names ...string) string {
	last := names[len(names)-1]
	in := section(out, names[:len(names)-1]...)
	all, _ := in[last].([]any)
	in[last] = append(all, item)
	return path.Join(append(slices.Clone(names), fmt.Sprint(len(all)))...)
}

func keys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
