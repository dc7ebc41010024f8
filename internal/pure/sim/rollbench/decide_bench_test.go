package rollbench

import (
	"testing"
	"time"

	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// BenchmarkDecide is one decision in the middle of a roll of 300 nodes with
// 3,000 pods under 30 budgets, as a manager takes them several times a second.
func BenchmarkDecide(b *testing.B) {
	all, err := Parse(Standard)
	if err != nil {
		b.Fatal(err)
	}
	s, err := Find(all, "s07-n300-pdb10-s10")
	if err != nil {
		b.Fatal(err)
	}
	looks := 0
	RunWith(s, 1, func(snapshot roll.Snapshot, now time.Time) roll.Decision {
		if looks++; looks == 400 {
			for b.Loop() {
				roll.Decide(snapshot, now)
			}
			return roll.Decision{Failed: "enough"}
		}
		return roll.Decide(snapshot, now)
	})
}
