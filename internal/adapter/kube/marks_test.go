package kube

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairwayhq/fairway"
)

// markedNode is a node with labels, annotations, taints and cordon as given.
func markedNode(change func(*corev1.Node)) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", UID: "u1", ResourceVersion: "7",
		Labels: map[string]string{}, Annotations: map[string]string{}}}
	if change != nil {
		change(n)
	}
	return n
}

func owned(n *corev1.Node, marks string) { n.Annotations[fairway.AnnotationMarks] = marks }

func TestMarked(t *testing.T) {
	t.Parallel()
	started := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	ours := corev1.Taint{Key: fairway.TaintDecommission, Value: fairway.TaintDecommissionValue, Effect: corev1.TaintEffectPreferNoSchedule}
	other := corev1.Taint{Key: "dedicated", Value: "db", Effect: corev1.TaintEffectNoSchedule}

	for _, test := range []struct {
		name string
		node *corev1.Node
		wish fairway.NodeMarks
		// labels, annotations and spec of the patch; all empty: nothing to write.
		labels, annotations map[string]any
		spec                map[string]any
	}{
		{name: "nothing wished", node: markedNode(nil)},

		{name: "pending on an unlabelled node", node: markedNode(nil),
			wish:        fairway.NodeMarks{Status: new(fairway.LifecyclePending)},
			labels:      map[string]any{fairway.LabelLifecycleStatus: "decommission-pending"},
			annotations: map[string]any{fairway.AnnotationMarks: `{"lifecycle-status":"u-2"}`}},
		{name: "pending on a ready node", node: markedNode(func(n *corev1.Node) { n.Labels[fairway.LabelLifecycleStatus] = "ready" }),
			wish:        fairway.NodeMarks{Status: new(fairway.LifecyclePending)},
			labels:      map[string]any{fairway.LabelLifecycleStatus: "decommission-pending"},
			annotations: map[string]any{fairway.AnnotationMarks: `{"lifecycle-status":"u-2"}`}},
		{name: "pending never takes back somebody else's draining", node: markedNode(func(n *corev1.Node) {
			n.Labels[fairway.LabelLifecycleStatus] = "draining"
		}), wish: fairway.NodeMarks{Status: new(fairway.LifecyclePending)}},
		{name: "pending gives up our own draining", node: markedNode(func(n *corev1.Node) {
			n.Labels[fairway.LabelLifecycleStatus] = "draining"
			owned(n, `{"lifecycle-status":"u-2"}`)
		}), wish: fairway.NodeMarks{Status: new(fairway.LifecyclePending)},
			labels: map[string]any{fairway.LabelLifecycleStatus: "decommission-pending"}},
		{name: "pending that somebody else set stays theirs", node: markedNode(func(n *corev1.Node) {
			n.Labels[fairway.LabelLifecycleStatus] = "decommission-pending"
		}), wish: fairway.NodeMarks{Status: new(fairway.LifecyclePending)}},
		{name: "pending of an earlier update is adopted", node: markedNode(func(n *corev1.Node) {
			n.Labels[fairway.LabelLifecycleStatus] = "decommission-pending"
			owned(n, `{"lifecycle-status":"u-1"}`)
		}), wish: fairway.NodeMarks{Status: new(fairway.LifecyclePending)},
			annotations: map[string]any{fairway.AnnotationMarks: `{"lifecycle-status":"u-2"}`}},
		{name: "pending already there", node: markedNode(func(n *corev1.Node) {
			n.Labels[fairway.LabelLifecycleStatus] = "decommission-pending"
			owned(n, `{"lifecycle-status":"u-2"}`)
		}), wish: fairway.NodeMarks{Status: new(fairway.LifecyclePending)}},
		{name: "draining from a stranger's status", node: markedNode(func(n *corev1.Node) { n.Labels[fairway.LabelLifecycleStatus] = "odd" }),
			wish:        fairway.NodeMarks{Status: new(fairway.LifecycleDraining)},
			labels:      map[string]any{fairway.LabelLifecycleStatus: "draining"},
			annotations: map[string]any{fairway.AnnotationMarks: `{"lifecycle-status":"u-2"}`}},
		{name: "pending leaves a stranger's status", node: markedNode(func(n *corev1.Node) { n.Labels[fairway.LabelLifecycleStatus] = "odd" }),
			wish: fairway.NodeMarks{Status: new(fairway.LifecyclePending)}},
		{name: "ready from our draining, and the annotation goes with the last mark", node: markedNode(func(n *corev1.Node) {
			n.Labels[fairway.LabelLifecycleStatus] = "draining"
			owned(n, `{"lifecycle-status":"u-1"}`)
		}), wish: fairway.NodeMarks{Status: new(fairway.LifecycleReady)},
			labels:      map[string]any{fairway.LabelLifecycleStatus: "ready"},
			annotations: map[string]any{fairway.AnnotationMarks: nil}},
		{name: "ready leaves a draining that is not ours", node: markedNode(func(n *corev1.Node) { n.Labels[fairway.LabelLifecycleStatus] = "draining" }),
			wish: fairway.NodeMarks{Status: new(fairway.LifecycleReady)}},
		{name: "ready from pending", node: markedNode(func(n *corev1.Node) { n.Labels[fairway.LabelLifecycleStatus] = "decommission-pending" }),
			wish:   fairway.NodeMarks{Status: new(fairway.LifecycleReady)},
			labels: map[string]any{fairway.LabelLifecycleStatus: "ready"}},
		{name: "ready on an unlabelled node", node: markedNode(nil),
			wish:   fairway.NodeMarks{Status: new(fairway.LifecycleReady)},
			labels: map[string]any{fairway.LabelLifecycleStatus: "ready"}},
		{name: "ready already there drops a stale owner", node: markedNode(func(n *corev1.Node) {
			n.Labels[fairway.LabelLifecycleStatus] = "ready"
			owned(n, `{"cordon":"u-1","lifecycle-status":"u-1"}`)
		}), wish: fairway.NodeMarks{Status: new(fairway.LifecycleReady)},
			annotations: map[string]any{fairway.AnnotationMarks: `{"cordon":"u-1"}`}},

		{name: "taint beside others", node: markedNode(func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{other} }),
			wish:        fairway.NodeMarks{TaintEffect: new("PreferNoSchedule")},
			spec:        map[string]any{"taints": []any{taintJSON(other), taintJSON(ours)}},
			annotations: map[string]any{fairway.AnnotationMarks: `{"taint":"u-2"}`}},
		{name: "taint already there", node: markedNode(func(n *corev1.Node) {
			n.Spec.Taints = []corev1.Taint{ours}
			owned(n, `{"taint":"u-2"}`)
		}), wish: fairway.NodeMarks{TaintEffect: new("PreferNoSchedule")}},
		{name: "taint with another effect is replaced", node: markedNode(func(n *corev1.Node) {
			n.Spec.Taints = []corev1.Taint{{Key: ours.Key, Value: ours.Value, Effect: corev1.TaintEffectNoSchedule}}
			owned(n, `{"taint":"u-2"}`)
		}), wish: fairway.NodeMarks{TaintEffect: new("PreferNoSchedule")},
			spec: map[string]any{"taints": []any{taintJSON(ours)}}},
		{name: "our taint is removed", node: markedNode(func(n *corev1.Node) {
			n.Spec.Taints = []corev1.Taint{other, ours}
			owned(n, `{"taint":"u-1"}`)
		}), wish: fairway.NodeMarks{TaintEffect: new("")},
			spec:        map[string]any{"taints": []any{taintJSON(other)}},
			annotations: map[string]any{fairway.AnnotationMarks: nil}},
		{name: "a taint that is not ours stays", node: markedNode(func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{ours} }),
			wish: fairway.NodeMarks{TaintEffect: new("")}},

		{name: "cordon", node: markedNode(nil), wish: fairway.NodeMarks{Cordoned: new(true)},
			spec:        map[string]any{"unschedulable": true},
			annotations: map[string]any{fairway.AnnotationMarks: `{"cordon":"u-2"}`}},
		{name: "a person's cordon is not taken over", node: markedNode(func(n *corev1.Node) { n.Spec.Unschedulable = true }),
			wish: fairway.NodeMarks{Cordoned: new(true)}},
		{name: "a person's cordon is not cleared", node: markedNode(func(n *corev1.Node) { n.Spec.Unschedulable = true }),
			wish: fairway.NodeMarks{Cordoned: new(false)}},
		{name: "our cordon is cleared", node: markedNode(func(n *corev1.Node) {
			n.Spec.Unschedulable = true
			owned(n, `{"cordon":"u-1"}`)
		}), wish: fairway.NodeMarks{Cordoned: new(false)},
			spec:        map[string]any{"unschedulable": nil},
			annotations: map[string]any{fairway.AnnotationMarks: nil}},
		{name: "a cordon that a person cleared is disowned", node: markedNode(func(n *corev1.Node) { owned(n, `{"cordon":"u-1"}`) }),
			wish:        fairway.NodeMarks{Cordoned: new(false)},
			annotations: map[string]any{fairway.AnnotationMarks: nil}},

		{name: "drain start", node: markedNode(nil), wish: fairway.NodeMarks{DrainStart: &started},
			annotations: map[string]any{fairway.AnnotationDrainStart: "2026-11-22T10:00:00Z", fairway.AnnotationMarks: `{"drain-start":"u-2"}`}},
		{name: "a valid drain start goes on", node: markedNode(func(n *corev1.Node) {
			n.Annotations[fairway.AnnotationDrainStart] = "2026-11-22T09:00:00Z"
			owned(n, `{"drain-start":"u-2"}`)
		}), wish: fairway.NodeMarks{DrainStart: &started}},
		{name: "an invalid drain start is replaced", node: markedNode(func(n *corev1.Node) { n.Annotations[fairway.AnnotationDrainStart] = "noon" }),
			wish:        fairway.NodeMarks{DrainStart: &started},
			annotations: map[string]any{fairway.AnnotationDrainStart: "2026-11-22T10:00:00Z", fairway.AnnotationMarks: `{"drain-start":"u-2"}`}},
		{name: "drain start is removed", node: markedNode(func(n *corev1.Node) {
			n.Annotations[fairway.AnnotationDrainStart] = "2026-11-22T09:00:00Z"
			owned(n, `{"drain-start":"u-1"}`)
		}), wish: fairway.NodeMarks{DrainStart: new(time.Time{})},
			annotations: map[string]any{fairway.AnnotationDrainStart: nil, fairway.AnnotationMarks: nil}},

		{name: "out of load balancers", node: markedNode(nil), wish: fairway.NodeMarks{ExcludeLB: new(true)},
			labels:      map[string]any{fairway.LabelExcludeLB: "true"},
			annotations: map[string]any{fairway.AnnotationMarks: `{"exclude-lb":"u-2"}`}},
		{name: "a label of others keeps the node out", node: markedNode(func(n *corev1.Node) { n.Labels[fairway.LabelExcludeLB] = "" }),
			wish: fairway.NodeMarks{ExcludeLB: new(false)}},
		{name: "back into load balancers", node: markedNode(func(n *corev1.Node) {
			n.Labels[fairway.LabelExcludeLB] = "true"
			owned(n, `{"exclude-lb":"u-1"}`)
		}), wish: fairway.NodeMarks{ExcludeLB: new(false)},
			labels:      map[string]any{fairway.LabelExcludeLB: nil},
			annotations: map[string]any{fairway.AnnotationMarks: nil}},

		{name: "quarantine", node: markedNode(nil), wish: fairway.NodeMarks{Quarantine: new("2026-11-22T10:00:00Z no room")},
			annotations: map[string]any{fairway.AnnotationQuarantine: "2026-11-22T10:00:00Z no room", fairway.AnnotationMarks: `{"quarantine":"u-2"}`}},
		{name: "a person's quarantine keeps its text", node: markedNode(func(n *corev1.Node) { n.Annotations[fairway.AnnotationQuarantine] = "hands off" }),
			wish: fairway.NodeMarks{Quarantine: new("2026-11-22T10:00:00Z no room")}},
		{name: "a person's quarantine is not ended", node: markedNode(func(n *corev1.Node) { n.Annotations[fairway.AnnotationQuarantine] = "hands off" }),
			wish: fairway.NodeMarks{Quarantine: new("")}},
		{name: "quarantine ends", node: markedNode(func(n *corev1.Node) {
			n.Annotations[fairway.AnnotationQuarantine] = "2026-11-22T10:00:00Z no room"
			owned(n, `{"quarantine":"u-1","cordon":"u-1"}`)
		}), wish: fairway.NodeMarks{Quarantine: new("")},
			annotations: map[string]any{fairway.AnnotationQuarantine: nil, fairway.AnnotationMarks: `{"cordon":"u-1"}`}},

		{name: "kept from the autoscaler", node: markedNode(nil), wish: fairway.NodeMarks{ScaleDownDisabled: new(true)},
			annotations: map[string]any{fairway.AnnotationScaleDown: "true", fairway.AnnotationMarks: `{"scale-down-disabled":"u-2"}`}},
		{name: "what a person tells the autoscaler stays", node: markedNode(func(n *corev1.Node) { n.Annotations[fairway.AnnotationScaleDown] = "false" }),
			wish: fairway.NodeMarks{ScaleDownDisabled: new(true)}},
		{name: "a person's protection is not taken away", node: markedNode(func(n *corev1.Node) { n.Annotations[fairway.AnnotationScaleDown] = "true" }),
			wish: fairway.NodeMarks{ScaleDownDisabled: new(false)}},
		{name: "given back to the autoscaler", node: markedNode(func(n *corev1.Node) {
			n.Annotations[fairway.AnnotationScaleDown] = "true"
			owned(n, `{"scale-down-disabled":"u-1"}`)
		}), wish: fairway.NodeMarks{ScaleDownDisabled: new(false)},
			annotations: map[string]any{fairway.AnnotationScaleDown: nil, fairway.AnnotationMarks: nil}},

		{name: "a forced deletion", node: markedNode(nil), wish: fairway.NodeMarks{LastForced: &started},
			annotations: map[string]any{fairway.AnnotationLastForced: "2026-11-22T10:00:00Z", fairway.AnnotationMarks: `{"last-forced-drain":"u-2"}`}},
		{name: "a forced deletion after another", node: markedNode(func(n *corev1.Node) {
			n.Annotations[fairway.AnnotationLastForced] = "2026-11-22T09:00:00Z"
			owned(n, `{"last-forced-drain":"u-2"}`)
		}), wish: fairway.NodeMarks{LastForced: &started},
			annotations: map[string]any{fairway.AnnotationLastForced: "2026-11-22T10:00:00Z"}},
		{name: "a forced deletion after one of somebody else", node: markedNode(func(n *corev1.Node) { n.Annotations[fairway.AnnotationLastForced] = "2026-11-22T09:00:00Z" }),
			wish:        fairway.NodeMarks{LastForced: &started},
			annotations: map[string]any{fairway.AnnotationLastForced: "2026-11-22T10:00:00Z", fairway.AnnotationMarks: `{"last-forced-drain":"u-2"}`}},
		{name: "the time of a forced deletion goes", node: markedNode(func(n *corev1.Node) {
			n.Annotations[fairway.AnnotationLastForced] = "2026-11-22T09:00:00Z"
			owned(n, `{"last-forced-drain":"u-1"}`)
		}), wish: fairway.NodeMarks{LastForced: new(time.Time{})},
			annotations: map[string]any{fairway.AnnotationLastForced: nil, fairway.AnnotationMarks: nil}},
		{name: "somebody else's forced deletion stays", node: markedNode(func(n *corev1.Node) { n.Annotations[fairway.AnnotationLastForced] = "2026-11-22T09:00:00Z" }),
			wish: fairway.NodeMarks{LastForced: new(time.Time{})}},

		{name: "nobody replaces the node", node: markedNode(func(n *corev1.Node) { n.Labels[fairway.LabelReplacement] = "rolling" }),
			wish:        fairway.NodeMarks{Replacement: new(fairway.ReplacementNone)},
			labels:      map[string]any{fairway.LabelReplacement: "none"},
			annotations: map[string]any{fairway.AnnotationMarks: `{"replacement-strategy":"u-2"}`}},
		{name: "nobody replaces the node, as somebody else said already", node: markedNode(func(n *corev1.Node) { n.Labels[fairway.LabelReplacement] = "none" }),
			wish: fairway.NodeMarks{Replacement: new(fairway.ReplacementNone)}},
		{name: "the node may be replaced again", node: markedNode(func(n *corev1.Node) {
			n.Labels[fairway.LabelReplacement] = "none"
			owned(n, `{"replacement-strategy":"u-1"}`)
		}), wish: fairway.NodeMarks{Replacement: new("")},
			labels:      map[string]any{fairway.LabelReplacement: nil},
			annotations: map[string]any{fairway.AnnotationMarks: nil}},

		{name: "a node is to be rotated", node: markedNode(nil), wish: fairway.NodeMarks{Rotate: new("ann: disk is slow")},
			annotations: map[string]any{fairway.AnnotationRotate: "ann: disk is slow", fairway.AnnotationMarks: `{"rotate":"u-2"}`}},
		{name: "a person's wish for rotation stays", node: markedNode(func(n *corev1.Node) { n.Annotations[fairway.AnnotationRotate] = "slow" }),
			wish: fairway.NodeMarks{Rotate: new("")}},

		{name: "an annotation that is not ours to read owns nothing", node: markedNode(func(n *corev1.Node) {
			n.Spec.Unschedulable = true
			owned(n, `cordon`)
		}), wish: fairway.NodeMarks{Cordoned: new(false)}},
		{name: "marks that this version does not know keep their owners", node: markedNode(func(n *corev1.Node) { owned(n, `{"later":"u-1"}`) }),
			wish:        fairway.NodeMarks{Cordoned: new(true)},
			spec:        map[string]any{"unschedulable": true},
			annotations: map[string]any{fairway.AnnotationMarks: `{"cordon":"u-2","later":"u-1"}`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.wish.UpdateID = "u-2"
			patch, err := marked(test.node, test.wish)
			if err != nil {
				t.Fatal(err)
			}
			var want map[string]any
			if test.labels != nil || test.annotations != nil || test.spec != nil {
				metadata := map[string]any{"resourceVersion": "7", "uid": "u1"}
				if test.labels != nil {
					metadata["labels"] = test.labels
				}
				if test.annotations != nil {
					metadata["annotations"] = test.annotations
				}
				want = map[string]any{"metadata": metadata}
				if test.spec != nil {
					want["spec"] = test.spec
				}
			}
			text, err := json.Marshal(patch)
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]any
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("patch (-want +got):\n%s", diff)
			}
		})
	}
}

func taintJSON(t corev1.Taint) map[string]any {
	return map[string]any{"key": t.Key, "value": t.Value, "effect": string(t.Effect)}
}

func TestMarkedRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		wish fairway.NodeMarks
	}{
		{"a mark without an owner", fairway.NodeMarks{Cordoned: new(true)}},
		{"protection without an owner", fairway.NodeMarks{ScaleDownDisabled: new(true)}},
		{"a forced deletion without an owner", fairway.NodeMarks{LastForced: new(time.Now())}},
		{"a replacement strategy without an owner", fairway.NodeMarks{Replacement: new("none")}},
		{"a status that the protocol does not have", fairway.NodeMarks{UpdateID: "u-1", Status: new("gone")}},
		{"an empty status", fairway.NodeMarks{UpdateID: "u-1", Status: new("")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if _, err := marked(markedNode(nil), test.wish); fairway.ErrorCode(err) != fairway.CodeInvalid {
				t.Errorf("error = %v, want one that is invalid", err)
			}
		})
	}
	if _, err := marked(markedNode(nil), fairway.NodeMarks{Cordoned: new(false), Status: new(fairway.LifecycleReady)}); err != nil {
		t.Errorf("taking marks away without an update id: %v", err)
	}
}
