package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/engine/update"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

// failpoints kill this process right before or right after a write to the
// outside, so that tests can show that another process goes on from there.
//
// They are off unless the environment variable FAIRWAY_FAILPOINTS names a
// folder. A file "<write>.before" or "<write>.after" in it arms one: reaching
// it removes the file and kills the process as "kill -9" would.
type failpoints struct {
	dir string
	one *sync.Mutex // held by whoever is about to die: one point per death
}

// FailpointNames are the writes that can be died at; each has a before and an
// after. "lease" is the write that takes or renews the lease.
var FailpointNames = []string{
	"lease", "apply", "delete", "mark", "evict",
	"ensure-pool", "set-desired", "terminate", "protect",
	"promote", "plan",
}

// RareFailpointNames are the writes that only some rolls do: a pod that is
// deleted by force (or a probe that has done its work), the start of a probe,
// an event about a pod, the end of a node pool.
var RareFailpointNames = []string{"delete-pod", "probe", "record", "retire-pool", "delete-pool"}

// ApproveFailpointName is the write that a person makes by approving a plan.
const ApproveFailpointName = "approve"

func newFailpoints(log *slog.Logger) failpoints {
	dir := os.Getenv("FAIRWAY_FAILPOINTS")
	if dir != "" {
		log.Warn("failpoints are on; this process may kill itself", "folder", dir)
	}
	return failpoints{dir, new(sync.Mutex)}
}

// around runs a write between its two failpoints.
func (f failpoints) around(name string, write func()) {
	if f.dir == "" {
		write()
		return
	}
	f.reach(name + ".before")
	write()
	f.reach(name + ".after")
}

func (f failpoints) reach(point string) {
	f.one.Lock()
	defer f.one.Unlock()
	if os.Remove(filepath.Join(f.dir, point)) == nil {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // cannot fail for oneself
		select {}
	}
}

func (f failpoints) provider(p fairway.Provider) fairway.Provider {
	if f.dir == "" {
		return p
	}
	return failProvider{p, f}
}

func (f failpoints) source(s fairway.Configuration) fairway.Configuration {
	if f.dir == "" {
		return s
	}
	return failSource{s, f}
}

func (f failpoints) store(s fairway.Store) fairway.Store {
	if f.dir == "" {
		return s
	}
	return failStore{s, f}
}

// failStore dies around the writes to the store that decide what is done to a
// cluster.
type failStore struct {
	fairway.Store
	fail failpoints
}

func (s failStore) SavePlan(ctx context.Context, p *fairway.UpdatePlan) (err error) {
	s.fail.around("plan", func() { err = s.Store.SavePlan(ctx, p) })
	return err
}

func (s failStore) ApprovePlan(ctx context.Context, updateID, digest string, who fairway.Principal, reason string) (a *fairway.Approval, err error) {
	s.fail.around(ApproveFailpointName, func() { a, err = s.Store.ApprovePlan(ctx, updateID, digest, who, reason) })
	return a, err
}

type failSource struct {
	fairway.Configuration
	fail failpoints
}

func (s failSource) Commits(ctx context.Context, from, revision, file string) ([]fairway.Commit, error) {
	return s.Configuration.(fairway.Historian).Commits(ctx, from, revision, file)
}

func (s failSource) Promote(ctx context.Context, source, channel, revision string) (err error) {
	s.fail.around("promote", func() { err = s.Configuration.Promote(ctx, source, channel, revision) })
	return err
}

type failProvider struct {
	fairway.Provider
	fail failpoints
}

func (p failProvider) Connect(ctx context.Context, c *fairway.Cluster) (fairway.Kubernetes, fairway.Cloud, error) {
	k, cloud, err := p.Provider.Connect(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	return failKubernetes{k, p.fail}, failCloud{cloud, p.fail}, nil
}

type failKubernetes struct {
	fairway.Kubernetes
	fail failpoints
}

// Observe and Deletable read: there is nothing to die at.
func (k failKubernetes) Observe(ctx context.Context, b *fairway.Bundle, inventory []fairway.InventoryItem) (*plan.Observed, error) {
	return k.Kubernetes.(update.Observer).Observe(ctx, b, inventory)
}

func (k failKubernetes) Deletable(ctx context.Context, b *fairway.Bundle) ([]plan.Deletion, error) {
	return k.Kubernetes.(update.Observer).Deletable(ctx, b)
}

func (k failKubernetes) Apply(ctx context.Context, o, before fairway.Object) (r fairway.ApplyResult, err error) {
	k.fail.around("apply", func() { r, err = k.Kubernetes.Apply(ctx, o, before) })
	return r, err
}

func (k failKubernetes) Delete(ctx context.Context, d fairway.Deletion) (r []fairway.ObjectRef, err error) {
	k.fail.around("delete", func() { r, err = k.Kubernetes.Delete(ctx, d) })
	return r, err
}

func (k failKubernetes) Mark(ctx context.Context, node string, m fairway.NodeMarks) (err error) {
	k.fail.around("mark", func() { err = k.Kubernetes.Mark(ctx, node, m) })
	return err
}

func (k failKubernetes) Evict(ctx context.Context, p fairway.Pod) (r fairway.EvictResult, why string, err error) {
	k.fail.around("evict", func() { r, why, err = k.Kubernetes.Evict(ctx, p) })
	return r, why, err
}

func (k failKubernetes) DeletePod(ctx context.Context, p fairway.Pod) (err error) {
	k.fail.around("delete-pod", func() { err = k.Kubernetes.DeletePod(ctx, p) })
	return err
}

func (k failKubernetes) StartProbe(ctx context.Context, node string, probe fairway.Probe) (err error) {
	k.fail.around("probe", func() { err = k.Kubernetes.StartProbe(ctx, node, probe) })
	return err
}

func (k failKubernetes) Record(ctx context.Context, about fairway.ObjectRef, reason, message string, warning bool) (err error) {
	k.fail.around("record", func() { err = k.Kubernetes.Record(ctx, about, reason, message, warning) })
	return err
}

func (k failKubernetes) HoldLease(ctx context.Context, holder string, ttl time.Duration) (err error) {
	k.fail.around("lease", func() { err = k.Kubernetes.HoldLease(ctx, holder, ttl) })
	return err
}

type failCloud struct {
	fairway.Cloud
	fail failpoints
}

func (c failCloud) Forecast(ctx context.Context, spec fairway.PoolSpec) (string, []string, error) {
	return c.Cloud.(fairway.Forecaster).Forecast(ctx, spec)
}

func (c failCloud) EnsurePool(ctx context.Context, spec fairway.PoolSpec) (g *fairway.Group, err error) {
	c.fail.around("ensure-pool", func() { g, err = c.Cloud.EnsurePool(ctx, spec) })
	return g, err
}

func (c failCloud) SetDesired(ctx context.Context, pool string, desired, base int) (err error) {
	c.fail.around("set-desired", func() { err = c.Cloud.SetDesired(ctx, pool, desired, base) })
	return err
}

func (c failCloud) Terminate(ctx context.Context, instanceID string, decrement bool) (err error) {
	c.fail.around("terminate", func() { err = c.Cloud.Terminate(ctx, instanceID, decrement) })
	return err
}

func (c failCloud) Protect(ctx context.Context, instanceID string, protected bool) (err error) {
	c.fail.around("protect", func() { err = c.Cloud.Protect(ctx, instanceID, protected) })
	return err
}

func (c failCloud) RetirePool(ctx context.Context, pool string) (err error) {
	c.fail.around("retire-pool", func() { err = c.Cloud.RetirePool(ctx, pool) })
	return err
}

func (c failCloud) DeletePool(ctx context.Context, pool string) (err error) {
	c.fail.around("delete-pool", func() { err = c.Cloud.DeletePool(ctx, pool) })
	return err
}
