package wave

import (
	"fmt"
	"strings"
)

// name returns "wave 2 of 4".
func (p progress) name() string { return fmt.Sprintf("wave %d of %d", p.at+1, len(p.waves)) }

// skipped names the blocked and failed clusters that the rollout goes past.
func (p progress) skipped() string {
	var blocked, failed []string
	for _, c := range p.begun() {
		switch c.State {
		case Blocked:
			blocked = append(blocked, c.ID)
		case Failed, Partial:
			failed = append(failed, c.ID)
		}
	}
	return notes(blocked, failed)
}

func notes(blocked, failed []string) string {
	out := ""
	if len(blocked) > 0 {
		out += "; skips " + list(blocked) + ", whose updates are blocked"
	}
	if len(failed) > 0 {
		out += "; goes past " + list(failed) + ", within the wave's failure budget"
	}
	return out
}

// done says how a rollout ended.
func done(waves [][]Cluster, revision string) string {
	var blocked, failed []string
	run := 0
	for _, w := range waves {
		for _, c := range w {
			switch c.State {
			case Blocked:
				blocked = append(blocked, c.ID)
			case Failed, Partial:
				failed = append(failed, c.ID)
			default:
				run++
			}
		}
	}
	if run+len(blocked)+len(failed) == 0 {
		return "done: the channel has no clusters"
	}
	return fmt.Sprintf("done: %d clusters run %.12s", run, revision) + notes(blocked, failed)
}

// list returns at most five names and how many more there are.
func list(names []string) string {
	if len(names) > 5 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:5], ", "), len(names)-5)
	}
	return strings.Join(names, ", ")
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
