package rollbench

import (
	"encoding/json"
	"math"
	"time"

	"github.com/fairwayhq/fairway"
)

// The outcomes of a run.
const (
	Done    = "done"
	Partial = "partial" // only nodes that cannot be rolled are left
	Stuck   = "stuck"   // the roll gave up, or the time was up
)

// Result is how a run ended and what was measured.
type Result struct {
	Scenario string `json:"scenario"`
	Seed     uint64 `json:"seed"`
	Outcome  string `json:"outcome"`
	// Seconds until the roll said that it was over.
	Seconds           float64 `json:"seconds"`
	LowerBoundSeconds float64 `json:"lower_bound_seconds"`
	// Ratio is Seconds by LowerBoundSeconds; 0 where there is no bound.
	Ratio                  float64   `json:"ratio"`
	OldLeft                int       `json:"old_left"`
	Blocked                []Blocked `json:"blocked"`
	NewNotReady            int       `json:"new_not_ready"`
	MinSchedulableFraction float64   `json:"min_schedulable_fraction"`
	MinReadyFraction       float64   `json:"min_ready_fraction"`
	MinAppAvailable        float64   `json:"min_app_available"`
	PDBViolations          int       `json:"pdb_violations"`
	UnsafeVolumes          int       `json:"unsafe_volumes"`
	ExtraNodeSeconds       float64   `json:"extra_node_seconds"`
	Evictions              int       `json:"evictions"`
	EvictionsRefused       int       `json:"evictions_refused"`
	// CloudCalls and ClusterCalls change something; looking is not counted.
	CloudCalls   int `json:"cloud_calls"`
	ClusterCalls int `json:"cluster_calls"`

	// Why is what the roll said last, Decisions how often it was asked, and
	// LeftBehind what it did not put back: a tag, a raised maximum, a wrong size.
	Why        string `json:"-"`
	Decisions  int    `json:"-"`
	LeftBehind string `json:"-"`
}

// Blocked is a node that could not be rolled.
type Blocked struct {
	Node   string `json:"node"`
	Pod    string `json:"pod"`
	Budget string `json:"budget"`
}

// JSON returns the result as one line without its end.
func (r Result) JSON() ([]byte, error) { return json.Marshal(r) }

// measures are taken while a world runs.
type measures struct {
	target        int // the size that the pool should have
	schedulable   int // the fewest
	ready         int
	extra         time.Duration
	violations    int
	unsafeVolumes int
	evictions     int
	refused       int
	cloudCalls    int
	clusterCalls  int
}

func (m *measures) start(w *world) {
	*m = measures{target: w.N, schedulable: w.N, ready: w.N}
	m.see(w)
}

// see looks at the world after something has happened.
func (m *measures) see(w *world) {
	schedulable, ready := 0, 0
	for _, n := range w.nodes {
		if n.Ready {
			ready++
			if n.schedulable() {
				schedulable++
			}
		}
	}
	m.schedulable, m.ready = min(m.schedulable, schedulable), min(m.ready, ready)
}

// pass counts instances beyond the pool's size for as long as nothing happens.
func (m *measures) pass(w *world, d time.Duration) {
	if d <= 0 {
		return
	}
	_, all := w.attached()
	m.extra += d * time.Duration(max(0, all-m.target))
}

// result is the end of a run.
func (w *world) result() Result {
	m := w.measures
	bound := w.LowerBound(w.seed)
	r := Result{
		Scenario: w.ID, Seed: w.seed, Outcome: Stuck, Seconds: round(w.now.Sub(epoch)), LowerBoundSeconds: round(bound),
		Blocked: []Blocked{}, PDBViolations: m.violations, UnsafeVolumes: m.unsafeVolumes, ExtraNodeSeconds: round(m.extra),
		MinSchedulableFraction: part(m.schedulable, w.N), MinReadyFraction: part(m.ready, w.N), MinAppAvailable: 1,
		Evictions: m.evictions, EvictionsRefused: m.refused, CloudCalls: m.cloudCalls, ClusterCalls: m.clusterCalls,
		Why: w.manager.last.Sentence, Decisions: w.decisions,
	}
	if bound > 0 {
		r.Ratio = math.Round(1e4*w.now.Sub(epoch).Seconds()/bound.Seconds()) / 1e4
	}
	d := w.manager.last
	if w.over && d.Failed == "" {
		r.Outcome = Done
		if len(d.Blocked) > 0 {
			r.Outcome = Partial
		}
	}
	for _, b := range d.Blocked {
		r.Blocked = append(r.Blocked, Blocked{Node: b.Node, Pod: b.Pod, Budget: b.Budget})
	}
	for _, i := range w.instances {
		switch {
		case i.State == fairway.InstanceTerminating:
		case i.Generation != w.group.Generation:
			r.OldLeft++
		case i.node == nil || !i.node.Ready:
			r.NewNotReady++
		}
	}
	for _, a := range w.apps {
		if !a.grows {
			r.MinAppAvailable = min(r.MinAppAvailable, part(a.least, a.replicas))
		}
	}
	switch {
	case !w.over || d.Failed != "":
	case len(w.group.Tags) > 0:
		r.LeftBehind = "a tag on the group"
	case w.group.Max != w.group.limit:
		r.LeftBehind = "a raised maximum"
	case w.group.Desired != m.target:
		r.LeftBehind = "a size other than before"
	}
	return r
}

func part(n, of int) float64 { return math.Round(1e4*float64(n)/float64(of)) / 1e4 }

// round returns seconds in tenths.
func round(d time.Duration) float64 { return math.Round(d.Seconds()*10) / 10 }
