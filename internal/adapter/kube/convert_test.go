package kube

import (
	"cmp"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairwayhq/fairway"
)

func requests(cpu, memory string) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{Requests: corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}}
}

func TestPodRequests(t *testing.T) {
	t.Parallel()
	sidecar := corev1.ContainerRestartPolicyAlways
	whole := requests("2", "1Gi")
	for _, test := range []struct {
		name        string
		spec        corev1.PodSpec
		cpu, memory int64 // millicores, MiB
	}{
		{name: "nothing asked for"},
		{name: "containers add up", cpu: 300, memory: 96, spec: corev1.PodSpec{
			Containers: []corev1.Container{{Resources: requests("100m", "64Mi")}, {Resources: requests("200m", "32Mi")}}}},
		{name: "an init container that needs more", cpu: 500, memory: 64, spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Resources: requests("500m", "16Mi")}},
			Containers:     []corev1.Container{{Resources: requests("100m", "64Mi")}}}},
		{name: "init containers one after the other", cpu: 400, memory: 300, spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Resources: requests("400m", "100Mi")}, {Resources: requests("300m", "300Mi")}},
			Containers:     []corev1.Container{{Resources: requests("100m", "64Mi")}}}},
		{name: "sidecars run beside containers", cpu: 150, memory: 96, spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{RestartPolicy: &sidecar, Resources: requests("50m", "32Mi")}},
			Containers:     []corev1.Container{{Resources: requests("100m", "64Mi")}}}},
		{name: "a sidecar runs beside the init containers after it", cpu: 450, memory: 96, spec: corev1.PodSpec{
			InitContainers: []corev1.Container{
				{RestartPolicy: &sidecar, Resources: requests("50m", "32Mi")}, {Resources: requests("400m", "16Mi")}},
			Containers: []corev1.Container{{Resources: requests("100m", "64Mi")}}}},
		{name: "the pod's own requests and the overhead", cpu: 2010, memory: 1032, spec: corev1.PodSpec{
			Resources: &whole, Containers: []corev1.Container{{Resources: requests("100m", "64Mi")}},
			Overhead: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("8Mi")}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := podRequests(&test.spec)
			if cpu, memory := got.Cpu().MilliValue(), got.Memory().Value(); cpu != test.cpu || memory != test.memory<<20 {
				t.Errorf("requests = %dm, %d MiB, want %dm, %d MiB", cpu, memory>>20, test.cpu, test.memory)
			}
		})
	}
}

func zoned(name, key, handle string, zones ...string) corev1.PersistentVolume {
	return corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PersistentVolumeSpec{
		PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "disk.example", VolumeHandle: handle}},
		NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{{Key: key, Operator: corev1.NodeSelectorOpIn, Values: zones}}}}}}}}
}

func bound(name, volume string) corev1.PersistentVolumeClaim {
	return corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "db", Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{VolumeName: volume}, Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound}}
}

func podWith(name string, volumes ...corev1.Volume) corev1.Pod {
	return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "db", Name: name, UID: "uid-" + "x"}, Spec: corev1.PodSpec{Volumes: volumes}}
}

func claims(name string) corev1.Volume {
	return corev1.Volume{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}}}
}

func TestVolumeZone(t *testing.T) {
	t.Parallel()
	o := see(observed{
		volumes: []corev1.PersistentVolume{
			zoned("a", corev1.LabelTopologyZone, "h-a", "zone-a"),
			zoned("ab", corev1.LabelTopologyZone, "h-ab", "zone-a", "zone-b"),
			zoned("old", labelZoneBeta, "h-old", "zone-b"),
			zoned("host", "kubernetes.io/hostname", "h-host", "n1"),
			zoned("eph", corev1.LabelTopologyZone, "h-eph", "zone-c"),
		},
		claims: []corev1.PersistentVolumeClaim{
			bound("in-a", "a"), bound("regional", "ab"), bound("in-b", "old"), bound("on-host", "host"), bound("scratch-data", "eph"),
			{ObjectMeta: metav1.ObjectMeta{Namespace: "db", Name: "pending"}, Spec: corev1.PersistentVolumeClaimSpec{VolumeName: "a"}},
		},
	})
	zones := o.zoneByClaim()
	for _, test := range []struct {
		name string
		pod  corev1.Pod
		want string
	}{
		{"no volumes", podWith("p"), ""},
		{"a zonal volume", podWith("p", claims("in-a")), "zone-a"},
		{"the old key", podWith("p", claims("in-b")), "zone-b"},
		{"a volume of two zones", podWith("p", claims("regional")), ""},
		{"a volume of a host", podWith("p", claims("on-host")), ""},
		{"a claim that is not bound", podWith("p", claims("pending")), ""},
		{"a claim that does not exist", podWith("p", claims("nowhere")), ""},
		{"the second volume is the zonal one", podWith("p", claims("regional"), claims("in-b")), "zone-b"},
		{"a claim of the pod's own", podWith("scratch", corev1.Volume{Name: "data", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}}), "zone-c"},
		{"another namespace's claim of the same name", func() corev1.Pod { p := podWith("p", claims("in-a")); p.Namespace = "web"; return p }(), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			for _, claim := range claimsOf(&test.pod) {
				got = cmp.Or(got, zones[claim])
			}
			if got != test.want {
				t.Errorf("zone = %q, want %q", got, test.want)
			}
		})
	}
}

func TestVolumesAttached(t *testing.T) {
	t.Parallel()
	attachment := func(name, node, volume string) storagev1.VolumeAttachment {
		return storagev1.VolumeAttachment{ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec: storagev1.VolumeAttachmentSpec{NodeName: node, Source: storagev1.VolumeAttachmentSource{PersistentVolumeName: &volume}}}
	}
	status := func(names ...string) corev1.NodeStatus {
		var s corev1.NodeStatus
		for _, n := range names {
			s.VolumesAttached = append(s.VolumesAttached, corev1.AttachedVolume{Name: corev1.UniqueVolumeName(n)})
		}
		return s
	}
	o := see(observed{
		volumes: []corev1.PersistentVolume{zoned("a", corev1.LabelTopologyZone, "h-a", "z"), zoned("b", corev1.LabelTopologyZone, "h-b", "z")},
		nodes: []corev1.Node{
			{ObjectMeta: metav1.ObjectMeta{Name: "both"}, Status: status("kubernetes.io/csi/disk.example^h-a")},
			{ObjectMeta: metav1.ObjectMeta{Name: "detaching"}, Status: status()},
			{ObjectMeta: metav1.ObjectMeta{Name: "foreign"}, Status: status("kubernetes.io/nfs/x")},
			{ObjectMeta: metav1.ObjectMeta{Name: "forgotten"}},
			{ObjectMeta: metav1.ObjectMeta{Name: "none"}},
		},
		attachments: []storagev1.VolumeAttachment{
			attachment("1", "both", "a"), attachment("2", "detaching", "b"), attachment("3", "forgotten", "deleted-volume"), attachment("4", "gone-node", "b"),
		},
	})
	got := map[string]int{}
	for _, n := range o.workloads().Nodes {
		got[n.Name] = n.VolumesAttached
	}
	want := map[string]int{"both": 1, "detaching": 1, "foreign": 1, "forgotten": 1, "none": 0}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("volumes attached (-want +got):\n%s", diff)
	}
}

func TestWorkloadsConversion(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.FixedZone("CET", 3600))
	o := see(observed{
		nodes: []corev1.Node{{
			ObjectMeta: metav1.ObjectMeta{Name: "n1", UID: "nu", CreationTimestamp: metav1.NewTime(at),
				Labels:      map[string]string{corev1.LabelTopologyZone: "z1"},
				Annotations: map[string]string{fairway.AnnotationMarks: "{}", "volumes.example/other": "x"}},
			Spec: corev1.NodeSpec{ProviderID: "localkube:///z1/i-1", Unschedulable: true,
				Taints: []corev1.Taint{{Key: "k", Value: "v", Effect: corev1.TaintEffectNoSchedule}}},
			Status: corev1.NodeStatus{
				Allocatable: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1900m"), corev1.ResourceMemory: resource.MustParse("7Gi"), corev1.ResourcePods: resource.MustParse("110")},
				Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(at)}},
				NodeInfo:    corev1.NodeSystemInfo{KubeletVersion: "v1.36.3"},
			},
		}},
		pods: []corev1.Pod{
			{
				ObjectMeta: metav1.ObjectMeta{Namespace: "web", Name: "w-0", UID: "pu", CreationTimestamp: metav1.NewTime(at), Labels: map[string]string{"app": "web"},
					Annotations:     map[string]string{fairway.PodAnnotationForce: "never", "web.example/other": "x"},
					OwnerReferences: []metav1.OwnerReference{{Kind: "Note", Name: "not-the-controller"}, {Kind: "ReplicaSet", Name: "w", Controller: new(true)}}},
				Spec:   corev1.PodSpec{NodeName: "n1", PriorityClassName: "system-node-critical", TerminationGracePeriodSeconds: new(int64(90)), Containers: []corev1.Container{{Resources: requests("100m", "64Mi")}}},
				Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
			},
			{
				ObjectMeta: metav1.ObjectMeta{Namespace: "web", Name: "done", UID: "du", DeletionTimestamp: new(metav1.NewTime(at)), Annotations: map[string]string{corev1.MirrorPodAnnotationKey: "h"}},
				Status:     corev1.PodStatus{Phase: corev1.PodSucceeded},
			},
			{ObjectMeta: metav1.ObjectMeta{Namespace: "other", Name: "w-0", UID: "ou", Labels: map[string]string{"app": "web", fairway.LabelProbe: "n1"}}},
		},
		csiNodes: []storagev1.CSINode{{ObjectMeta: metav1.ObjectMeta{Name: "n1"}, Spec: storagev1.CSINodeSpec{Drivers: []storagev1.CSINodeDriver{{Name: "file.example"}, {Name: "disk.example"}}}}},
		daemonSets: []appsv1.DaemonSet{
			{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "net"}, Spec: appsv1.DaemonSetSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
				PriorityClassName: "system-node-critical", Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}}}}}},
			{ObjectMeta: metav1.ObjectMeta{Namespace: "web", Name: "logs"}},
		},
		budgets: []policyv1.PodDisruptionBudget{
			{ObjectMeta: metav1.ObjectMeta{Namespace: "web", Name: "app", Generation: 3},
				Spec:   policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
				Status: policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: 1, CurrentHealthy: 3, DesiredHealthy: 2, ExpectedPods: 4, ObservedGeneration: 2}},
			{ObjectMeta: metav1.ObjectMeta{Namespace: "web", Name: "everything"}, Spec: policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{}}},
			{ObjectMeta: metav1.ObjectMeta{Namespace: "web", Name: "nothing"}},
			{ObjectMeta: metav1.ObjectMeta{Namespace: "web", Name: "broken"}, Spec: policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{
				MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: "Near"}}}}},
		},
	})
	want := &fairway.Workloads{
		Nodes: []fairway.Node{{
			Name: "n1", UID: "nu", ProviderID: "localkube:///z1/i-1", Zone: "z1", Labels: map[string]string{corev1.LabelTopologyZone: "z1"},
			Annotations: map[string]string{fairway.AnnotationMarks: "{}"}, Taints: []fairway.Taint{{Key: "k", Value: "v", Effect: "NoSchedule"}},
			Unschedulable: true, Ready: true, ReadySince: at.UTC(), CreatedAt: at.UTC(), CPU: 1900, Memory: 7 << 30, Pods: 110, KubeletVersion: "v1.36.3",
			CSIDrivers: []string{"disk.example", "file.example"},
		}},
		DaemonSets: []fairway.DaemonSet{{Namespace: "kube-system", Name: "net", Nodes: []string{"n1"}}},
		Pods: []fairway.Pod{
			{Namespace: "other", Name: "w-0", UID: "ou", Labels: map[string]string{"app": "web", fairway.LabelProbe: "n1"}, GracePeriod: 30 * time.Second, Probe: true},
			{Namespace: "web", Name: "done", UID: "du", Deleting: true, DeletedAt: at.UTC(), Finished: true, Mirror: true, GracePeriod: 30 * time.Second},
			{Namespace: "web", Name: "w-0", UID: "pu", Node: "n1", Labels: map[string]string{"app": "web"}, OwnerKind: "ReplicaSet", OwnerName: "w",
				Ready: true, Critical: true, CreatedAt: at.UTC(), CPU: 100, Memory: 64 << 20, GracePeriod: 90 * time.Second,
				Annotations: map[string]string{fairway.PodAnnotationForce: "never"}},
		},
		Budgets: []fairway.Budget{
			{Namespace: "web", Name: "app", DisruptionsAllowed: 1, CurrentHealthy: 3, DesiredHealthy: 2, ExpectedPods: 4, PodUIDs: []string{"pu"}, Generation: 3, ObservedGeneration: 2},
			{Namespace: "web", Name: "broken"},
			{Namespace: "web", Name: "everything", PodUIDs: []string{"du", "pu"}},
			{Namespace: "web", Name: "nothing"},
		},
	}
	if diff := gocmp.Diff(want, o.workloads()); diff != "" {
		t.Errorf("workloads (-want +got):\n%s", diff)
	}
}
