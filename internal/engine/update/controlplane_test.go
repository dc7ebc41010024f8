package update

import (
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// While a control-plane node is ill, no other one is touched.
func TestSpareControlPlane(t *testing.T) {
	t.Parallel()
	snapshot := func(ill string) roll.Snapshot {
		s := roll.Snapshot{Pools: []roll.Pool{{Group: fairway.Group{Pool: "cp"}}}}
		for _, name := range []string{"a", "b", "w"} {
			pool := "cp"
			if name == "w" {
				pool = "workers"
			}
			s.Nodes = append(s.Nodes, fairway.Node{Name: name, Ready: name != ill})
			s.Instances = append(s.Instances, fairway.Instance{ID: "i-" + name, Pool: pool, NodeName: name, State: fairway.InstanceInService})
		}
		return s
	}
	drain := roll.Action{Kind: roll.ActionMark, Node: "a", Marks: fairway.NodeMarks{DrainStart: new(time.Now())}}
	calm := []roll.Action{
		{Kind: roll.ActionMark, Node: "a", Marks: fairway.NodeMarks{Status: new(fairway.LifecyclePending)}},
		{Kind: roll.ActionMark, Node: "a", Marks: fairway.NodeMarks{DrainStart: new(time.Time{})}},
		{Kind: roll.ActionSetDesired}, {Kind: roll.ActionProtect, Node: "a"},
	}
	all := append([]roll.Action{drain, {Kind: roll.ActionEvict, Node: "a"}, {Kind: roll.ActionForce, Node: "a"}, {Kind: roll.ActionTerminate, Node: "a"}}, calm...)
	for name, c := range map[string]struct {
		ill  string
		kept int
	}{
		"all are well":              {"", len(all)},
		"another one is ill":        {"b", len(calm)},
		"the ill one itself may go": {"a", len(all)},
		"a worker does not count":   {"w", len(all)},
	} {
		kept, why := spareControlPlane(snapshot(c.ill), all)
		if len(kept) != c.kept || (why == "") != (c.kept == len(all)) {
			t.Errorf("%s: %d actions kept, %q, want %d", name, len(kept), why, c.kept)
		}
	}
	booting := snapshot("b")
	booting.Instances[1].State = fairway.InstancePending
	if kept, _ := spareControlPlane(booting, all); len(kept) != len(all) {
		t.Error("a node that is still booting counts as ill")
	}
}
