package fairway

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// UpdatePlan is what an update is going to do, in short. It is stored before
// anything is written, and what the update then does is held against it. It has
// no secrets. The zero value does nothing.
type UpdatePlan struct {
	UpdateID string    `json:"update_id"`
	At       time.Time `json:"at"`
	// Digest names all that is to be done: the same for the same actions.
	Digest string `json:"digest"`
	// Verdict is the plan in one line.
	Verdict string `json:"verdict"`
	// Changes are the objects that are created, changed or set back, the first
	// MostPlannedChanges of them.
	Changes []PlannedChange `json:"changes,omitempty"`
	// Create and Change count all of those; Drift objects are set back, Departed
	// ones left the configuration and stay.
	Create    int `json:"create"`
	Change    int `json:"change"`
	Unchanged int `json:"unchanged"`
	Drift     int `json:"drift"`
	Departed  int `json:"departed"`
	// Objects is how many objects the cluster has as far as Fairway knows: what
	// the share of the deletions is taken of.
	Objects   int               `json:"objects"`
	Deletions []PlannedDeletion `json:"deletions,omitempty"`
	Pools     []PlannedPool     `json:"pools,omitempty"`
	Nodes     int               `json:"nodes"`
	Seconds   int               `json:"seconds,omitempty"`
	Findings  []PlanFinding     `json:"findings,omitempty"`
	// Approval says why the plan needs the word of a second person: "deletes 12
	// of 80 objects"; "" when it does not.
	Approval string `json:"approval,omitempty"`
	// ApprovalDigest names what that person says yes to.
	ApprovalDigest string `json:"approval_digest,omitempty"`
	// Authors are those who made the change, as "Name <email>" of commits or
	// names of principals; none of them may approve it.
	Authors []string `json:"authors,omitempty"`
}

// MostPlannedChanges is how many created and changed objects a stored plan names.
const MostPlannedChanges = 200

// WaitingForApproval begins Update.Waiting while the plan of an update waits for
// the word of a second person.
const WaitingForApproval = "approval: "

// PlannedChange is an object that is created or changed.
type PlannedChange struct {
	Action Action    `json:"action"`
	Ref    ObjectRef `json:"ref"`
}

// PlannedDeletion is an object that a deletion selects.
type PlannedDeletion struct {
	Ref ObjectRef `json:"ref"`
	// Phase is "before" or "after" the manifests, Entry the deletion.
	Phase string `json:"phase"`
	Entry string `json:"entry"`
	// Contents says what goes with the object; "" for nothing.
	Contents string `json:"contents,omitempty"`
	// Done says that an earlier plan of the same update had it and it is gone.
	Done bool `json:"done,omitempty"`
}

// PlannedPool is what happens to the nodes of a pool.
type PlannedPool struct {
	Pool  string `json:"pool"`
	Nodes int    `json:"nodes"`
	// Replaced and Removed nodes go; Outdated of them because of what the pool is
	// made from, and not because of their age or because somebody asked for it.
	Replaced int  `json:"replaced"`
	Removed  int  `json:"removed,omitempty"`
	Outdated int  `json:"outdated,omitempty"`
	Leaves   bool `json:"leaves,omitempty"`
	// Agreed is how many of those the update may replace: as many as it planned at
	// first, or somebody agreed to since.
	Agreed int `json:"agreed,omitempty"`
}

// PlanFinding is something that would go wrong, or deserves a look.
type PlanFinding struct {
	Check string `json:"check"`
	// Severity is "block" when the update stops at it, else "warn".
	Severity string `json:"severity"`
	Object   string `json:"object"`
	Reason   string `json:"reason"`
	Remedy   string `json:"remedy"`
}

// Approval is the word of a second person for the plan of an update.
type Approval struct {
	UpdateID string `json:"update_id"`
	// Digest is the ApprovalDigest of the plan.
	Digest string `json:"digest"`
	// What is the plan's Approval.
	What string `json:"what"`
	// Deletions and Pools are what was said yes to.
	Deletions []PlannedDeletion `json:"deletions,omitempty"`
	Pools     []PlannedPool     `json:"pools,omitempty"`
	// By is the name of the principal, ByName what people call it.
	By     string    `json:"by"`
	ByName string    `json:"by_name,omitempty"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// Seal gives the plan the digest of what a second person is asked about: the
// objects that go and the nodes that are replaced.
func (p *UpdatePlan) Seal() {
	p.ApprovalDigest = ""
	if p.Approval == "" {
		return
	}
	var lines []string
	for _, d := range p.Deletions {
		lines = append(lines, fmt.Sprint("delete ", d.Ref.Group(), " ", d.Ref, " ", d.Contents != ""))
	}
	for _, pool := range p.Pools {
		lines = append(lines, fmt.Sprint("replace ", pool.Pool, " ", pool.Outdated, " ", pool.Leaves))
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(slices.Compact(lines), "\n")))
	p.ApprovalDigest = hex.EncodeToString(sum[:8])
}

// Approve is the word of a second person; digest is what that person has seen,
// "" when it was not said. CodeConflict when the plan needs nobody's word or has
// become another one, CodeForbidden when an author asks.
func (p *UpdatePlan) Approve(who Principal, digest, reason string, now time.Time) (*Approval, error) {
	switch {
	case p.Approval == "":
		return nil, Errorf(CodeConflict, "the plan of update %s needs no approval", p.UpdateID).
			WithHint("`fairway update show %s` says what the update does", p.UpdateID)
	case digest != "" && digest != p.ApprovalDigest:
		return nil, Errorf(CodeConflict, "the plan of update %s is another one by now: %s", p.UpdateID, p.Approval).
			WithHint("look at it with `fairway update show %s`, and approve it again", p.UpdateID)
	case who.Name == "":
		return nil, Errorf(CodeForbidden, "approve update %s: nobody says so", p.UpdateID)
	}
	if author := p.author(who); author != "" {
		return nil, Errorf(CodeForbidden, "%s is an author of the change (%s) and cannot approve what it deletes", who, author).
			WithHint("somebody else has to run `fairway update approve %s`", p.UpdateID)
	}
	return &Approval{UpdateID: p.UpdateID, Digest: p.ApprovalDigest, What: p.Approval, Deletions: p.Deletions, Pools: p.Pools,
		By: who.Name, ByName: who.String(), Reason: reason, At: now}, nil
}

// author returns which of the authors a principal is, "" when none as far as
// names and email addresses tell.
func (p *UpdatePlan) author(who Principal) string {
	for _, a := range p.Authors {
		for _, part := range strings.FieldsFunc(a, func(r rune) bool { return r == '<' || r == '>' }) {
			part = strings.TrimSpace(part)
			for _, name := range []string{who.Name, strings.TrimPrefix(who.Name, "token:"), who.Display} {
				if part != "" && strings.EqualFold(part, name) {
					return a
				}
			}
		}
	}
	return ""
}

// Covers reports whether the approval is for all that a plan needs one for: it
// deletes no other object, nothing that holds much more than it did, and
// replaces no more nodes.
func (a *Approval) Covers(p *UpdatePlan) bool {
	for _, d := range p.Deletions {
		if d.Done {
			continue
		}
		i := slices.IndexFunc(a.Deletions, func(was PlannedDeletion) bool { return sameObject(was.Ref, d.Ref) })
		if i < 0 || holdsMore(a.Deletions[i].Contents, d.Contents) {
			return false
		}
	}
	for _, pool := range p.Pools {
		i := slices.IndexFunc(a.Pools, func(was PlannedPool) bool { return was.Pool == pool.Pool })
		if i < 0 && pool.Outdated > 0 || i >= 0 && (pool.Outdated > a.Pools[i].Outdated || pool.Leaves && !a.Pools[i].Leaves) {
			return false
		}
	}
	return true
}

// Deletes returns the deletion of an object, nil when the plan has none.
func (p *UpdatePlan) Deletes(ref ObjectRef) *PlannedDeletion {
	for i := range p.Deletions {
		if sameObject(p.Deletions[i].Ref, ref) {
			return &p.Deletions[i]
		}
	}
	return nil
}

// Exceeds reports whether something that a deletion selects now is not in the
// plan as it is: another object, or one with much more in it.
func (p *UpdatePlan) Exceeds(now PlannedDeletion) bool {
	was := p.Deletes(now.Ref)
	return was == nil || was.Done || holdsMore(was.Contents, now.Contents)
}

func sameObject(a, b ObjectRef) bool {
	return a.Kind == b.Kind && a.Group() == b.Group() && a.Name == b.Name && a.Namespace == b.Namespace
}

// holdsMore reports whether an object holds something else than it did, or more
// than twice as much: pods come and go, and that is not news.
func holdsMore(was, is string) bool {
	if is == "" || is == was {
		return false
	}
	had, hadText, _ := strings.Cut(was, " ")
	has, hasText, _ := strings.Cut(is, " ")
	before, err := strconv.Atoi(had)
	after, err2 := strconv.Atoi(has)
	return cmp.Or(err, err2) != nil || hadText != hasText || after > 2*before
}

// Commit is one commit of a configuration repository.
type Commit struct {
	ID      string
	Author  string
	Email   string
	Message string
	// Merge says that it has more than one parent.
	Merge bool
}

// IsNoOp reports whether the commit says of itself that it changes nothing: by a
// line "Fairway: no-op" of its message.
func (c Commit) IsNoOp() bool {
	for line := range strings.Lines(c.Message) {
		key, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(strings.TrimSpace(key), "fairway") && strings.EqualFold(strings.TrimSpace(value), "no-op") {
			return true
		}
	}
	return false
}

// Historian is what a ConfigSource, and a Configuration, may be beside: it knows
// who made a revision.
type Historian interface {
	// Commits returns the commits that a revision has and another one, from,
	// does not, newest first and at most 200 of them; of an unknown or empty from
	// only the revision's own. file limits them to those that changed a file of
	// that name in any folder; "" does not. A source without commits returns none.
	Commits(ctx context.Context, from, revision, file string) ([]Commit, error)
}
