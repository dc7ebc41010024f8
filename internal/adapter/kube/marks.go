package kube

import (
	"encoding/json"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/fairwayhq/fairway"
)

// nodePatch is a JSON merge patch of a node; nil values in the maps delete.
type nodePatch struct {
	Metadata struct {
		ResourceVersion string             `json:"resourceVersion"`
		UID             string             `json:"uid"`
		Labels          map[string]*string `json:"labels,omitempty"`
		Annotations     map[string]*string `json:"annotations,omitempty"`
	} `json:"metadata"`
	Spec map[string]any `json:"spec,omitempty"`
}

// marked returns the patch that brings a node's marks to what is wished, nil
// when they are so already (contract 5.1; the comments at the rules say what is
// ours). A mark that Fairway sets is owned by the update of the wish, also when
// an earlier update had set it. What somebody else set is never owned, and what
// is not owned is never removed.
func marked(node *corev1.Node, m fairway.NodeMarks) (*nodePatch, error) {
	w := newMarking(node, m.UpdateID)
	if m.UpdateID == "" && sets(m) {
		return nil, fairway.Errorf(fairway.CodeInvalid, "a mark needs the id of the update that sets it")
	}
	if m.TaintEffect != nil {
		w.taint(*m.TaintEffect)
	}
	if m.Status != nil {
		if err := w.status(*m.Status); err != nil {
			return nil, err
		}
	}
	if m.Cordoned != nil {
		w.cordon(*m.Cordoned)
	}
	if m.DrainStart != nil {
		w.drainStart(*m.DrainStart)
	}
	if m.ExcludeLB != nil {
		w.excludeLB(*m.ExcludeLB)
	}
	if m.Quarantine != nil {
		w.quarantine(*m.Quarantine)
	}
	if m.ScaleDownDisabled != nil {
		w.scaleDown(*m.ScaleDownDisabled)
	}
	if m.LastForced != nil {
		w.lastForced(*m.LastForced)
	}
	if m.Replacement != nil {
		w.replacement(*m.Replacement)
	}
	if m.Rotate != nil {
		w.rotate(*m.Rotate)
	}
	return w.done(), nil
}

// sets reports whether the wish sets any mark that needs an owner.
func sets(m fairway.NodeMarks) bool {
	return m.TaintEffect != nil && *m.TaintEffect != "" ||
		m.Status != nil && *m.Status != fairway.LifecycleReady ||
		m.Cordoned != nil && *m.Cordoned ||
		m.DrainStart != nil && !m.DrainStart.IsZero() ||
		m.ExcludeLB != nil && *m.ExcludeLB ||
		m.Quarantine != nil && *m.Quarantine != "" ||
		m.ScaleDownDisabled != nil && *m.ScaleDownDisabled ||
		m.LastForced != nil && !m.LastForced.IsZero() ||
		m.Replacement != nil && *m.Replacement != "" ||
		m.Rotate != nil && *m.Rotate != ""
}

// marking is one change of a node under way.
type marking struct {
	node   *corev1.Node
	update string
	before map[string]string // owners as they are
	owners map[string]string // owners as they will be
	patch  nodePatch
}

func newMarking(node *corev1.Node, update string) *marking {
	w := &marking{node: node, update: update, before: markOwners(node.Annotations)}
	w.owners = maps.Clone(w.before)
	w.patch.Metadata.ResourceVersion = node.ResourceVersion
	w.patch.Metadata.UID = string(node.UID)
	w.patch.Metadata.Labels = map[string]*string{}
	w.patch.Metadata.Annotations = map[string]*string{}
	w.patch.Spec = map[string]any{}
	return w
}

// markOwners returns who owns which mark. What is not a JSON map of texts owns
// nothing.
func markOwners(annotations map[string]string) map[string]string {
	owners := map[string]string{}
	if err := json.Unmarshal([]byte(annotations[fairway.AnnotationMarks]), &owners); err != nil || owners == nil {
		return map[string]string{}
	}
	return owners
}

// owned reports whether Fairway had set a mark.
func (w *marking) owned(mark string) bool { _, ok := w.before[mark]; return ok }

// own makes the update the owner of a mark that is set now.
func (w *marking) own(mark string) { w.owners[mark] = w.update }

// adopt makes the update the owner of a mark that stands already, if it is
// Fairway's: otherwise the sweep after an earlier update would take it away.
func (w *marking) adopt(mark string) {
	if w.owned(mark) {
		w.own(mark)
	}
}

func (w *marking) disown(mark string) { delete(w.owners, mark) }

// taint sets the taint with an effect, in place of one with another effect; ""
// removes it if it is Fairway's.
func (w *marking) taint(effect string) {
	isOurs := func(t corev1.Taint) bool { return t.Key == fairway.TaintDecommission }
	wanted := corev1.Taint{Key: fairway.TaintDecommission, Value: fairway.TaintDecommissionValue, Effect: corev1.TaintEffect(effect)}
	var present, others []corev1.Taint
	for _, t := range w.node.Spec.Taints {
		if isOurs(t) {
			present = append(present, t)
		} else {
			others = append(others, t)
		}
	}
	switch {
	case effect == "" && !w.owned(fairway.MarkTaint):
		return
	case effect == "":
		w.disown(fairway.MarkTaint)
		if len(present) > 0 {
			w.setTaints(others)
		}
	case len(present) == 1 && present[0].Value == wanted.Value && present[0].Effect == wanted.Effect:
		w.adopt(fairway.MarkTaint)
	default:
		w.own(fairway.MarkTaint)
		w.setTaints(append(others, wanted))
	}
}

func (w *marking) setTaints(taints []corev1.Taint) {
	if len(taints) == 0 {
		w.patch.Spec["taints"] = nil
		return
	}
	w.patch.Spec["taints"] = taints
}

// status sets the label lifecycle-status: decommission-pending only where it is
// absent or ready; ready only where it is absent, decommission-pending, or
// draining by Fairway; draining always.
func (w *marking) status(wanted string) error {
	is := w.node.Labels[fairway.LabelLifecycleStatus]
	var may bool
	switch wanted {
	case fairway.LifecyclePending:
		// Back from draining, when a drain of our own is given up.
		may = is == "" || is == fairway.LifecycleReady || is == fairway.LifecycleDraining && w.owned(fairway.MarkStatus)
	case fairway.LifecycleDraining:
		may = true
	case fairway.LifecycleReady:
		may = is == "" || is == fairway.LifecyclePending || is == fairway.LifecycleDraining && w.owned(fairway.MarkStatus)
	default:
		return fairway.Errorf(fairway.CodeInvalid, "label %s=%q is none of ready, decommission-pending and draining", fairway.LabelLifecycleStatus, wanted)
	}
	switch {
	case wanted == fairway.LifecycleReady && (may || is == wanted):
		w.disown(fairway.MarkStatus)
	case is == wanted:
		w.adopt(fairway.MarkStatus)
	case may:
		w.own(fairway.MarkStatus)
	}
	if may && is != wanted {
		w.patch.Metadata.Labels[fairway.LabelLifecycleStatus] = &wanted
	}
	return nil
}

// cordon sets or clears spec.unschedulable; a person's cordon stays a person's.
func (w *marking) cordon(wanted bool) {
	is := w.node.Spec.Unschedulable
	switch {
	case wanted && is:
		w.adopt(fairway.MarkCordon)
	case wanted:
		w.own(fairway.MarkCordon)
		w.patch.Spec["unschedulable"] = true
	case w.owned(fairway.MarkCordon):
		w.disown(fairway.MarkCordon)
		if is {
			w.patch.Spec["unschedulable"] = nil
		}
	}
}

// drainStart keeps a valid time that stands already, so that the clock of a
// drain goes on over restarts.
func (w *marking) drainStart(at time.Time) {
	if at.IsZero() {
		w.remove(w.patch.Metadata.Annotations, w.node.Annotations, fairway.AnnotationDrainStart, fairway.MarkDrainStart)
		return
	}
	if _, err := time.Parse(time.RFC3339, w.node.Annotations[fairway.AnnotationDrainStart]); err == nil {
		w.adopt(fairway.MarkDrainStart)
		return
	}
	w.own(fairway.MarkDrainStart)
	w.patch.Metadata.Annotations[fairway.AnnotationDrainStart] = new(at.UTC().Format(time.RFC3339))
}

// excludeLB sets or removes the label that takes the node out of load
// balancers; its presence counts, not its value.
func (w *marking) excludeLB(wanted bool) {
	_, is := w.node.Labels[fairway.LabelExcludeLB]
	switch {
	case !wanted:
		w.remove(w.patch.Metadata.Labels, w.node.Labels, fairway.LabelExcludeLB, fairway.MarkExcludeLB)
	case is:
		w.adopt(fairway.MarkExcludeLB)
	default:
		w.own(fairway.MarkExcludeLB)
		w.patch.Metadata.Labels[fairway.LabelExcludeLB] = new("true")
	}
}

// quarantine sets or removes the annotation; a person's text stays.
func (w *marking) quarantine(text string) {
	is, present := w.node.Annotations[fairway.AnnotationQuarantine]
	switch {
	case text == "":
		w.remove(w.patch.Metadata.Annotations, w.node.Annotations, fairway.AnnotationQuarantine, fairway.MarkQuarantine)
	case present && (is == text || !w.owned(fairway.MarkQuarantine)):
		w.adopt(fairway.MarkQuarantine)
	default:
		w.own(fairway.MarkQuarantine)
		w.patch.Metadata.Annotations[fairway.AnnotationQuarantine] = &text
	}
}

// scaleDown sets or removes the annotation for cluster-autoscaler; what a
// person wrote there stays, whatever it says.
func (w *marking) scaleDown(disabled bool) {
	is, present := w.node.Annotations[fairway.AnnotationScaleDown]
	switch {
	case !disabled:
		w.remove(w.patch.Metadata.Annotations, w.node.Annotations, fairway.AnnotationScaleDown, fairway.MarkScaleDown)
	case present && (is == "true" || !w.owned(fairway.MarkScaleDown)):
		w.adopt(fairway.MarkScaleDown)
	default:
		w.own(fairway.MarkScaleDown)
		w.patch.Metadata.Annotations[fairway.AnnotationScaleDown] = new("true")
	}
}

// lastForced sets the time of the last forced deletion. An older one goes,
// whoever wrote it: only the newest counts.
func (w *marking) lastForced(at time.Time) {
	if at.IsZero() {
		w.remove(w.patch.Metadata.Annotations, w.node.Annotations, fairway.AnnotationLastForced, fairway.MarkLastForced)
		return
	}
	w.own(fairway.MarkLastForced)
	if text := at.UTC().Format(time.RFC3339); w.node.Annotations[fairway.AnnotationLastForced] != text {
		w.patch.Metadata.Annotations[fairway.AnnotationLastForced] = &text
	}
}

// replacement sets or removes the label for the controller of strategy clc. It
// takes the place of another value: a node of a pool that goes is not replaced,
// whatever was wished before.
func (w *marking) replacement(strategy string) {
	switch {
	case strategy == "":
		w.remove(w.patch.Metadata.Labels, w.node.Labels, fairway.LabelReplacement, fairway.MarkReplacement)
	case w.node.Labels[fairway.LabelReplacement] == strategy:
		w.adopt(fairway.MarkReplacement)
	default:
		w.own(fairway.MarkReplacement)
		w.patch.Metadata.Labels[fairway.LabelReplacement] = &strategy
	}
}

// rotate sets or removes the annotation; a person's text stays.
func (w *marking) rotate(text string) {
	is, present := w.node.Annotations[fairway.AnnotationRotate]
	switch {
	case text == "":
		w.remove(w.patch.Metadata.Annotations, w.node.Annotations, fairway.AnnotationRotate, fairway.MarkRotate)
	case present && (is == text || !w.owned(fairway.MarkRotate)):
		w.adopt(fairway.MarkRotate)
	default:
		w.own(fairway.MarkRotate)
		w.patch.Metadata.Annotations[fairway.AnnotationRotate] = &text
	}
}

// remove takes a key of labels or annotations away if the mark is Fairway's.
func (w *marking) remove(patch map[string]*string, present map[string]string, key, mark string) {
	if !w.owned(mark) {
		return
	}
	w.disown(mark)
	if _, is := present[key]; is {
		patch[key] = nil
	}
}

// done returns the patch with the owners in it, nil when it changes nothing.
// With the last mark the annotation goes.
func (w *marking) done() *nodePatch {
	if !maps.Equal(w.before, w.owners) {
		w.patch.Metadata.Annotations[fairway.AnnotationMarks] = ownersText(w.owners)
	}
	if len(w.patch.Metadata.Labels)+len(w.patch.Metadata.Annotations)+len(w.patch.Spec) == 0 {
		return nil
	}
	return &w.patch
}

// ownersText returns the annotation's text, nil for no owners.
func ownersText(owners map[string]string) *string {
	if len(owners) == 0 {
		return nil
	}
	text, _ := json.Marshal(owners) // keys come sorted
	return new(string(text))
}
