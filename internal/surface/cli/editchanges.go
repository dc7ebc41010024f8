package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/fairwayhq/fairway"
)

// changes are what a command did to one object, or would do.
type changes struct {
	Kind   string `json:"kind"` // cluster or account
	ID     string `json:"id"`
	DryRun bool   `json:"dry_run"`
	// Event is created or updated, or "" when nothing differs.
	Event  fairway.ChangeEvent `json:"event,omitempty"`
	Before map[string]any      `json:"before"`
	After  map[string]any      `json:"after"`
}

// clusterChanges are the differences of two clusters in what people decide; a
// nil before is one that does not exist yet.
func clusterChanges(before, after *fairway.Cluster, dryRun bool) changes {
	out := changes{Kind: fairway.KindCluster, ID: after.ID, DryRun: dryRun, Event: fairway.ChangeUpdated}
	if before == nil {
		out.Event = fairway.ChangeCreated
		out.Before, out.After = fairway.Diff(nil, decided(after))
		return out
	}
	out.Before, out.After = fairway.Diff(decided(before), decided(after))
	if out.none() {
		out.Event = ""
	}
	return out
}

func (c changes) none() bool { return len(c.Before)+len(c.After) == 0 }

// decided returns the cluster without what the registry and the manager write.
// Its pools are there even when there are none, so that two clusters are always
// compared pool by pool.
func decided(c *fairway.Cluster) any {
	one := *c
	one.Status, one.Owner, one.AccountName, one.ETag, one.Origin = fairway.ClusterStatus{}, "", "", "", nil
	text, err := json.Marshal(one)
	if err != nil {
		panic(err) // the nouns always marshal
	}
	fields := map[string]any{}
	if err := json.Unmarshal(text, &fields); err != nil {
		panic(err)
	}
	delete(fields, "status")
	delete(fields, "created_at")
	return fields
}

// printChanges prints what was changed, or would be, as -o says: for people one
// line for each value.
func (e *env) printChanges(f format, c changes) error {
	if f.name == "json" || f.name == "yaml" {
		return f.print(e.Stdout, c, nil)
	}
	return e.diffTo(e.Stdout, "", c.Before, c.After)
}

// diffTo prints one line for each value that differs.
func (e *env) diffTo(w io.Writer, indent string, before, after map[string]any) error {
	for _, line := range e.diffLines(before, after) {
		if _, err := fmt.Fprintln(w, indent+line); err != nil {
			return err
		}
	}
	return nil
}

// plainDiff are the lines of changes as they stand in a file.
func plainDiff(c changes) []string { return (&env{}).diffLines(c.Before, c.After) }

// diffLines are "+ name: value", "- name: value" and "~ name: before -> after",
// by name.
func (e *env) diffLines(before, after map[string]any) []string {
	var lines []string
	all := maps.Clone(before)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, after)
	for _, pointer := range slices.Sorted(maps.Keys(all)) {
		was, hadIt := before[pointer]
		is, hasIt := after[pointer]
		name := pointerName(pointer)
		switch {
		case !hadIt:
			lines = append(lines, e.paint(green, e.cut("+ "+name+": "+valueText(is))))
		case !hasIt:
			lines = append(lines, e.paint(red, e.cut("- "+name+": "+valueText(was))))
		default:
			lines = append(lines, e.paint(yellow, e.cut("~ "+name+": "+valueText(was)+" -> "+valueText(is))))
		}
	}
	return lines
}

// cut makes a line fit the terminal.
func (e *env) cut(line string) string {
	if e.Width <= 4 {
		return line
	}
	return shorten(line, e.Width-4) // room for an indent
}

// pointerName writes a JSON pointer as the command line takes it:
// /config_items/key as config_items.key.
func pointerName(pointer string) string {
	parts := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i, p := range parts {
		parts[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(p)
	}
	return strings.Join(parts, ".")
}

// valueText is a value in one line.
func valueText(v any) string {
	text, ok := v.(string)
	if !ok {
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		return string(b)
	}
	if text == "" || strings.TrimSpace(text) != text || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}

// Colours of a terminal (ECMA-48).
const (
	red    = "31"
	green  = "32"
	yellow = "33"
)

// paint colours a text where colours are wanted: on a terminal, unless NO_COLOR
// is set (no-color.org).
func (e *env) paint(colour, text string) string {
	if !e.colours() {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// say prints a message for people, beside the data.
func (e *env) say(format string, args ...any) { fmt.Fprintf(e.Stderr, format+"\n", args...) }
