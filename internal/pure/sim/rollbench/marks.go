package rollbench

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/fairwayhq/fairway"
)

// mark is the API server's side of fairway.NodeMarks. Maps are replaced, not
// changed: snapshots may still hold the old ones.
func (w *world) mark(name string, m fairway.NodeMarks) {
	n := w.byName[name]
	if n == nil {
		return
	}
	n.Labels, n.Annotations = maps.Clone(n.Labels), maps.Clone(n.Annotations)
	owners := map[string]string{}
	if text := n.Annotations[fairway.AnnotationMarks]; text != "" {
		json.Unmarshal([]byte(text), &owners)
	}
	own := func(mark string, set bool) {
		delete(owners, mark)
		if set {
			owners[mark] = m.UpdateID
		}
	}
	put := func(to map[string]string, mark, key, value string) {
		delete(to, key)
		if value != "" {
			to[key] = value
		}
		own(mark, value != "")
	}
	if m.TaintEffect != nil {
		n.Taints = slices.DeleteFunc(slices.Clone(n.Taints), func(t fairway.Taint) bool { return t.Key == fairway.TaintDecommission })
		if *m.TaintEffect != "" {
			n.Taints = append(n.Taints, fairway.Taint{Key: fairway.TaintDecommission, Value: fairway.TaintDecommissionValue, Effect: *m.TaintEffect})
		}
		own(fairway.MarkTaint, *m.TaintEffect != "")
	}
	if m.Status != nil {
		n.Labels[fairway.LabelLifecycleStatus] = *m.Status
		own(fairway.MarkStatus, *m.Status != fairway.LifecycleReady)
	}
	if m.Cordoned != nil {
		n.Unschedulable = *m.Cordoned
		own(fairway.MarkCordon, *m.Cordoned)
	}
	if m.DrainStart != nil {
		put(n.Annotations, fairway.MarkDrainStart, fairway.AnnotationDrainStart, stamp(*m.DrainStart))
	}
	if m.ExcludeLB != nil {
		put(n.Labels, fairway.MarkExcludeLB, fairway.LabelExcludeLB, text(*m.ExcludeLB))
	}
	if m.Quarantine != nil {
		put(n.Annotations, fairway.MarkQuarantine, fairway.AnnotationQuarantine, *m.Quarantine)
	}
	if m.ScaleDownDisabled != nil {
		put(n.Annotations, fairway.MarkScaleDown, fairway.AnnotationScaleDown, text(*m.ScaleDownDisabled))
	}
	if m.LastForced != nil {
		put(n.Annotations, fairway.MarkLastForced, fairway.AnnotationLastForced, stamp(*m.LastForced))
	}
	if m.Replacement != nil {
		put(n.Labels, fairway.MarkReplacement, fairway.LabelReplacement, *m.Replacement)
	}
	delete(n.Annotations, fairway.AnnotationMarks)
	if len(owners) > 0 {
		all, _ := json.Marshal(owners)
		n.Annotations[fairway.AnnotationMarks] = string(all)
	}
	w.changed = true
}

// stamp writes a time, "" for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

func text(b bool) string {
	if b {
		return "true"
	}
	return ""
}
