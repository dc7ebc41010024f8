package plan

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/fairwayhq/fairway"
)

// StateSchema names the form of a file of recorded clusters.
const StateSchema = "fairway.dev/state/v1"

// peaksKept is how long a recorded peak of memory counts.
const peaksKept = 30 * 24 * time.Hour

// States is a file of clusters as they were when somebody recorded them, to plan
// without asking them. It holds no secrets: in their place stand 16 bits of a
// keyed digest, enough to see that one changed.
type States struct {
	Schema string `json:"schema"`
	// Salt is the key of the digests.
	Salt     string            `json:"salt"`
	Clusters map[string]*State `json:"clusters"`
}

// State is one recorded cluster.
type State struct {
	At       time.Time `json:"at"`
	Version  string    `json:"version"`
	Manager  string    `json:"manager,omitempty"`
	Revision string    `json:"revision"` // of the bundle whose objects were looked at
	// Live are the live objects of the bundle of then, Others what preflight
	// looks at beside them, Left what had left the configuration.
	Live       []LiveObject        `json:"live"`
	Others     []fairway.Object    `json:"others,omitempty"`
	Left       []fairway.ObjectRef `json:"left,omitempty"`
	Deleted    []Deletion          `json:"deleted,omitempty"`
	Unserved   []string            `json:"unserved,omitempty"`
	Unread     []string            `json:"unread,omitempty"`
	Endpoints  map[string]bool     `json:"endpoints,omitempty"`
	PodNetwork []string            `json:"pod_network,omitempty"`
	Peaks      []Peak              `json:"peaks,omitempty"`
	Backup     *Backup             `json:"backup,omitempty"`
	Nodes      []fairway.Node      `json:"nodes"`
	Pods       []fairway.Pod       `json:"pods"`
	Budgets    []fairway.Budget    `json:"budgets"`
	Pools      []PoolState         `json:"pools,omitempty"`
	Limits     []fairway.Limit     `json:"limits,omitempty"`
}

// LiveObject is a live object under the key that the bundle has for it.
type LiveObject struct {
	Key    Key            `json:"key"`
	Object fairway.Object `json:"object"`
}

// PoolState is a node pool as it was: what it was to be, and what it ran.
type PoolState struct {
	// Spec is without config items; of the user data it has a digest.
	Spec       fairway.PoolSpec   `json:"spec"`
	Group      *fairway.Group     `json:"group,omitempty"`
	Instances  []fairway.Instance `json:"instances,omitempty"`
	Generation string             `json:"generation,omitempty"`
	Differs    []string           `json:"differs,omitempty"`
	Leaves     bool               `json:"leaves,omitempty"`
	PerNode    time.Duration      `json:"per_node,omitempty"`
}

// Record makes the state of an observed cluster. salt is the key of digests;
// before is what was recorded of it earlier, nil for nothing: its peaks are kept.
func Record(in Input, salt string, before *State) *State {
	v := newVeil(in, salt)
	o := in.Observed
	s := &State{
		At: in.Now.UTC(), Version: o.Version, Manager: o.Manager, Revision: in.Bundle.Revision, Left: o.Left, Deleted: o.Deleted, Unread: o.Unread,
		Endpoints: o.Endpoints, PodNetwork: o.PodNetwork, Peaks: o.Peaks, Backup: o.Backup, Limits: in.Limits, Live: []LiveObject{},
		Unserved: slices.Sorted(maps.Keys(o.Unserved)),
	}
	for _, key := range slices.SortedFunc(maps.Keys(o.Live), compareKeys) {
		s.Live = append(s.Live, LiveObject{key, v.object(o.Live[key])})
	}
	for _, other := range o.Others {
		s.Others = append(s.Others, v.object(other))
	}
	if w := o.Workloads; w != nil {
		s.Nodes, s.Pods, s.Budgets = w.Nodes, w.Pods, w.Budgets
	}
	for _, p := range in.Pools {
		s.Pools = append(s.Pools, PoolState{v.spec(p.Spec), p.Group, p.Instances, p.Generation, p.Differs, p.Leaves, p.PerNode})
	}
	if before != nil {
		recent := slices.DeleteFunc(slices.Clone(before.Peaks), func(p Peak) bool { return in.Now.Sub(p.At) > peaksKept })
		s.Peaks = MergePeaks(s.Peaks, recent)
	}
	return s
}

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// Observed is the recorded cluster as a bundle finds it. What was not recorded,
// because the bundle of then did not have it, does not exist for it.
func (s *State) Observed(b *fairway.Bundle, salt string) Observed {
	o := Observed{
		Basis: BasisRecorded, RecordedAt: s.At, Salt: salt, Version: s.Version, Manager: s.Manager, Live: map[Key]fairway.Object{}, Unserved: map[string]bool{},
		Others: s.Others, Unread: s.Unread, Endpoints: s.Endpoints, PodNetwork: s.PodNetwork, Peaks: s.Peaks, Backup: s.Backup, By: ByFields,
		Workloads: &fairway.Workloads{Nodes: s.Nodes, Pods: s.Pods, Budgets: s.Budgets},
	}
	for _, kind := range s.Unserved {
		o.Unserved[kind] = true
	}
	wanted := map[Key]bool{}
	for _, c := range b.Components {
		for _, object := range c.Objects {
			wanted[KeyOf(object.Ref())] = true
		}
	}
	for _, ref := range s.Left {
		if !wanted[KeyOf(ref)] {
			o.Left = append(o.Left, ref)
		}
	}
	found := map[Key]bool{}
	note := func(d Deletion) {
		if key := KeyOf(d.Ref); !found[key] {
			found[key] = true
			o.Deleted = append(o.Deleted, d)
		}
	}
	entries := map[string]bool{}
	for _, d := range slices.Concat(b.PreApply, b.PostApply) {
		entries[d.String()] = true
	}
	for _, d := range s.Deleted {
		if entries[d.Entry] {
			note(d) // with what it holds
		}
	}
	for _, live := range s.Live {
		o.Live[live.Key] = live.Object
		ref := live.Object.Ref()
		if !wanted[live.Key] {
			o.Left = append(o.Left, ref)
		}
		for _, phase := range []struct {
			name string
			all  []fairway.Deletion
		}{{"before", b.PreApply}, {"after", b.PostApply}} {
			for _, d := range phase.all {
				if isNamed(d, ref) || isSelected(d, live.Object) {
					note(Deletion{Ref: ref, Phase: phase.name, Entry: d.String()})
				}
			}
		}
	}
	return o
}

// isSelected reports whether a deletion selects an object by its labels.
func isSelected(d fairway.Deletion, o fairway.Object) bool {
	if len(d.Labels) == 0 || d.Name != "" || d.Selector != "" {
		return false
	}
	ref := o.Ref()
	labels := mapAt(map[string]any(o), "metadata", "labels")
	for k, v := range d.Labels {
		if labels[k] != v {
			return false
		}
	}
	d.Name = ref.Name
	return isNamed(d, ref)
}

// ParseStates reads a file of recorded clusters.
func ParseStates(b []byte) (*States, error) {
	var s States
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fairway.Errorf(fairway.CodeInvalid, "it is no file of recorded clusters: %w", err).WithHint("make one with `fairway plan CLUSTER --record FILE`")
	}
	if s.Schema != StateSchema || s.Clusters == nil || s.Salt == "" {
		return nil, fairway.Errorf(fairway.CodeInvalid, "it is no file of recorded clusters: its schema is %q, not %q", s.Schema, StateSchema).
			WithHint("make one with `fairway plan CLUSTER --record FILE`")
	}
	return &s, nil
}
