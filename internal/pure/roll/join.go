package roll

import (
	"cmp"
	"slices"

	"github.com/fairwayhq/fairway"
)

// standing are the pods on one node that are not finished: first those that
// must leave before it can, by name.
type standing struct {
	all   []fairway.Pod
	leave int
}

// stays reports whether a drain leaves the pod where it is.
func stays(p *fairway.Pod) bool { return p.Mirror || p.Probe || p.OwnerKind == "DaemonSet" }

// join indexes pods and budgets. Pods that come node by node, each node's in the
// order of standing and finished ones last, are not copied.
func (v *view) join(s Snapshot) {
	v.cover(s.Budgets)
	counts, total := v.counts, 0
	for i := range s.Pods {
		if p := &s.Pods[i]; !p.Finished {
			if service := serviceOf(p); service != "" {
				counts[service]++
				total++
			}
			if p.Node == "" {
				v.pending = append(v.pending, p)
			}
		}
	}
	members := slices.Grow(v.scratch.pods, total)[:total]
	v.scratch.pods = members
	for service, n := range counts {
		v.services[service], members = members[:0:n], members[n:]
	}
	for i := range s.Pods {
		if p := &s.Pods[i]; !p.Finished {
			if service := serviceOf(p); service != "" {
				v.services[service] = append(v.services[service], p)
			}
		}
	}
	if !v.stand(s.Pods) {
		clear(v.on)
		v.stand(arranged(s.Pods))
	}
}

// cover indexes the budgets by the pods that they cover.
func (v *view) cover(budgets []fairway.Budget) {
	covered := 0
	for i := range budgets {
		covered += len(budgets[i].PodUIDs)
	}
	backing := slices.Grow(v.backing, covered)
	for i := range budgets {
		for _, uid := range budgets[i].PodUIDs {
			if others := v.covering[uid]; others != nil {
				v.covering[uid] = append(others, &budgets[i])
				continue
			}
			backing = append(backing, &budgets[i])
			v.covering[uid] = backing[len(backing)-1 : len(backing) : len(backing)]
		}
	}
	v.backing = backing
}

// stand cuts the list into the pods of each node, or reports that it is not in
// the order for that.
func (v *view) stand(pods []fairway.Pod) bool {
	for i := 0; i < len(pods); {
		first := &pods[i]
		if first.Node == "" {
			i++
			continue
		}
		if _, again := v.on[first.Node]; again {
			return false
		}
		end, leave, last := i, 0, i
		for ; last < len(pods) && pods[last].Node == first.Node; last++ {
			p := &pods[last]
			switch {
			case p.Finished:
				continue
			case last > end:
				return false // after a finished one
			case stays(p):
			case leave < end-i || end > i && order(&pods[last-1], p) > 0:
				return false
			default:
				leave++
			}
			end++
		}
		v.on[first.Node] = standing{pods[i:end:end], leave}
		i = last
	}
	return true
}

// order compares pods by name.
func order(a, b *fairway.Pod) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// arranged returns the pods that stand somewhere in the order that stand needs.
func arranged(pods []fairway.Pod) []fairway.Pod {
	index := make([]*fairway.Pod, 0, len(pods))
	for i := range pods {
		if pods[i].Node != "" && !pods[i].Finished {
			index = append(index, &pods[i])
		}
	}
	slices.SortStableFunc(index, func(a, b *fairway.Pod) int {
		if d := cmp.Compare(a.Node, b.Node); d != 0 {
			return d
		}
		if d := first(stays(a), stays(b)); d != 0 {
			return d
		}
		return order(a, b)
	})
	out := make([]fairway.Pod, len(index))
	for i, p := range index {
		out[i] = *p
	}
	return out
}
