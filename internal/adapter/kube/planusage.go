package kube

import (
	"context"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

// Kinds that clusters have or have not.
var (
	podMetrics    = schema.GroupVersionResource{Group: "metrics.k8s.io", Version: "v1beta1", Resource: "pods"}
	veleroBackups = schema.GroupVersionResource{Group: "velero.io", Version: "v1", Resource: "backups"}
	configMaps    = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
)

// peaks reads how much memory containers use now; a cluster without metrics, or
// that does not show them, has none.
func (o *observation) peaks(ctx context.Context) error {
	var usage []plan.Usage
	err := o.list(ctx, podMetrics, func(item fairway.Object) {
		ref := item.Ref()
		containers, _, _ := unstructured.NestedSlice(item, "containers")
		for _, c := range containers {
			container, _ := c.(map[string]any)
			name, _ := container["name"].(string)
			memory, _, _ := unstructured.NestedString(container, "usage", "memory")
			if q, err := resource.ParseQuantity(memory); err == nil {
				usage = append(usage, plan.Usage{Namespace: ref.Namespace, Pod: ref.Name, Container: name, Bytes: q.Value()})
			}
		}
	})
	switch {
	case err != nil && unlisted(err), apierrors.IsServiceUnavailable(err), apierrors.IsForbidden(err):
		return nil
	case err != nil:
		return translate(err, "list how much memory pods use")
	}
	o.out.Peaks = plan.PeaksOf(usage, o.out.Workloads.Pods, o.now().UTC())
	return nil
}

// podNetwork reads the ranges of the pods where kubeadm made the cluster.
func (o *observation) podNetwork(ctx context.Context) error {
	live, err := o.dynamic.Resource(configMaps).Namespace("kube-system").Get(ctx, "kubeadm-config", metav1.GetOptions{})
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return nil
	}
	if err != nil {
		return translate(err, "read ConfigMap/kube-system/kubeadm-config")
	}
	text, _, _ := unstructured.NestedString(live.Object, "data", "ClusterConfiguration")
	var made struct {
		Networking struct {
			PodSubnet string `json:"podSubnet"`
		} `json:"networking"`
	}
	if yaml.Unmarshal([]byte(text), &made) == nil {
		o.out.PodNetwork = strings.FieldsFunc(made.Networking.PodSubnet, func(r rune) bool { return r == ',' })
	}
	return nil
}

// backup reads when the newest backup was made, where the configuration says how.
// What keeps it from being read is a part of the answer.
func (o *observation) backup(ctx context.Context, b *fairway.Bundle) error {
	source, err := plan.ParseBackupSource(b.Settings[plan.ItemBackup])
	if err != nil {
		return nil // preflight says it where it matters
	}
	problem := func(text string) { o.out.Backup = &plan.Backup{Problem: text} }
	if !source.Velero {
		live, served, err := o.read(ctx, source.Ref)
		switch {
		case fairway.ErrorCode(err) == fairway.CodeForbidden:
			problem(err.Error())
		case apierrors.IsForbidden(err):
			problem(source.Ref.String() + ": " + string(apierrors.ReasonForError(err)))
		case err != nil:
			return translate(err, "read "+source.Ref.String())
		case !served:
			problem("the API server does not know " + source.Ref.Kind + " of " + source.Ref.APIVersion)
		case live == nil:
			problem("there is no " + source.Ref.String())
		default:
			o.out.Backup = source.Newest([]fairway.Object{live})
		}
		return nil
	}
	if !o.mayRead("list", veleroBackups) {
		problem("the plan identity has no right to read backups.velero.io (fairway plan identity --group velero.io)")
		return nil
	}
	list, err := o.dynamic.Resource(veleroBackups).Namespace(source.Namespace).List(ctx, metav1.ListOptions{})
	switch {
	case apierrors.IsForbidden(err), err != nil && unlisted(err), meta.IsNoMatchError(err):
		problem("backups.velero.io in " + source.Namespace + ": " + string(apierrors.ReasonForError(err)))
		return nil
	case err != nil:
		return translate(err, "list the backups of Velero")
	}
	var all []fairway.Object
	for _, item := range list.Items {
		all = append(all, item.Object)
	}
	o.out.Backup = source.Newest(all)
	return nil
}
