package sim

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// TestChecker_CatchesBrokenPolicies shows that every invariant can be broken
// and is then seen.
func TestChecker_CatchesBrokenPolicies(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		policy Policy
		want   string // in the invariant that breaks
	}{
		{"drains all at once", drainsAll, Floor},
		{"does not see volumes", blindToVolumes, Zones},
		{"terminates instead of draining", killer, Ends},
		{"evicts whole services", evictsServices, Services},
		{"does not wait for load balancers", hasty, Balancers},
		{"asks budgets over and over", impatient, Budgets},
		{"grows as it likes", greedy, Limits},
		{"shrinks by the group's size", shrinker, Limits},
		{"leaves marks", messy, Leftovers},
		{"does not brake", unbraked, Brakes},
		{"never drains", idle, Progress},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var last string
			for seed := range uint64(400) {
				s := Random(seed)
				s.Cap = 20 * time.Minute
				r := Run(s, tt.policy)
				if last = r.Broken; r.Rule == tt.want {
					return
				}
			}
			t.Errorf("400 seeds, and the invariant %q holds; the last said %q", tt.want, last)
		})
	}
}

// oldNodes returns the nodes that a snapshot shows as outdated, ready and not
// cordoned.
func oldNodes(s roll.Snapshot) []fairway.Node {
	generations := map[string]string{}
	for _, p := range s.Pools {
		generations[p.Group.Pool] = p.Group.Generation
	}
	var out []fairway.Node
	for _, i := range s.Instances {
		n := slices.IndexFunc(s.Nodes, func(n fairway.Node) bool { return n.ProviderID == i.ProviderID })
		if n >= 0 && i.State == fairway.InstanceInService && i.Generation != generations[i.Pool] && !s.Nodes[n].Unschedulable {
			out = append(out, s.Nodes[n])
		}
	}
	return out
}

func drainsAll(s roll.Snapshot, now time.Time) roll.Decision {
	d := roll.Decide(s, now)
	for _, n := range oldNodes(s) {
		d.Actions = append(d.Actions, roll.Action{Kind: roll.ActionMark, Node: n.Name, Why: "all at once",
			Marks: fairway.NodeMarks{Cordoned: new(true), DrainStart: new(now)}})
	}
	return d
}

func blindToVolumes(s roll.Snapshot, now time.Time) roll.Decision {
	s.Nodes, s.Pods = slices.Clone(s.Nodes), slices.Clone(s.Pods)
	for i := range s.Nodes {
		s.Nodes[i].VolumesAttached = 0
	}
	for i := range s.Pods {
		s.Pods[i].VolumeZone = ""
	}
	return roll.Decide(s, now)
}

func killer(s roll.Snapshot, now time.Time) roll.Decision {
	d := roll.Decide(s, now)
	for _, n := range oldNodes(s) {
		d.Actions = append(d.Actions, roll.Action{Kind: roll.ActionTerminate, Node: n.Name, Instance: strings.TrimPrefix(n.Name, "node-"), Why: "quick"})
	}
	return d
}

func evictsServices(s roll.Snapshot, now time.Time) roll.Decision {
	s.Pods = slices.Clone(s.Pods)
	for i := range s.Pods {
		if s.Pods[i].OwnerKind == "StatefulSet" {
			s.Pods[i].OwnerKind = "ReplicaSet"
		}
	}
	return roll.Decide(s, now)
}

func hasty(s roll.Snapshot, now time.Time) roll.Decision {
	return roll.Decide(with(s, func(p *roll.Pool) { p.Settings.Deregistration = 0 }), now)
}

func impatient(s roll.Snapshot, now time.Time) roll.Decision {
	return roll.Decide(with(s, func(p *roll.Pool) { p.Settings.RetryRefused = time.Millisecond }), now)
}

func greedy(s roll.Snapshot, now time.Time) roll.Decision {
	return roll.Decide(with(s, func(p *roll.Pool) { p.Settings.Surge += 5; p.Group.Max += 9 }), now)
}

func shrinker(s roll.Snapshot, now time.Time) roll.Decision {
	d := roll.Decide(s, now)
	for i, a := range d.Actions {
		if a.Kind == roll.ActionTerminate && a.Decrement {
			for _, p := range s.Pools {
				if p.Group.Pool == a.Pool {
					d.Actions[i] = roll.Action{Kind: roll.ActionSetDesired, Pool: a.Pool, Desired: p.Group.Desired - 1, Base: 1, Why: "less"}
				}
			}
		}
	}
	return d
}

func messy(s roll.Snapshot, now time.Time) roll.Decision {
	d := roll.Decide(s, now)
	if len(d.Blocked) > 0 || d.Failed != "" {
		d.Actions = nil
	}
	return d
}

func unbraked(s roll.Snapshot, now time.Time) roll.Decision {
	s.Nodes = slices.Clone(s.Nodes)
	for i := range s.Nodes {
		if !s.Nodes[i].Ready {
			s.Nodes[i].Ready, s.Nodes[i].ReadySince = true, s.Nodes[i].CreatedAt
		}
	}
	return roll.Decide(s, now)
}

func idle(s roll.Snapshot, now time.Time) roll.Decision {
	d := roll.Decide(s, now)
	d.Actions = slices.DeleteFunc(d.Actions, func(a roll.Action) bool { return a.Kind == roll.ActionMark })
	d.History.IdleSince = nil
	return d
}

// with returns the snapshot with its pools changed.
func with(s roll.Snapshot, change func(*roll.Pool)) roll.Snapshot {
	s.Pools = slices.Clone(s.Pools)
	for i := range s.Pools {
		s.Pools[i].Group.Tags = maps.Clone(s.Pools[i].Group.Tags)
		change(&s.Pools[i])
	}
	return s
}
