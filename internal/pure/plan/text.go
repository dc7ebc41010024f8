package plan

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/fairwayhq/fairway"
)

// painter writes lines, in colours where they are wanted.
type painter struct {
	out    strings.Builder
	colour bool
}

const (
	green  = "\x1b[32m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	bold   = "\x1b[1m"
	plain  = "\x1b[0m"
)

func (p *painter) line(colour, format string, args ...any) {
	text := clean(fmt.Sprintf(format, args...))
	if p.colour && colour != "" {
		text = colour + text + plain
	}
	p.out.WriteString(text + "\n")
}

// clean takes what would move a terminal's cursor out of a line.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' {
			return ' '
		}
		return r
	}, s)
}

// Text writes the plan for a terminal: what is created, changed and deleted as a
// diff, then nodes and findings, then the verdict.
func (p *Plan) Text(w io.Writer, colour bool) error {
	out := &painter{colour: colour}
	out.line(bold, "%s (%s) at revision %s, compared with %s", p.Cluster, p.Alias, short(p.Revision), p.against())
	for _, o := range p.Objects {
		out.object(o)
	}
	for _, d := range p.Deletions {
		contents := ""
		if d.Contents != "" {
			contents = " with " + d.Contents
		}
		out.line(red, "- %s%s, %s the manifests (deletions.yaml: %s)", d.Ref, contents, d.Phase, d.Entry)
	}
	if len(p.Drift) > 0 {
		out.line(bold, "\nchanged by others, and set back by the update:")
		for _, o := range p.Drift {
			out.object(o)
		}
	}
	if len(p.LeftAlone) > 0 {
		out.line(bold, "\nchanged by others, and left alone (drift: report):")
		for _, o := range p.LeftAlone {
			out.object(o)
		}
	}
	if len(p.Departed) > 0 {
		out.line(bold, "\nleft the configuration and stay in the cluster:")
		for _, ref := range p.Departed {
			out.line("", "  %s", ref)
		}
	}
	out.stacks(p.Stacks)
	out.pools(p.Pools)
	if len(p.Findings) > 0 {
		out.line(bold, "\nfindings:")
	}
	for _, f := range p.Findings {
		out.finding(f)
	}
	if len(p.Unused) > 0 {
		out.line(bold, "\naccepted, and not found here:")
	}
	for _, u := range p.Unused {
		out.line("", "  %s", u)
	}
	out.line("", "")
	out.line(bold, "%s: %s", p.Cluster, p.Verdict)
	_, err := io.WriteString(w, out.out.String())
	return err
}

func (p *painter) finding(f Finding) {
	colour, word := yellow, "warn "
	switch f.Severity {
	case Block:
		colour, word = red, "BLOCK"
	case SeverityAccepted:
		colour, word = "", "ok   "
	}
	p.line(colour, "%s %s [%s]: %s", word, f.Object, f.Check, f.Reason)
	if a := f.Accepted; a != nil {
		p.line("", "      accepted until %s: %s (%s)", a.Until, a.Reason, a.Entry)
		return
	}
	p.line("", "      %s", f.Remedy)
}

func (p *Plan) against() string {
	switch p.Basis {
	case BasisLive:
		return "the live cluster"
	case BasisRecorded:
		return "the cluster as recorded at " + p.RecordedAt.Format(time.RFC3339)
	case BasisApplied:
		return "the last applied revision"
	}
	return "an empty cluster"
}

func (p *painter) object(o Object) {
	if o.Action == Create {
		p.line(green, "+ %s (%s)", o.Ref, o.Component)
		return
	}
	adopted := pick(o.Adopts, ", which Fairway has not applied before", "")
	p.line(yellow, "~ %s (%s)%s", o.Ref, o.Component, adopted)
	for _, f := range o.Fields {
		p.field(f)
	}
}

// field writes one changed field; texts of several lines and nested values line
// by line.
func (p *painter) field(f Field) {
	by := ""
	if f.By != "" {
		by = fmt.Sprintf("  (%s by %s %s)", pick(f.Op == FieldRelease, "held", "changed"), f.By, f.Since)
	}
	switch f.Op {
	case FieldOwn:
		p.line("", "    %s: %s stays, and becomes Fairway's%s", f.Path, inline(f.To), by)
		return
	case FieldRelease:
		p.line("", "    %s: %s stays, and is no longer Fairway's%s", f.Path, inline(f.From), by)
		return
	}
	from, to := printed(f.From), printed(f.To)
	if !strings.Contains(from+to, "\n") {
		switch f.Op {
		case FieldAdd:
			p.line(green, "  + %s: %s%s", f.Path, to, by)
		case FieldRemove:
			p.line(red, "  - %s: %s%s", f.Path, from, by)
		default:
			p.line("", "    %s:%s", f.Path, by)
			p.line(red, "  -   %s", from)
			p.line(green, "  +   %s", to)
		}
		return
	}
	p.line("", "    %s:%s", f.Path, by)
	if f.From == nil || f.To == nil {
		for text := range strings.SplitSeq(strings.TrimRight(from+to, "\n"), "\n") {
			p.line(pick(f.To == nil, red, green), "  %s   %s", pick(f.To == nil, "-", "+"), text)
		}
		return
	}
	for _, l := range lines(from, to, 2) {
		colour := map[byte]string{'-': red, '+': green}[l.sign]
		p.line(colour, "  %c   %s", l.sign, l.text)
	}
}

// printed is a value as it stands in a diff: texts as they are, nested values as
// indented JSON.
func printed(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		if v == "" {
			return `""`
		}
		return v
	case map[string]any, []any:
		text := inline(v)
		if len(text) > 60 {
			b, _ := json.MarshalIndent(v, "", "  ")
			return string(b)
		}
		return text
	}
	return inline(v)
}

func inline(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func (p *painter) pools(pools []PoolImpact) {
	head := false
	for _, i := range pools {
		if i.Replaced+i.Removed+i.New == 0 {
			continue
		}
		if !head {
			p.line(bold, "\nnodes:")
			head = true
		}
		p.line(yellow, "  %s", i.sentence())
	}
}

// sentence says what happens to the nodes of a pool.
func (i PoolImpact) sentence() string {
	text := fmt.Sprintf("pool %s: %d of %s replaced", i.Pool, i.Replaced, plural(i.Nodes, "node"))
	switch {
	case i.New > 0:
		text = fmt.Sprintf("pool %s: made with %s", i.Pool, plural(i.New, "node"))
	case i.Removed > 0:
		text = fmt.Sprintf("pool %s: all %s removed", i.Pool, plural(i.Removed, "node"))
	}
	if len(i.Why) > 0 {
		text += ", because: " + strings.Join(i.Why, "; ")
	}
	if i.Seconds > 0 {
		text += fmt.Sprintf("; about %s, %d more at a time, %.1f node-hours (%s)", duration(i.Seconds), i.Surge, i.NodeHours, pick(i.Measured, "as measured before", "estimated"))
	} else if i.Replaced > 0 {
		text += fmt.Sprintf("; strategy %s: when somebody asks for it", i.Strategy)
	}
	return text
}

func short(revision string) string { return fairway.ShortRevision(revision) }
