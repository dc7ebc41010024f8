package roll

import (
	"cmp"
	"slices"
	"time"

	"github.com/fairwayhq/fairway"
)

// view is a snapshot joined and classified, and the decision that grows from it.
type view struct {
	now       time.Time
	pools     []*pool
	nodes     []fairway.Node
	pods      []fairway.Pod
	budgets   []fairway.Budget
	covering  map[string][]*fairway.Budget // by pod UID
	services  map[string][]fairway.Pod     // the pods of each StatefulSet
	pending   []fairway.Pod                // not scheduled
	serving   map[string]serving           // see served; counted with servingAt drains
	servingAt int
	brake     string // why nothing may be drained or ended; ""

	Decision
}

// newView joins the snapshot.
func newView(s Snapshot, now time.Time) *view {
	v := &view{now: now, nodes: s.Nodes, pods: s.Pods, budgets: s.Budgets, covering: map[string][]*fairway.Budget{}, services: map[string][]fairway.Pod{}}
	v.History = s.History.clone()
	v.History.notAfter(now)
	for i, b := range s.Budgets {
		for _, uid := range b.PodUIDs {
			v.covering[uid] = append(v.covering[uid], &s.Budgets[i])
		}
	}
	on := map[string][]fairway.Pod{}
	for _, p := range s.Pods {
		if p.Finished {
			continue
		}
		if p.OwnerKind == "StatefulSet" {
			v.services[p.Namespace+"/"+p.OwnerName] = append(v.services[p.Namespace+"/"+p.OwnerName], p)
		}
		if p.Node == "" {
			v.pending = append(v.pending, p)
			continue
		}
		on[p.Node] = append(on[p.Node], p)
	}
	byName, byProvider := map[string]*fairway.Node{}, map[string]*fairway.Node{}
	for i := range s.Nodes {
		byName[s.Nodes[i].Name] = &s.Nodes[i]
		if id := s.Nodes[i].ProviderID; id != "" {
			byProvider[id] = &s.Nodes[i]
		}
	}
	node := func(i fairway.Instance) *fairway.Node {
		if n := byProvider[i.ProviderID]; n != nil && i.ProviderID != "" {
			return n
		}
		return byName[i.NodeName]
	}
	for _, p := range s.Pools {
		pl := &pool{Group: p.Group, Settings: p.Settings}
		pl.base, pl.tagged = base(p.Group)
		for _, i := range s.Instances {
			if i.Pool != p.Group.Pool || i.State == fairway.InstanceTerminated {
				continue
			}
			m := &member{Instance: i, pool: pl, node: node(i)}
			if m.node != nil {
				m.all = on[m.node.Name]
				m.pods = slices.DeleteFunc(slices.Clone(m.all), func(p fairway.Pod) bool { return p.Mirror || p.OwnerKind == "DaemonSet" })
				slices.SortFunc(m.pods, func(a, b fairway.Pod) int { return cmp.Compare(podName(a), podName(b)) })
			}
			m.away = v.away(m)
			m.kind = m.classify(now)
			pl.members = append(pl.members, m)
		}
		slices.SortFunc(pl.members, func(a, b *member) int { return cmp.Or(cmp.Compare(a.name(), b.name()), cmp.Compare(a.ID, b.ID)) })
		v.pools = append(v.pools, pl)
	}
	v.brake = v.braked(s.Instances, node)
	return v
}
