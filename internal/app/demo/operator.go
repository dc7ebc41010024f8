package demo

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

// member is a pod of the database as its operator sees it.
type member struct {
	Name, UID, Role string
	// Ready: serves, and is not on its way out.
	Ready bool
	// Staying: its node is not marked to go.
	Staying bool
}

// role is a role that a member is to take.
type role struct {
	Member member
	Role   string
}

// assignRoles decides who leads, and returns the changes in the order in which
// they are to be made: first the new leader, then the others, so that there is
// one at any time.
//
// A leader keeps its role while it is ready. It hands it over when its node is
// marked to go and another ready member stands on a node that stays, so that
// the role moves once in a roll. Without a ready leader the best ready member
// takes over; without any ready member nothing changes.
func assignRoles(members []member) []role {
	members = slices.SortedFunc(slices.Values(members), func(a, b member) int { return cmp.Compare(a.Name, b.Name) })
	best := -1
	score := func(m member) int {
		s := 0
		if m.Staying {
			s += 2
		}
		if m.Role == roleLeader {
			s++
		}
		return s
	}
	for i, m := range members {
		if m.Ready && (best < 0 || score(m) > score(members[best])) {
			best = i
		}
	}
	var first, rest []role
	for i, m := range members {
		switch {
		case i == best && m.Role != roleLeader:
			first = append(first, role{m, roleLeader})
		case best >= 0 && i != best && m.Role != roleReplica:
			rest = append(rest, role{m, roleReplica})
		}
	}
	return append(first, rest...)
}

// operator keeps the roles of one cluster's database right, as the operator of
// a real database would: it follows the pods and the marks on their nodes.
type operator struct {
	client dynamic.Interface
	log    *slog.Logger

	mu    sync.Mutex
	nodes map[string]nodeState
	// marked is since when nodes are marked.
	marked map[string]time.Time
	pods   map[string]podState // by UID
	wake   chan struct{}
}

// Operate keeps the roles of the demo's database right in the cluster that a
// kubeconfig names, until ctx is over.
func Operate(ctx context.Context, kubeconfig string, log *slog.Logger) error {
	client, err := dial(kubeconfig)
	if err != nil {
		return err
	}
	newOperator(client, log).run(ctx)
	return nil
}

// markSettles is how long the leader's node has to be marked before the role
// moves: outdated nodes are marked one after the other, and a node that is not
// marked yet only looks like one that stays.
const markSettles = time.Second

func newOperator(client dynamic.Interface, log *slog.Logger) *operator {
	return &operator{client: client, log: log, nodes: map[string]nodeState{}, marked: map[string]time.Time{}, pods: map[string]podState{}, wake: make(chan struct{}, 1)}
}

// run works until ctx is over.
func (o *operator) run(ctx context.Context) {
	changed := func(f func(u *unstructured.Unstructured)) func(*unstructured.Unstructured) {
		return func(u *unstructured.Unstructured) {
			o.mu.Lock()
			f(u)
			o.mu.Unlock()
			select {
			case o.wake <- struct{}{}:
			default: // it is awake already
			}
		}
	}
	mirrors := []*mirror{
		{
			resource: nodesResource,
			set:      changed(func(u *unstructured.Unstructured) { o.setNode(nodeOf(u), time.Now()) }),
			gone: changed(func(u *unstructured.Unstructured) {
				delete(o.nodes, u.GetName())
				delete(o.marked, u.GetName())
			}),
		},
		{
			resource: podsResource, namespace: shopNamespace,
			set:  changed(func(u *unstructured.Unstructured) { o.pods[string(u.GetUID())] = podOf(u) }),
			gone: changed(func(u *unstructured.Unstructured) { delete(o.pods, string(u.GetUID())) }),
		},
	}
	var group sync.WaitGroup
	for _, m := range mirrors {
		m.client = o.client
		m.synced = func() {}
		m.broken = func(err error) { o.log.Debug("operator lost its watch", "error", err) }
		group.Go(func() { m.run(ctx) })
	}
	// Looked at again from time to time: for marks that settle, and for writes
	// that did not come through.
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-o.wake:
			o.reconcile(ctx)
		case <-tick.C:
			o.reconcile(ctx)
		}
	}
	group.Wait()
}

func (o *operator) reconcile(ctx context.Context) {
	for _, r := range assignRoles(o.members(time.Now())) {
		if err := o.assign(ctx, r); err != nil {
			// The order matters: the old leader keeps its role until the new one has it.
			o.log.Debug("role not assigned", "pod", r.Member.Name, "role", r.Role, "error", err)
			return
		}
	}
}

// setNode takes what is known of a node now; the caller holds the lock.
func (o *operator) setNode(n nodeState, now time.Time) {
	o.nodes[n.Name] = n
	if _, known := o.marked[n.Name]; n.Marked != known {
		delete(o.marked, n.Name)
		if n.Marked {
			o.marked[n.Name] = now
		}
	}
}

func (o *operator) members(now time.Time) []member {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []member
	for _, p := range o.pods {
		if p.Labels["application"] != databaseName {
			continue
		}
		n := o.nodes[p.Node]
		m := member{Name: p.Name, UID: p.UID, Role: p.Labels["role"], Ready: p.Ready && p.Ends.IsZero() && n.Ready, Staying: n.Name != "" && !n.Marked}
		if m.Role == roleLeader && n.Marked && now.Sub(o.marked[n.Name]) < markSettles {
			m.Staying = true
		}
		all = append(all, m)
	}
	return all
}

// assign writes the role of exactly that pod, and remembers it at once: the
// watch may tell later.
func (o *operator) assign(ctx context.Context, r role) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": r.Member.UID, "labels": map[string]string{"role": r.Role}}})
	if err != nil {
		return err
	}
	u, err := o.client.Resource(podsResource).Namespace(shopNamespace).Patch(ctx, r.Member.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "fairway-demo"})
	if err != nil {
		return fmt.Errorf("give %s the role %s: %w", r.Member.Name, r.Role, err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, there := o.pods[r.Member.UID]; there {
		o.pods[r.Member.UID] = podOf(u)
	}
	return nil
}
