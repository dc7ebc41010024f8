package update

import (
	"context"
	"sync"
	"time"

	"github.com/fairwayhq/fairway"
)

const (
	// leaseTTL is how long a manager that fell silent keeps a cluster.
	leaseTTL = 20 * time.Second
	// leaseRenew is the age at which the lease is renewed before a write. A
	// write can then begin at most leaseRenew after a renewal and has the rest
	// of leaseTTL to end.
	leaseRenew = 5 * time.Second
)

// owner is the right to write to a cluster: design.md rule 8. Every write goes
// through guardedKubernetes or guardedCloud, which ask it first.
type owner struct {
	kube   fairway.Kubernetes
	holder string
	now    fairway.Clock

	mu      sync.Mutex // guards renewed
	renewed time.Time
}

// check returns nil while the lease is held and fresh enough for one write.
func (o *owner) check(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	// A clock that was set back must not make an old lease look fresh.
	if age := o.now().Sub(o.renewed); age >= 0 && age < leaseRenew {
		return nil
	}
	if err := o.kube.HoldLease(ctx, o.holder, leaseTTL); err != nil {
		return err
	}
	o.renewed = o.now()
	return nil
}

// guardedKubernetes is a cluster's API that writes only while the lease is held.
type guardedKubernetes struct {
	fairway.Kubernetes
	owner *owner
}

func (g guardedKubernetes) Apply(ctx context.Context, o fairway.Object) (fairway.ApplyResult, error) {
	if err := g.owner.check(ctx); err != nil {
		return fairway.ApplyResult{}, err
	}
	return g.Kubernetes.Apply(ctx, o)
}

func (g guardedKubernetes) Delete(ctx context.Context, d fairway.Deletion) ([]fairway.ObjectRef, error) {
	if err := g.owner.check(ctx); err != nil {
		return nil, err
	}
	return g.Kubernetes.Delete(ctx, d)
}

func (g guardedKubernetes) Mark(ctx context.Context, node string, m fairway.NodeMarks) error {
	if err := g.owner.check(ctx); err != nil {
		return err
	}
	return g.Kubernetes.Mark(ctx, node, m)
}

func (g guardedKubernetes) Evict(ctx context.Context, p fairway.Pod) (fairway.EvictResult, string, error) {
	if err := g.owner.check(ctx); err != nil {
		return "", "", err
	}
	return g.Kubernetes.Evict(ctx, p)
}

// guardedCloud is a cluster's cloud that writes only while the lease is held.
type guardedCloud struct {
	fairway.Cloud
	owner *owner
}

func (g guardedCloud) EnsurePool(ctx context.Context, spec fairway.PoolSpec) (*fairway.Group, error) {
	if err := g.owner.check(ctx); err != nil {
		return nil, err
	}
	return g.Cloud.EnsurePool(ctx, spec)
}

func (g guardedCloud) SetDesired(ctx context.Context, pool string, desired, base int) error {
	if err := g.owner.check(ctx); err != nil {
		return err
	}
	return g.Cloud.SetDesired(ctx, pool, desired, base)
}

func (g guardedCloud) Terminate(ctx context.Context, instanceID string, decrement bool) error {
	if err := g.owner.check(ctx); err != nil {
		return err
	}
	return g.Cloud.Terminate(ctx, instanceID, decrement)
}

func (g guardedCloud) Protect(ctx context.Context, instanceID string, protected bool) error {
	if err := g.owner.check(ctx); err != nil {
		return err
	}
	return g.Cloud.Protect(ctx, instanceID, protected)
}
