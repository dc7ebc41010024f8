package rollbench

import (
	"slices"
	"time"
)

// LowerBound is the least time that any system needs for the scenario, budgets
// and capacity kept; 0 when no node can be rolled. Of nodes with a pod that no
// budget ever lets go it counts none: the slots' time is that of the whole pool
// in the proportion of the nodes that can be rolled.
func (s Scenario) LowerBound(seed uint64) time.Duration {
	placement := s.placement(seed)
	n := s.N - len(s.blockedNodes(placement))
	if n == 0 {
		return 0
	}
	boots := s.goodBoots(seed, s.N+s.GrowthNodes)
	if len(boots) == 0 {
		return 0
	}
	k := s.slots()
	first := slices.Min(boots[:min(k, len(boots))])
	if s.GrowthNodes > 0 {
		slices.Sort(boots)
	}
	boots = boots[:s.N]
	drain := s.drain()
	slot := drain
	if s.quota() > 0 {
		slot += seconds(s.InstanceShutdownS)
	}
	var sum time.Duration
	for _, b := range boots {
		sum += b + slot
	}
	pipeline := sum / time.Duration(k) * time.Duration(n) / time.Duration(s.N)
	chain := slices.Max(boots[:n]) + drain
	bound := max(pipeline, chain)
	if m, has := s.maxUnavailable(s.Replicas); has && m > 0 {
		rounds := (min(s.Replicas, s.N*s.PodsPerNode) + m - 1) / m
		bound = max(bound, first+time.Duration(rounds-1)*seconds(s.PodStartS)+drain)
	}
	inZone := make([]int, s.Zones)
	for i := range s.volumeNodes() {
		inZone[i%s.Zones]++
	}
	zone := time.Duration(slices.Max(inZone)) * (slices.Min(boots) + drain + seconds(s.VolDetachS)) / time.Duration(k)
	return max(bound, zone)
}

// goodBoots returns the boot times of the first n launches that become Ready;
// fewer when hardly any does.
func (s Scenario) goodBoots(seed uint64, n int) []time.Duration {
	var boots []time.Duration
	for k := 1; len(boots) < n && s.BadEvery != 1; k++ {
		if !s.isBad(k) {
			boots = append(boots, s.bootTime(seed, k))
		}
	}
	return boots
}
