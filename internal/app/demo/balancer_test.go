package demo

import (
	"slices"
	"testing"
	"time"
)

var start0 = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// at is a moment of a test, in seconds from its start.
func at(s float64) time.Time { return start0.Add(time.Duration(s * float64(time.Second))) }

func targets(uids ...string) map[string]target {
	m := map[string]target{}
	for _, u := range uids {
		m[u] = target{UID: u, Pod: "pod-" + u, Node: "node-" + u}
	}
	return m
}

// viewAt returns the UIDs that requests can reach at a moment.
func viewAt(b *balancer, s float64) []string {
	b.advance(at(s))
	return slices.Clone(b.order)
}

func TestBalancer(t *testing.T) {
	t.Parallel()
	type change struct {
		s       float64
		targets []string
	}
	tests := []struct {
		name    string
		changes []change
		s       float64
		want    []string
	}{
		{name: "nothing is known before the first view", changes: []change{{0, []string{"a"}}}, s: 0.99},
		{name: "the first view is one second old", changes: []change{{0, []string{"a"}}}, s: 1, want: []string{"a"}},
		{name: "a change just after the state of a view waits for the next", changes: []change{{0, []string{"a"}}, {0.01, []string{"a", "b"}}}, s: 1.99, want: []string{"a"}},
		{name: "and is in that", changes: []change{{0, []string{"a"}}, {0.01, []string{"a", "b"}}}, s: 2, want: []string{"a", "b"}},
		// Unhealthy at 10.0: seen at 11 (one second old), deregistered until 16.
		{name: "a target stays five seconds after the view saw it go", changes: []change{{0, []string{"a", "b"}}, {10, []string{"b"}}}, s: 15.99, want: []string{"a", "b"}},
		{name: "and is gone then", changes: []change{{0, []string{"a", "b"}}, {10, []string{"b"}}}, s: 16, want: []string{"b"}},
		// Unhealthy at 10.01: seen at 12 (nearly two seconds old), until 17.
		{name: "the oldest view keeps it seven seconds", changes: []change{{0, []string{"a", "b"}}, {10.01, []string{"b"}}}, s: 16.99, want: []string{"a", "b"}},
		{name: "and no longer", changes: []change{{0, []string{"a", "b"}}, {10.01, []string{"b"}}}, s: 17, want: []string{"b"}},
		{name: "a blink between two views is not seen", changes: []change{{0, []string{"a", "b"}}, {10.2, []string{"b"}}, {10.8, []string{"a", "b"}}}, s: 30, want: []string{"a", "b"}},
		{name: "a target that comes back while it leaves stays", changes: []change{{0, []string{"a", "b"}}, {10, []string{"b"}}, {13, []string{"a", "b"}}}, s: 30, want: []string{"a", "b"}},
		{name: "the last target leaves too", changes: []change{{0, []string{"a"}}, {10, nil}}, s: 17},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBalancer(start0)
			for _, c := range tt.changes {
				b.observe(at(c.s), targets(c.targets...))
			}
			if got := viewAt(b, tt.s); !slices.Equal(got, tt.want) {
				t.Errorf("view at %.2f s = %v, want %v", tt.s, got, tt.want)
			}
		})
	}
}

func TestBalancer_AgeIsOneToTwoSeconds(t *testing.T) {
	t.Parallel()
	// Whenever a target appears, it is in the view after one to two seconds.
	for offset := 0; offset < 100; offset++ {
		appears := 5 + float64(offset)/100
		b := newBalancer(start0)
		b.observe(at(0), targets("a"))
		b.observe(at(appears), targets("a", "b"))
		seen := appears
		for !slices.Contains(viewAt(b, seen), "b") {
			seen += 0.01
			if seen > appears+3 {
				t.Fatalf("appeared at %.2f s and is not in the view at %.2f s", appears, seen)
			}
		}
		if age := seen - appears; age < 0.989 || age > 2.011 {
			t.Errorf("appeared at %.2f s, in the view after %.2f s; want 1 to 2 s", appears, age)
		}
	}
}

func TestBalancer_PickTakesTurns(t *testing.T) {
	t.Parallel()
	b := newBalancer(start0)
	if _, ok := b.pick(at(0), 0); ok {
		t.Error("picked a target from an empty view")
	}
	b.observe(at(0), targets("a", "b", "c"))
	count := map[string]int{}
	for n := range uint64(300) {
		got, ok := b.pick(at(2), n)
		if !ok {
			t.Fatal("no target at 2 s")
		}
		count[got.UID]++
	}
	if count["a"] != 100 || count["b"] != 100 || count["c"] != 100 {
		t.Errorf("300 requests went to %v, want 100 each", count)
	}
}
