package httpapi

import (
	"strings"
	"testing"
	"time"
)

// TestShelf: it is bounded, gives a thing away once, and knows no id.
func TestShelf(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	s := newShelf[int](time.Hour, time.Minute, func() time.Time { return now })
	var ids []string
	for i := range mostShelved + 2 {
		ids = append(ids, s.put(i))
	}
	for i, want := range map[int]bool{0: false, 1: false, 2: true, mostShelved + 1: true} {
		if got, known := s.get(ids[i]); known != want || known && got != i {
			t.Errorf("thing %d: got %d, %t", i, got, known)
		}
	}
	if len(s.slots) != mostShelved || s.order.Len() != mostShelved {
		t.Errorf("%d things in a row of %d", len(s.slots), s.order.Len())
	}
	if _, known := s.take(ids[2]); !known {
		t.Error("it cannot be taken")
	}
	if _, known := s.take(ids[2]); known {
		t.Error("it can be taken twice")
	}
	for key := range s.slots {
		if strings.Contains(ids[3], string(key[:])) {
			t.Error("the id itself is kept")
		}
	}
	now = now.Add(time.Minute)
	if _, known := s.get(ids[3]); known {
		t.Error("it is kept although nobody asked for it")
	}
	s.put(0)
	if len(s.slots) != 1 {
		t.Errorf("%d things are kept that are over", len(s.slots)-1)
	}
}
