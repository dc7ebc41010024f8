package update

import (
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

// forApproval is the severity of what somebody else may agree to.
const forApproval plan.Severity = "approval"

// onlyWarns are the checks that do not stop an update: what they find an update
// copes with by itself (it rolls what it can and names the rest, it waits), or may
// even put right. docs/adr/0036 says why for each.
var onlyWarns = []plan.Check{plan.CheckBudget, plan.CheckWebhook, plan.CheckSkew, plan.CheckRoom, plan.CheckRemovedLabel, plan.CheckUnread}

// severity is what a finding means for an update that is about to begin.
func severity(f plan.Finding, b *fairway.Bundle) plan.Severity {
	switch {
	case f.Severity != plan.Block:
		return f.Severity
	case f.Check == plan.CheckLargeDeletion:
		return forApproval
	case slices.Contains(onlyWarns, f.Check),
		f.Check == plan.CheckRemovedAPI && f.Component == "", // somebody else's object
		f.Check == plan.CheckKind && mayAppear(f, b):
		return plan.Warn
	}
	return plan.Block
}

// mayAppear reports whether a kind that the API server does not know may be there
// by the time that it is needed: an operator of the configuration can define
// kinds, but not those of Kubernetes itself; and what is deleted at the end can be
// of a kind that the configuration defines.
func mayAppear(f plan.Finding, b *fairway.Bundle) bool {
	if f.Component == "" {
		return slices.ContainsFunc(b.PostApply, func(d fairway.Deletion) bool { return d.String() == f.Object && defines(b, d.Kind) }) &&
			!slices.ContainsFunc(b.PreApply, func(d fairway.Deletion) bool { return d.String() == f.Object })
	}
	for _, c := range b.Components {
		for _, o := range c.Objects {
			if ref := o.Ref(); c.Name == f.Component && ref.String() == f.Object {
				return strings.Contains(ref.Group(), ".") && !strings.HasSuffix(ref.Group(), ".k8s.io")
			}
		}
	}
	return false
}

// defines reports whether the configuration has the definition of a kind, which
// may be written as a resource, with or without its group.
func defines(b *fairway.Bundle, kind string) bool {
	name, _, _ := strings.Cut(kind, ".")
	for _, c := range b.Components {
		for _, o := range c.Objects {
			if o.Ref().Kind != "CustomResourceDefinition" {
				continue
			}
			spec, _ := o["spec"].(map[string]any)
			names, _ := spec["names"].(map[string]any)
			for _, key := range []string{"kind", "plural", "singular"} {
				if called, _ := names[key].(string); called != "" && strings.EqualFold(called, name) {
					return true
				}
			}
		}
	}
	return false
}
