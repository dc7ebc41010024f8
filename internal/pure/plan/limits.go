package plan

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
)

// itemPodNetwork is the config item with the ranges that nodes get those of
// their pods from, for clusters that do not say it themselves.
const itemPodNetwork = "pod_network"

// demand is how many nodes of a pool are launched beyond those that are there.
type demand struct {
	pool  string
	zones []string
	plane bool
	// first are the nodes that a new pool begins with, surge those that a roll
	// adds at once.
	first, surge int
}

// demands are the pools that launch anything. A roll that adds no nodes, because
// its pool stands at its maximum or nobody asked for it, launches nothing.
func (s subject) demands() []demand {
	var all []demand
	for i, p := range s.in.Pools {
		impact := s.plan.Pools[i]
		d := demand{pool: impact.Pool, plane: impact.ControlPlane, first: impact.New}
		if impact.Replaced > 0 {
			d.surge = min(impact.Surge, impact.Replaced)
		}
		if p.Group != nil {
			d.zones = p.Group.Zones
		}
		if d.first+d.surge > 0 {
			all = append(all, d)
		}
	}
	return all
}

// limits finds quotas, addresses and ranges of pods that do not suffice for the
// nodes that the update launches.
func limits(s subject) []Finding {
	var found []Finding
	wanted := s.demands()
	all := append(slices.Clone(s.in.Limits), s.podRanges()...)
	for _, l := range all {
		if l.Zone == "" {
			found = append(found, overall(l, wanted)...)
		}
	}
	for _, d := range wanted {
		found = append(found, d.byZone(all)...)
	}
	return found
}

// takes is how much of a limit one node of a pool takes.
func takes(l fairway.Limit, pool string) int {
	if l.Each == nil {
		return 1
	}
	return l.Each[pool]
}

// overall judges a limit that all pools share. The control plane is rolled
// before the workers, whose pools are rolled together.
func overall(l fairway.Limit, wanted []demand) []Finding {
	var first, planes, workers int
	least := math.MaxInt
	for _, d := range wanted {
		each := takes(l, d.pool)
		first += d.first * each
		if each > 0 && d.surge > 0 {
			least = min(least, each)
		}
		if d.plane {
			planes = max(planes, d.surge*each)
		} else {
			workers += d.surge * each
		}
	}
	need := first + max(planes, workers)
	finding := func(severity Severity, reason, remedy string) []Finding {
		return []Finding{{Check: CheckRoom, Severity: severity, Object: l.Name, Reason: reason, Remedy: remedy}}
	}
	const more = "have it raised, or free some, before nodes are replaced"
	switch {
	case need == 0 || need <= l.Left:
		return nil
	case first > l.Left:
		return finding(Block, fmt.Sprintf("%d are left, and new node pools begin with nodes that take %d", l.Left, first), more)
	case least > l.Left-first:
		return finding(Block, fmt.Sprintf("%d are left, and not one additional node can be launched, which takes %d", l.Left-first, least), more)
	}
	return finding(Warn, fmt.Sprintf("%d are left, and the additional nodes of the roll take %d: it goes on with fewer at once and takes longer", l.Left-first, need-first), more)
}

// byZone judges the limits of the zones of a pool. The cloud launches in another
// zone when one has no room.
func (d demand) byZone(all []fairway.Limit) []Finding {
	fit, need := 0, d.first+d.surge
	byZone := map[string]int{}
	var names, full []string
	for _, l := range all {
		each := takes(l, d.pool)
		if l.Zone == "" || each == 0 || len(d.zones) > 0 && !slices.Contains(d.zones, l.Zone) {
			continue
		}
		names = append(names, l.Name)
		byZone[l.Zone] += max(0, l.Left) / each
		fit += max(0, l.Left) / each
	}
	for zone, n := range byZone {
		if n == 0 {
			full = append(full, zone)
		}
	}
	slices.Sort(full)
	finding := func(severity Severity, reason, remedy string) []Finding {
		return []Finding{{Check: CheckRoom, Severity: severity, Object: "node pool " + d.pool, Reason: reason, Remedy: remedy}}
	}
	const more = "free addresses, or add subnets, before nodes are replaced"
	what := few(names, 3)
	switch {
	case len(names) == 0:
		return nil
	case fit == 0 || fit < d.first:
		return finding(Block, fmt.Sprintf("%s have room for %s, and %s to be launched", what, plural(fit, "more node"), pick(need == 1, "1 is", fmt.Sprintf("%d are", need))), more)
	case fit < need:
		return finding(Warn, fmt.Sprintf("%s have room for %s, and %d would be launched at once: the roll takes longer", what, plural(fit, "more node"), need), more)
	case len(full) > 0:
		return finding(Warn, fmt.Sprintf("there is no room in %s: nodes there are replaced by nodes of other zones, where volumes of the zone cannot follow", strings.Join(full, " and ")), more)
	}
	return nil
}

// podRanges are what the network of the pods has left for nodes: every node gets
// a range of one size out of it.
func (s subject) podRanges() []fairway.Limit {
	ranges := s.in.Observed.PodNetwork
	if text := s.in.Bundle.Settings[itemPodNetwork]; text != "" {
		ranges = strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
	}
	var all []fairway.Limit
	for _, text := range ranges {
		network, err := netip.ParsePrefix(text)
		if err != nil || s.in.Observed.Workloads == nil {
			continue
		}
		used, bits := 0, 0
		for _, n := range s.in.Observed.Workloads.Nodes {
			for _, cidr := range n.PodCIDRs {
				if own, err := netip.ParsePrefix(cidr); err == nil && network.Contains(own.Addr()) {
					used++
					bits = max(bits, own.Bits())
				}
			}
		}
		// Without any node that has a range the network is not given out by node.
		if size := bits - network.Bits(); used > 0 && size >= 0 && size < 31 {
			all = append(all, fairway.Limit{Name: "node ranges of the pod network " + network.String(), Left: max(0, 1<<size-used)})
		}
	}
	return all
}
