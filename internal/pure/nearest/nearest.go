// Package nearest answers which known word somebody may have meant: it finds
// the nearest of a set of names to a misspelt one, for hints in errors.
//
//	nearest.To("beat", slices.Values([]string{"alpha", "beta"})) // "beta"
package nearest

import (
	"iter"
	"strings"
)

// To returns the word that is nearest to the given one, or "" when none is so
// near that it could have been meant. Case does not count; of equally near
// words the smallest wins, so the answer does not depend on the order.
func To(word string, words iter.Seq[string]) string {
	best, found := limit(word)+1, ""
	for w := range words {
		d := distance(strings.ToLower(word), strings.ToLower(w), best)
		if d < best || d == best && found != "" && w < found {
			best, found = d, w
		}
	}
	return found
}

// limit is how many changes a misspelling may have: more in longer words,
// never so many that everything is near to a short one.
func limit(word string) int {
	return min(max(1, len(word)/3), 6)
}

// distance is the number of letters to insert, delete, replace or swap with
// their neighbour that lead from a to b; anything above most is reported as
// most+1.
func distance(a, b string, most int) int {
	if len(a)-len(b) > most || len(b)-len(a) > most {
		return most + 1
	}
	before, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(b)]
}
