package kubelet

import (
	"context"
	"log/slog"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
)

// leases renews the Lease of every Node that has a running kubelet.
type leases struct {
	client kubernetes.Interface
	nodes  listers.NodeLister
	log    *slog.Logger
	// known are the Leases as they were last written, and when.
	known map[string]*coordinationv1.Lease
}

func newLeases(client kubernetes.Interface, factory informers.SharedInformerFactory, log *slog.Logger) *leases {
	return &leases{client: client, nodes: factory.Core().V1().Nodes().Lister(), log: log, known: map[string]*coordinationv1.Lease{}}
}

// run looks once a second, so that a new node has its lease soon and the
// renewals of many nodes are spread over time.
func (l *leases) run(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		l.renewDue(ctx, time.Now())
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (l *leases) renewDue(ctx context.Context, now time.Time) {
	nodes, err := l.nodes.List(labels.SelectorFromSet(labels.Set{RunningLabel: RunningValue}))
	if err != nil {
		return // listers of a cache do not fail
	}
	running := map[string]bool{}
	for _, n := range nodes {
		running[n.Name] = true
		if lease := l.known[n.Name]; lease != nil && now.Sub(lease.Spec.RenewTime.Time) < LeaseDuration/4 {
			continue
		}
		lease, err := l.renew(ctx, n, now)
		if err != nil {
			if ctx.Err() == nil {
				l.log.Warn("renew lease of node", "node", n.Name, "error", err)
			}
			delete(l.known, n.Name)
			continue
		}
		l.known[n.Name] = lease
	}
	for name := range l.known {
		if !running[name] {
			delete(l.known, name)
		}
	}
}

func (l *leases) renew(ctx context.Context, n *corev1.Node, now time.Time) (*coordinationv1.Lease, error) {
	api := l.client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	lease := l.known[n.Name]
	if lease == nil {
		found, err := api.Get(ctx, n.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return api.Create(ctx, newLease(n, now), metav1.CreateOptions{})
		}
		if err != nil {
			return nil, err
		}
		lease = found
	}
	next := lease.DeepCopy()
	next.Spec = newLease(n, now).Spec
	return api.Update(ctx, next, metav1.UpdateOptions{})
}

func newLease(n *corev1.Node, now time.Time) *coordinationv1.Lease {
	seconds, renewed := int32(LeaseDuration/time.Second), metav1.NewMicroTime(now)
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{
			Name:            n.Name,
			Namespace:       corev1.NamespaceNodeLease,
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: n.Name, UID: n.UID}},
		},
		Spec: coordinationv1.LeaseSpec{HolderIdentity: &n.Name, LeaseDurationSeconds: &seconds, RenewTime: &renewed},
	}
}
