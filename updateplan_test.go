package fairway

import (
	"testing"
	"time"
)

// An approval is for the plan that was looked at, and for less; not for more.
func TestApproval_Covers(t *testing.T) {
	t.Parallel()
	deletion := func(name, contents string) PlannedDeletion {
		return PlannedDeletion{Ref: ObjectRef{APIVersion: "v1", Kind: "Namespace", Name: name}, Contents: contents}
	}
	pool := func(name string, outdated int) PlannedPool { return PlannedPool{Pool: name, Outdated: outdated} }
	a := Approval{Deletions: []PlannedDeletion{deletion("a", "4 objects"), deletion("b", ""), deletion("c", "bound to x/y")}, Pools: []PlannedPool{pool("workers", 2)}}
	for name, c := range map[string]struct {
		plan UpdatePlan
		want bool
	}{
		"the same":                      {UpdatePlan{Deletions: a.Deletions, Pools: a.Pools}, true},
		"nothing":                       {UpdatePlan{}, true},
		"less":                          {UpdatePlan{Deletions: []PlannedDeletion{deletion("a", "1 objects")}, Pools: []PlannedPool{pool("workers", 1)}}, true},
		"pods come and go":              {UpdatePlan{Deletions: []PlannedDeletion{deletion("a", "8 objects")}}, true},
		"much more in it":               {UpdatePlan{Deletions: []PlannedDeletion{deletion("a", "9 objects")}}, false},
		"something in what was empty":   {UpdatePlan{Deletions: []PlannedDeletion{deletion("b", "1 objects")}}, false},
		"bound to another":              {UpdatePlan{Deletions: []PlannedDeletion{deletion("c", "bound to x/z")}}, false},
		"another object":                {UpdatePlan{Deletions: []PlannedDeletion{deletion("d", "")}}, false},
		"another object, gone already":  {UpdatePlan{Deletions: []PlannedDeletion{{Ref: ObjectRef{Kind: "Pod", Name: "x"}, Done: true}}}, true},
		"more nodes":                    {UpdatePlan{Pools: []PlannedPool{pool("workers", 3)}}, false},
		"nodes of another pool":         {UpdatePlan{Pools: []PlannedPool{pool("others", 1)}}, false},
		"another pool that stays as is": {UpdatePlan{Pools: []PlannedPool{pool("others", 0)}}, true},
		"a pool that goes":              {UpdatePlan{Pools: []PlannedPool{{Pool: "workers", Leaves: true}}}, false},
	} {
		if got := a.Covers(&c.plan); got != c.want {
			t.Errorf("%s: covered %v, want %v", name, got, c.want)
		}
	}
}

// Who made a change does not approve it, by whatever name.
func TestUpdatePlan_ApproveOwn(t *testing.T) {
	t.Parallel()
	p := UpdatePlan{UpdateID: "u", Approval: "deletes 12 of 80 objects", Authors: []string{"Ada Lovelace <ada@example.org>", "token:ci"}}
	p.Seal()
	for name, c := range map[string]struct {
		who  Principal
		want Code
	}{
		"the author by email":  {Principal{Name: "https://issuer#1", Display: "Ada@example.org"}, CodeForbidden},
		"the author by name":   {Principal{Name: "token:Ada Lovelace"}, CodeForbidden},
		"by the registry":      {Principal{Name: "token:ci"}, CodeForbidden},
		"nobody":               {Principal{}, CodeForbidden},
		"somebody else":        {Principal{Name: "https://issuer#2", Display: "bob@example.org"}, ""},
		"a part of a name":     {Principal{Name: "token:Ada"}, ""},
		"somebody without one": {Principal{Name: "token:local"}, ""},
	} {
		a, err := p.Approve(c.who, p.ApprovalDigest, "", time.Now())
		if ErrorCode(err) != c.want || err == nil && (a.Digest != p.ApprovalDigest || !a.Covers(&p)) {
			t.Errorf("%s: %+v, error %v, want %q", name, a, err, c.want)
		}
	}
}

// A commit says that it changes nothing by a line of its own.
func TestCommit_IsNoOp(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]bool{
		"Move files\n\nFairway: no-op\n":                              true,
		"Move files\n\nfairway:no-op\nCo-authored-by: A <a@b.c>\n":    true,
		"Move files\r\n\r\nFairway: no-op\r\n":                        true,
		"Move files, a no-op":                                         false,
		"Fairway: no-op, I think":                                     false,
		"Say what a line \"Fairway: no-op\" does\n\nIt says nothing.": false,
	} {
		if got := (Commit{Message: message}).IsNoOp(); got != want {
			t.Errorf("%q: %v, want %v", message, got, want)
		}
	}
}
