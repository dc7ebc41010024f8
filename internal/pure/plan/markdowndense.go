package plan

import (
	"fmt"
	"slices"
	"strings"
)

// listed writes lines, and in the place of many the names of their subjects.
func listed(out *strings.Builder, lines, names []string, what string) {
	for i, line := range lines {
		if i == maxLines {
			fmt.Fprintf(out, "- %s%s\n", what, rest(names[i:]))
			return
		}
		out.WriteString(line)
	}
}

// rest names what is left out, as far as there is room.
func rest(names []string) string {
	for i := range names {
		names[i] = escape(clean(cut(names[i], 80)))
	}
	text := strings.Join(names, ", ")
	if len(text) <= maxRest {
		return fmt.Sprintf("%d more: %s", len(names), text)
	}
	end := strings.LastIndex(text[:maxRest], ", ")
	return fmt.Sprintf("%d more: %s, ...", len(names), text[:end])
}

// cut shortens a text.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + " ..."
}

// dense writes one row for each group of clusters, then the findings of those
// that are blocked as far as there is room.
func dense(groups []cohort, room int) string {
	var out, more strings.Builder
	out.WriteString("| clusters | create | change | delete | drift | nodes | |\n|---|---|---|---|---|---|---|\n")
	var left []string
	for _, c := range groups {
		s, nodes, state := c.plans[0].Summary, 0, "-"
		for _, p := range c.plans {
			nodes += p.Summary.Nodes
		}
		switch block, warn, _ := c.plans[0].findings(); {
		case block > 0:
			state = fmt.Sprintf("**BLOCKED** by %s", plural(block, "finding"))
		case warn > 0:
			state = plural(warn, "warning")
		}
		row := fmt.Sprintf("| %s | %d | %d | %d | %d | %d | %s |\n", escape(cut(c.who(), 200)), s.Create, s.Change, s.Delete, s.Drift, nodes, state)
		if out.Len()+len(row) > room-2*maxRest {
			left = append(left, c.names()...)
			continue
		}
		out.WriteString(row)
	}
	if len(left) > 0 {
		fmt.Fprintf(&out, "\n%s\n", rest(left))
	}
	const last = "\nThe diffs are left out here; `fairway plan CLUSTER` shows them.\n"
	for _, f := range blocking(groups) {
		line := fmt.Sprintf("- %s: %s\n", escape(cut(f.who(), 200)), f.text)
		if out.Len()+more.Len()+len(line)+len(last) < room {
			more.WriteString(line)
		}
	}
	return out.String() + pick(more.Len() > 0, "\n", "") + more.String() + last
}

// shared is a finding and the clusters that have it.
type shared struct {
	cohort
	text string
}

// blocking are the findings that block any group, those of most clusters first.
func blocking(groups []cohort) []shared {
	at := map[string]int{}
	var all []shared
	for _, c := range groups {
		for _, f := range c.plans[0].Findings {
			if f.Severity != Block {
				continue
			}
			text := f.markdown()
			i, known := at[text]
			if !known {
				i = len(all)
				at[text], all = i, append(all, shared{text: text})
			}
			all[i].plans = append(all[i].plans, c.plans...)
		}
	}
	slices.SortStableFunc(all, func(a, b shared) int { return len(b.plans) - len(a.plans) })
	return all
}
