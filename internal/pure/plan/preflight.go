package plan

import (
	"cmp"
	"slices"

	"github.com/fairwayhq/fairway"
)

// Severity says what a finding means for an update.
type Severity string

// The severities.
const (
	// Block: the update would fail or do damage.
	Block Severity = "block"
	// Warn: a person should look.
	Warn Severity = "warn"
	// SeverityAccepted: somebody accepts it for a while, see Finding.Accepted.
	SeverityAccepted Severity = "accepted"
)

// rank is the place of a severity among findings.
func (s Severity) rank() int { return slices.Index([]Severity{Block, Warn, SeverityAccepted}, s) }

// Check names what a finding is about.
type Check string

// The checks.
const (
	CheckRemovedAPI    Check = "removed-api"
	CheckRemovedLabel  Check = "removed-label"
	CheckSkew          Check = "version-skew"
	CheckWebhook       Check = "webhook"
	CheckBudget        Check = "budget"
	CheckLargeDeletion Check = "large-deletion"
	CheckRoom          Check = "room"
	CheckKind          Check = "unknown-kind"
	CheckImmutable     Check = "immutable-field"
	CheckUnread        Check = "unread"
	CheckMemory        Check = "memory-limit"
	CheckBackup        Check = "backup"
	CheckRefused       Check = "refused"
	CheckStack         Check = "stack"
	CheckAcceptance    Check = "acceptance"
	CheckNoOp          Check = "no-op"
)

// Finding is something that would go wrong.
type Finding struct {
	Check    Check    `json:"check"`
	Severity Severity `json:"severity"`
	// Object is what it is about: an object, a node pool or a node.
	Object    string `json:"object"`
	Component string `json:"component,omitempty"` // of the configuration; "" when the object is only in the cluster
	// Reason says what would go wrong, Remedy what to do.
	Reason string `json:"reason"`
	Remedy string `json:"remedy"`
	// Accepted says why the finding does not count for a while; nil when it does.
	Accepted *Accepted `json:"accepted,omitempty"`
	// Lapsed is the entry of an acceptance that ended or is malformed, so that
	// the finding counts again; "" when there is none.
	Lapsed string `json:"lapsed,omitempty"`
}

// subject is what preflight looks at.
type subject struct {
	in     Input
	plan   *Plan
	target version // the zero version when it is not known
	server version
}

// preflight runs all checks and adds what they find to what is known.
func preflight(in Input, p *Plan, all []Finding, hide mask) (_ []Finding, unused []string) {
	s := subject{in: in, plan: p}
	s.server = parseVersion(in.Observed.Version)
	s.target = parseVersion(cmp.Or(in.Target, in.Observed.Version))
	for _, check := range []func(subject) []Finding{
		removedAPIs, removedLabels, skew, webhooks, budgets, largeDeletion, room, limits, memoryLimits, backup, unknownKinds, immutableFields, refused, unread, noOp,
	} {
		all = append(all, check(s)...)
	}
	all, unused = accept(in, all)
	for i := range all {
		all[i].Reason, all[i].Remedy = hide.text(all[i].Reason), hide.text(all[i].Remedy)
	}
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Severity.rank(), b.Severity.rank()), cmp.Compare(a.Check, b.Check), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Reason, b.Reason))
	})
	return slices.CompactFunc(all, func(a, b Finding) bool { a.Accepted, b.Accepted = nil, nil; return a == b }), unused
}

// place is an object and where it is from.
type place struct {
	object    fairway.Object
	component string // "" for a live object
}

// manifests are the objects of the bundle.
func (s subject) manifests() []place {
	var all []place
	for _, c := range s.in.Bundle.Components {
		for _, o := range c.Objects {
			all = append(all, place{o, c.Name})
		}
	}
	return all
}

// live are the objects of the cluster as they will be: those that an update
// changes or deletes are left out, because they are judged as the bundle has them.
func (s subject) live() []place {
	replaced := map[Key]bool{}
	for _, m := range s.manifests() {
		replaced[KeyOf(m.object.Ref())] = true
	}
	for _, d := range s.plan.Deletions {
		replaced[KeyOf(d.Ref)] = true
	}
	var all []place
	for _, o := range s.in.Observed.Others {
		if !replaced[KeyOf(o.Ref())] {
			all = append(all, place{object: o})
		}
	}
	return all
}

// Relevant reports whether preflight would have anything to say of a live object,
// whatever the target: who reads a cluster need not keep the others.
func Relevant(o fairway.Object) bool {
	ref := o.Ref()
	switch ref.Kind {
	case "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration":
		return true
	case "Namespace":
		return true // for what webhooks select
	}
	for _, u := range usedVersions(o) {
		if _, removed := removedIn(u.apiVersion, ref.Kind); removed {
			return true
		}
	}
	return len(mentions("", map[string]any(o), false, false)) > 0
}

// WebhookServices returns the services ("namespace/name") that the webhooks of an
// object call.
func WebhookServices(o fairway.Object) []string {
	var out []string
	for _, w := range listAt(map[string]any(o), "webhooks") {
		if service := mapAt(w, "clientConfig", "service"); service != nil {
			out = append(out, textAt(service, "namespace")+"/"+textAt(service, "name"))
		}
	}
	return out
}

// unread says what preflight could not look at.
func unread(s subject) []Finding {
	var found []Finding
	for _, what := range s.in.Observed.Unread {
		found = append(found, Finding{
			Check: CheckUnread, Severity: Warn, Object: s.in.Cluster.ID, Reason: "not looked at: " + what,
			Remedy: "allow the plan's user to get and list it (docs/plan.md)",
		})
	}
	return found
}
