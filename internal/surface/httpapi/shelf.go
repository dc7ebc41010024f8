package httpapi

import (
	linked "container/list"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"

	"github.com/fairwayhq/fairway"
)

// mostShelved bounds the memory of a shelf, in things; the oldest go.
const mostShelved = 10000

// shelf keeps things for browsers under random ids, of which it knows only the
// hash: what leaks from here opens nothing. It is safe for concurrent use.
type shelf[T any] struct {
	keeps time.Duration // how long a thing is kept at most
	idle  time.Duration // and how long when nobody asks for it
	now   fairway.Clock

	mu    sync.Mutex // guards slots and order
	slots map[[sha256.Size]byte]*linked.Element
	order *linked.List // of *slot[T], the oldest first
}

type slot[T any] struct {
	key        [sha256.Size]byte
	value      T
	made, used time.Time
}

func newShelf[T any](keeps, idle time.Duration, now fairway.Clock) *shelf[T] {
	return &shelf[T]{keeps: keeps, idle: idle, now: now, slots: map[[sha256.Size]byte]*linked.Element{}, order: linked.New()}
}

// secretText returns 256 random bits.
func secretText() string {
	var bits [32]byte
	rand.Read(bits[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(bits[:])
}

// put keeps a thing and returns its new id.
func (s *shelf[T]) put(value T) string {
	id, now := secretText(), s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.order.Front(); e != nil && (s.order.Len() >= mostShelved || s.over(e, now)); e = s.order.Front() {
		s.drop(e)
	}
	key := sha256.Sum256([]byte(id))
	s.slots[key] = s.order.PushBack(&slot[T]{key: key, value: value, made: now, used: now})
	return id
}

// get returns a thing, which is in use then.
func (s *shelf[T]) get(id string) (value T, known bool) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.slots[sha256.Sum256([]byte(id))]
	if e == nil {
		return value, false
	}
	if s.over(e, now) {
		s.drop(e)
		return value, false
	}
	kept := e.Value.(*slot[T])
	kept.used = now
	return kept.value, true
}

// take returns a thing and keeps it no longer.
func (s *shelf[T]) take(id string) (value T, known bool) {
	value, known = s.get(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.slots[sha256.Sum256([]byte(id))]
	if e == nil {
		return value, false // somebody else took it in between
	}
	s.drop(e)
	return value, known
}

// over reports whether a thing was kept long enough. The caller holds mu.
func (s *shelf[T]) over(e *linked.Element, now time.Time) bool {
	kept := e.Value.(*slot[T])
	return now.Sub(kept.made) >= s.keeps || now.Sub(kept.used) >= s.idle
}

// drop forgets a thing. The caller holds mu.
func (s *shelf[T]) drop(e *linked.Element) {
	delete(s.slots, e.Value.(*slot[T]).key)
	s.order.Remove(e)
}
