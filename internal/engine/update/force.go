package update

import (
	"context"
	"fmt"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/roll"
)

// reasonForced is the reason of the events that a pod's owners see.
const reasonForced = "ForcedDeletion"

// force deletes a pod although its budget holds it. What bounds and records
// that is written before it happens: the time on the node, which keeps the next
// forced deletion away also from another manager; the event in the journal; the
// event on the pod. A manager that dies in between has said more than it did,
// never less. Without the record in the journal there is no deletion.
func (x *rolling) force(ctx context.Context, a roll.Action) error {
	now, m := x.Now(), a.Marks
	m.UpdateID = x.update.ID
	if m.LastForced == nil {
		m.LastForced = &now
	}
	if err := x.kube.Mark(ctx, a.Node, m); err != nil {
		return err
	}
	text := forcedText(a, now)
	err := x.Store.AppendEvent(ctx, &fairway.Event{At: now, ClusterID: x.update.ClusterID, RolloutID: x.update.RolloutID,
		UpdateID: x.update.ID, Kind: "pod.forced", Message: text})
	if err != nil {
		return fmt.Errorf("record the forced deletion of pod %s: %w", podName(a.Pod), err)
	}
	x.log.Warn("pod deleted by force", "pod", podName(a.Pod), "node", a.Node, "budget", a.Budget, "waited", a.Waited, "rule", a.Rule)
	about := fairway.ObjectRef{APIVersion: "v1", Kind: "Pod", Namespace: a.Pod.Namespace, Name: a.Pod.Name}
	if err := x.kube.Record(ctx, about, reasonForced, text, true); err != nil {
		x.log.Warn("forced deletion not recorded on the pod", "pod", podName(a.Pod), "error", err)
	}
	if err := x.kube.DeletePod(ctx, a.Pod); err != nil {
		x.event(ctx, "pod.force-failed", fmt.Sprintf("pod %s was not deleted: %s", podName(a.Pod), err))
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.update.EvictionsForced++
	return nil
}

// forcedText is what the record of a forced deletion says.
func forcedText(a roll.Action, now time.Time) string {
	return fmt.Sprintf("deletes pod %s (%s old) on node %s by force: PodDisruptionBudget %s has held its eviction for %s; %s",
		podName(a.Pod), now.Sub(a.Pod.CreatedAt).Round(time.Second), a.Node, a.Budget, a.Waited.Round(time.Second), a.Rule)
}

func podName(p fairway.Pod) string { return p.Namespace + "/" + p.Name }
