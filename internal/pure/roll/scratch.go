package roll

import (
	"sync"

	"github.com/fairwayhq/fairway"
)

// scratch is memory that one decision leaves to the next: many decisions are
// made, and nothing of it is part of what they say.
type scratch struct {
	covering   map[string][]*fairway.Budget
	backing    []*fairway.Budget
	services   map[string][]*fairway.Pod
	counts     map[string]int
	pods       []*fairway.Pod
	pending    []*fairway.Pod
	on         map[string]standing
	byName     map[string]*fairway.Node
	byProvider map[string]*fairway.Node
	members    []member
	named      []*member         // the lists of pools
	weighed    []*fairway.Budget // see budgetsOf
	tallied    []tally
	counted    []serving
	young      map[string]bool // see findNeeds
	owners     owners
	excluded   map[string]bool // see countServing
	demands    map[*fairway.Budget]demand
	index      []int32 // see apps
	apps       []app
}

var scratches = sync.Pool{New: func() any {
	return &scratch{
		covering: map[string][]*fairway.Budget{}, services: map[string][]*fairway.Pod{}, counts: map[string]int{}, on: map[string]standing{},
		byName: map[string]*fairway.Node{}, byProvider: map[string]*fairway.Node{}, demands: map[*fairway.Budget]demand{}, excluded: map[string]bool{}, young: map[string]bool{},
		owners: owners{byName: map[string]int32{}},
	}
}}

// forget empties the memory and hands it back.
func (s *scratch) forget() {
	clear(s.covering)
	clear(s.backing)
	clear(s.services)
	clear(s.counts)
	clear(s.pods)
	clear(s.pending)
	clear(s.on)
	clear(s.byName)
	clear(s.byProvider)
	clear(s.members)
	clear(s.named)
	clear(s.weighed)
	clear(s.young)
	clear(s.demands)
	clear(s.apps)
	clear(s.excluded)
	s.backing, s.pods, s.pending, s.members = s.backing[:0], s.pods[:0], s.pending[:0], s.members[:0]
	s.named, s.weighed, s.tallied = s.named[:0], s.weighed[:0], s.tallied[:0]
	s.owners.forget()
	scratches.Put(s)
}
