package plan

import "fmt"

// stacks writes what changes in stacks.
func (p *painter) stacks(all []StackImpact) {
	if len(all) > 0 {
		p.line(bold, "\nstacks:")
	}
	for _, s := range all {
		switch s.Action {
		case StackCreate:
			p.line(green, "+ stack %s with %s", s.Name, plural(len(s.Resources), "resource"))
			continue
		case StackLeave:
			p.line("", "  stack %s left the configuration and stays", s.Name)
			continue
		case StackDelete:
			p.line(red, "- stack %s", s.Name)
		default:
			p.line(yellow, "~ stack %s", s.Name)
		}
		for _, r := range s.Resources {
			p.resource(r)
		}
	}
}

func (p *painter) resource(r ResourceImpact) {
	kept := pick(r.Kept, ", the old one is kept", "")
	switch r.Action {
	case "add":
		p.line(green, "  + %s (%s)", r.ID, r.Type)
	case "remove":
		p.line(red, "  - %s (%s)%s", r.ID, r.Type, kept)
	default:
		what := map[Replacement]string{InPlace: "in place", Replaced: "REPLACED", Unsure: "perhaps replaced"}[r.Replaced]
		p.line(pick(r.Replaced == InPlace, yellow, red), "  ~ %s (%s), %s%s", r.ID, r.Type, what, pick(r.Replaced == InPlace, "", kept))
		for _, f := range r.Fields {
			p.field(f)
		}
	}
}

// markdown is what changes in a stack in one line.
func (s StackImpact) markdown() string {
	add, remove, change := 0, 0, 0
	var others []string
	for _, r := range s.Resources {
		switch {
		case r.Action == "add":
			add++
		case r.Action == "remove":
			remove++
		case r.Replaced != InPlace:
			others = append(others, code(r.ID)+pick(r.Replaced == Unsure, " (perhaps)", ""))
			change++
		default:
			change++
		}
	}
	text := fmt.Sprintf("%s stack %s", s.Action, code(s.Name))
	if s.Action == StackLeave {
		return text + ": it left the configuration and stays"
	}
	text += fmt.Sprintf(": %d resources added, %d changed, %d removed", add, change, remove)
	if len(others) > 0 {
		text += "; **replaced: " + few(others, 5) + "**"
	}
	return text
}
