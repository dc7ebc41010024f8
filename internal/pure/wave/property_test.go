package wave

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

// TestNext_KeepsItsLimits plays rollouts over clusters that converge, fail,
// fall ill, leave and join, with snapshots that are late and a clock that
// jumps, and checks every start against the world as it is.
func TestNext_KeepsItsLimits(t *testing.T) {
	t.Parallel()
	ends := map[fairway.RolloutState]int{}
	for seed := range uint64(500) {
		w := newFleetWorld(seed)
		for range 4000 {
			if w.step(); w.broken != "" || w.rollout.State.IsOver() || w.rollout.State == fairway.RolloutHalted && w.halted > 20 {
				break
			}
		}
		ends[w.rollout.State]++
		if w.broken != "" {
			t.Fatalf("seed %d: %s", seed, w.broken)
		}
		if w.rollout.State == fairway.RolloutRunning || w.rollout.State == fairway.RolloutSoaking {
			t.Errorf("seed %d: the rollout does not end; it says: %s", seed, w.rollout.Reason)
		}
	}
	if ends[fairway.RolloutDone] < 50 || ends[fairway.RolloutHalted] < 50 {
		t.Errorf("the worlds are one-sided: %v", ends)
	}
}

// TestNext_KeepsItsLimits_SeesBrokenRules shows that the checks can fail.
func TestNext_KeepsItsLimits_SeesBrokenRules(t *testing.T) {
	t.Parallel()
	rules := map[string]func(s Snapshot, now time.Time) Decision{
		"starts everything at once": func(s Snapshot, now time.Time) Decision {
			d := Next(s, now)
			for _, c := range s.Clusters {
				if c.State == Waiting {
					d.Start = append(d.Start, c.ID)
				}
			}
			return d
		},
		"does not soak": func(s Snapshot, now time.Time) Decision { s.Settings.Soak = 0; return Next(s, now) },
		"goes on when halted": func(s Snapshot, now time.Time) Decision {
			d := Next(s, now)
			for _, c := range s.Clusters {
				if s.Rollout.State == fairway.RolloutHalted && c.State == Waiting {
					d.Start, d.State = []string{c.ID}, fairway.RolloutRunning
				}
			}
			return d
		},
	}
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(300) {
				w := newFleetWorld(seed)
				w.next = rule
				for range 2000 {
					if w.step(); w.broken != "" {
						return
					}
				}
			}
			t.Error("no check saw it")
		})
	}
}

// fleetWorld is a channel whose clusters do as they like.
type fleetWorld struct {
	next     func(Snapshot, time.Time) Decision
	rand     *rand.Rand
	now      time.Time // true time; the deciding clock is off by skew
	skew     time.Duration
	settings Settings
	rollout  fairway.Rollout
	clusters []Cluster
	illTill  map[string]time.Time
	soakedAt map[string]time.Time // since when a cluster is converged and healthy, in true time
	jumped   time.Time            // when the clock jumped last
	past     [][]Cluster
	halted   int // steps since the halt
	failures float64
	broken   string
}

func newFleetWorld(seed uint64) *fleetWorld {
	r := rand.New(rand.NewPCG(seed, 3))
	regions := []string{"eu", "us", "ap"}[:1+r.IntN(3)]
	w := &fleetWorld{next: Next, rand: r, now: noon, soakedAt: map[string]time.Time{}, illTill: map[string]time.Time{},
		settings: Settings{Soak: time.Duration(r.IntN(60)) * time.Second, MaxParallel: r.IntN(4)}, failures: []float64{0, 0, 0.02, 0.2}[r.IntN(4)]}
	w.clusters = fleet(r.IntN(40), regions...)
	for i := range w.clusters {
		if r.IntN(15) == 0 {
			w.clusters[i].State = Blocked
		}
	}
	w.rollout = fairway.Rollout{State: fairway.RolloutRunning, Revision: "r", Waves: Plan(w.clusters, w.settings)}
	return w
}

// step lets a second or so pass, and decides once.
func (w *fleetWorld) step() {
	w.now = w.now.Add(time.Duration(500+w.rand.IntN(2000)) * time.Millisecond)
	if w.rand.IntN(300) == 0 {
		w.skew, w.jumped = time.Duration((w.rand.Float64()*2-1)*float64(time.Hour)), w.now
	}
	w.live()
	seen := w.clusters
	if len(w.past) > 0 && w.rand.IntN(4) == 0 {
		seen = w.past[w.rand.IntN(len(w.past))]
	}
	w.past = append(w.past, slices.Clone(w.clusters))
	if len(w.past) > 3 {
		w.past = w.past[1:]
	}
	before := w.rollout
	d := w.next(Snapshot{Rollout: w.rollout, Clusters: slices.Clone(seen), Settings: w.settings}, w.now.Add(w.skew))
	w.check(before, d)
	w.rollout.State, w.rollout.Wave, w.rollout.SoakSince, w.rollout.Reason = d.State, d.Wave, d.SoakSince, d.Reason
	if d.State == fairway.RolloutHalted {
		w.halted++
	}
	for _, id := range d.Start {
		if i := w.find(id); i >= 0 && w.clusters[i].State == Waiting { // starting twice does nothing
			w.clusters[i].State = Updating
		}
	}
}

func (w *fleetWorld) find(id string) int {
	return slices.IndexFunc(w.clusters, func(c Cluster) bool { return c.ID == id })
}

// live is what clusters do by themselves.
func (w *fleetWorld) live() {
	clock := w.now.Add(w.skew)
	for i := range w.clusters {
		c := &w.clusters[i]
		if c.State == Updating && w.rand.IntN(10) == 0 {
			c.State, c.ConvergedAt = Converged, clock
			if w.rand.Float64() < w.failures {
				c.State, c.Message = []State{Failed, Partial}[w.rand.IntN(2)], "bad luck"
			}
		}
		if c.State != Converged {
			continue
		}
		if c.ConvergedAt.After(clock) {
			c.ConvergedAt = clock // the engine stamps with the same clock
		}
		if w.rand.IntN(2) == 0 {
			if w.rand.IntN(3000) == 0 {
				// Longer than any snapshot is old: what nobody can see, nobody can heed.
				w.illTill[c.ID] = w.now.Add(time.Duration(12+w.rand.IntN(20)) * time.Second)
			}
			c.Healthy, c.HealthAt = w.now.After(w.illTill[c.ID]), clock
		}
		if !c.Healthy {
			delete(w.soakedAt, c.ID)
		} else if _, known := w.soakedAt[c.ID]; !known {
			w.soakedAt[c.ID] = w.now
		}
	}
	switch n := len(w.clusters); {
	case n > 0 && w.rand.IntN(400) == 0:
		w.clusters = slices.Delete(slices.Clone(w.clusters), n-1, n)
	case w.rand.IntN(400) == 0:
		w.clusters = append(slices.Clone(w.clusters), Cluster{ID: "new-" + w.now.Format(time.RFC3339Nano), Region: "eu", State: Waiting})
	}
}

// check judges what a decision starts by the world as it is.
func (w *fleetWorld) check(before fairway.Rollout, d Decision) {
	if before.State == fairway.RolloutHalted && (len(d.Start) > 0 || d.State != fairway.RolloutHalted) {
		w.broken = "a halted rollout goes on"
	}
	running := map[string]bool{}
	regions := map[string]bool{}
	started := func(c Cluster) { running[c.ID] = true; regions[c.Region] = true }
	for _, c := range w.clusters {
		if c.State == Updating {
			started(c)
		}
	}
	was := len(running)
	var fresh []string
	for _, id := range d.Start {
		if i := w.find(id); i >= 0 && w.clusters[i].State == Waiting {
			started(w.clusters[i])
			fresh = append(fresh, id)
		}
	}
	if len(fresh) == 0 {
		return
	}
	if w.settings.MaxParallel > 0 && len(running) > max(w.settings.MaxParallel, was) {
		w.broken = "more clusters update than may"
	}
	if len(regions) > 1 {
		w.broken = "two regions update at once"
	}
	canary := true
	for _, c := range w.clusters {
		canary = canary && (c.State == Waiting || c.State == Blocked)
	}
	if canary && len(fresh) > 1 {
		w.broken = "the first clusters are more than one"
	}
	for _, id := range fresh {
		at := slices.IndexFunc(w.rollout.Waves, func(wave []string) bool { return slices.Contains(wave, id) })
		if at < 0 {
			at = len(w.rollout.Waves) - 1
		}
		for _, wave := range w.rollout.Waves[:max(at, 0)] {
			for _, other := range wave {
				w.precedes(other, before)
			}
		}
	}
}

// precedes checks a cluster of an earlier wave than one that starts.
func (w *fleetWorld) precedes(id string, before fairway.Rollout) {
	i := w.find(id)
	if i < 0 {
		return
	}
	c := w.clusters[i]
	wave := slices.IndexFunc(w.rollout.Waves, func(wave []string) bool { return slices.Contains(wave, id) })
	switch {
	case c.State == Updating || c.State == Waiting:
		w.broken = "cluster " + id + " of an earlier wave has not converged: " + string(c.State)
	case c.State == Converged && wave == before.Wave:
		// The wave that is left now must have soaked, as far as a clock that did not jump can tell.
		since, ok := w.soakedAt[id]
		const late = 8 * time.Second // how old a snapshot can be
		if steady := w.now.Sub(w.jumped) > w.settings.Soak+late; steady && (!ok && c.Healthy || ok && w.now.Sub(since) < w.settings.Soak-late) {
			w.broken = "cluster " + id + " of the wave before has not soaked"
		}
	}
}
