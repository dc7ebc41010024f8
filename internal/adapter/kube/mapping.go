package kube

import (
	"context"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/fairwayhq/fairway"
)

// resetEvery is how often discovery is read again at most, for a kind that is
// not known.
const resetEvery = 200 * time.Millisecond

// mapping returns where objects of a kind live. A kind that is not known makes
// discovery be read again: its definition may have just been created.
func (c *Cluster) mapping(ctx context.Context, kind schema.GroupVersionKind) (*meta.RESTMapping, error) {
	ctx = quietly(ctx)
	mapping, err := c.mapper.RESTMappingWithContext(ctx, kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) && c.forgetDiscovery(ctx) {
		mapping, err = c.mapper.RESTMappingWithContext(ctx, kind.GroupKind(), kind.Version)
	}
	return mapping, err
}

// resolve returns where the objects live that a deletion calls by a resource
// name ("deployments"), a kind ("Deployment") or name.version.group
// ("deployments.v1.apps"), in the manner of kubectl.
func (c *Cluster) resolve(ctx context.Context, name string) (*meta.RESTMapping, error) {
	ctx = quietly(ctx)
	mapping, err := c.resolveOnce(ctx, name)
	if meta.IsNoMatchError(err) && c.forgetDiscovery(ctx) {
		mapping, err = c.resolveOnce(ctx, name)
	}
	return mapping, err
}

func (c *Cluster) resolveOnce(ctx context.Context, name string) (*meta.RESTMapping, error) {
	full, resource := schema.ParseResourceArg(strings.ToLower(name))
	if full != nil {
		if kind, err := c.mapper.KindForWithContext(ctx, *full); err == nil {
			return c.mapper.RESTMappingWithContext(ctx, kind.GroupKind(), kind.Version)
		} else if !meta.IsNoMatchError(err) {
			return nil, err
		}
	}
	kind, err := c.mapper.KindForWithContext(ctx, resource.WithVersion(""))
	if err == nil {
		return c.mapper.RESTMappingWithContext(ctx, kind.GroupKind(), kind.Version)
	}
	if !meta.IsNoMatchError(err) {
		return nil, err
	}
	fullKind, groupKind := schema.ParseKindArg(name)
	if fullKind != nil {
		if mapping, err := c.mapper.RESTMappingWithContext(ctx, fullKind.GroupKind(), fullKind.Version); !meta.IsNoMatchError(err) {
			return mapping, err
		}
	}
	return c.mapper.RESTMappingWithContext(ctx, groupKind)
}

// quietly returns a context in which discovery does not write its errors to
// standard error: they are returned, and the caller knows what they mean.
func quietly(ctx context.Context) context.Context {
	return logr.NewContext(ctx, logr.Discard())
}

// forgetDiscovery throws discovery away unless that was done a moment ago, and
// reports whether looking again makes sense.
func (c *Cluster) forgetDiscovery(ctx context.Context) bool {
	c.mu.Lock()
	fresh := time.Since(c.resetAt) < resetEvery
	if !fresh {
		c.resetAt = time.Now()
	}
	c.mu.Unlock()
	if !fresh {
		c.mapper.ResetWithContext(ctx)
	}
	return !fresh
}

// kindOf returns the kind that a reference names.
func kindOf(ref fairway.ObjectRef) schema.GroupVersionKind {
	return schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind)
}

// resource returns the client of a mapping in a namespace; "" is cluster scope.
func (c *Cluster) resource(mapping *meta.RESTMapping, namespace string) dynamic.ResourceInterface {
	if namespace == "" {
		return c.dynamic.Resource(mapping.Resource)
	}
	return c.dynamic.Resource(mapping.Resource).Namespace(namespace)
}
