package kube

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fairwayhq/fairway"
)

const (
	// defaultLease is the lease of the cluster's manager.
	defaultLease = metav1.NamespaceSystem + "/fairway"
	// leaseAbandoned is how long past its end by the holder's clock a lease is
	// free without having been watched: more than clocks are ever wrong.
	leaseAbandoned = 2 * time.Hour
)

// observedLease is a state of the lease and when this process first saw it.
type observedLease struct {
	version string // its resource version
	at      time.Time
}

// leasePath returns where the leases of the lease's namespace live.
func (c *Cluster) leasePath() string {
	return "/apis/coordination.k8s.io/v1/namespaces/" + c.lease.Namespace + "/leases"
}

// HoldLease takes or renews the lease of Options.Lease, which makes holder the
// only manager of the cluster for ttl (whole seconds, rounded up).
// CodePrecondition when another holds it, naming it.
//
// The renewal time in the lease is of another machine's clock, so the lease of
// another counts as expired only when this process has seen it unchanged for
// its whole duration by its own clock, or when it ended hours ago. A first look
// at a dead holder's lease is therefore refused, and one after its duration
// succeeds.
func (c *Cluster) HoldLease(ctx context.Context, holder string, ttl time.Duration) error {
	what := "hold the lease of the cluster for " + holder
	for range 5 {
		err := c.holdOnce(ctx, holder, ttl)
		if !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			return translate(err, what)
		}
		// Another wrote between our read and our write: read again.
	}
	return fairway.Errorf(fairway.CodeConflict, "%s: others keep changing it", what)
}

func (c *Cluster) holdOnce(ctx context.Context, holder string, ttl time.Duration) error {
	var lease coordinationv1.Lease
	err := c.get(ctx, c.leasePath()+"/"+c.lease.Name, &lease)
	now := c.now()
	if apierrors.IsNotFound(err) {
		lease = coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: c.lease.Namespace, Name: c.lease.Name}}
		take(&lease, holder, ttl, now)
		return c.saw(&lease, c.typed.Post().AbsPath(c.leasePath()).MaxRetries(0).Body(&lease).Do(ctx).Into(&lease))
	}
	if err != nil {
		return err
	}
	if owner := holderOf(&lease); owner != "" && owner != holder {
		if end, free := c.expiry(&lease); !free {
			return fairway.Errorf(fairway.CodePrecondition, "%s manages the cluster until %s unless it renews", owner, end.UTC().Format(time.RFC3339)).
				WithHint("stop the other manager, or wait: a lease that is not renewed is taken over when it ends")
		}
	}
	take(&lease, holder, ttl, now)
	return c.saw(&lease, c.typed.Put().AbsPath(c.leasePath()+"/"+c.lease.Name).MaxRetries(0).Body(&lease).Do(ctx).Into(&lease))
}

// take makes holder the owner from now on.
func take(lease *coordinationv1.Lease, holder string, ttl time.Duration, now time.Time) {
	if holderOf(lease) != holder {
		lease.Spec.AcquireTime = &metav1.MicroTime{Time: now}
		if lease.Spec.LeaseTransitions == nil {
			lease.Spec.LeaseTransitions = new(int32)
		} else {
			*lease.Spec.LeaseTransitions++
		}
	}
	lease.Spec.HolderIdentity = &holder
	lease.Spec.RenewTime = &metav1.MicroTime{Time: now}
	lease.Spec.LeaseDurationSeconds = new(int32(max(1, (ttl+time.Second-1)/time.Second)))
}

// expiry returns when the lease of another ends by our clock, and whether it
// has ended.
func (c *Cluster) expiry(lease *coordinationv1.Lease) (time.Time, bool) {
	var duration time.Duration
	if lease.Spec.LeaseDurationSeconds != nil {
		duration = time.Duration(*lease.Spec.LeaseDurationSeconds) * time.Second
	}
	now := c.now()
	c.mu.Lock()
	if c.seen.version != lease.ResourceVersion {
		c.seen = observedLease{version: lease.ResourceVersion, at: now}
	}
	seen := c.seen
	c.mu.Unlock()
	end := seen.at.Add(duration)
	if lease.Spec.RenewTime == nil {
		return end, true
	}
	abandoned := now.Sub(lease.Spec.RenewTime.Add(duration)) > leaseAbandoned
	return end, abandoned || !now.Before(end)
}

// saw remembers the lease that was just written and passes the error on.
func (c *Cluster) saw(lease *coordinationv1.Lease, err error) error {
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = observedLease{version: lease.ResourceVersion, at: c.now()}
	return nil
}

// ReleaseLease gives the lease back when holder has it; the lease of another,
// or none, is left alone and no error.
func (c *Cluster) ReleaseLease(ctx context.Context, holder string) error {
	what := fmt.Sprintf("release the lease of the cluster for %s", holder)
	for range 5 {
		var lease coordinationv1.Lease
		err := c.get(ctx, c.leasePath()+"/"+c.lease.Name, &lease)
		if apierrors.IsNotFound(err) || err == nil && holderOf(&lease) != holder {
			return nil
		}
		if err != nil {
			return translate(err, what)
		}
		lease.Spec.HolderIdentity = nil
		err = c.typed.Put().AbsPath(c.leasePath() + "/" + c.lease.Name).MaxRetries(0).Body(&lease).Do(ctx).Error()
		if !apierrors.IsConflict(err) {
			return translate(err, what)
		}
	}
	return fairway.Errorf(fairway.CodeConflict, "%s: others keep changing it", what)
}

// holderOf returns who holds the lease, "" for nobody.
func holderOf(lease *coordinationv1.Lease) string {
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}
