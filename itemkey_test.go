package fairway

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestItemKey: the quick check of keys agrees with the pattern.
func TestItemKey(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	const letters = "ab_09-Zä\n"
	for range 20000 {
		key := make([]byte, r.IntN(5))
		for i := range key {
			key[i] = letters[r.IntN(len(letters))]
		}
		if got, want := isItemKey(string(key)), patternItem.Match(key); got != want {
			t.Fatalf("seed %d: key %q: %v, the pattern says %v", seed, key, got, want)
		}
	}
}
