package render

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/fairwayhq/fairway"
)

// Limits of what the rendering of one file may do, far above what any real one
// needs. They count steps and bytes and not time, so that the same input ends
// the same way on any machine.
const (
	maxFileSize   = 32 << 20  // bytes of one template
	maxFileOutput = 16 << 20  // bytes of one rendered file
	maxOutput     = 128 << 20 // bytes of all rendered files of a cluster
	maxRepeat     = 4 << 20   // bytes that one call of indent or indexedList may make
	maxValue      = 16 << 20  // bytes of one value that a function makes
	maxWork       = 128 << 20 // bytes that go through the functions of one file
	maxTicks      = 1 << 18   // turns of loops and calls of templates in one file
	callCost      = 64        // what a call costs beside its bytes
)

// tickName is the function that stands first in every body that can be run
// many times.
const tickName = "fairwayTick"

// spent is what the rendering of one file has used up.
type spent struct {
	ticks int
	work  int
}

// tick counts one turn of the loop at a line. It panics when there were too
// many, which text/template turns into the error of the action.
func (e *engine) tick(line int) string {
	e.spent.ticks++
	if e.spent.ticks > maxTicks {
		panic(fairway.Errorf(fairway.CodeInvalid, "line %d is run too often: the file makes more than %d turns of loops", line, maxTicks).
			WithHint("look for a range over something unexpectedly long, or a template that calls itself"))
	}
	if e.spent.ticks%1024 == 0 {
		e.checkContext()
	}
	return ""
}

func (e *engine) checkContext() {
	if err := e.ctx.Err(); err != nil {
		panic(stopped(e.ctx))
	}
}

// stopped is the error of a render whose context ended.
func stopped(ctx context.Context) error {
	return fairway.Errorf(fairway.CodeUnavailable, "rendering was stopped: %w", context.Cause(ctx))
}

// charge counts bytes that go through a function.
func (e *engine) charge(bytes int) {
	e.spent.work += callCost + bytes
	if e.spent.work > maxWork {
		panic(fairway.Errorf(fairway.CodeInvalid, "the functions of this file handle more than %d MiB", maxWork>>20).
			WithHint("look for a loop that makes a text longer and longer"))
	}
	if bytes > 1<<20 {
		e.checkContext()
	}
}

// countTicks puts a tick before every body of a parsed template that can be
// run more than once: those of loops, and those of templates that may call
// themselves.
func countTicks(trees map[string]*parse.Tree) error {
	for _, one := range trees {
		if err := tickLoops(one.Root); err != nil {
			return err
		}
		line := 1
		if len(one.Root.Nodes) > 0 {
			line = lineOf(one, one.Root.Nodes[0])
		}
		if err := tickFirst(one.Root, line); err != nil {
			return err
		}
	}
	return nil
}

// lineOf is the line that a node begins on.
func lineOf(t *parse.Tree, n parse.Node) int {
	location, _ := t.ErrorContext(n)
	parts := strings.Split(strings.TrimPrefix(location, t.ParseName), ":")
	line := 1
	if len(parts) > 1 {
		fmt.Sscan(parts[1], &line)
	}
	return line
}

// tickLoops puts a tick into the loops of a list, and in those inside them.
func tickLoops(list *parse.ListNode) error {
	if list == nil {
		return nil
	}
	for _, n := range list.Nodes {
		var branch *parse.BranchNode
		switch n := n.(type) {
		case *parse.IfNode:
			branch = &n.BranchNode
		case *parse.WithNode:
			branch = &n.BranchNode
		case *parse.RangeNode:
			branch = &n.BranchNode
			if err := tickFirst(n.List, n.Line); err != nil {
				return err
			}
		default:
			continue
		}
		for _, body := range []*parse.ListNode{branch.List, branch.ElseList} {
			if err := tickLoops(body); err != nil {
				return err
			}
		}
	}
	return nil
}

// tickFirst puts a tick at the beginning of a list.
func tickFirst(list *parse.ListNode, line int) error {
	trees, err := parse.Parse("tick", fmt.Sprintf("{{%s %d}}", tickName, line), "", "", map[string]any{tickName: func(int) string { return "" }})
	if err != nil {
		return err
	}
	list.Nodes = append([]parse.Node{trees["tick"].Root.Nodes[0]}, list.Nodes...)
	return nil
}

// printers are the builtins of text/template that make texts; they are
// replaced by themselves so that what they make is counted.
var printers = template.FuncMap{
	"html": template.HTMLEscaper, "js": template.JSEscaper, "urlquery": template.URLQueryEscaper,
	"print": fmt.Sprint, "printf": fmt.Sprintf, "println": fmt.Sprintln,
}

// guarded returns the functions with their work counted and their results
// watched for secrets.
func (e *engine) guarded(all template.FuncMap) template.FuncMap {
	out := template.FuncMap{}
	for _, some := range []template.FuncMap{printers, all} {
		for name, fn := range maps.All(some) {
			out[name] = e.guard(name, fn)
		}
	}
	return out
}

// guard wraps one function.
func (e *engine) guard(name string, fn any) any {
	call := reflect.ValueOf(fn)
	t := call.Type()
	return reflect.MakeFunc(t, func(args []reflect.Value) []reflect.Value {
		in := 0
		for _, a := range args {
			in += measure(a, maxWork)
		}
		if name == "printf" {
			e.checkFormat(args, in)
		}
		e.charge(in)
		var out []reflect.Value
		if t.IsVariadic() {
			out = call.CallSlice(args)
		} else {
			out = call.Call(args)
		}
		size := measure(out[0], maxWork)
		if size > maxValue {
			panic(fairway.Errorf(fairway.CodeInvalid, "the result has more than %d MiB", maxValue>>20).
				WithHint("look for a loop that makes a text or a list longer and longer"))
		}
		e.charge(size)
		e.secrets.derive(name, args, out[0])
		return out
	}).Interface()
}

// checkFormat refuses a printf that could make an enormous text, before it
// makes it: fmt builds a text as a whole.
func (e *engine) checkFormat(args []reflect.Value, size int) {
	format := args[0].String()
	verbs := strings.Count(format, "%")
	each := 4 * size
	if strings.ContainsAny(format, "0123456789*") {
		each += 1 << 20 // the largest width that fmt accepts
	}
	if verbs*each > 4*maxValue+1<<20 {
		panic(fairway.Errorf(fairway.CodeInvalid, "a format with %d verbs may make more than %d MiB", verbs, maxValue>>20))
	}
}

// measure is about how many bytes a value has when it is printed; it stops
// counting at limit. Values share parts, so that a small one can be enormous.
func measure(v reflect.Value, limit int) int {
	switch v.Kind() {
	case reflect.Invalid:
		return 0
	case reflect.String:
		return v.Len()
	case reflect.Interface:
		return measure(v.Elem(), limit)
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v.Len()
		}
		n := 0
		for i := 0; i < v.Len() && n < limit; i++ {
			n += 8 + measure(v.Index(i), limit-n)
		}
		return n
	case reflect.Map:
		n := 0
		for it := v.MapRange(); n < limit && it.Next(); {
			n += 16 + measure(it.Key(), limit-n) + measure(it.Value(), limit-n)
		}
		return n
	}
	return 8
}
