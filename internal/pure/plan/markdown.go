package plan

import (
	"fmt"
	"io"
	"strings"
)

const (
	// maxMarkdown is how long the comment may get; forges cut at 65,536.
	maxMarkdown = 60_000
	// maxDetails is how long the diff of one group of clusters may get.
	maxDetails = 12_000
	// maxNamed is how many clusters of a group are named in its heading.
	maxNamed = 5
)

// Markdown writes the plans as a comment on a pull request: a verdict, one
// section for all clusters with the same change, and the nodes of each cluster.
// It stays below the limit of forges, and says what it leaves out.
func (f *Fleet) Markdown(w io.Writer) error {
	var out strings.Builder
	icon := ":white_check_mark:"
	if f.Blocked > 0 || len(f.Failed) > 0 {
		icon = ":no_entry:"
	}
	fmt.Fprintf(&out, "### %s Fairway plan: %s\n\n", icon, escape(f.Verdict))
	s := f.Summary
	fmt.Fprintf(&out, "| create | change | delete | drift | left | nodes replaced | longest roll | extra node-hours |\n|---|---|---|---|---|---|---|---|\n| %d | %d | %d | %d | %d | **%d** | %s | %.1f |\n\n",
		s.Create, s.Change, s.Delete, s.Drift, s.Departed, s.Nodes, duration(s.Seconds), s.NodeHours)
	for _, one := range f.Failed {
		fmt.Fprintf(&out, "- **%s**: no plan: %s\n", escape(one.Cluster), escape(clean(one.Error)))
	}
	left := 0
	for _, c := range f.cohorts() {
		section := c.markdown()
		if out.Len()+len(section) > maxMarkdown {
			section = c.heading() + "\n(the details are left out here; `fairway plan` shows them)\n\n"
		}
		if out.Len()+len(section) > maxMarkdown {
			left += len(c.plans)
			continue
		}
		out.WriteString(section)
	}
	if left > 0 {
		fmt.Fprintf(&out, "\n%s more are left out here; `fairway plan --all` shows them.\n", plural(left, "cluster"))
	}
	for _, u := range f.Unused {
		fmt.Fprintf(&out, "- accepted, and not found anywhere: %s\n", code(u))
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// heading names the clusters of a group and their change.
func (c cohort) heading() string {
	var names []string
	nodes := 0
	for _, p := range c.plans {
		names = append(names, p.Alias)
		nodes += p.Summary.Nodes
	}
	who := few(names, maxNamed)
	if len(names) > 1 {
		who = fmt.Sprintf("%d clusters: %s", len(names), who)
	}
	p := c.plans[0]
	text := fmt.Sprintf("#### %s\n\n", escape(who))
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

// markdown is the section of a group.
func (c cohort) markdown() string {
	var out strings.Builder
	out.WriteString(c.heading())
	p := c.plans[0]
	for _, f := range p.Findings {
		fmt.Fprintf(&out, "\n- %s", f.markdown())
	}
	if len(p.Findings) > 0 {
		out.WriteString("\n")
	}
	for _, d := range p.Deletions {
		fmt.Fprintf(&out, "\n- delete %s%s", code(d.Ref.String()), escape(pick(d.Contents != "", " with "+d.Contents, "")))
	}
	for _, ref := range p.Departed {
		fmt.Fprintf(&out, "\n- %s left the configuration and stays", code(ref.String()))
	}
	if len(p.Deletions)+len(p.Departed) > 0 {
		out.WriteString("\n")
	}
	if len(p.Objects)+len(p.Drift) > 0 {
		fmt.Fprintf(&out, "\n<details><summary>%s</summary>\n\n%s\n</details>\n", plural(len(p.Objects)+len(p.Drift), "object"), fenced(p.diff()))
	}
	out.WriteString(c.nodes())
	return out.String() + "\n"
}

// markdown is a finding in one line.
func (f Finding) markdown() string {
	icon, then := ":warning:", fmt.Sprintf("*%s*", escape(clean(f.Remedy)))
	switch {
	case f.Severity == Block:
		icon = ":no_entry:"
	case f.Accepted != nil:
		icon, then = ":ballot_box_with_check:", fmt.Sprintf("Accepted until %s: *%s* (%s)", escape(f.Accepted.Until), escape(clean(f.Accepted.Reason)), code(f.Accepted.Entry))
	}
	return fmt.Sprintf("%s **%s** %s: %s. %s", icon, f.Check, code(f.Object), escape(clean(f.Reason)), then)
}

// diff is the changes of the objects as a forge colours them: the sign of a line
// stands first.
func (p *Plan) diff() string {
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
	var out strings.Builder
	for text := range strings.Lines(paint.out.String()) {
		if sign := strings.TrimPrefix(text, "  "); sign != text && (sign[0] == '+' || sign[0] == '-') {
			text = sign[:1] + " " + sign[1:]
		}
		if out.Len()+len(text) > maxDetails {
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

// escape keeps names from being markup, and from calling people.
func escape(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;", "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`, "@", "@\u200b", "#", "\\#").Replace(s)
}
