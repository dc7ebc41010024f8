package sim
import ("testing";"slices";"fmt"; "github.com/fairwayhq/fairway/internal/pure/roll")
func TestExp(t *testing.T) {
	n := map[string]int{}
	shown := 0
	for seed := range uint64(1500) {
		s := Random(seed+10000)
		if slices.ContainsFunc(s.Workloads, Workload.Blocked) { n["blocked"]++; continue }
		s.BadEvery, s.Quota, s.ZoneOut, s.KillEvery, s.FlapEvery, s.MassUnready, s.ForeignCordon, s.CloudDelay = 0,0,"",0,0,0,false,0
		r := Run(s, roll.Decide)
		n[r.Outcome]++
		if r.LeaderMoves > 1 { n[fmt.Sprint("leader", r.LeaderMoves)]++ }
		if r.Outcome != "done" && shown < 12 { shown++; t.Logf("%d: %s %+v", s.Seed, r.Broken, r.Blocked) }
	}
	t.Log(n)
}
