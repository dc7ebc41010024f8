package demo

import (
	"fmt"
	"strings"
	"testing"
)

func TestAssignRoles(t *testing.T) {
	t.Parallel()
	// A member is written name:role:state; state has r for ready, s for a node that stays.
	tests := []struct {
		name    string
		members string
		want    string
	}{
		{name: "no members", members: "", want: ""},
		{name: "nobody is ready yet", members: "a::s b::s", want: ""},
		{name: "the first that is ready leads", members: "a::s b::rs c::rs", want: "b=leader a=replica c=replica"},
		{name: "all is well", members: "a:leader:rs b:replica:rs", want: ""},
		{name: "a leader does not move for a better name", members: "a:replica:rs b:leader:rs", want: ""},
		{name: "a new member becomes a replica", members: "a:leader:rs b::s", want: "b=replica"},
		{name: "every node is marked: nowhere to go", members: "a:leader:r b:replica:r c:replica:r", want: ""},
		{name: "another stands on a new node", members: "a:leader:r b:replica:r c:replica:rs", want: "c=leader a=replica"},
		{name: "but is not ready", members: "a:leader:r b:replica:r c:replica:s", want: ""},
		{name: "once moved it stays", members: "a:replica:rs b:replica:r c:leader:rs", want: ""},
		{name: "the leader is gone: one on a new node is best", members: "a:replica:r b:replica:rs", want: "b=leader"},
		{name: "the leader is gone and all nodes are marked", members: "a:replica:r b:replica:r", want: "a=leader"},
		{name: "the leader is no longer ready", members: "a:leader:s b:replica:rs", want: "b=leader a=replica"},
		{name: "a leader that nobody can replace keeps its role", members: "a:leader:s b:replica:s", want: ""},
		{name: "two leaders: the one that stays wins", members: "a:leader:r b:leader:rs", want: "a=replica"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var members []member
			for _, text := range strings.Fields(tt.members) {
				part := strings.Split(text, ":")
				members = append(members, member{Name: part[0], Role: part[1], Ready: strings.Contains(part[2], "r"), Staying: strings.Contains(part[2], "s")})
			}
			var got []string
			for _, r := range assignRoles(members) {
				got = append(got, fmt.Sprintf("%s=%s", r.Member.Name, r.Role))
			}
			if g := strings.Join(got, " "); g != tt.want {
				t.Errorf("got %q, want %q", g, tt.want)
			}
		})
	}
}

// TestOperator_WaitsUntilMarksSettle: nodes are marked one after the other; the
// leader does not flee to one that is marked a moment later.
func TestOperator_WaitsUntilMarksSettle(t *testing.T) {
	t.Parallel()
	o := newOperator(nil, nil)
	for _, n := range []string{"1", "2"} {
		role := map[string]string{"1": roleLeader, "2": roleReplica}[n]
		o.setNode(nodeState{Name: "node" + n, Ready: true}, at(0))
		o.pods["p"+n] = podState{Name: "database-" + n, UID: "p" + n, Node: "node" + n, Ready: true, Labels: map[string]string{"application": databaseName, "role": role}}
	}
	changes := func(s float64) int { return len(assignRoles(o.members(at(s)))) }
	o.setNode(nodeState{Name: "node1", Ready: true, Marked: true}, at(10))
	if n := changes(10.1); n != 0 {
		t.Errorf("%d changes at once, want none", n)
	}
	// Nothing else comes: the other node does stay.
	if n := changes(11); n != 2 {
		t.Errorf("%d changes once the mark has settled, want 2", n)
	}
	o.setNode(nodeState{Name: "node2", Ready: true, Marked: true}, at(10.2))
	if n := changes(11); n != 0 {
		t.Errorf("%d changes with both nodes marked, want none", n)
	}
}
