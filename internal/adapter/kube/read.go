package kube

import (
	"context"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"golang.org/x/sync/errgroup"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/manifest"
)

const (
	// listFrom is how many objects of one kind and namespace are read by a list
	// rather than one by one.
	listFrom = 4
	// listSpare and listWaste bound what a list may bring that nobody asked for: a
	// page holds so many more objects than are wanted, and what is left of a list
	// is given up when it is so many times as long.
	listSpare, listWaste = 50, 4
)

// Read returns objects as they are now, in the order of the references, each
// judged for its newest generation: while its controller has not seen that, it
// is in progress, and objects of kinds without a status are current once they
// exist. An object that does not exist, or whose kind does not, is not_found and
// no error. A namespaced reference without a namespace means "default". Objects
// of one kind and namespace are read by one list where that is cheaper.
func (c *Cluster) Read(ctx context.Context, refs []fairway.ObjectRef) ([]fairway.LiveObject, error) {
	r := reading{Cluster: c, out: make([]fairway.LiveObject, len(refs))}
	shelves := map[shelf][]wanted{}
	for i, ref := range refs {
		r.out[i].Health = fairway.ObjectHealth{State: fairway.HealthNotFound, Message: "it does not exist"}
		mapping, err := c.mapping(ctx, kindOf(ref))
		if meta.IsNoMatchError(err) {
			r.out[i].Health.Message = err.Error()
			continue
		}
		if err != nil {
			return nil, translate(err, "read "+ref.String())
		}
		s := shelf{mapping.Resource, ref.Namespace}
		if mapping.Scope.Name() == meta.RESTScopeNameRoot {
			s.namespace = ""
		} else if s.namespace == "" {
			s.namespace = metav1.NamespaceDefault
		}
		shelves[s] = append(shelves[s], wanted{i, ref})
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readAtOnce)
	for s, all := range shelves {
		if len(all) >= listFrom {
			group.Go(func() error { return r.list(ctx, s, all) })
			continue
		}
		for _, one := range all {
			group.Go(func() error { return r.get(ctx, s, one) })
		}
	}
	return r.out, group.Wait()
}

// Health is the health part of what Read says of one object.
func (c *Cluster) Health(ctx context.Context, ref fairway.ObjectRef) (fairway.ObjectHealth, error) {
	live, err := c.Read(ctx, []fairway.ObjectRef{ref})
	if err != nil {
		return fairway.ObjectHealth{}, err
	}
	return live[0].Health, nil
}

// reading is one call of Read.
type reading struct {
	*Cluster
	mu  sync.Mutex
	out []fairway.LiveObject // each place is written once; guarded by mu all the same
}

// shelf is where objects of one kind and namespace are found; "" is cluster scope.
type shelf struct {
	kind      schema.GroupVersionResource
	namespace string
}

// wanted is one object of a reading and its place in the answer.
type wanted struct {
	at  int
	ref fairway.ObjectRef
}

func (r *reading) get(ctx context.Context, s shelf, w wanted) error {
	live, err := r.on(s).Get(ctx, w.ref.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return translate(err, "read "+w.ref.String())
	}
	r.put(w, live)
	return nil
}

// list reads objects of one shelf by lists, and one by one where that would bring
// too much of others or is not allowed.
func (r *reading) list(ctx context.Context, s shelf, all []wanted) error {
	missing := make(map[string][]wanted, len(all))
	for _, w := range all {
		missing[w.ref.Name] = append(missing[w.ref.Name], w)
	}
	options := metav1.ListOptions{Limit: int64(min(pageSize, 2*len(all)+listSpare))}
	for len(missing) > 0 {
		page, err := r.on(s).List(ctx, options)
		if apierrors.IsForbidden(err) || apierrors.IsResourceExpired(err) || apierrors.IsGone(err) || err != nil && unlisted(err) {
			break
		}
		if err != nil {
			return translate(err, "list "+s.kind.GroupResource().String())
		}
		for i := range page.Items {
			for _, w := range missing[page.Items[i].GetName()] {
				r.put(w, &page.Items[i])
			}
			delete(missing, page.Items[i].GetName())
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return nil // what was not listed does not exist
		}
		if rest := page.GetRemainingItemCount(); rest == nil || int(*rest) > listWaste*len(missing) {
			break
		}
	}
	for _, some := range missing {
		for _, w := range some {
			if err := r.get(ctx, s, w); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reading) on(s shelf) dynamic.ResourceInterface {
	if s.namespace == "" {
		return r.dynamic.Resource(s.kind)
	}
	return r.dynamic.Resource(s.kind).Namespace(s.namespace)
}

func (r *reading) put(w wanted, live *unstructured.Unstructured) {
	seen := r.live(live)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out[w.at] = seen
}

// live says of an object what Read says.
func (c *Cluster) live(o *unstructured.Unstructured) fairway.LiveObject {
	return fairway.LiveObject{Object: o.Object, Owned: manifest.Owned(o.Object, c.manager), Health: judge(o)}
}
