package kube

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairwayhq/fairway"
)

// probeName is what the names of probe pods begin with.
const probeName = "fairway-probe-"

// StartProbe makes the probe pod of a node unless one of that name is there. It
// is bound to the node directly, tolerates every taint, and its readiness is
// the success of its command, so that Ready means that the node runs pods,
// pulls images and (with a command that resolves a name) has DNS.
func (c *Cluster) StartProbe(ctx context.Context, node string, probe fairway.Probe) error {
	namespace := probe.Namespace
	if namespace == "" {
		namespace = metav1.NamespaceSystem
	}
	container := corev1.Container{Name: "probe", Image: probe.Image}
	if len(probe.Command) > 0 {
		container.ReadinessProbe = &corev1.Probe{
			ProbeHandler:   corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: probe.Command}},
			PeriodSeconds:  2,
			TimeoutSeconds: 5,
		}
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: probeName + node, Labels: map[string]string{fairway.LabelProbe: node}},
		Spec: corev1.PodSpec{
			NodeName:                      node,
			Containers:                    []corev1.Container{container},
			Tolerations:                   []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
			AutomountServiceAccountToken:  new(false),
			TerminationGracePeriodSeconds: new(int64(0)),
			PriorityClassName:             "system-node-critical",
		},
	}
	err := c.typed.Post().AbsPath("/api/v1/namespaces/"+namespace+"/pods").MaxRetries(0).
		Param("fieldManager", c.manager).Body(pod).Do(ctx).Error()
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return translate(err, "start the probe of node "+node)
}
