package kube

import (
	"context"
	"slices"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"golang.org/x/sync/errgroup"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/manifest"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

// readAtOnce is how many reads of an observation are under way at once.
const readAtOnce = 16

// Observe reads everything that a plan of a bundle needs, with get and list
// alone: the live objects of the bundle, what its deletions select, which objects
// of the inventory are left, what preflight looks at, nodes and pods. Nothing is
// written, and nothing is asked for that get and list do not allow; only the plan
// identity (plan.Identity), in a cluster that refuses its every write, asks for
// dry runs of the objects that differ. What cannot
// be listed for preflight is named in Unread and is no error. inventory is what is
// remembered of the last apply, nil when nobody does: then the objects that
// Fairway's field manager applied are what is left.
func (c *Cluster) Observe(ctx context.Context, b *fairway.Bundle, inventory []fairway.InventoryItem) (*plan.Observed, error) {
	o := &observation{Cluster: c, wanted: map[plan.Key]bool{}, remembered: inventory != nil, out: &plan.Observed{
		Basis: plan.BasisLive, By: plan.ByFields, Manager: c.manager,
		Live: map[plan.Key]fairway.Object{}, Unserved: map[string]bool{}, Endpoints: map[string]bool{},
	}}
	if inventory != nil {
		o.out.Applied = map[plan.Key]string{}
	}
	for _, component := range b.Components {
		for _, object := range component.Objects {
			o.wanted[plan.KeyOf(object.Ref())] = true
		}
	}
	var err error
	if o.out.Version, err = c.ServerVersion(ctx); err != nil {
		return nil, err
	}
	if err := o.guard(ctx); err != nil {
		return nil, err
	}
	if err := o.objects(ctx, b); err != nil {
		return nil, err
	}
	if err := o.deletions(ctx, b); err != nil {
		return nil, err
	}
	if err := o.left(ctx, inventory); err != nil {
		return nil, err
	}
	if err := o.others(ctx); err != nil {
		return nil, err
	}
	slices.SortFunc(o.out.Left, func(a, b fairway.ObjectRef) int { return strings.Compare(a.String(), b.String()) })
	if err := o.endpoints(ctx, b); err != nil {
		return nil, err
	}
	if o.out.Workloads, err = c.Workloads(ctx); err != nil {
		return nil, err
	}
	if err := o.peaks(ctx); err != nil {
		return nil, err
	}
	if err := o.podNetwork(ctx); err != nil {
		return nil, err
	}
	if err := o.backup(ctx, b); err != nil {
		return nil, err
	}
	return o.out, o.dryRuns(ctx, b)
}

// observation is one reading of a cluster.
type observation struct {
	*Cluster
	wanted     map[plan.Key]bool // the objects of the bundle
	remembered bool
	// grants are what the plan identity may do; nil for any other user, and
	// where its writes are not refused.
	grants []grant
	mu     sync.Mutex
	out    *plan.Observed // guarded by mu while goroutines run
}

// objects reads the live objects of the bundle.
func (o *observation) objects(ctx context.Context, b *fairway.Bundle) error {
	var refs []fairway.ObjectRef
	for _, component := range b.Components {
		for _, object := range component.Objects {
			ref := object.Ref()
			if _, err := o.mapping(ctx, kindOf(ref)); meta.IsNoMatchError(err) {
				o.out.Unserved[ref.APIVersion+"/"+ref.Kind] = true
			} else {
				refs = append(refs, ref) // another error is Read's
			}
		}
	}
	live, err := o.Read(ctx, refs)
	if err != nil {
		return err
	}
	for i, ref := range refs {
		if live[i].Object != nil {
			o.out.Live[plan.KeyOf(ref)] = live[i].Object
		}
	}
	return nil
}

// read reads an object as an apply would name it; nil when it does not exist,
// and whether the API server serves its kind.
func (o *observation) read(ctx context.Context, ref fairway.ObjectRef) (fairway.Object, bool, error) {
	mapping, err := o.mapping(ctx, kindOf(ref))
	if meta.IsNoMatchError(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if !o.mayRead("get", mapping.Resource) {
		return nil, true, fairway.Errorf(fairway.CodeForbidden, "the plan identity has no right to read %s", mapping.Resource.GroupResource()).
			WithHint("give it the API group: fairway plan identity --group %s | kubectl apply -f -", mapping.Resource.Group)
	}
	namespace := ref.Namespace
	switch {
	case mapping.Scope.Name() == meta.RESTScopeNameRoot:
		namespace = ""
	case namespace == "":
		namespace = metav1.NamespaceDefault
	}
	live, err := o.resource(mapping, namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, true, nil
	}
	if err != nil {
		return nil, true, err
	}
	return live.Object, true, nil
}

// left finds the objects of the inventory that exist and left the bundle, and
// notes what was applied of the others.
func (o *observation) left(ctx context.Context, inventory []fairway.InventoryItem) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readAtOnce)
	for _, item := range inventory {
		if key := plan.KeyOf(item.Ref); o.wanted[key] {
			o.mu.Lock()
			o.out.Applied[key] = item.Digest
			o.mu.Unlock()
			continue
		}
		group.Go(func() error {
			live, _, err := o.read(ctx, item.Ref)
			if err != nil {
				return translate(err, "read "+item.Ref.String())
			}
			if live != nil {
				o.mu.Lock()
				defer o.mu.Unlock()
				o.out.Left = append(o.out.Left, item.Ref)
			}
			return nil
		})
	}
	return group.Wait()
}

// look takes from a live object what a plan needs of it.
func (o *observation) look(object fairway.Object) {
	relevant := plan.Relevant(object)
	departed := !o.remembered && !o.wanted[plan.KeyOf(object.Ref())] && manifest.AppliedFields(object, o.manager) != nil
	if !relevant && !departed {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if relevant {
		o.out.Others = append(o.out.Others, object)
	}
	if departed {
		o.out.Left = append(o.out.Left, object.Ref())
	}
}
