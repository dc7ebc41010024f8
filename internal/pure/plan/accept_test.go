package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

// accepting is a world with two findings that block, and entries that accept.
func accepting(t *testing.T, at time.Time, entries ...fairway.Acceptance) *Plan {
	t.Helper()
	in := world("v1.36.3")
	in.Cluster = &fairway.Cluster{ID: "aws:1:eu:kube-1", LocalID: "kube-1", Alias: "shop"}
	in.Now = at
	in.manifest(t, "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: one}")
	in.manifest(t, "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: two}")
	for i, e := range entries {
		e.Where = []string{"main/plan-accept.yaml:2", "main/plan-accept.yaml:3"}[i]
		in.Bundle.Acceptances = append(in.Bundle.Acceptances, e)
	}
	return Build(in)
}

func TestBuild_Accepts(t *testing.T) {
	t.Parallel()
	ends := time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)
	within, after := ends.Add(-time.Second), ends
	both := fairway.Acceptance{Check: "removed-api", Object: "PodDisruptionBudget/*", Reason: "the vendor repairs it", Until: "2027-01-31", Ends: ends}
	change := func(f func(*fairway.Acceptance)) fairway.Acceptance {
		a := both
		f(&a)
		return a
	}
	for name, c := range map[string]struct {
		entries []fairway.Acceptance
		at      time.Time
		block   int
		says    []string // in the text
		unused  int
	}{
		"both":                        {[]fairway.Acceptance{both}, within, 0, []string{"ok    PodDisruptionBudget/one", "accepted until 2027-01-31: the vendor repairs it (main/plan-accept.yaml:2)", "2 findings accepted"}, 0},
		"one of them":                 {[]fairway.Acceptance{change(func(a *fairway.Acceptance) { a.Object = "PodDisruptionBudget/one" })}, within, 1, []string{"BLOCK PodDisruptionBudget/two", "ok    PodDisruptionBudget/one", "BLOCKED by 1 finding"}, 0},
		"by what it says":             {[]fairway.Acceptance{change(func(a *fairway.Acceptance) { a.Contains = "1.25" })}, within, 0, nil, 0},
		"says another":                {[]fairway.Acceptance{change(func(a *fairway.Acceptance) { a.Contains = "1.26" })}, within, 2, []string{"accepted, and not found here:", "main/plan-accept.yaml:2: removed-api PodDisruptionBudget/*"}, 1},
		"another check":               {[]fairway.Acceptance{change(func(a *fairway.Acceptance) { a.Check = "webhook" })}, within, 2, nil, 1},
		"of the cluster":              {[]fairway.Acceptance{change(func(a *fairway.Acceptance) { a.Clusters = []string{"x", "sh*"} })}, within, 0, nil, 0},
		"of another":                  {[]fairway.Acceptance{change(func(a *fairway.Acceptance) { a.Clusters = []string{"kube-2"} })}, within, 2, nil, 0},
		"expired":                     {[]fairway.Acceptance{both}, after, 2, []string{"no longer accepted: main/plan-accept.yaml:2 ended on 2027-01-31: the vendor repairs it"}, 0},
		"malformed":                   {[]fairway.Acceptance{change(func(a *fairway.Acceptance) { a.Malformed = "reason is missing" })}, within, 2, []string{"not accepted: main/plan-accept.yaml:2 is malformed: reason is missing", "warn  main/plan-accept.yaml:2 [acceptance]: it accepts nothing"}, 0},
		"no such check":               {[]fairway.Acceptance{change(func(a *fairway.Acceptance) { a.Check = "removed-apis" })}, within, 2, []string{`there is no check "removed-apis", did you mean "removed-api"?`}, 0},
		"a large deletion":            {[]fairway.Acceptance{change(func(a *fairway.Acceptance) { a.Check = "large-deletion" })}, within, 2, []string{"approved by a second person"}, 0},
		"expired, and again accepted": {[]fairway.Acceptance{change(func(a *fairway.Acceptance) { a.Ends = within }), both}, within, 0, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := accepting(t, c.at, c.entries...)
			block, _, _ := p.findings()
			if block != c.block || p.Blocked != (c.block > 0) || len(p.Unused) != c.unused {
				t.Errorf("%d block, %v, unused %v: %+v", block, p.Blocked, p.Unused, p.Findings)
			}
			var text strings.Builder
			if err := p.Text(&text, false); err != nil {
				t.Fatal(err)
			}
			for _, part := range c.says {
				if !strings.Contains(text.String(), part) {
					t.Errorf("%q is not in\n%s", part, text.String())
				}
			}
		})
	}
}

// Of several clusters, an entry is unused when none has a use for it.
func TestTogether_UnusedAcceptances(t *testing.T) {
	t.Parallel()
	p := func(unused []string, entry, lapsed string) *Plan {
		one := &Plan{Unused: unused, Findings: []Finding{{Lapsed: lapsed}}}
		if entry != "" {
			one.Findings[0].Accepted = &Accepted{Entry: entry}
		}
		return one
	}
	f := Together([]*Plan{p([]string{"f:2: a", "f:3: b"}, "f:4", ""), p([]string{"f:3: b", "f:4: c"}, "", "f:2")}, nil)
	if diff := cmp.Diff([]string{"f:3: b"}, f.Unused); diff != "" {
		t.Error(diff)
	}
	entries := []fairway.Acceptance{{Where: "f:1", Clusters: []string{"kube-*"}}, {Where: "f:2"}, {Where: "f:3", Clusters: []string{"gone", "left"}}}
	if diff := cmp.Diff([]string{"f:3: no cluster is called gone or left"}, Strangers(entries, []fairway.Cluster{{ID: "kube-1"}})); diff != "" {
		t.Error(diff)
	}
}

func TestFits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"a*", "a/b/c", true}, {"*/c", "a/b/c", true}, {"a*c", "a/b/c", true}, {"a*b*c", "a/b/c", true},
		{"a*c*b", "a/b/c", false}, {"ab*ba", "aba", false}, {"", "", true}, {"", "a", false},
	} {
		if got := fits(c.pattern, c.text); got != c.want {
			t.Errorf("%q like %q: %v", c.text, c.pattern, got)
		}
	}
}
