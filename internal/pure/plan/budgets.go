package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fairwayhq/fairway"
)

// budgets finds PodDisruptionBudgets that no drain can satisfy, for pods on nodes
// that are replaced. A leader that its operator moves to another member is no
// obstacle, although its budget never allows an eviction.
func budgets(s subject) []Finding {
	w := s.in.Observed.Workloads
	if w == nil {
		return nil
	}
	rolled := s.rolledNodes()
	if len(rolled) == 0 {
		return nil
	}
	covering := map[string][]string{} // pod UID -> budgets
	var found []Finding
	for _, b := range s.wanted(w) {
		var onRolled []fairway.Pod
		covered := map[string]bool{}
		for _, uid := range b.PodUIDs {
			covered[uid] = true
		}
		for _, p := range w.Pods {
			if covered[p.UID] && rolled[p.Node] && !p.Finished && !stays(p) {
				onRolled = append(onRolled, p)
				covering[p.UID] = append(covering[p.UID], b.Namespace+"/"+b.Name)
			}
		}
		stuck := slices.DeleteFunc(slices.Clone(onRolled), func(p fairway.Pod) bool { return movable(p, w.Pods, covered) })
		if len(stuck) == 0 || b.ExpectedPods == 0 {
			continue
		}
		ref := "PodDisruptionBudget/" + b.Namespace + "/" + b.Name
		pods := few(names(stuck), 3)
		switch {
		case b.DesiredHealthy >= b.ExpectedPods:
			found = append(found, Finding{
				Check: CheckBudget, Severity: Block, Object: ref,
				Reason: fmt.Sprintf("it wants %d of %d pods and so never allows an eviction; %s would hold up the roll of the node", b.DesiredHealthy, b.ExpectedPods, pods),
				Remedy: "its owner: run one more replica, or let one be unavailable",
			})
		case b.DisruptionsAllowed == 0 && b.Generation == b.ObservedGeneration:
			found = append(found, Finding{
				Check: CheckBudget, Severity: Warn, Object: ref,
				Reason: fmt.Sprintf("it allows no eviction now, %d of %d pods are healthy and %d are wanted; %s waits until that changes", b.CurrentHealthy, b.ExpectedPods, b.DesiredHealthy, pods),
				Remedy: "look why pods are not healthy",
			})
		}
	}
	for _, p := range w.Pods {
		if by := covering[p.UID]; len(by) > 1 {
			found = append(found, Finding{
				Check: CheckBudget, Severity: Block, Object: "Pod/" + p.Namespace + "/" + p.Name,
				Reason: fmt.Sprintf("budgets %s cover it: the API server evicts no pod with more than one", strings.Join(by, " and ")),
				Remedy: "its owner: leave one budget",
			})
		}
	}
	return found
}

// stays reports whether a drain leaves a pod where it is.
func stays(p fairway.Pod) bool { return p.Mirror || p.Probe || p.OwnerKind == "DaemonSet" }

// movable reports whether a pod is the leader of a data service with a member to
// move to that the budget does not cover.
func movable(p fairway.Pod, all []fairway.Pod, covered map[string]bool) bool {
	return p.Role == "leader" && p.Service != "" && slices.ContainsFunc(all, func(o fairway.Pod) bool {
		return o.Service == p.Service && o.UID != p.UID && o.Role == "replica" && !covered[o.UID]
	})
}

func names(pods []fairway.Pod) []string {
	var out []string
	for _, p := range pods {
		out = append(out, p.Namespace+"/"+p.Name)
	}
	return out
}

// rolledNodes are the names of the nodes that are replaced or removed.
func (s subject) rolledNodes() map[string]bool {
	byProvider := map[string]string{}
	for name, n := range s.nodesOf() {
		if n.ProviderID != "" {
			byProvider[n.ProviderID] = name
		}
	}
	rolled := map[string]bool{}
	for _, p := range s.in.Pools {
		for _, i := range p.Instances {
			if !p.Leaves && i.Generation == p.Generation && i.Outdated == "" {
				continue
			}
			if i.NodeName != "" {
				rolled[i.NodeName] = true
			} else if name := byProvider[i.ProviderID]; name != "" {
				rolled[name] = true
			}
		}
	}
	return rolled
}

// wanted are the budgets as they are once the manifests are applied, which is
// before any worker is drained.
func (s subject) wanted(w *fairway.Workloads) []fairway.Budget {
	out := slices.Clone(w.Budgets)
	for _, d := range s.plan.Deletions {
		if d.Ref.Kind == "PodDisruptionBudget" && d.Phase == "before" {
			out = slices.DeleteFunc(out, func(b fairway.Budget) bool { return b.Namespace == d.Ref.Namespace && b.Name == d.Ref.Name })
		}
	}
	for _, m := range s.manifests() {
		ref := m.object.Ref()
		if ref.Group() != "policy" || ref.Kind != "PodDisruptionBudget" {
			continue
		}
		namespace := ref.Namespace
		if namespace == "" {
			namespace = "default"
		}
		new := fairway.Budget{Namespace: namespace, Name: ref.Name}
		selector := mapAt(map[string]any(m.object), "spec", "selector")
		for _, p := range w.Pods {
			if selector != nil && p.Namespace == namespace && !p.Finished && selects(selector, p.Labels) {
				new.PodUIDs = append(new.PodUIDs, p.UID)
				new.ExpectedPods++
				if p.Ready {
					new.CurrentHealthy++
				}
			}
		}
		new.DesiredHealthy = desiredHealthy(mapAt(map[string]any(m.object), "spec"), new.ExpectedPods)
		new.DisruptionsAllowed = max(0, new.CurrentHealthy-new.DesiredHealthy)
		out = slices.DeleteFunc(out, func(b fairway.Budget) bool { return b.Namespace == namespace && b.Name == ref.Name })
		out = append(out, new)
	}
	return out
}

// desiredHealthy is what a budget wants of so many pods; shares are rounded up,
// as its controller does.
func desiredHealthy(spec map[string]any, pods int) int {
	if v := spec["maxUnavailable"]; v != nil {
		return max(0, pods-amount(v, pods))
	}
	return amount(spec["minAvailable"], pods)
}

func amount(v any, of int) int {
	if f, ok := number(v); ok {
		return int(f)
	}
	s, _ := v.(string)
	digits, isShare := strings.CutSuffix(s, "%")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	if isShare {
		return (of*n + 99) / 100
	}
	return n
}
