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
// and is then seen, soon.
func TestChecker_CatchesBrokenPolicies(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		policy Policy
		want   string          // the invariant that breaks
		world  func(*Scenario) // what the worlds must have; nil for nothing special
	}{
		{"drains all at once", drainsAll, Floor, nil},
		{"does not see volumes", blindToVolumes, Zones, nil},
		{"terminates instead of draining", killer, Ends, nil},
		{"evicts whole services", evictsServices, Services, nil},
		{"does not wait for load balancers", hasty, Balancers, nil},
		{"takes all pods for served", blindToBalancers, Halves, nil},
		{"asks budgets over and over", impatient, Budgets, nil},
		{"grows as it likes", greedy, Limits, nil},
		{"shrinks by the group's size", shrinker, Limits, nil},
		{"leaves marks", messy, Leftovers, nil},
		{"does not brake", unbraked, Brakes, func(s *Scenario) { s.MassUnready = 20 * time.Second }},
		{"never drains", idle, Progress, nil},
		{"takes a booted node for a good one", credulous, Readiness, func(s *Scenario) { settings(s, func(t *roll.Settings) { t.MinReady = 8 * time.Second }) }},
		{"evicts agents", evictsAgents, Pods, nil},
		{"evicts critical pods with the others", levels, Order, nil},
		{"moves leaders about", leaderless, Leaders, func(s *Scenario) { s.Faults = Faults{} }},
		{"does not protect new nodes", unprotecting, Truce, func(s *Scenario) { s.AutoscaleEvery = 6 * time.Second }},
		{"does not hear a pause", deaf, Pauses, func(s *Scenario) { s.PauseAt, s.PauseFor = 10*time.Second, time.Minute }},
		{"forces at once", violent, Forced, nil},
		{"says nothing", silent, Words, nil},
		{"goes on when it is replaced", roll.Decide, Owner, func(s *Scenario) { s.DoubleEvery, s.Unleased = 10*time.Second, true }},
	}
	caught := map[string]bool{}
	for _, tt := range tests {
		caught[tt.want] = true
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var last string
			for seed := range uint64(300) {
				s := Random(seed)
				s.Cap = 20 * time.Minute
				if tt.world != nil {
					tt.world(&s)
				}
				r := Run(s, tt.policy)
				if last = r.Broken; r.Rule == tt.want {
					t.Logf("seed %d %s", seed, last)
					return
				}
			}
			t.Errorf("300 seeds, and the invariant %q holds; the last said %q", tt.want, last)
		})
	}
	for _, rule := range Rules {
		if !caught[rule] {
			t.Errorf("no policy breaks the invariant %q", rule)
		}
	}
}

// settings changes the settings of all pools of a world.
func settings(s *Scenario, change func(*roll.Settings)) {
	for i := range s.Pools {
		change(&s.Pools[i].Settings)
	}
}

func blindToBalancers(s roll.Snapshot, now time.Time) roll.Decision {
	s.Nodes = slices.Clone(s.Nodes)
	for i := range s.Nodes {
		s.Nodes[i].Labels = maps.Clone(s.Nodes[i].Labels)
		delete(s.Nodes[i].Labels, fairway.LabelExcludeLB)
	}
	s.Pods = slices.Clone(s.Pods)
	for i := range s.Pods {
		if p := &s.Pods[i]; p.OwnerKind == "ReplicaSet" && p.Node != "" {
			p.Ready = true
		}
	}
	return roll.Decide(s, now)
}

func credulous(s roll.Snapshot, now time.Time) roll.Decision {
	s.DaemonSets = nil
	return roll.Decide(with(s, func(p *roll.Pool) { p.Settings.MinReady, p.Settings.Probe = 0, false }), now)
}

func evictsAgents(s roll.Snapshot, now time.Time) roll.Decision {
	s.Pods = slices.Clone(s.Pods)
	for i := range s.Pods {
		if s.Pods[i].OwnerKind == "DaemonSet" {
			s.Pods[i].OwnerKind, s.Pods[i].Critical = "ReplicaSet", false
		}
	}
	s.DaemonSets = nil
	return roll.Decide(s, now)
}

func levels(s roll.Snapshot, now time.Time) roll.Decision {
	s.Pods = slices.Clone(s.Pods)
	for i := range s.Pods {
		s.Pods[i].Critical = false
	}
	return roll.Decide(s, now)
}

// leaderless drains nodes in the order of their names, whoever leads there, and
// says that new nodes are outdated too.
func leaderless(s roll.Snapshot, now time.Time) roll.Decision {
	d := roll.Decide(s, now)
	for _, n := range s.Nodes {
		if n.Labels[fairway.LabelLifecycleStatus] == fairway.LifecycleReady && now.Unix()%20 < 10 {
			d.Actions = append(d.Actions, roll.Action{Kind: roll.ActionMark, Node: n.Name, Why: "why not", Marks: fairway.NodeMarks{Status: new(fairway.LifecyclePending)}})
		}
	}
	return d
}

func unprotecting(s roll.Snapshot, now time.Time) roll.Decision {
	d := roll.Decide(s, now)
	d.Actions = slices.DeleteFunc(d.Actions, func(a roll.Action) bool {
		return a.Kind == roll.ActionProtect || a.Marks.ScaleDownDisabled != nil && *a.Marks.ScaleDownDisabled
	})
	return d
}

func deaf(s roll.Snapshot, now time.Time) roll.Decision {
	s.Paused, s.Aborted = "", false
	return roll.Decide(s, now)
}

func violent(s roll.Snapshot, now time.Time) roll.Decision {
	return roll.Decide(with(s, func(p *roll.Pool) { p.Settings.Forcing = roll.Forcing{Enabled: true} }), now)
}

func silent(s roll.Snapshot, now time.Time) roll.Decision {
	d := roll.Decide(s, now)
	d.Sentence = ""
	return d
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
			s.Pods[i].OwnerKind, s.Pods[i].Service, s.Pods[i].Role = "ReplicaSet", "", ""
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
