package kube

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/localkubetest"
)

// A pod is deleted though its budget holds it, with an event that its owners
// find; never another pod of its name.
func TestDeletePod(t *testing.T) {
	t.Parallel()
	c := connect(t)
	machines(t, c)
	ns := namespace(t, c)
	app := deployment(ns, "app", "app:1", 1, map[string]any{fairway.PodAnnotationForce: "2h"})
	apply(t, c, app)
	apply(t, c, pdb(ns, "tight", "app", 1))
	waitHealthy(t, c, app.Ref())
	waitBudget(t, c, ns, "tight", 0, 1)
	pod := podsOf(t, c, ns, "app")[0]
	if pod.Annotations[fairway.PodAnnotationForce] != "2h" || pod.GracePeriod.Seconds() != 1 {
		t.Errorf("pod = %+v", pod)
	}

	other := pod
	other.UID = "00000000-0000-0000-0000-000000000000"
	if err := c.DeletePod(t.Context(), other); err != nil {
		t.Errorf("another pod of the same name: %v", err)
	}
	if left := podsOf(t, c, ns, "app"); len(left) != 1 || left[0].UID != pod.UID {
		t.Fatalf("pods = %+v, want the one that was there", left)
	}
	about := fairway.ObjectRef{APIVersion: "v1", Kind: "Pod", Namespace: ns, Name: pod.Name}
	if err := c.Record(t.Context(), about, "ForcedDeletion", strings.Repeat("why ", 400), true); err != nil {
		t.Fatal(err)
	}
	if err := c.DeletePod(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	localkubetest.Eventually(t, patience, func() error {
		for _, p := range podsOf(t, c, ns, "app") {
			if p.UID == pod.UID {
				return fmt.Errorf("pod %s is still there", p.Name)
			}
		}
		return nil
	})
	if err := c.DeletePod(t.Context(), pod); err != nil {
		t.Errorf("a pod that is gone: %v", err)
	}
	if err := c.DeletePod(t.Context(), fairway.Pod{Namespace: ns, Name: "p"}); fairway.ErrorCode(err) != fairway.CodeInvalid {
		t.Errorf("without a UID: %v", err)
	}
	var events corev1.EventList
	if err := c.get(t.Context(), "/api/v1/namespaces/"+ns+"/events", &events); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, e := range events.Items {
		if e.Reason == "ForcedDeletion" {
			found++
			if e.Type != corev1.EventTypeWarning || string(e.InvolvedObject.UID) != pod.UID || e.Source.Component != "fairway" || len(e.Message) > messageLimit {
				t.Errorf("event = %+v", e)
			}
		}
	}
	if found != 1 {
		t.Errorf("%d events about the forced deletion, want 1", found)
	}
	if err := c.Record(t.Context(), fairway.ObjectRef{APIVersion: "v1", Kind: "Node", Name: pod.Node}, "Drained", "for an update", false); err != nil {
		t.Errorf("an event about a node: %v", err)
	}
}

// A probe runs on its node although that is cordoned and tainted, is seen as a
// probe, and is made once.
func TestStartProbe(t *testing.T) {
	t.Parallel()
	c := connect(t)
	localkubetest.Start(t).AddGroup(t, "probed", 1)
	node := ""
	localkubetest.Eventually(t, patience, func() error {
		w, err := c.Workloads(t.Context())
		if err != nil {
			return err
		}
		for _, n := range w.Nodes {
			if n.Ready && n.Labels["node.kubernetes.io/node-pool"] == "probed" && len(n.CSIDrivers) == 1 {
				node = n.Name
				return nil
			}
		}
		return fmt.Errorf("no node is ready and has its storage driver")
	})
	if err := c.Mark(t.Context(), node, fairway.NodeMarks{UpdateID: "u", Cordoned: new(true), TaintEffect: new("NoSchedule")}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.StartProbe(t.Context(), node, fairway.Probe{Image: "probe:1", Command: []string{"true"}}); err != nil {
			t.Fatal(err)
		}
	}
	var probe fairway.Pod
	localkubetest.Eventually(t, patience, func() error {
		w, err := c.Workloads(t.Context())
		if err != nil {
			return err
		}
		for _, p := range w.Pods {
			if p.Probe && p.Node == node && p.Ready {
				probe = p
				return nil
			}
		}
		return fmt.Errorf("the probe of %s is not ready", node)
	})
	if probe.Namespace != "kube-system" || probe.GracePeriod != 0 || !probe.Critical {
		t.Errorf("probe = %+v", probe)
	}
	if err := c.DeletePod(t.Context(), probe); err != nil {
		t.Fatal(err)
	}
	localkubetest.Eventually(t, patience, func() error {
		w, err := c.Workloads(t.Context())
		for _, p := range w.Pods {
			if p.UID == probe.UID {
				return fmt.Errorf("the probe is still there")
			}
		}
		return err
	})
	if err := c.StartProbe(t.Context(), node, fairway.Probe{Namespace: "no-such-namespace", Image: "probe:1"}); fairway.ErrorCode(err) != fairway.CodeNotFound {
		t.Errorf("a namespace that does not exist: %v", err)
	}
}
