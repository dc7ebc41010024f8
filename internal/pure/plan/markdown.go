package plan

import (
	"fmt"
	"io"
	"strings"
)

const (
	// maxMarkdown is how long the comment may get; forges refuse more than 65,536
	// characters.
	maxMarkdown = 60_000
	// maxRest is how long the names of what is left out may get.
	maxRest = 3000
	// maxError is how much of an error is shown.
	maxError = 300
	// maxLines is how many findings or deletions of a group of clusters are shown.
	maxLines = 25
	// maxNamed is how many clusters of a group are named in its heading.
	maxNamed = 5
	// whole is how long the diff of a group gets where there is room.
	whole = 12_000
)

// Markdown writes the plans as a comment on a pull request: a verdict, one
// section for all clusters with the same change, and the nodes of each cluster.
// Where that gets too long, diffs are shortened; where it still is, each group is
// a row of a table, and what does not fit is named.
func (f *Fleet) Markdown(w io.Writer) error {
	head, groups := f.head(), f.cohorts()
	text := ""
	for _, limit := range []int{whole, whole / 4, whole / 16} {
		var out strings.Builder
		for _, c := range groups {
			out.WriteString(c.markdown(limit))
		}
		if text = head + out.String(); len(text) <= maxMarkdown {
			_, err := io.WriteString(w, text)
			return err
		}
	}
	_, err := io.WriteString(w, head+dense(groups, maxMarkdown-len(head)))
	return err
}

// head is the verdict, the sums, and what there is no plan for.
func (f *Fleet) head() string {
	var out strings.Builder
	icon := ":white_check_mark:"
	if f.Blocked > 0 || len(f.Failed) > 0 {
		icon = ":no_entry:"
	}
	fmt.Fprintf(&out, "### %s Fairway plan: %s\n\n", icon, escape(f.Verdict))
	s := f.Summary
	fmt.Fprintf(&out, "| create | change | delete | drift | left | nodes replaced | longest roll | extra node-hours |\n|---|---|---|---|---|---|---|---|\n| %d | %d | %d | %d | %d | **%d** | %s | %.1f |\n\n",
		s.Create, s.Change, s.Delete, s.Drift, s.Departed, s.Nodes, duration(s.Seconds), s.NodeHours)
	var failed, names []string
	for _, one := range f.Failed {
		names = append(names, one.Cluster)
		failed = append(failed, fmt.Sprintf("- **%s**: no plan: %s\n", escape(one.Cluster), escape(clean(cut(one.Error, maxError)))))
	}
	listed(&out, failed, names, "no plan: ")
	for i, u := range f.Unused {
		if i == maxLines {
			fmt.Fprintf(&out, "- and %d more acceptances\n", len(f.Unused)-i)
			break
		}
		fmt.Fprintf(&out, "- accepted, and not found anywhere: %s\n", code(cut(u, maxError)))
	}
	return out.String()
}

// names are those of the clusters of a group, who is them in a few words.
func (c cohort) names() []string {
	var names []string
	for _, p := range c.plans {
		names = append(names, p.Alias)
	}
	return names
}

func (c cohort) who() string {
	names := c.names()
	who := few(names, maxNamed)
	if len(names) > 1 {
		who = fmt.Sprintf("%d clusters: %s", len(names), who)
	}
	return who
}

// heading names the clusters of a group and their change.
func (c cohort) heading() string {
	nodes := 0
	for _, p := range c.plans {
		nodes += p.Summary.Nodes
	}
	p := c.plans[0]
	text := fmt.Sprintf("#### %s\n\n", escape(c.who()))
	if !p.Changes && !p.Blocked {
		return text + "no change\n"
	}
	s := p.Summary
	text += fmt.Sprintf("%s%d to create, %d to change, %d to delete, %d drifted", pick(p.Blocked, "**BLOCKED** ", ""), s.Create, s.Change, s.Delete, s.Drift)
	if nodes > 0 {
		text += fmt.Sprintf("; **%s to replace**", plural(nodes, "node"))
	}
	return text + "\n"
}

// markdown is the section of a group, with so many characters of its diff.
func (c cohort) markdown(limit int) string {
	var out strings.Builder
	out.WriteString(c.heading())
	p := c.plans[0]
	for i, f := range p.Findings {
		if i == maxLines {
			fmt.Fprintf(&out, "\n- and %d more findings", len(p.Findings)-i)
			break
		}
		fmt.Fprintf(&out, "\n- %s", f.markdown())
	}
	if len(p.Findings) > 0 {
		out.WriteString("\n")
	}
	var lines []string
	for _, d := range p.Deletions {
		lines = append(lines, fmt.Sprintf("delete %s%s", code(d.Ref.String()), escape(pick(d.Contents != "", " with "+d.Contents, ""))))
	}
	for _, ref := range p.Departed {
		lines = append(lines, code(ref.String())+" left the configuration and stays")
	}
	for _, s := range p.Stacks {
		lines = append(lines, s.markdown())
	}
	for i, line := range lines {
		if i == maxLines {
			fmt.Fprintf(&out, "\n- and %d more", len(lines)-i)
			break
		}
		out.WriteString("\n- " + line)
	}
	if len(lines) > 0 {
		out.WriteString("\n")
	}
	if n := len(p.Objects) + len(p.Drift) + len(p.LeftAlone); n > 0 {
		fmt.Fprintf(&out, "\n<details><summary>%s</summary>\n\n%s\n</details>\n", plural(n, "object"), fenced(p.diff(limit)))
	}
	out.WriteString(c.nodes())
	return out.String() + "\n"
}

// markdown is a finding in one line.
func (f Finding) markdown() string {
	icon, then := ":warning:", fmt.Sprintf("*%s*", escape(clean(cut(f.Remedy, maxError))))
	switch {
	case f.Severity == Block:
		icon = ":no_entry:"
	case f.Accepted != nil:
		icon, then = ":ballot_box_with_check:", fmt.Sprintf("Accepted until %s: *%s* (%s)", escape(f.Accepted.Until), escape(clean(cut(f.Accepted.Reason, maxError))), code(f.Accepted.Entry))
	}
	return fmt.Sprintf("%s **%s** %s: %s. %s", icon, f.Check, code(cut(f.Object, maxError)), escape(clean(cut(f.Reason, maxError))), then)
}

// diff is the changes of the objects as a forge colours them: the sign of a line
// stands first.
func (p *Plan) diff(limit int) string {
	paint := &painter{}
	for _, o := range p.Objects {
		paint.object(o)
	}
	if len(p.Drift) > 0 {
		paint.line("", "# changed by others, and set back by the update:")
	}
	for _, o := range p.Drift {
		paint.object(o)
	}
	if len(p.LeftAlone) > 0 {
		paint.line("", "# changed by others, and left alone (drift: report):")
	}
	for _, o := range p.LeftAlone {
		paint.object(o)
	}
	var out strings.Builder
	for text := range strings.Lines(paint.out.String()) {
		if sign := strings.TrimPrefix(text, "  "); sign != text && (sign[0] == '+' || sign[0] == '-') {
			text = sign[:1] + " " + sign[1:]
		}
		if out.Len()+len(text) > limit {
			out.WriteString("... (more; `fairway plan` shows it)\n")
			break
		}
		out.WriteString(text)
	}
	return out.String()
}

// nodes is a table of the pools that lose nodes, folded where it is long.
func (c cohort) nodes() string {
	var rows []string
	for _, p := range c.plans {
		for _, i := range p.Pools {
			if i.Replaced+i.Removed+i.New == 0 {
				continue
			}
			time := "-"
			if i.Seconds > 0 {
				time = duration(i.Seconds)
			}
			rows = append(rows, fmt.Sprintf("| %s | %s | %d of %d | %s | %s |\n", escape(p.Alias), escape(i.Pool), max(i.Replaced+i.Removed, i.New), max(i.Nodes, i.New), time, escape(clean(strings.Join(i.Why, "; ")))))
		}
	}
	if len(rows) == 0 {
		return ""
	}
	const most = 40
	more := ""
	if len(rows) > most {
		more = fmt.Sprintf("| %d more pools | | | | |\n", len(rows)-most)
		rows = rows[:most]
	}
	table := "\n| cluster | pool | nodes | about | why |\n|---|---|---|---|---|\n" + strings.Join(rows, "") + more
	if len(rows) > 6 {
		return fmt.Sprintf("\n<details><summary>nodes by pool</summary>\n%s\n</details>\n", table)
	}
	return table
}

// fenced puts a diff into a fence that is longer than any in it.
func fenced(text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + "diff\n" + text + fence + "\n"
}

func code(s string) string { return "`" + strings.ReplaceAll(clean(s), "`", "'") + "`" }

// markup are the characters that forges read as markup, or that call people.
var markup = strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;", "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`, "@", "@\u200b", "#", "\\#")

// escape keeps names from being markup.
func escape(s string) string { return markup.Replace(s) }
