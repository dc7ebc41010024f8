package rollbench

import "time"

// splitmix64 is the random function of the world: equal numbers give equal
// results on every machine.
func splitmix64(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// unit returns the k-th number in 0..1 of a seed.
func unit(seed uint64, k int) float64 {
	return float64(splitmix64(seed*1000003+uint64(k))>>11) / (1 << 53)
}

// bootTime is how long the k-th launch takes until its node is Ready.
func (s Scenario) bootTime(seed uint64, k int) time.Duration {
	least := s.BootBaseS - s.BootSpreadS
	return seconds(least + 2*s.BootSpreadS*unit(seed, k))
}

// isBad reports whether the k-th launch never becomes Ready: the 17th of every
// BadEvery launches, or what remains of 17 where they are fewer.
func (s Scenario) isBad(k int) bool {
	return s.BadEvery > 0 && k%s.BadEvery == 17%s.BadEvery
}

// permutation shuffles 0..n-1 by the seed.
func permutation(seed uint64, n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	for i := n - 1; i >= 1; i-- {
		j := splitmix64(seed*7919+uint64(i)) % uint64(i+1)
		p[i], p[j] = p[j], p[i]
	}
	return p
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
