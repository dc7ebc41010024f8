package wave

import (
	"cmp"
	"math"
	"slices"
)

// defaultShares are one cluster, 10 %, 25 % and all.
var defaultShares = []float64{0, 0.10, 0.25, 1}

// Plan returns the waves of a rollout over the clusters: the first has exactly
// one, and with each later one the cumulative share, rounded up, is reached.
// Every wave takes its part of every region and account; within a wave the
// clusters of a region stand together, because Next never updates two regions
// at once. The same clusters give the same waves, whatever their order.
func Plan(clusters []Cluster, s Settings) [][]string {
	order := spread(clusters)
	var waves [][]string
	taken := 0
	for i, share := range shares(s) {
		upTo := min(len(order), max(1, int(math.Ceil(share*float64(len(order))-1e-9))))
		if i == 0 {
			upTo = min(1, len(order))
		}
		if upTo <= taken {
			continue
		}
		wave := slices.Clone(order[taken:upTo])
		slices.SortStableFunc(wave, func(a, b Cluster) int {
			return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(a.ID, b.ID))
		})
		waves = append(waves, ids(wave))
		taken = upTo
	}
	return waves
}

// shares returns the cumulative shares, the first one cluster and the last one all.
func shares(s Settings) []float64 {
	given := s.Shares
	if len(given) == 0 {
		given = defaultShares
	}
	return append(slices.Clone(given), 1)
}

// spread orders the clusters so that every prefix holds about the same part of
// each region and account.
func spread(clusters []Cluster) []Cluster {
	type home struct{ region, account string }
	homes := map[home][]Cluster{}
	for _, c := range clusters {
		homes[home{c.Region, c.Account}] = append(homes[home{c.Region, c.Account}], c)
	}
	type placed struct {
		Cluster
		at float64
	}
	var all []placed
	for _, group := range homes {
		slices.SortFunc(group, func(a, b Cluster) int { return cmp.Compare(a.ID, b.ID) })
		for i, c := range group {
			all = append(all, placed{c, (float64(i) + 0.5) / float64(len(group))})
		}
	}
	slices.SortFunc(all, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.Region, b.Region), cmp.Compare(a.Account, b.Account), cmp.Compare(a.ID, b.ID))
	})
	order := make([]Cluster, len(all))
	for i, p := range all {
		order[i] = p.Cluster
	}
	return order
}

func ids(clusters []Cluster) []string {
	out := make([]string, len(clusters))
	for i, c := range clusters {
		out[i] = c.ID
	}
	return out
}
