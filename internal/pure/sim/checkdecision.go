package sim

import (
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// decides checks a decision against the snapshot that it was made from.
func (c *checker) decides(m *manager, s roll.Snapshot, d roll.Decision, now time.Time) {
	w := c.world
	c.decided = w.now
	braked := c.massUnready(s)
	for i, a := range d.Actions {
		for _, o := range d.Actions[:i] {
			if a.Kind != roll.ActionMark && o.Kind == a.Kind && o.Instance == a.Instance && o.Pod.UID == a.Pod.UID && o.Pool == a.Pool && o.Node == a.Node {
				w.breaks(Words, "the same %s twice in one decision", a.Kind)
			}
		}
		starts := a.Marks.Cordoned != nil && *a.Marks.Cordoned
		switch {
		case a.Kind == roll.ActionEvict && a.Pod.Deleting:
			w.breaks(Pods, "pod %s is leaving already and evicted again", a.Pod.Name)
		case a.Kind == roll.ActionTerminate && terminating(s, a.Instance):
			w.breaks(Ends, "instance %s is shutting down already and ended again", a.Instance)
		case braked && (a.Kind == roll.ActionTerminate || starts):
			w.breaks(Brakes, "too many nodes are not ready, and still: %s", a.Why)
		case s.Paused != "" && !s.Aborted && (a.Kind == roll.ActionTerminate || a.Kind == roll.ActionEvict || a.Kind == roll.ActionForce || starts):
			w.breaks(Pauses, "the roll is paused, and still: %s", a.Why)
		case s.Aborted && (a.Kind == roll.ActionForce || starts && c.outdated(a.Node)):
			w.breaks(Pauses, "the roll is aborted, and still: %s", a.Why)
		}
		if a.Why == "" {
			w.breaks(Words, "an action %s without a reason", a.Kind)
		}
	}
	if d.Sentence == "" {
		w.breaks(Words, "a decision without a sentence")
	}
	if len(d.Actions) == 0 && len(d.Waits) == 0 && !d.Done && d.Failed == "" {
		w.breaks(Words, "a decision that neither acts nor waits nor ends: %s", d.Sentence)
	}
}

func (c *checker) outdated(node string) bool {
	n := c.world.node(node)
	return n != nil && n.old()
}

func terminating(s roll.Snapshot, id string) bool {
	for i := range s.Instances {
		if s.Instances[i].ID == id {
			return s.Instances[i].State == fairway.InstanceTerminating
		}
	}
	return false
}

// massUnready reports whether more than a fifth of the nodes, and two at
// least, are not ready though they were.
func (c *checker) massUnready(s roll.Snapshot) bool {
	away, total := 0, 0
	for i := range s.Nodes {
		n := &s.Nodes[i]
		known := false
		for j := range s.Instances {
			known = known || s.Instances[j].ProviderID == n.ProviderID && s.Instances[j].State != fairway.InstanceTerminating
		}
		// A node that was never Ready, or flapped in the seconds after it came, is a boot.
		if !known || !n.Ready && n.ReadySince.Sub(n.CreatedAt) < 10*time.Second {
			continue
		}
		total++
		if !n.Ready {
			away++
		}
	}
	// A little slack for instances that this count cannot see.
	return away >= 2 && float64(away) > 0.2*float64(total)+float64(c.world.Zones)
}
