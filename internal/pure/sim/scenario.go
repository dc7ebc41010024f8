package sim

import (
	"math/rand/v2"
	"time"

	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// Scenario is everything that a world is made from.
type Scenario struct {
	Seed      uint64
	Zones     int
	Pools     []PoolSpec
	Workloads []Workload
	// Slots is how many pods a node has room for.
	Slots int

	Boot, BootSpread, InServiceDelay, Shutdown time.Duration
	PodStart, PodStop, Attach, Detach          time.Duration
	// BudgetDelay is how late a budget's status may be.
	BudgetDelay time.Duration
	// CloudDelay is how old the manager's view of the cloud may be.
	CloudDelay time.Duration
	// Look is the pause between two decisions.
	Look time.Duration

	// BadEvery n-th launch never becomes Ready; 0 is none.
	BadEvery int
	// Quota is how many instances the cloud has for all pools; 0 is no limit.
	Quota int
	// ZoneOut is a zone that has no capacity between the two times; "" is none.
	ZoneOut                  string
	ZoneOutFrom, ZoneOutTill time.Duration
	// KillEvery is the mean time between kills of the manager; 0 is never.
	KillEvery time.Duration
	// ClockJumps lets the manager's clock jump by up to an hour at a restart.
	ClockJumps bool
	// FlapEvery is the mean time between nodes that are not ready for a while.
	FlapEvery time.Duration
	// MassUnready makes half of the nodes not ready for a minute, at that time.
	MassUnready time.Duration
	// ForeignCordon is a node that a person cordoned before the roll.
	ForeignCordon bool
	// Cap is how long the roll may take.
	Cap time.Duration
}

// PoolSpec is a node pool at the start.
type PoolSpec struct {
	Name     string
	Nodes    int
	Max      int
	Current  int // how many of the nodes are up to date already
	Settings roll.Settings
}

// Workload is a set of equal pods.
type Workload struct {
	Name     string
	Kind     string // ReplicaSet, StatefulSet, DaemonSet, Job, Mirror
	Pool     string // where its pods run; "" is anywhere but on control planes
	Replicas int
	Zonal    bool // each pod has a volume in the zone where it first ran
	Critical bool
	Leader   bool // one pod is the leader, covered by a budget of its own
	// MinAvailable of a budget over the pods; -1 for no budget.
	MinAvailable int
	// NeverReady is how many of its pods never become Ready.
	NeverReady int
	// RunFor is how long a Job's pods run.
	RunFor time.Duration
}

// Blocked reports whether the workload's own budget can never be met.
func (w Workload) Blocked() bool {
	return w.MinAvailable >= 0 && w.Replicas-w.NeverReady <= w.MinAvailable
}

// Random returns the scenario of a seed.
func Random(seed uint64) Scenario {
	r := rand.New(rand.NewPCG(seed, 1))
	chance := func(p float64) bool { return r.Float64() < p }
	between := func(a, b int) int { return a + r.IntN(b-a+1) }
	seconds := func(a, b float64) time.Duration {
		return time.Duration((a + r.Float64()*(b-a)) * float64(time.Second))
	}
	s := Scenario{
		Seed: seed, Zones: between(1, 3), Slots: between(8, 14),
		Boot: seconds(2, 15), BootSpread: seconds(0, 10), InServiceDelay: seconds(0, 3), Shutdown: seconds(1, 15),
		PodStart: seconds(0.5, 4), PodStop: seconds(0.5, 5), Attach: seconds(0.2, 2), Detach: seconds(0.2, 2),
		BudgetDelay: seconds(0, 1), Look: seconds(0.5, 4), Cap: 2 * time.Hour,
	}
	if chance(0.3) {
		s.CloudDelay = seconds(0, 4)
	}
	settings := roll.Settings{
		Surge: between(1, 4), MinReady: seconds(0, 5), Deregistration: seconds(0, 5),
		NodeReadyTimeout: seconds(60, 90), BlockedAfter: seconds(60, 120), RetryRefused: seconds(0.5, 4),
		NoScheduleTaint: chance(0.1),
	}
	if chance(0.1) {
		s.Pools = controlPlane(between(1, 3), settings)
	} else {
		for i := range between(1, 2) {
			p := PoolSpec{Name: string('a' + rune(i)), Nodes: between(1, 8), Settings: settings}
			p.Max = p.Nodes + between(0, 6)
			if chance(0.2) {
				p.Current = r.IntN(p.Nodes)
			}
			s.Pools = append(s.Pools, p)
		}
	}
	s.Workloads = workloads(r, s)
	if chance(0.15) {
		s.BadEvery = between(4, 9)
	}
	nodes := 0
	for _, p := range s.Pools {
		nodes += p.Nodes
	}
	if chance(0.1) {
		s.Quota = nodes + between(0, 1)
	}
	if chance(0.1) {
		s.ZoneOut, s.ZoneOutFrom = zoneName(r.IntN(s.Zones)), seconds(0, 30)
		s.ZoneOutTill = s.ZoneOutFrom + seconds(10, 300)
	}
	if chance(0.4) {
		s.KillEvery = seconds(3, 60)
		s.ClockJumps = chance(0.2)
	}
	if chance(0.2) {
		s.FlapEvery = seconds(20, 120)
	}
	if chance(0.05) {
		s.MassUnready = seconds(5, 60)
	}
	s.ForeignCordon = chance(0.05)
	return s
}

func controlPlane(n int, settings roll.Settings) []PoolSpec {
	settings.OneAtATime, settings.NoScheduleTaint = true, false
	return []PoolSpec{{Name: "master", Nodes: n, Max: n + 1, Settings: settings}}
}

// workloads fills about two thirds of the nodes.
func workloads(r *rand.Rand, s Scenario) []Workload {
	chance := func(p float64) bool { return r.Float64() < p }
	out := []Workload{{Name: "agent", Kind: "DaemonSet", MinAvailable: -1}}
	if s.Pools[0].Settings.OneAtATime {
		out = append(out, Workload{Name: "apiserver", Kind: "Mirror", MinAvailable: -1})
	}
	for _, p := range s.Pools {
		room := p.Nodes * (s.Slots - 3) * 6 / 10
		for i := 0; room > 0 && i < 8; i++ {
			w := Workload{Name: p.Name + "-app" + string('0'+rune(i)), Kind: "ReplicaSet", Pool: p.Name, MinAvailable: -1}
			w.Replicas = 1 + r.IntN(min(room, 6))
			if chance(0.3) {
				w.Kind, w.Zonal = "StatefulSet", chance(0.7)
				w.Replicas = min(room, 1+r.IntN(3))
				w.Leader = w.Replicas > 1 && chance(0.4)
			}
			if w.Replicas > 1 && !w.Leader && chance(0.7) {
				w.MinAvailable = w.Replicas - 1 - r.IntN(w.Replicas-1)
			}
			if w.Kind == "ReplicaSet" && chance(0.015) {
				w.MinAvailable = w.Replicas // can never be met
			}
			if w.Kind == "ReplicaSet" && w.MinAvailable > 0 && w.MinAvailable < w.Replicas && chance(0.01) {
				w.NeverReady = w.Replicas - w.MinAvailable // broken
			}
			if w.Kind == "ReplicaSet" && w.MinAvailable < 0 && chance(0.1) {
				w.Kind, w.RunFor = "Job", time.Duration(5+r.IntN(60))*time.Second
			}
			w.Critical = w.Kind == "ReplicaSet" && chance(0.1)
			room -= w.Replicas
			out = append(out, w)
		}
	}
	return out
}

func zoneName(i int) string { return "zone-" + string('a'+rune(i)) }
