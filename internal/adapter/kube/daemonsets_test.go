package kube

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestCriticalDaemonSets(t *testing.T) {
	t.Parallel()
	node := func(name, pool string, taints ...corev1.Taint) corev1.Node {
		return corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"pool": pool, "disks": "3"}}, Spec: corev1.NodeSpec{Taints: taints}}
	}
	nodes := []corev1.Node{
		node("plain", "a"),
		node("booting", "a", corev1.Taint{Key: corev1.TaintNodeNotReady, Effect: corev1.TaintEffectNoSchedule},
			corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule}),
		node("preferred-not", "a", corev1.Taint{Key: "decommission-pending", Value: "rolling-upgrade", Effect: corev1.TaintEffectPreferNoSchedule}),
		node("tainted", "b", corev1.Taint{Key: "gpu", Value: "yes", Effect: corev1.TaintEffectNoSchedule}),
		node("no-network", "b", corev1.Taint{Key: corev1.TaintNodeNetworkUnavailable, Effect: corev1.TaintEffectNoSchedule}),
	}
	affinity := func(terms ...corev1.NodeSelectorTerm) *corev1.Affinity {
		return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: terms}}}
	}
	expr := func(key string, op corev1.NodeSelectorOperator, values ...string) corev1.NodeSelectorRequirement {
		return corev1.NodeSelectorRequirement{Key: key, Operator: op, Values: values}
	}
	everything := []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	for name, test := range map[string]struct {
		spec corev1.PodSpec
		want []string
	}{
		"nothing special":       {corev1.PodSpec{}, []string{"plain", "booting", "preferred-not"}},
		"tolerates everything":  {corev1.PodSpec{Tolerations: everything}, []string{"plain", "booting", "preferred-not", "tainted", "no-network"}},
		"tolerates one taint":   {corev1.PodSpec{Tolerations: []corev1.Toleration{{Key: "gpu", Value: "yes"}}}, []string{"plain", "booting", "preferred-not", "tainted"}},
		"another value of it":   {corev1.PodSpec{Tolerations: []corev1.Toleration{{Key: "gpu", Value: "no"}}}, []string{"plain", "booting", "preferred-not"}},
		"another effect of it":  {corev1.PodSpec{Tolerations: []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute}}}, []string{"plain", "booting", "preferred-not"}},
		"the host's network":    {corev1.PodSpec{HostNetwork: true}, []string{"plain", "booting", "preferred-not", "no-network"}},
		"a node selector":       {corev1.PodSpec{NodeSelector: map[string]string{"pool": "b"}, Tolerations: everything}, []string{"tainted", "no-network"}},
		"bound to one node":     {corev1.PodSpec{NodeName: "plain"}, []string{"plain"}},
		"affinity":              {corev1.PodSpec{Affinity: affinity(corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{expr("pool", corev1.NodeSelectorOpNotIn, "a")}}), Tolerations: everything}, []string{"tainted", "no-network"}},
		"alternatives":          {corev1.PodSpec{Affinity: affinity(corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{expr("metadata.name", corev1.NodeSelectorOpIn, "plain")}}, corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{expr("pool", corev1.NodeSelectorOpIn, "b")}}), Tolerations: everything}, []string{"plain", "tainted", "no-network"}},
		"numbers":               {corev1.PodSpec{Affinity: affinity(corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{expr("disks", corev1.NodeSelectorOpGt, "3")}}), Tolerations: everything}, nil},
		"a term that is empty":  {corev1.PodSpec{Affinity: affinity(corev1.NodeSelectorTerm{})}, nil},
		"a term that is broken": {corev1.PodSpec{Affinity: affinity(corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{expr("pool", "Near", "a")}})}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.spec.PriorityClassName = "system-node-critical"
			set := appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "net"}, Spec: appsv1.DaemonSetSpec{Template: corev1.PodTemplateSpec{Spec: test.spec}}}
			got := see(observed{daemonSets: []appsv1.DaemonSet{set}, nodes: nodes}).workloads().DaemonSets
			if len(got) != 1 || !slices.Equal(got[0].Nodes, slices.Sorted(slices.Values(test.want))) {
				t.Errorf("nodes = %v, want %v", got, test.want)
			}
		})
	}
	others := []appsv1.DaemonSet{{ObjectMeta: metav1.ObjectMeta{Name: "logs"}}, {ObjectMeta: metav1.ObjectMeta{Name: "leaving", DeletionTimestamp: new(metav1.Now())}, Spec: appsv1.DaemonSetSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{PriorityClassName: "system-cluster-critical"}}}}}
	if got := see(observed{daemonSets: others, nodes: nodes}).workloads().DaemonSets; len(got) != 0 {
		t.Errorf("%v are called critical", got)
	}
}
