package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
)

// oldLabel is a label, or the key of a taint, of nodes that is gone or going.
type oldLabel struct {
	name string
	// minor is the first release 1.minor whose nodes are made without it; 0 for
	// labels that are deprecated and set by some clouds still.
	minor   int
	instead string
}

// oldLabels are the labels that nodes lost, or lose.
//
// Sources: https://kubernetes.io/docs/reference/labels-annotations-taints/ (the
// beta labels, deprecated in 1.14 and 1.17) and the change log of kubeadm 1.24
// (the label node-role.kubernetes.io/master; the taint went in 1.25).
var oldLabels = []oldLabel{
	{"node-role.kubernetes.io/master", 24, "node-role.kubernetes.io/control-plane"},
	{"beta.kubernetes.io/os", 0, "kubernetes.io/os"},
	{"beta.kubernetes.io/arch", 0, "kubernetes.io/arch"},
	{"beta.kubernetes.io/instance-type", 0, "node.kubernetes.io/instance-type"},
	{"failure-domain.beta.kubernetes.io/zone", 0, "topology.kubernetes.io/zone"},
	{"failure-domain.beta.kubernetes.io/region", 0, "topology.kubernetes.io/region"},
}

// mention is a place of an object that names an old label.
type mention struct {
	label oldLabel
	how   mentioned
}

// mentioned says what naming a label means there.
type mentioned string

const (
	requires  mentioned = "requires"
	prefers   mentioned = "prefers"
	avoids    mentioned = "avoids"
	spreads   mentioned = "spreads over"
	tolerates mentioned = "tolerates only"
)

// removedLabels finds selectors, affinities, spreads and tolerations that name
// labels which the nodes of the target version do not have.
func removedLabels(s subject) []Finding {
	var found []Finding
	for _, o := range append(s.manifests(), s.live()...) {
		seen := map[mention]bool{}
		for _, m := range mentions("", map[string]any(o.object), false, false) {
			severity := s.severity(m)
			if severity == "" || seen[m] {
				continue
			}
			seen[m] = true
			found = append(found, Finding{
				Check: CheckRemovedLabel, Severity: severity, Object: o.object.Ref().String(), Component: o.component,
				Reason: fmt.Sprintf("it %s %s, %s", m.how, m.label.name, s.state(m.label)),
				Remedy: fmt.Sprintf("name %s%s", m.label.instead, pick(m.how == tolerates, " as well", " instead")),
			})
		}
	}
	return found
}

// severity is that of a mention; "" when nothing is wrong with it.
func (s subject) severity(m mention) Severity {
	with, nodes := s.carrying(m.label.name)
	gone := m.label.minor > 0 && s.target.known() && s.target.atLeast(version{1, m.label.minor})
	crosses := gone && s.server.known() && !s.server.atLeast(version{1, m.label.minor})
	switch {
	case m.label.minor > 0 && !gone:
		return "" // not with this version
	case m.label.minor == 0 && nodes == 0:
		return Warn // nobody knows what the nodes have
	case with > 0 && !crosses:
		return Warn // the nodes have it all the same, for now
	case m.how == requires || m.how == spreads:
		return Block
	}
	return Warn
}

// carrying counts the nodes that have a label, and all nodes.
func (s subject) carrying(label string) (with, all int) {
	if s.in.Observed.Workloads == nil {
		return 0, 0
	}
	for _, n := range s.in.Observed.Workloads.Nodes {
		all++
		if _, has := n.Labels[label]; has {
			with++
		}
	}
	return with, all
}

// state says in words what is with a label.
func (s subject) state(l oldLabel) string {
	with, all := s.carrying(l.name)
	switch {
	case l.minor > 0 && with > 0:
		return fmt.Sprintf("which nodes are made without since Kubernetes 1.%d; %d of %d nodes have it now", l.minor, with, all)
	case l.minor > 0:
		return fmt.Sprintf("which nodes are made without since Kubernetes 1.%d", l.minor)
	case all == 0:
		return "which is deprecated"
	}
	return fmt.Sprintf("which is deprecated; %d of %d nodes have it", with, all)
}

// mentions walks through an object. selecting says that what stands here selects
// nodes or pods by labels, weak that it only prefers.
func mentions(field string, v any, selecting, weak bool) []mention {
	var found []mention
	switch v := v.(type) {
	case map[string]any:
		key, isText := v["key"].(string)
		if l, old := oldLabelOf(key); isText && old && selecting {
			found = append(found, mention{l, meaning(v["operator"], weak)})
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if l, old := oldLabelOf(k); old && selecting {
				found = append(found, mention{l, meaning(nil, weak)})
			}
			found = append(found, below(k, v[k], selecting, weak)...)
		}
	case []any:
		for _, item := range v {
			found = append(found, mentions(field, item, selecting, weak)...)
		}
	case string:
		if field == "topologyKey" {
			if l, old := oldLabelOf(v); old {
				found = append(found, mention{l, spreads})
			}
		} else if selecting {
			found = append(found, inText(v, weak)...)
		}
	}
	return found
}

// below decides what the value of a field is.
func below(field string, v any, selecting, weak bool) []mention {
	switch field {
	case "managedFields", "status", "annotations", "openAPIV3Schema":
		return nil
	case "tolerations":
		return onlyOld(v)
	case "nodeSelectorTerms":
		// Terms are alternatives: one without old labels is enough.
		var found []mention
		terms, _ := v.([]any)
		for _, term := range terms {
			of := mentions(field, term, true, weak)
			if len(of) == 0 {
				return nil
			}
			found = append(found, of...)
		}
		return found
	}
	lower := strings.ToLower(field)
	selecting = selecting || strings.Contains(lower, "selector") || field == "matchLabels" || field == "matchExpressions" || field == "affinity"
	return mentions(field, v, selecting, weak || strings.HasPrefix(field, "preferred"))
}

// onlyOld finds tolerations of old taints without one of the new taint.
func onlyOld(v any) []mention {
	list, _ := v.([]any)
	keys := map[string]bool{}
	for _, t := range list {
		key := textAt(t, "key")
		if key == "" && textAt(t, "operator") == "Exists" {
			return nil // tolerates everything
		}
		keys[key] = true
	}
	var found []mention
	for _, l := range oldLabels {
		if keys[l.name] && !keys[l.instead] {
			found = append(found, mention{l, tolerates})
		}
	}
	return found
}

// inText finds labels in selectors that are written as one text, such as
// "has(example.org/label)" or "a=b,c".
func inText(s string, weak bool) []mention {
	var found []mention
	for _, l := range oldLabels {
		i := strings.Index(s, l.name)
		if i < 0 {
			continue
		}
		how := meaning(nil, weak)
		if before := strings.TrimRight(s[:i], " '\"("); strings.HasSuffix(before, "!") || strings.HasSuffix(before, "!has") {
			how = avoids
		}
		found = append(found, mention{l, how})
	}
	return found
}

func meaning(operator any, weak bool) mentioned {
	switch {
	case operator == "DoesNotExist" || operator == "NotIn":
		return avoids
	case weak:
		return prefers
	}
	return requires
}

func oldLabelOf(name string) (oldLabel, bool) {
	for _, l := range oldLabels {
		if l.name == name {
			return l, true
		}
	}
	return oldLabel{}, false
}

// nodesOf returns the nodes by name.
func (s subject) nodesOf() map[string]fairway.Node {
	nodes := map[string]fairway.Node{}
	if s.in.Observed.Workloads != nil {
		for _, n := range s.in.Observed.Workloads.Nodes {
			nodes[n.Name] = n
		}
	}
	return nodes
}
