package plan

import (
	"fmt"
	"strings"
)

// maxOlder is how many minor versions a kubelet may be older than the API
// server: three since 1.28, two before
// (https://kubernetes.io/releases/version-skew-policy/).
func maxOlder(target version) int {
	if target.atLeast(version{1, 28}) {
		return 3
	}
	return 2
}

// skew finds steps of the control plane, and kubelets, that Kubernetes does not
// support together.
func skew(s subject) []Finding {
	if !s.target.known() {
		return nil
	}
	var found []Finding
	plane := func(reason, remedy string) {
		found = append(found, Finding{Check: CheckSkew, Severity: Block, Object: "control plane", Reason: reason, Remedy: remedy})
	}
	if s.server.known() {
		switch {
		case s.target.minor > s.server.minor+1:
			plane(fmt.Sprintf("it runs %s and is to run %s: a control plane takes one minor version at a time", s.server, s.target),
				fmt.Sprintf("go to 1.%d first", s.server.minor+1))
		case s.target.minor < s.server.minor:
			plane(fmt.Sprintf("it runs %s and is to run %s: what it has stored may not be readable for an older one", s.server, s.target),
				"stay with the version, or restore a backup of that version")
		}
	}
	older, newer := map[string][]string{}, map[string][]string{}
	if w := s.in.Observed.Workloads; w != nil {
		for _, n := range w.Nodes {
			v := parseVersion(n.KubeletVersion)
			switch {
			case !v.known():
			case v.minor > s.target.minor:
				newer[v.String()] = append(newer[v.String()], n.Name)
			case v.minor < s.target.minor-maxOlder(s.target):
				older[v.String()] = append(older[v.String()], n.Name)
			}
		}
	}
	kubelets := func(by map[string][]string, reason, remedy string) {
		for v, names := range by {
			found = append(found, Finding{
				Check: CheckSkew, Severity: Block, Object: "Node/" + few(names, 3),
				Reason: fmt.Sprintf("kubelet %s %s %s", v, reason, s.target), Remedy: remedy,
			})
		}
	}
	kubelets(older, fmt.Sprintf("is more than %d minor versions older than the control plane of", maxOlder(s.target)), "replace these nodes before the control plane is upgraded")
	kubelets(newer, "is newer than the control plane of", "upgrade the control plane first")
	return found
}

// few lists some names and how many more there are.
func few(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
