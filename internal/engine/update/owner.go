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
	// wanted says why nothing is to be written now although the lease is held; nil
	// never says so.
	wanted func(ctx context.Context) error

	mu      sync.Mutex // guards renewed
	renewed time.Time
}

// check returns nil while writes are wanted, and the lease is held and fresh
// enough for one of them.
func (o *owner) check(ctx context.Context) error {
	if o.wanted != nil {
		if err := o.wanted(ctx); err != nil {
			return err
		}
	}
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
	did   *deeds // what was applied; nil when nobody asks
}

func (g guardedKubernetes) Apply(ctx context.Context, o, before fairway.Object) (fairway.ApplyResult, error) {
	if err := g.owner.check(ctx); err != nil {
		return fairway.ApplyResult{}, err
	}
	result, err := g.Kubernetes.Apply(ctx, o, before)
	if err == nil {
		g.did.note(result)
	}
	return result, err
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

func (g guardedKubernetes) DeletePod(ctx context.Context, p fairway.Pod) error {
	if err := g.owner.check(ctx); err != nil {
		return err
	}
	return g.Kubernetes.DeletePod(ctx, p)
}

func (g guardedKubernetes) StartProbe(ctx context.Context, node string, probe fairway.Probe) error {
	if err := g.owner.check(ctx); err != nil {
		return err
	}
	return g.Kubernetes.StartProbe(ctx, node, probe)
}

func (g guardedKubernetes) Record(ctx context.Context, about fairway.ObjectRef, reason, message string, warning bool) error {
	if err := g.owner.check(ctx); err != nil {
		return err
	}
	return g.Kubernetes.Record(ctx, about, reason, message, warning)
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

func (g guardedCloud) RetirePool(ctx context.Context, pool string) error {
	if err := g.owner.check(ctx); err != nil {
		return err
	}
	return g.Cloud.RetirePool(ctx, pool)
}

func (g guardedCloud) DeletePool(ctx context.Context, pool string) error {
	if err := g.owner.check(ctx); err != nil {
		return err
	}
	return g.Cloud.DeletePool(ctx, pool)
}
