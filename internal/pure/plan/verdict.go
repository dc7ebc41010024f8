package plan

import (
	"fmt"
	"strings"
)

// verdict is the plan in one line.
func (p *Plan) verdict() string {
	var parts []string
	for _, count := range []struct {
		n    int
		what string
	}{
		{p.Summary.Create, "to create"}, {p.Summary.Change, "to change"}, {p.Summary.Drift, "drifted"}, {p.Summary.Delete, "to delete"},
	} {
		if count.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count.n, count.what))
		}
	}
	text := "no change"
	if len(parts) > 0 {
		text = strings.Join(parts, ", ")
	}
	if p.Summary.Stacks > 0 {
		text = pick(len(parts) > 0, text+"; ", "") + plural(p.Summary.Stacks, "stack") + " to change"
		if p.Summary.Replaced > 0 {
			text += fmt.Sprintf(", with %s replaced", plural(p.Summary.Replaced, "resource"))
		}
	}
	switch {
	case p.Summary.Nodes > 0:
		text += fmt.Sprintf("; %s in %s to replace", plural(p.Summary.Nodes, "node"), plural(p.Summary.Pools, "pool"))
		if p.Summary.Seconds > 0 {
			text += fmt.Sprintf(", about %s and %.1f extra node-hours", duration(p.Summary.Seconds), p.Summary.NodeHours)
		}
	case p.Changes && len(p.Pools) > 0:
		text += "; no node is replaced"
	}
	if n := p.Summary.LeftAlone; n > 0 {
		text += fmt.Sprintf("; %s changed by others and left alone", plural(n, "object"))
	}
	if p.Summary.Departed > 0 {
		text += fmt.Sprintf("; %s left the configuration and %s", plural(p.Summary.Departed, "object"), pick(p.Summary.Departed == 1, "stays", "stay"))
	}
	block, warn, accepted := p.findings()
	if accepted > 0 {
		text += fmt.Sprintf("; %s accepted", plural(accepted, "finding"))
	}
	switch {
	case block > 0:
		return fmt.Sprintf("BLOCKED by %s: %s", plural(block, "finding"), text)
	case warn > 0:
		return fmt.Sprintf("%s; %s", text, plural(warn, "warning"))
	}
	return text
}

func (p *Plan) findings() (block, warn, accepted int) {
	for _, f := range p.Findings {
		switch f.Severity {
		case Block:
			block++
		case Warn:
			warn++
		case SeverityAccepted:
			accepted++
		}
	}
	return block, warn, accepted
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func pick(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}
