package roll

import (
	"cmp"
	"slices"
	"time"

	"github.com/fairwayhq/fairway"
)

// view is a snapshot joined and classified, and the decision that grows from it.
type view struct {
	now     time.Time
	pools   []*pool // those that are rolled
	marked  []*pool // those that are only marked (strategy clc)
	nodes   []fairway.Node
	pods    []fairway.Pod
	budgets []fairway.Budget
	// Of these covering are the budgets by pod UID, services the members of each
	// data service (serviceOf), on the pods by node, pending those not scheduled,
	// owners the controllers of pods, once numbered.
	*scratch
	numbered  bool
	needs     needs
	going     map[string]bool         // see leaves
	byUID     map[string]*fairway.Pod // see pod
	serving   []serving               // see served; counted after servingAt actions
	servingAt int
	brake     string // why nothing may be drained or ended; ""
	// impossible says whether a budget can never be met, once found out.
	impossible *bool
	caution    string // why no other drain may begin; ""
	paused     string // who paused the roll; ""
	aborted    bool
	careless   bool     // a person has said that brakes do not count
	leftover   []string // what an abort leaves

	Decision
}

// newView joins the snapshot.
func newView(s Snapshot, now time.Time) *view {
	v := &view{now: now, nodes: s.Nodes, pods: s.Pods, budgets: s.Budgets, paused: s.Paused, scratch: scratches.Get().(*scratch)}
	v.History = s.History.clone()
	v.History.passes(now)
	v.join(s)
	byName, byProvider := v.byName, v.byProvider
	for i := range s.Nodes {
		byName[s.Nodes[i].Name] = &s.Nodes[i]
		if id := s.Nodes[i].ProviderID; id != "" {
			byProvider[id] = &s.Nodes[i]
		}
	}
	node := func(i *fairway.Instance) *fairway.Node {
		if n := byProvider[i.ProviderID]; n != nil && i.ProviderID != "" {
			return n
		}
		return byName[i.NodeName]
	}
	v.members = slices.Grow(v.members, len(s.Instances))
	for _, p := range s.Pools {
		pl := &pool{Group: p.Group, seen: p.Group.Desired, Settings: p.Settings, Remove: p.Remove}
		if pl.base, pl.tagged = base(p.Group); p.Remove {
			pl.base, pl.tagged = 0, false
		}
		v.recalls(pl)
		v.grows(pl)
		from := len(v.named)
		for k := range s.Instances {
			i := &s.Instances[k]
			if i.Pool != p.Group.Pool || i.State == fairway.InstanceTerminated {
				continue
			}
			m := v.member(i)
			m.pool, m.node = pl, node(i)
			if m.node != nil {
				on := v.on[m.node.Name]
				m.all, m.pods = on.all, on.all[:on.leave:on.leave]
			}
			m.outdated = whyOutdated(&p, i, m.node, now)
			m.away = v.away(m)
			if m.old() {
				m.kind = m.classify(now)
			}
			v.named = append(v.named, m)
		}
		pl.members = v.named[from:len(v.named):len(v.named)]
		slices.SortFunc(pl.members, func(a, b *member) int { return cmp.Or(cmp.Compare(a.name(), b.name()), cmp.Compare(a.ID, b.ID)) })
		if pl.Strategy == CLC {
			v.marked = append(v.marked, pl)
		} else {
			v.pools = append(v.pools, pl)
		}
	}
	v.findNeeds(s)
	v.learn()
	for _, p := range v.everyPool() {
		for _, m := range p.members {
			if !m.old() {
				v.judge(m)
				m.kind = m.classify(now)
			}
		}
	}
	if v.careless = s.IgnoreBrakes; !v.careless {
		v.brake = cmp.Or(v.braked(s.Instances, node), slowAPI(s.API))
	}
	return v
}

// member returns a place for a member.
func (v *view) member(i *fairway.Instance) *member {
	if len(v.members) == cap(v.members) {
		return &member{Instance: *i} // of a pool that is listed twice; the others stay where they are
	}
	v.members = append(v.members, member{Instance: *i})
	return &v.members[len(v.members)-1]
}

// everyPool returns the pools that are rolled and those that are only marked.
func (v *view) everyPool() []*pool {
	if len(v.marked) == 0 {
		return v.pools
	}
	return slices.Concat(v.pools, v.marked)
}
