package demo

import "testing"

func TestTracker(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		ready   []int
		healthy bool
		min     int
		minAt   float64 // seconds: the index of the observation
	}{
		{name: "nothing seen"},
		{name: "never healthy", ready: []int{0, 3, 11}},
		{name: "a slow start does not count", ready: []int{0, 5, 12}, healthy: true, min: 12, minAt: 2},
		{name: "the smallest since then", ready: []int{0, 12, 11, 10, 12, 11}, healthy: true, min: 10, minAt: 3},
		{name: "more than desired is healthy", ready: []int{14, 13}, healthy: true, min: 13, minAt: 1},
		{name: "down to nothing", ready: []int{12, 0, 12}, healthy: true, min: 0, minAt: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tr := tracker{desired: 12}
			for i, n := range tt.ready {
				tr.observe(at(float64(i)), n)
			}
			if got := !tr.healthyAt.IsZero(); got != tt.healthy {
				t.Errorf("healthy = %t, want %t", got, tt.healthy)
			}
			if tr.min != tt.min {
				t.Errorf("min = %d, want %d", tr.min, tt.min)
			}
			if tt.healthy && !tr.minAt.Equal(at(tt.minAt)) {
				t.Errorf("min at %s, want %s", tr.minAt, at(tt.minAt))
			}
		})
	}
}

func TestLeadership(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		seen  [][]string
		moves int
	}{
		{name: "the first leader is no move", seen: [][]string{nil, {"a"}, {"a"}}},
		{name: "by way of two", seen: [][]string{{"a"}, {"a", "b"}, {"b"}}, moves: 1},
		{name: "by way of none", seen: [][]string{{"a"}, nil, {"b"}}, moves: 1},
		{name: "two for a moment and back", seen: [][]string{{"a"}, {"a", "b"}, {"a"}}},
		{name: "there and back", seen: [][]string{{"a"}, {"b"}, {"a"}}, moves: 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var l leadership
			for _, s := range tt.seen {
				l.observe(s)
			}
			if l.moves != tt.moves {
				t.Errorf("moves = %d, want %d", l.moves, tt.moves)
			}
		})
	}
}

func TestRoster(t *testing.T) {
	t.Parallel()
	nodes := func(uids ...string) (map[string]string, map[string]bool) {
		all, ready := map[string]string{}, map[string]bool{}
		for _, u := range uids {
			uid := u
			if u[0] == '!' { // exists, but is not ready
				uid = u[1:]
			} else {
				ready[uid] = true
			}
			all[uid] = "node-" + uid
		}
		return all, ready
	}
	tests := []struct {
		name  string
		steps [][]string // the first is the baseline
		want  int
	}{
		{name: "nothing changed", steps: [][]string{{"a", "b"}, {"a", "b"}}},
		{name: "a new node alone replaces nothing", steps: [][]string{{"a", "b"}, {"a", "b", "c"}}},
		{name: "a lost node alone replaces nothing", steps: [][]string{{"a", "b"}, {"a"}}},
		{name: "one went, one came", steps: [][]string{{"a", "b"}, {"a", "b", "c"}, {"b", "c"}}, want: 1},
		{name: "a successor that is not ready does not count", steps: [][]string{{"a", "b"}, {"b", "!c"}}},
		{name: "all", steps: [][]string{{"a", "b"}, {"c", "d"}}, want: 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var r roster
			all, ready := nodes(tt.steps[0]...)
			r.observe(at(0), all, ready) // before the baseline: ignored
			r.baseline(all)
			for i, s := range tt.steps[1:] {
				all, ready := nodes(s...)
				r.observe(at(float64(i+1)), all, ready)
			}
			if got := r.replaced(); got != tt.want {
				t.Errorf("replaced = %d, want %d", got, tt.want)
			}
		})
	}
}
