package kubelet

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
)

// renewAtOnce is how many Leases are written at the same time: of many nodes one
// slow answer must not make the others silent.
const renewAtOnce = 8

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
	due := map[string]*coordinationv1.Lease{}
	var mu sync.Mutex // guards due
	var group errgroup.Group
	group.SetLimit(renewAtOnce)
	for _, n := range nodes {
		running[n.Name] = true
		lease := l.known[n.Name]
		if lease != nil && now.Sub(lease.Spec.RenewTime.Time) < LeaseDuration/4 {
			continue
		}
		group.Go(func() error {
			renewed, err := l.renew(ctx, n, lease, now)
			if err != nil && ctx.Err() == nil {
				l.log.Warn("renew lease of node", "node", n.Name, "error", err)
			}
			mu.Lock()
			defer mu.Unlock()
			due[n.Name] = renewed // nil is read anew
			return nil
		})
	}
	_ = group.Wait() // reports none
	maps.Copy(l.known, due)
	for name := range l.known {
		if !running[name] {
			delete(l.known, name)
		}
	}
}

// renew writes the Lease of a node, which was last written as lease; nil when
// that is not known.
func (l *leases) renew(ctx context.Context, n *corev1.Node, lease *coordinationv1.Lease, now time.Time) (*coordinationv1.Lease, error) {
	api := l.client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	if lease == nil {
		found, err := api.Get(ctx, n.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			lease, err = api.Create(ctx, newLease(n, now), metav1.CreateOptions{})
			if err != nil {
				return nil, err
			}
			return lease, nil
		}
		if err != nil {
			return nil, err
		}
		lease = found
	}
	next := lease.DeepCopy()
	next.Spec = newLease(n, now).Spec
	renewed, err := api.Update(ctx, next, metav1.UpdateOptions{})
	if err != nil {
		return nil, err
	}
	return renewed, nil
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
