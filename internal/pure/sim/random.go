package sim

import (
	"math/rand/v2"
	"time"

	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// draw makes scenarios from a stream of random numbers.
type draw struct{ *rand.Rand }

func (r draw) chance(p float64) bool { return r.Float64() < p }
func (r draw) between(a, b int) int  { return a + r.IntN(b-a+1) }
func (r draw) seconds(a, b float64) time.Duration {
	return time.Duration((a+r.Float64()*(b-a))*1000).Truncate(1) * time.Millisecond
}

// Random returns the scenario of a seed.
func Random(seed uint64) Scenario {
	r := draw{rand.New(rand.NewPCG(seed, 1))}
	s := Scenario{
		Seed: seed, Zones: r.between(1, 3), Slots: r.between(10, 16),
		Boot: r.seconds(2, 15), BootSpread: r.seconds(0, 10), InServiceDelay: r.seconds(0, 3), Shutdown: r.seconds(1, 15),
		PodStart: r.seconds(0.5, 4), PodStop: r.seconds(0.5, 5), Attach: r.seconds(0.2, 2), Detach: r.seconds(0.2, 2),
		BudgetDelay: r.seconds(0, 1), Look: r.seconds(0.5, 8), Cap: 2 * time.Hour,
	}
	settings := r.settings()
	if r.chance(0.08) {
		s.Pools = controlPlane(r.between(1, 3), settings)
	} else {
		for i := range r.between(1, 2) {
			s.Pools = append(s.Pools, r.pool(i, settings))
		}
	}
	for _, p := range s.Pools {
		s.Workloads = append(s.Workloads, r.workloads(s, p)...)
	}
	s.Workloads = append(s.Workloads, Workload{Name: "agent", Kind: "DaemonSet", Critical: true, MinAvailable: -1})
	if s.Pools[0].Settings.OneAtATime {
		s.Workloads = append(s.Workloads, Workload{Name: "apiserver", Kind: "Mirror", MinAvailable: -1})
	}
	s.Faults = r.faults(s)
	return s
}

func (r draw) settings() roll.Settings {
	s := roll.Settings{
		Surge: r.between(1, 4), MinReady: r.seconds(0, 5), NodeReadyTimeout: r.seconds(60, 90),
		BlockedAfter: r.seconds(60, 120), RetryRefused: r.seconds(0.5, 4), NoScheduleTaint: r.chance(0.1),
	}
	if r.chance(0.8) {
		s.Deregistration = r.seconds(0.5, 8)
	}
	if r.chance(0.2) {
		s.SurgePercent = r.between(5, 60)
	}
	if r.chance(0.2) {
		s.Short = r.between(1, 3)
	}
	s.RaiseMax, s.Canary, s.Probe = r.chance(0.15), r.chance(0.15), r.chance(0.15)
	s.Spot = r.chance(0.08)
	if r.chance(0.1) {
		s.MaxAge = 50 * time.Hour // of the nodes that are there, not of those that come
	}
	if r.chance(0.2) {
		s.JobGrace = r.seconds(5, 60)
	}
	if r.chance(0.15) {
		s.Forcing = roll.Forcing{Enabled: true, GracePeriod: r.seconds(20, 60), MinPodLifetime: r.seconds(0, 60),
			MinHealthySiblingLifetime: r.seconds(0, 30), MinUnhealthySiblingLifetime: r.seconds(0, 60), Interval: r.seconds(5, 30)}
	}
	switch {
	case r.chance(0.1):
		s.Strategy = roll.ZoneByZone
	case r.chance(0.05):
		s.Strategy = roll.OnDelete
	}
	return s
}

func (r draw) pool(i int, s roll.Settings) PoolSpec {
	p := PoolSpec{Name: string('a' + rune(i)), Nodes: r.between(4, 14), Settings: s}
	if r.chance(0.1) {
		p.Nodes = r.between(1, 3)
	}
	p.Max = p.Nodes + r.between(0, 6)
	if r.chance(0.2) {
		p.Current = r.IntN(p.Nodes)
	}
	return p
}

func controlPlane(n int, settings roll.Settings) []PoolSpec {
	settings.OneAtATime, settings.NoScheduleTaint, settings.Spot = true, false, false
	return []PoolSpec{{Name: "master", Nodes: n, Max: n + 1, Settings: settings}}
}

// workloads fills about two thirds of the nodes of a pool.
func (r draw) workloads(s Scenario, p PoolSpec) []Workload {
	var out []Workload
	room := p.Nodes * (s.Slots - 3) * r.between(65, 100) / 100
	for i := 0; room > 0 && i < 20; i++ {
		w := Workload{Name: p.Name + "-app" + string('a'+rune(i)), Kind: "ReplicaSet", Pool: p.Name, MinAvailable: -1, CPU: int64(r.between(1, 8)) * 100}
		w.Replicas = 1 + r.IntN(min(room, 10))
		if r.chance(0.3) {
			w.Kind, w.Zonal = "StatefulSet", r.chance(0.7)
			w.Replicas = min(room, r.between(1, 3))
			w.Leader = w.Replicas > 1 && r.chance(0.4)
			if w.Leader {
				w.LeaderBudget = true
				if r.chance(0.5) {
					w.RoleGap = r.seconds(0, 62)
				}
			}
		}
		if w.Replicas > 1 && !w.Leader && r.chance(0.7) {
			w.MinAvailable = w.Replicas - 1 - r.IntN(w.Replicas-1)
		}
		if w.Kind == "ReplicaSet" && r.chance(0.01) {
			w.MinAvailable = w.Replicas // can never be met
		}
		if w.Kind == "ReplicaSet" && w.MinAvailable > 0 && w.MinAvailable < w.Replicas && r.chance(0.01) {
			w.NeverReady = w.Replicas - w.MinAvailable // broken
		}
		if w.Kind == "ReplicaSet" && w.MinAvailable < 0 && r.chance(0.1) {
			w.Kind, w.RunFor = "Job", r.seconds(5, 65)
		}
		w.Critical = w.Kind == "ReplicaSet" && r.chance(0.1)
		w.Served = w.Kind == "ReplicaSet" && w.Replicas > 1 && p.Settings.Deregistration > 0 && r.chance(0.7)
		room -= w.Replicas
		out = append(out, w)
	}
	return out
}

// faults draws what goes wrong: most worlds have some of it, none all.
func (r draw) faults(s Scenario) Faults {
	var f Faults
	nodes := 0
	for _, p := range s.Pools {
		nodes += p.Nodes
	}
	if r.chance(0.3) {
		f.CloudDelay = r.seconds(0, 4)
	}
	if r.chance(0.15) {
		f.BadEvery = r.between(4, 9)
	}
	if r.chance(0.1) {
		f.Quota = nodes + r.between(0, 1)
	}
	if r.chance(0.1) {
		f.ZoneOut, f.ZoneOutFrom = zoneName(r.IntN(s.Zones)), r.seconds(0, 30)
		f.ZoneOutTill = f.ZoneOutFrom + r.seconds(10, 300)
	}
	if r.chance(0.35) {
		f.KillEvery = r.seconds(3, 60)
	}
	if r.chance(0.15) {
		f.DoubleEvery = r.seconds(10, 60)
	}
	f.ClockJumps = r.chance(0.08)
	if r.chance(0.25) {
		f.Stale = r.seconds(0, 3)
	}
	if r.chance(0.2) {
		f.Errors = 0.2 * r.Float64()
	}
	if r.chance(0.1) {
		f.PartitionEvery = r.seconds(20, 100)
	}
	if r.chance(0.1) {
		f.FailedLaunches = 0.3 * r.Float64()
	}
	if r.chance(0.2) {
		f.SlowDaemons = r.seconds(0, 20)
	}
	if r.chance(0.2) {
		f.FlapEvery = r.seconds(20, 120)
	}
	if r.chance(0.1) {
		f.FailEvery = r.seconds(40, 200)
	}
	if r.chance(0.05) {
		f.MassUnready = r.seconds(5, 60)
	}
	f.ForeignCordon = r.chance(0.05)
	if r.chance(0.15) {
		f.AutoscaleEvery = r.seconds(5, 30)
	}
	if s.Pools[0].Settings.Spot {
		f.SpotEvery = r.seconds(20, 100)
	}
	if r.chance(0.08) {
		f.PauseAt, f.PauseFor = r.seconds(1, 150), r.seconds(10, 200)
	}
	if r.chance(0.08) {
		f.AbortAt = r.seconds(1, 200)
	}
	f.Rotate = s.Pools[0].Settings.Strategy == roll.OnDelete || r.chance(0.1)
	return f
}
