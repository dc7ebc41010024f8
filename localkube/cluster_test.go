package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/fairwayhq/fairway/localkube/internal/nodegroup"
	"github.com/fairwayhq/fairway/localkube/internal/stamp"
)

// TestCluster goes through what a cluster can do, on one cluster: a start
// costs more than any of the steps. The later steps find the earlier ones'
// workloads in place.
func TestCluster(t *testing.T) {
	w := start(t, fast)
	t.Logf("ready after %s", w.took)
	for _, step := range []struct {
		name string
		run  func(*testing.T, *world)
	}{
		{"version and anonymous access", testFrontDoor},
		{"nodes are Ready in three zones", testNodes},
		{"eviction respects the budget", testEviction},
		{"pods recover from a silent node", testSilence},
		{"a zonal volume follows its pod", testVolume},
		{"jobs complete, never-ready pods do not become ready", testAnnotations},
		{"pods end after their termination time", testTermination},
		{"a terminated instance is replaced", testTerminate},
		{"a vanished instance is noticed and replaced", testVanish},
		{"kill -9 and restart keep data, ports and instances", testRestart},
	} {
		if !t.Run(step.name, func(t *testing.T) { step.run(t, w) }) {
			groups, _ := os.ReadFile(filepath.Join(w.dir, "data", "nodegroups.json"))
			t.Fatalf("at %s, log of localkube:\n%s\nits node groups:\n%s", time.Now().UTC(), w.log, groups)
		}
	}
}

func testFrontDoor(t *testing.T, w *world) {
	info, err := w.kube.Discovery().ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	if info.GitVersion != stamp.Kubernetes || w.ready.KubernetesVersion != stamp.Kubernetes || info.Minor != "36" {
		t.Errorf("version = %+v, ready file says %s, want %s", info, w.ready.KubernetesVersion, stamp.Kubernetes)
	}
	if w.ready.PID != w.cmd.Process.Pid {
		t.Errorf("pid of ready file = %d, want %d", w.ready.PID, w.cmd.Process.Pid)
	}
	for path, want := range map[string]int{"/readyz": 200, "/api/v1/nodes": 401, "/version": 401} {
		resp, err := w.http.Get(w.ready.APIServerURL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("GET %s without a token = %d, want %d", path, resp.StatusCode, want)
		}
	}
}

// readyNodes waits for n Ready nodes and returns them.
func readyNodes(t *testing.T, w *world, n int) []corev1.Node {
	t.Helper()
	var ready []corev1.Node
	eventually(t, 30*time.Second, fmt.Sprintf("%d Ready nodes", n), func() error {
		list, err := w.kube.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
		if err != nil {
			return err
		}
		ready = slices.DeleteFunc(list.Items, func(node corev1.Node) bool {
			return nodeReady(node) != corev1.ConditionTrue || len(node.Spec.Taints) > 0
		})
		if len(ready) != n {
			return fmt.Errorf("%d are Ready", len(ready))
		}
		return nil
	})
	return ready
}

func nodeReady(n corev1.Node) corev1.ConditionStatus {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status
		}
	}
	return ""
}

func testNodes(t *testing.T, w *world) {
	zones := map[string]int{}
	for _, n := range readyNodes(t, w, 6) {
		zone := n.Labels[corev1.LabelTopologyZone]
		zones[zone]++
		if n.Spec.ProviderID != "localkube:///"+zone+"/"+n.Name || n.Labels["role"] != "worker" || n.Labels[corev1.LabelInstanceTypeStable] != "local.large" {
			t.Errorf("node %s: provider id %s, labels %v", n.Name, n.Spec.ProviderID, n.Labels)
		}
		if n.Status.NodeInfo.OSImage != "image-1" || n.Status.NodeInfo.KubeletVersion != stamp.Kubernetes || n.Status.Allocatable.Cpu().String() != "8" {
			t.Errorf("node %s: %+v, allocatable %v", n.Name, n.Status.NodeInfo, n.Status.Allocatable)
		}
		csi, err := w.kube.StorageV1().CSINodes().Get(t.Context(), n.Name, metav1.GetOptions{})
		if err != nil || len(csi.Spec.Drivers) != 1 {
			t.Errorf("CSINode %s = %+v, %v", n.Name, csi, err)
		}
	}
	if len(zones) != 3 || zones["local-1a"] != 2 {
		t.Errorf("zones = %v, want two nodes in each of three", zones)
	}
}

func podSpec(app string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": app}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "example"}}},
	}
}

func selector(app string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}
}

// readyPods waits for n Ready pods of an app and returns them.
func readyPods(t testing.TB, w *world, app string, n int) []corev1.Pod {
	t.Helper()
	var ready []corev1.Pod
	eventually(t, time.Minute, fmt.Sprintf("%d Ready pods of %s", n, app), func() error {
		list, err := w.kube.CoreV1().Pods("default").List(context.Background(), metav1.ListOptions{LabelSelector: "app=" + app})
		if err != nil {
			return err
		}
		ready = slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return !podReady(p) || p.DeletionTimestamp != nil })
		if len(ready) != n {
			return fmt.Errorf("%d of %d are Ready", len(ready), len(list.Items))
		}
		return nil
	})
	return ready
}

func podReady(p corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

func testEviction(t *testing.T, w *world) {
	_, err := w.kube.AppsV1().Deployments("default").Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec:       appsv1.DeploymentSpec{Replicas: new(int32(6)), Selector: selector("web"), Template: podSpec("web")},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	five := intstr.FromInt32(5)
	_, err = w.kube.PolicyV1().PodDisruptionBudgets("default").Create(t.Context(), &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: &five, Selector: selector("web")},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pods := readyPods(t, w, "web", 6)
	ips := map[string]bool{}
	for _, p := range pods {
		ips[p.Status.PodIP] = true
	}
	if len(ips) != 6 || ips[""] {
		t.Errorf("addresses of six pods = %v", ips)
	}
	eventually(t, 10*time.Second, "one allowed disruption", func() error {
		pdb, err := w.kube.PolicyV1().PodDisruptionBudgets("default").Get(t.Context(), "web", metav1.GetOptions{})
		if err == nil && pdb.Status.DisruptionsAllowed != 1 {
			err = fmt.Errorf("allowed: %d", pdb.Status.DisruptionsAllowed)
		}
		return err
	})
	evict := func(p corev1.Pod) error {
		return w.kube.PolicyV1().Evictions("default").Evict(t.Context(), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: p.Name, Namespace: "default"}})
	}
	if err := evict(pods[0]); err != nil {
		t.Errorf("first eviction: %v", err)
	}
	if err := evict(pods[1]); !apierrors.IsTooManyRequests(err) {
		t.Errorf("second eviction: %v, want 429", err)
	}
	readyPods(t, w, "web", 6)
}

// testSilence calls a pod not ready as the node controller does when a node is
// silent: the pod is ready again soon.
func testSilence(t *testing.T, w *world) {
	pod := readyPods(t, w, "web", 6)[0]
	patch := []byte(`{"status":{"conditions":[{"type":"Ready","status":"False"}]}}`)
	if _, err := w.kube.CoreV1().Pods("default").Patch(t.Context(), pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "the pod to be ready again", func() error {
		live, err := w.kube.CoreV1().Pods("default").Get(t.Context(), pod.Name, metav1.GetOptions{})
		if err == nil && (!podReady(*live) || live.UID != pod.UID) {
			err = fmt.Errorf("conditions: %v", live.Status.Conditions)
		}
		return err
	})
}

func testVolume(t *testing.T, w *world) {
	pod := podSpec("db")
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
	_, err := w.kube.AppsV1().StatefulSets("default").Create(t.Context(), &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "db"},
		Spec: appsv1.StatefulSetSpec{
			Replicas: new(int32(1)), ServiceName: "db", Selector: selector("db"), Template: pod,
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{
				ObjectMeta: metav1.ObjectMeta{Name: "data"},
				Spec: corev1.PersistentVolumeClaimSpec{
					AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
					Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
				},
			}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	first := readyPods(t, w, "db", 1)[0]
	attachedTo(t, w, first.Spec.NodeName)

	cordon := []byte(`{"spec":{"unschedulable":true}}`)
	if _, err := w.kube.CoreV1().Nodes().Patch(t.Context(), first.Spec.NodeName, types.MergePatchType, cordon, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := w.kube.CoreV1().Pods("default").Delete(t.Context(), "db-0", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	second := readyPods(t, w, "db", 1)[0]
	if second.Spec.NodeName == first.Spec.NodeName {
		t.Errorf("db-0 is on the cordoned node %s again", second.Spec.NodeName)
	}
	if from, to := zoneOf(t, w, first.Spec.NodeName), zoneOf(t, w, second.Spec.NodeName); from != to {
		t.Errorf("db-0 moved from zone %s to %s, its volume cannot", from, to)
	}
	attachedTo(t, w, second.Spec.NodeName)
	uncordon := []byte(`{"spec":{"unschedulable":false}}`)
	if _, err := w.kube.CoreV1().Nodes().Patch(t.Context(), first.Spec.NodeName, types.MergePatchType, uncordon, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

func zoneOf(t *testing.T, w *world, node string) string {
	t.Helper()
	n, err := w.kube.CoreV1().Nodes().Get(t.Context(), node, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return n.Labels[corev1.LabelTopologyZone]
}

// attachedTo checks that the one volume is attached to node, there only, and
// that the node says so.
func attachedTo(t *testing.T, w *world, node string) {
	t.Helper()
	eventually(t, 10*time.Second, "the volume at "+node, func() error {
		list, err := w.kube.StorageV1().VolumeAttachments().List(t.Context(), metav1.ListOptions{})
		if err != nil {
			return err
		}
		if len(list.Items) != 1 || list.Items[0].Spec.NodeName != node || !list.Items[0].Status.Attached {
			return fmt.Errorf("attachments: %+v", list.Items)
		}
		n, err := w.kube.CoreV1().Nodes().Get(t.Context(), node, metav1.GetOptions{})
		if err == nil && len(n.Status.VolumesAttached) != 1 {
			err = fmt.Errorf("the node's volumesAttached: %v", n.Status.VolumesAttached)
		}
		return err
	})
}

func testAnnotations(t *testing.T, w *world) {
	pod := podSpec("job")
	pod.Annotations = map[string]string{"localkube.fairway.dev/run-for": "200ms"}
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	_, err := w.kube.BatchV1().Jobs("default").Create(t.Context(), &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "job"}, Spec: batchv1.JobSpec{Template: pod},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	broken := podSpec("broken")
	broken.Annotations = map[string]string{"localkube.fairway.dev/never-ready": "true"}
	_, err = w.kube.CoreV1().Pods("default").Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "broken", Annotations: broken.Annotations}, Spec: broken.Spec,
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "the job", func() error {
		job, err := w.kube.BatchV1().Jobs("default").Get(t.Context(), "job", metav1.GetOptions{})
		if err == nil && job.Status.Succeeded != 1 {
			err = fmt.Errorf("status %+v", job.Status)
		}
		return err
	})
	eventually(t, 10*time.Second, "the broken pod to run", func() error {
		p, err := w.kube.CoreV1().Pods("default").Get(t.Context(), "broken", metav1.GetOptions{})
		if err == nil && (p.Status.Phase != corev1.PodRunning || podReady(*p)) {
			err = fmt.Errorf("phase %s, ready %v", p.Status.Phase, podReady(*p))
		}
		return err
	})
	if err := w.kube.CoreV1().Pods("default").Delete(t.Context(), "broken", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

func testTermination(t *testing.T, w *world) {
	pod := readyPods(t, w, "web", 6)[0]
	begin := time.Now()
	if err := w.kube.CoreV1().Pods("default").Delete(t.Context(), pod.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "the end of the pod", func() error {
		p, err := w.kube.CoreV1().Pods("default").Get(t.Context(), pod.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("it is there, deleted at %v", p.DeletionTimestamp)
		}
		return err
	})
	if took := time.Since(begin); took < 900*time.Millisecond || took > 2*time.Second {
		t.Errorf("the pod ended after %s, want 1 s", took)
	}
	readyPods(t, w, "web", 6)
}

func instances(t *testing.T, w *world, query string) []nodegroup.Instance {
	t.Helper()
	var list struct{ Items []nodegroup.Instance }
	if status := w.groups("GET", "/v1/instances"+query, "", &list); status != http.StatusOK {
		t.Fatalf("list instances = %d", status)
	}
	return list.Items
}

func testTerminate(t *testing.T, w *world) {
	web := readyPods(t, w, "web", 6)[0]
	id := web.Spec.NodeName // nodes are named as their instances
	var got nodegroup.Instance
	if status := w.groups("POST", "/v1/instances/"+id+"/terminate", `{"decrement_desired":false}`, &got); status != http.StatusOK || got.State != nodegroup.StateTerminating {
		t.Fatalf("terminate = %d %+v", status, got)
	}
	eventually(t, 10*time.Second, "the death of the pod", func() error {
		p, err := w.kube.CoreV1().Pods("default").Get(t.Context(), web.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) || err == nil && !podReady(*p) {
			return nil
		}
		return fmt.Errorf("ready, %v", err)
	})
	eventually(t, 10*time.Second, "the node to go away", func() error {
		_, err := w.kube.CoreV1().Nodes().Get(t.Context(), id, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("still there, %v", err)
	})
	readyNodes(t, w, 6)
	readyPods(t, w, "web", 6)
	readyPods(t, w, "db", 1)
}

func testVanish(t *testing.T, w *world) {
	var node string
	for _, n := range readyNodes(t, w, 6) {
		node = n.Name
	}
	if status := w.groups("PUT", "/v1/faults", fmt.Sprintf(`{"vanish":[%q]}`, node), nil); status != http.StatusOK {
		t.Fatalf("set faults = %d", status)
	}
	eventually(t, 30*time.Second, "the silent node to be noticed", func() error {
		n, err := w.kube.CoreV1().Nodes().Get(t.Context(), node, metav1.GetOptions{})
		if err == nil && nodeReady(*n) != corev1.ConditionUnknown {
			err = fmt.Errorf("Ready = %s", nodeReady(*n))
		}
		return err
	})
	eventually(t, 30*time.Second, "the cloud to notice", func() error {
		for _, i := range instances(t, w, "?state=Terminated") {
			if i.ID == node {
				return nil
			}
		}
		return fmt.Errorf("it is not Terminated")
	})
	readyNodes(t, w, 6)
	readyPods(t, w, "web", 6)
}

func testRestart(t *testing.T, w *world) {
	before := w.ready
	nodes := readyNodes(t, w, 6)
	pods := readyPods(t, w, "web", 6)
	w.kill()
	w.start()
	if w.ready.APIServerURL != before.APIServerURL || w.ready.NodeGroupsURL != before.NodeGroupsURL || w.ready.Token != before.Token {
		t.Errorf("after the restart %+v, before %+v", w.ready, before)
	}
	t.Logf("ready again after %s", w.took)
	for _, n := range readyNodes(t, w, 6) {
		if !slices.ContainsFunc(nodes, func(old corev1.Node) bool { return old.UID == n.UID }) {
			t.Errorf("node %s was not there before the kill", n.Name)
		}
	}
	for _, p := range readyPods(t, w, "web", 6) {
		if !slices.ContainsFunc(pods, func(old corev1.Pod) bool { return old.UID == p.UID }) {
			t.Errorf("pod %s was not there before the kill", p.Name)
		}
	}
	// New pods get addresses that no old one has.
	scale := []byte(`{"spec":{"replicas":12}}`)
	if _, err := w.kube.AppsV1().Deployments("default").Patch(t.Context(), "web", types.MergePatchType, scale, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	ips := map[string]string{}
	for _, p := range readyPods(t, w, "web", 12) {
		if other, taken := ips[p.Status.PodIP]; taken {
			t.Errorf("%s and %s share %s", p.Name, other, p.Status.PodIP)
		}
		ips[p.Status.PodIP] = p.Name
	}
}
