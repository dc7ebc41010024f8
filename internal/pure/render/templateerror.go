package render

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/nearest"
)

var (
	executing    = regexp.MustCompile(`(?s)^executing "[^"]*" at <.*?>: (.*)$`)
	noEntry      = regexp.MustCompile(`map has no entry for key "(.*)"$`)
	noField      = regexp.MustCompile(`can't evaluate field (\w+) in type (\S+)$`)
	nilPointer   = regexp.MustCompile(`nil pointer evaluating \*render\.(\w+)\.(\w+)$`)
	noFunction   = regexp.MustCompile(`function "(.*)" not defined$`)
	callingError = regexp.MustCompile(`(?s)^error calling (\w+): (.*)$`)
)

// builtins are the functions of text/template that a hint may name.
var builtins = []string{"and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print", "printf", "println", "slice", "urlquery"}

// parseError says where a template does not parse. text/template's text is
// "template: FILE:LINE: what".
func (e *engine) parseError(j job, err error) error {
	line, _, what := position(j.file, err.Error())
	out := fairway.Errorf(fairway.CodeInvalid, "%s:%d: template does not parse: %s", j.file, line, what)
	if m := noFunction.FindStringSubmatch(what); m != nil {
		names := append(slices.Collect(maps.Keys(e.funcs)), append(builtins, "manifestHash")...)
		if near := nearest.To(m[1], slices.Values(names)); near != "" {
			return out.WithHint("did you mean the function %q?", near)
		}
		return out.WithHint("the functions are: %s", list(slices.Values(names)))
	}
	return out.WithHint("correct the template at line %d; nothing was changed in the cluster", line)
}

// execError says what a template lacks: file, line, action, and the nearest
// existing name. text/template's text is
// "template: FILE:LINE:COLUMN: executing NAME at <NODE>: what".
func (e *engine) execError(j job, err error) error {
	inner, known := errors.AsType[*fairway.Error](err)
	if known && (strings.Contains(err.Error(), "error calling "+tickName+":") || inner.Code == fairway.CodeUnavailable) {
		return fairway.Errorf(inner.Code, "%s: %w", j.file, inner).WithHint("%s", inner.Hint)
	}
	line, column, what := position(j.file, err.Error())
	if m := executing.FindStringSubmatch(what); m != nil {
		what = m[1]
	}
	action := actionAt(j.text, line, column)
	what, hint := explain(j, action, what)
	if m := callingError.FindStringSubmatch(what); m != nil {
		what = m[1] + ": " + m[2]
	}
	if known && hint == "" {
		hint = inner.Hint
	}
	return fairway.Errorf(fairway.CodeInvalid, "%s:%d: %s: %s", j.file, line, action, what).WithHint("%s", hint)
}

// position splits an error text of text/template.
func position(file, text string) (line, column int, what string) {
	rest, found := strings.CutPrefix(text, "template: "+file+":")
	if !found {
		return 0, 0, text
	}
	number := func() int {
		head, tail, found := strings.Cut(rest, ":")
		n, err := strconv.Atoi(head)
		if !found || err != nil {
			return -1
		}
		rest = tail
		return n
	}
	line = max(0, number())
	column = number()
	return line, column, strings.TrimSpace(rest)
}

// actionAt returns the action {{...}} around a position of the source, on one
// line; lines count from 1, columns from 0 in bytes.
func actionAt(text string, line, column int) string {
	at := 0
	for range line - 1 {
		next := strings.IndexByte(text[at:], '\n')
		if next < 0 {
			break
		}
		at += next + 1
	}
	at = min(at+max(0, column), len(text))
	start := strings.LastIndex(text[:at], "{{")
	if start < 0 {
		return "template"
	}
	end := strings.Index(text[start:], "}}")
	if end < 0 {
		end = len(text) - start - 2
	}
	action := strings.Join(strings.Fields(text[start:start+end+2]), " ")
	if len(action) > 160 {
		action = action[:157] + "..."
	}
	return action
}

// explain turns what text/template says into the words of the configuration.
func explain(j job, action, what string) (string, string) {
	if m := noEntry.FindStringSubmatch(what); m != nil {
		return explainKey(j, action, m[1])
	}
	if m := noField.FindStringSubmatch(what); m != nil {
		return explainField(m[1], m[2])
	}
	if m := nilPointer.FindStringSubmatch(what); m != nil {
		if m[1] == "poolView" {
			return ".NodePool is not set here", "only the files below " + poolsDir + " are rendered for a node pool; everywhere else use {{ if .NodePool }} or .Cluster.NodePools"
		}
		return fmt.Sprintf("there is no cluster to take .%s from", m[2]), "guard it with {{ with }}: the cluster has no such sibling"
	}
	return what, ""
}

// explainKey names a missing config item or value and the nearest one.
func explainKey(j job, action, key string) (string, string) {
	used := func(path string) bool {
		return regexp.MustCompile(regexp.QuoteMeta(path) + `\.` + regexp.QuoteMeta(key) + `\b`).MatchString(action)
	}
	cluster := j.data.Cluster
	switch {
	case used(".Values"):
		if j.data.Values == nil {
			return fmt.Sprintf("value %q is not there: .Values is empty in config-defaults.yaml", key), "use the fields of .Cluster"
		}
		return fmt.Sprintf("value %q is not there", key), suggest(key, maps.Keys(j.data.Values), "provider "+cluster.Provider+" sets: "+list(maps.Keys(j.data.Values)))
	case used("NodePool.ConfigItems"):
		return fmt.Sprintf("config item %q is not set on node pool %s", key, j.data.NodePool.Name),
			suggest(key, maps.Keys(j.data.NodePool.ConfigItems), setItem(cluster))
	case used("ConfigItems") && j.data.Values == nil:
		return fmt.Sprintf("config item %q is not there: config items are not visible in config-defaults.yaml", key),
			"defaults may depend on other fields of .Cluster only"
	case used("ConfigItems"):
		return fmt.Sprintf("config item %q is not set", key), suggest(key, itemNames(cluster), setItem(cluster))
	}
	return fmt.Sprintf("key %q is not there", key), ""
}

// explainField names a field that does not exist and the nearest one.
func explainField(field, typeName string) (string, string) {
	for _, t := range []struct {
		path string
		of   reflect.Type
	}{
		{".Cluster", reflect.TypeFor[*clusterView]()},
		{"a node pool", reflect.TypeFor[*poolView]()},
		{"the root of a template", reflect.TypeFor[data]()},
	} {
		if typeName == t.of.String() || "*"+typeName == t.of.String() {
			return fmt.Sprintf("%s has no field %q", t.path, field), suggest(field, members(t.of), "it has: "+list(members(t.of)))
		}
	}
	return fmt.Sprintf("there is no field %q", field), ""
}

// members are the names of the fields and methods that templates can use.
func members(t reflect.Type) iter.Seq[string] {
	return func(yield func(string) bool) {
		for m := range t.Methods() {
			if !yield(m.Name) {
				return
			}
		}
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		for f := range t.Fields() {
			if f.IsExported() && !yield(f.Name) {
				return
			}
		}
	}
}

// itemNames are the config items of a cluster and of its pools.
func itemNames(c *clusterView) iter.Seq[string] {
	all := maps.Clone(c.ConfigItems)
	for _, p := range c.NodePools {
		maps.Copy(all, p.ConfigItems)
	}
	return maps.Keys(all)
}

func setItem(c *clusterView) string {
	return fmt.Sprintf("give it a default in %s or set it on cluster %s", defaultsFile, c.ID)
}

// suggest is a hint that names the nearest word, and what to do otherwise.
func suggest(word string, words iter.Seq[string], otherwise string) string {
	if near := nearest.To(word, words); near != "" {
		return fmt.Sprintf("did you mean %q? Otherwise %s", near, otherwise)
	}
	return otherwise
}

func list(words iter.Seq[string]) string { return strings.Join(slices.Sorted(words), ", ") }
