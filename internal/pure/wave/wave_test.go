package wave

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// fleet returns n waiting clusters in regions that take turns.
func fleet(n int, regions ...string) []Cluster {
	var out []Cluster
	for i := range n {
		out = append(out, Cluster{ID: fmt.Sprintf("c-%04d", i), Region: regions[i%len(regions)], State: Waiting})
	}
	return out
}

func TestPlan(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		clusters []Cluster
		shares   []float64
		want     []int
	}{
		{"none", nil, nil, nil},
		{"one", fleet(1, "a"), nil, []int{1}},
		{"two", fleet(2, "a"), nil, []int{1, 1}},
		{"ten", fleet(10, "a"), nil, []int{1, 2, 7}},
		{"eleven are rounded up", fleet(11, "a"), nil, []int{1, 1, 1, 8}},
		{"a thousand", fleet(1000, "a", "b", "c"), nil, []int{1, 99, 150, 750}},
		{"own shares take the rest at last", fleet(10, "a"), []float64{0, 0.5}, []int{1, 4, 5}},
		{"the first wave is one cluster whatever the share", fleet(10, "a"), []float64{0.5, 1}, []int{1, 9}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []int
			seen := map[string]bool{}
			for _, w := range Plan(tt.clusters, Settings{Shares: tt.shares}) {
				got = append(got, len(w))
				for _, id := range w {
					seen[id] = true
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("sizes of waves (-want +got):\n%s", diff)
			}
			if len(seen) != len(tt.clusters) {
				t.Errorf("waves hold %d different clusters of %d", len(seen), len(tt.clusters))
			}
		})
	}
}

func TestPlan_SameWavesInAnyOrderAndEveryRegionInEachShare(t *testing.T) {
	t.Parallel()
	clusters := fleet(300, "eu", "us", "us")
	want := Plan(clusters, Settings{})
	shuffled := slices.Clone(clusters)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	if diff := cmp.Diff(want, Plan(shuffled, Settings{})); diff != "" {
		t.Errorf("another order of the clusters gives other waves:\n%s", diff)
	}
	region := map[string]string{}
	for _, c := range clusters {
		region[c.ID] = c.Region
	}
	for i, w := range want[1:] {
		eu := 0
		for _, id := range w {
			if region[id] == "eu" {
				eu++
			}
		}
		if share := float64(eu) / float64(len(w)); share < 0.25 || share > 0.42 {
			t.Errorf("wave %d has %d of %d clusters in eu, which has a third of all", i+2, eu, len(w))
		}
		if !slices.IsSortedFunc(w, func(a, b string) int { return strings.Compare(region[a], region[b]) }) {
			t.Errorf("wave %d mixes regions: %v", i+2, w)
		}
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	settings := Settings{Soak: time.Minute}
	cluster := func(id string, s State, change ...func(*Cluster)) Cluster {
		c := Cluster{ID: id, Region: "eu", State: s}
		if s == Converged {
			c.ConvergedAt, c.Healthy, c.HealthAt = noon.Add(-5*time.Minute), true, noon
		}
		for _, f := range change {
			f(&c)
		}
		return c
	}
	says := func(text string) func(*Cluster) { return func(c *Cluster) { c.Message = text } }
	in := func(region string) func(*Cluster) { return func(c *Cluster) { c.Region = region } }
	tests := []struct {
		name     string
		rollout  fairway.Rollout
		clusters []Cluster
		settings *Settings
		start    string // comma-joined
		state    fairway.RolloutState
		wave     int
		soaking  bool
		reason   string // a part of it
	}{
		{name: "a channel without clusters is done", state: fairway.RolloutDone, reason: "no clusters"},
		{name: "the first wave starts", rollout: fairway.Rollout{Waves: [][]string{{"a"}, {"b", "c"}}},
			clusters: []Cluster{cluster("a", Waiting), cluster("b", Waiting), cluster("c", Waiting)},
			start:    "a", state: fairway.RolloutRunning},
		{name: "the second waits for the first", rollout: fairway.Rollout{Waves: [][]string{{"a"}, {"b"}}},
			clusters: []Cluster{cluster("a", Updating), cluster("b", Waiting)},
			state:    fairway.RolloutRunning, reason: "waits for cluster a"},
		{name: "converged begins the soak", rollout: fairway.Rollout{Waves: [][]string{{"a"}, {"b"}}},
			clusters: []Cluster{cluster("a", Converged), cluster("b", Waiting)},
			state:    fairway.RolloutSoaking, soaking: true, reason: "soaks for 1m"},
		{name: "health from before the end of the update is no evidence", rollout: fairway.Rollout{Waves: [][]string{{"a"}}},
			clusters: []Cluster{cluster("a", Converged, func(c *Cluster) { c.HealthAt = c.ConvergedAt.Add(-time.Second) })},
			state:    fairway.RolloutRunning, reason: "younger than its update"},
		{name: "no evidence at all", rollout: fairway.Rollout{Waves: [][]string{{"a"}}},
			clusters: []Cluster{cluster("a", Converged, func(c *Cluster) { c.HealthAt = time.Time{} })},
			state:    fairway.RolloutRunning, reason: "waits for evidence"},
		{name: "unhealthy ends the soak", rollout: fairway.Rollout{Waves: [][]string{{"a"}}, SoakSince: noon.Add(-time.Hour)},
			clusters: []Cluster{cluster("a", Converged, func(c *Cluster) { c.Healthy = false }, says("2 pods crash"))},
			state:    fairway.RolloutRunning, reason: "2 pods crash"},
		{name: "soaked, but the newest evidence is older", rollout: fairway.Rollout{Waves: [][]string{{"a"}}, SoakSince: noon.Add(-2 * time.Minute)},
			clusters: []Cluster{cluster("a", Converged, func(c *Cluster) { c.HealthAt = noon.Add(-90 * time.Second) })},
			state:    fairway.RolloutSoaking, soaking: true, reason: "still healthy"},
		{name: "soaked starts the next wave", rollout: fairway.Rollout{Waves: [][]string{{"a"}, {"b", "c"}}, SoakSince: noon.Add(-2 * time.Minute)},
			clusters: []Cluster{cluster("a", Converged), cluster("b", Waiting), cluster("c", Waiting)},
			start:    "b,c", state: fairway.RolloutRunning, wave: 1},
		{name: "regions one after another", rollout: fairway.Rollout{Waves: [][]string{{"a"}, {"b", "c", "d"}}, Wave: 1},
			clusters: []Cluster{cluster("a", Converged), cluster("b", Waiting), cluster("c", Waiting), cluster("d", Waiting, in("us"))},
			start:    "b,c", state: fairway.RolloutRunning, wave: 1},
		{name: "the next region waits for the one before", rollout: fairway.Rollout{Waves: [][]string{{"a"}, {"b", "d"}}, Wave: 1},
			clusters: []Cluster{cluster("a", Converged), cluster("b", Updating), cluster("d", Waiting, in("us"))},
			state:    fairway.RolloutRunning, wave: 1, reason: "waits for cluster b"},
		{name: "limit", rollout: fairway.Rollout{Waves: [][]string{{"a"}, {"b", "c", "d"}}, Wave: 1}, settings: &Settings{MaxParallel: 2},
			clusters: []Cluster{cluster("a", Converged), cluster("b", Updating), cluster("c", Waiting), cluster("d", Waiting)},
			start:    "c", state: fairway.RolloutRunning, wave: 1},
		{name: "a failed canary halts", rollout: fairway.Rollout{Waves: [][]string{{"a"}, {"b"}}},
			clusters: []Cluster{cluster("a", Failed, says("template does not parse")), cluster("b", Waiting)},
			state:    fairway.RolloutHalted, reason: "cluster a failed: template does not parse"},
		{name: "a partial canary halts", rollout: fairway.Rollout{Waves: [][]string{{"a"}, {"b"}}},
			clusters: []Cluster{cluster("a", Partial, says("node n is blocked")), cluster("b", Waiting)},
			state:    fairway.RolloutHalted, reason: "could not be rolled completely: node n is blocked"},
		{name: "one failure later is within the budget", rollout: fairway.Rollout{Waves: [][]string{{"a"}, {"b", "c"}}, Wave: 1},
			clusters: []Cluster{cluster("a", Converged), cluster("b", Failed), cluster("c", Converged)},
			state:    fairway.RolloutSoaking, wave: 1, soaking: true, reason: "goes past b"},
		{name: "two are not", rollout: fairway.Rollout{Waves: [][]string{{"a"}, {"b", "c", "d"}}, Wave: 1},
			clusters: []Cluster{cluster("a", Converged), cluster("b", Failed, says("x")), cluster("c", Failed), cluster("d", Waiting)},
			state:    fairway.RolloutHalted, wave: 1, reason: "2 of 3 clusters of wave 2 failed, 1 may"},
		{name: "an aborted cluster halts, whatever the budget", rollout: fairway.Rollout{Waves: [][]string{{"a"}, {"b", "c"}}, Wave: 1},
			clusters: []Cluster{cluster("a", Converged), cluster("b", Aborted, says("ada: wrong image")), cluster("c", Waiting)},
			state:    fairway.RolloutHalted, wave: 1, reason: "cluster b was aborted by ada: wrong image"},
		{name: "halted stays halted", rollout: fairway.Rollout{Waves: [][]string{{"a"}}, State: fairway.RolloutHalted, Reason: "why"},
			clusters: []Cluster{cluster("a", Waiting)}, state: fairway.RolloutHalted, reason: "why"},
		{name: "blocked is passed over and named", rollout: fairway.Rollout{Waves: [][]string{{"a"}, {"b", "c"}}, Wave: 1},
			clusters: []Cluster{cluster("a", Converged), cluster("b", Blocked), cluster("c", Updating)},
			state:    fairway.RolloutRunning, wave: 1, reason: "skips b"},
		{name: "with a blocked canary the next wave begins with one cluster", rollout: fairway.Rollout{Waves: [][]string{{"a"}, {"b", "c"}}},
			clusters: []Cluster{cluster("a", Blocked), cluster("b", Waiting), cluster("c", Waiting)},
			start:    "b", state: fairway.RolloutRunning, wave: 1},
		{name: "which soaks alone", rollout: fairway.Rollout{Waves: [][]string{{"a"}, {"b", "c"}}, Wave: 1},
			clusters: []Cluster{cluster("a", Blocked), cluster("b", Converged), cluster("c", Waiting)},
			state:    fairway.RolloutSoaking, wave: 1, soaking: true},
		{name: "before the others", rollout: fairway.Rollout{Waves: [][]string{{"a"}, {"b", "c"}}, Wave: 1, SoakSince: noon.Add(-time.Hour)},
			clusters: []Cluster{cluster("a", Blocked), cluster("b", Converged), cluster("c", Waiting)},
			start:    "c", state: fairway.RolloutRunning, wave: 1},
		{name: "a cluster that left counts no more", rollout: fairway.Rollout{Waves: [][]string{{"gone"}, {"b"}}},
			clusters: []Cluster{cluster("b", Waiting)}, start: "b", state: fairway.RolloutRunning, wave: 1},
		{name: "a new one joins the last wave", rollout: fairway.Rollout{Waves: [][]string{{"a"}, {"b"}}, Wave: 1},
			clusters: []Cluster{cluster("a", Converged), cluster("b", Converged), cluster("new", Waiting)},
			start:    "new", state: fairway.RolloutRunning, wave: 1},
		{name: "a block that was lifted is caught up with", rollout: fairway.Rollout{Waves: [][]string{{"a"}, {"b", "c"}, {"d"}}, Wave: 2},
			clusters: []Cluster{cluster("a", Converged), cluster("b", Waiting), cluster("c", Converged), cluster("d", Converged)},
			start:    "b", state: fairway.RolloutRunning, wave: 2},
		{name: "all soaked is done", rollout: fairway.Rollout{Revision: "abc", Waves: [][]string{{"a"}, {"b"}}, Wave: 1, SoakSince: noon.Add(-time.Hour)},
			clusters: []Cluster{cluster("a", Converged), cluster("b", Converged)},
			state:    fairway.RolloutDone, wave: 1, reason: "done: 2 clusters run abc"},
		{name: "all blocked is done and says so", rollout: fairway.Rollout{Waves: [][]string{{"a"}}},
			clusters: []Cluster{cluster("a", Blocked)}, state: fairway.RolloutDone, reason: "skips a"},
		{name: "a soak that began in the future begins anew", rollout: fairway.Rollout{Waves: [][]string{{"a"}}, SoakSince: noon.Add(time.Hour)},
			clusters: []Cluster{cluster("a", Converged)}, state: fairway.RolloutSoaking, soaking: true, reason: "soaks for 1m"},
		{name: "superseded starts nothing", rollout: fairway.Rollout{Waves: [][]string{{"a"}}, State: fairway.RolloutSuperseded},
			clusters: []Cluster{cluster("a", Waiting)}, state: fairway.RolloutSuperseded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := settings
			if tt.settings != nil {
				s = *tt.settings
			}
			d := Next(Snapshot{Rollout: tt.rollout, Clusters: tt.clusters, Settings: s}, noon)
			if got := strings.Join(d.Start, ","); got != tt.start || d.State != tt.state || d.Wave != tt.wave || d.SoakSince.IsZero() == tt.soaking {
				t.Errorf("start %q state %s wave %d soak since %s, want start %q state %s wave %d soaking %v; it says: %s",
					got, d.State, d.Wave, d.SoakSince, tt.start, tt.state, tt.wave, tt.soaking, d.Reason)
			}
			if !strings.Contains(d.Reason, tt.reason) {
				t.Errorf("reason %q does not contain %q", d.Reason, tt.reason)
			}
		})
	}
}
