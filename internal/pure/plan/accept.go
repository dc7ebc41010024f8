package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/nearest"
)

// Accepted says who accepts a finding, and until when.
type Accepted struct {
	// Was is the severity that the finding has otherwise.
	Was    Severity `json:"was"`
	Reason string   `json:"reason"`
	// Until is the day, in UTC, whose end is the end of the acceptance, or a time.
	Until string `json:"until"`
	// Entry is the place of the entry: "main/plan-accept.yaml:3".
	Entry string `json:"entry"`
}

// checks are all that a finding can be about.
var checks = []Check{
	CheckRemovedAPI, CheckRemovedLabel, CheckSkew, CheckWebhook, CheckBudget, CheckLargeDeletion, CheckRoom, CheckKind, CheckImmutable, CheckUnread,
	CheckMemory, CheckBackup, CheckRefused, CheckStack, CheckAcceptance, CheckNoOp,
}

// accept marks the findings that the configuration accepts, and says what is
// wrong with acceptances. unused are those that concern the cluster and match
// nothing, which only a look at the live cluster can tell.
func accept(in Input, findings []Finding) (marked []Finding, unused []string) {
	unused = []string{}
	for _, a := range in.Bundle.Acceptances {
		a.Malformed = cmp.Or(a.Malformed, unacceptable(a))
		if !concerns(a, in.Cluster) {
			continue
		}
		matched := false
		for i := range findings {
			f := &findings[i]
			if f.Severity == SeverityAccepted || !matchesFinding(a, *f) {
				continue
			}
			matched = true
			switch {
			case a.Malformed != "":
				f.Lapsed = a.Where
				f.Reason += fmt.Sprintf(" (not accepted: %s is malformed: %s)", a.Where, a.Malformed)
			case !in.Now.Before(a.Ends):
				f.Lapsed = a.Where
				f.Reason += fmt.Sprintf(" (no longer accepted: %s ended on %s: %s)", a.Where, a.Until, a.Reason)
			default:
				f.Accepted = &Accepted{Was: f.Severity, Reason: a.Reason, Until: a.Until, Entry: a.Where}
				f.Severity = SeverityAccepted
			}
		}
		switch {
		case a.Malformed != "":
			findings = append(findings, Finding{
				Check: CheckAcceptance, Severity: Warn, Object: a.Where, Reason: "it accepts nothing: " + a.Malformed,
				Remedy: "correct the entry (docs/plan.md has the form)",
			})
		case !matched && in.Observed.Basis == BasisLive:
			unused = append(unused, fmt.Sprintf("%s: %s %s", a.Where, a.Check, a.Object))
		}
	}
	return findings, unused
}

// unacceptable says why a well-formed entry can accept nothing.
func unacceptable(a fairway.Acceptance) string {
	var names []string
	for _, c := range checks {
		if c != CheckAcceptance && c != CheckLargeDeletion {
			names = append(names, string(c))
		}
	}
	switch {
	case a.Check == string(CheckLargeDeletion):
		return "a large deletion is approved by a second person for one update, and not accepted"
	case a.Check == string(CheckAcceptance):
		return "what is said of acceptances cannot be accepted"
	case slices.Contains(names, a.Check):
		return ""
	}
	text := fmt.Sprintf("there is no check %q", a.Check)
	if near := nearest.To(a.Check, slices.Values(names)); near != "" {
		return text + fmt.Sprintf(", did you mean %q?", near)
	}
	return text + ", the checks are " + strings.Join(names, ", ")
}

// concerns reports whether an acceptance holds for a cluster.
func concerns(a fairway.Acceptance, c *fairway.Cluster) bool {
	return len(a.Clusters) == 0 || slices.ContainsFunc(a.Clusters, func(pattern string) bool {
		return fits(pattern, c.ID) || c.LocalID != "" && fits(pattern, c.LocalID) || c.Alias != "" && fits(pattern, c.Alias)
	})
}

// Strangers returns the entries that name clusters and none of these.
func Strangers(all []fairway.Acceptance, clusters []fairway.Cluster) []string {
	var out []string
	for _, a := range all {
		if !slices.ContainsFunc(clusters, func(c fairway.Cluster) bool { return concerns(a, &c) }) {
			out = append(out, fmt.Sprintf("%s: no cluster is called %s", a.Where, strings.Join(a.Clusters, " or ")))
		}
	}
	return out
}

func matchesFinding(a fairway.Acceptance, f Finding) bool {
	return a.Check == string(f.Check) && a.Check != string(CheckAcceptance) && a.Object != "" && fits(a.Object, f.Object) && strings.Contains(f.Reason, a.Contains)
}

// fits reports whether a text is like a pattern, in which "*" is any text.
func fits(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, parts[0])
	if !ok {
		return false
	}
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return strings.HasSuffix(text, parts[last])
}
