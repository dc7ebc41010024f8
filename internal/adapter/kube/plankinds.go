package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"golang.org/x/sync/errgroup"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/plan"
)

// skipped are the kinds that preflight has no question about and of which there
// are many, or that hold secrets.
var skipped = map[string]bool{
	"pods": true, "replicasets": true, "controllerrevisions": true, "endpoints": true, "endpointslices": true, "leases": true, "secrets": true,
	"configmaps": true, "nodes": true, "events": true, "serviceaccounts": true, "csinodes": true, "volumeattachments": true, "componentstatuses": true,
}

// namedKinds are those of them of which only the metadata is read, to find what
// Fairway applied and the configuration does not have any more.
var namedKinds = map[string]string{"secrets": "Secret", "configmaps": "ConfigMap", "serviceaccounts": "ServiceAccount"}

// servedKind is a kind that can be listed.
type servedKind struct {
	resource   schema.GroupVersionResource
	namespaced bool
}

// served returns the kinds that can be listed, each in the version that the API
// server prefers.
func (o *observation) served(ctx context.Context) ([]servedKind, error) {
	var groups metav1.APIGroupList
	if err := o.document(ctx, "/apis", &groups); err != nil {
		return nil, err
	}
	paths := map[string]schema.GroupVersion{"/api/v1": {Version: "v1"}}
	for _, g := range groups.Groups {
		version := g.PreferredVersion
		paths["/apis/"+version.GroupVersion] = schema.GroupVersion{Group: g.Name, Version: version.Version}
	}
	var kinds []servedKind
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readAtOnce)
	for path, version := range paths {
		group.Go(func() error {
			var list metav1.APIResourceList
			if err := o.document(ctx, path, &list); err != nil {
				if apierrors.IsServiceUnavailable(err) || apierrors.IsNotFound(err) {
					o.unread(fmt.Sprintf("the API group %s does not answer", version))
					return nil
				}
				return err
			}
			o.mu.Lock()
			defer o.mu.Unlock()
			for _, r := range list.APIResources {
				if slices.Contains(r.Verbs, "list") && !strings.Contains(r.Name, "/") {
					kinds = append(kinds, servedKind{version.WithResource(r.Name), r.Namespaced})
				}
			}
			return nil
		})
	}
	err := group.Wait()
	return kinds, translate(err, "read which kinds the API server has")
}

// document reads a JSON document of the API server.
func (o *observation) document(ctx context.Context, path string, into any) error {
	body, err := o.typed.Get().AbsPath(path).MaxRetries(0).SetHeader("Accept", "application/json").Do(ctx).Raw()
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// others lists what preflight looks at beside the bundle, and keeps what it would
// say something of.
func (o *observation) others(ctx context.Context) error {
	kinds, err := o.served(ctx)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readAtOnce / 2)
	for _, k := range kinds {
		if skipped[k.resource.Resource] && (o.remembered || namedKinds[k.resource.Resource] == "") {
			continue
		}
		if !o.mayRead("list", k.resource) {
			o.unread(fmt.Sprintf("%s: no right to list it (fairway plan identity --group %s)", k.resource.GroupResource(), k.resource.Group))
			continue
		}
		group.Go(func() error {
			read := o.list
			if skipped[k.resource.Resource] {
				read = o.listNames
			}
			err := read(ctx, k.resource, o.look)
			switch {
			case apierrors.IsForbidden(err), apierrors.IsServiceUnavailable(err), apierrors.IsInternalError(err):
				o.unread(fmt.Sprintf("%s: %s", k.resource.GroupResource(), apierrors.ReasonForError(err)))
				return nil
			case err != nil && unlisted(err):
				return nil
			}
			return translate(err, "list "+k.resource.GroupResource().String())
		})
	}
	err = group.Wait()
	slices.SortFunc(o.out.Others, func(a, b fairway.Object) int { return strings.Compare(a.Ref().String(), b.Ref().String()) })
	slices.Sort(o.out.Unread)
	return err
}

// unlisted reports whether a kind that says that it can be listed cannot.
func unlisted(err error) bool {
	status, ok := err.(apierrors.APIStatus)
	return ok && (status.Status().Code == http.StatusMethodNotAllowed || status.Status().Code == http.StatusNotFound)
}

// unread notes what could not be read.
func (o *observation) unread(what string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Contains(o.out.Unread, what) {
		o.out.Unread = append(o.out.Unread, what)
	}
}

// list reads all objects of a kind, page by page. A list that grew too old to be
// continued ends with what was read.
func (o *observation) list(ctx context.Context, resource schema.GroupVersionResource, each func(fairway.Object)) error {
	options := metav1.ListOptions{Limit: pageSize}
	for {
		page, err := o.dynamic.Resource(resource).List(ctx, options)
		if options.Continue != "" && (apierrors.IsResourceExpired(err) || apierrors.IsGone(err)) {
			o.unread(resource.GroupResource().String() + ": there are more than could be listed in time")
			return nil
		}
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			each(item.Object)
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return nil
		}
	}
}

// listNames is list without the contents of the objects.
func (o *observation) listNames(ctx context.Context, resource schema.GroupVersionResource, each func(fairway.Object)) error {
	path := "/apis/" + resource.GroupVersion().String() + "/" + resource.Resource
	if resource.Group == "" {
		path = "/api/" + resource.Version + "/" + resource.Resource
	}
	for next := ""; ; {
		body, err := o.typed.Get().AbsPath(path).MaxRetries(0).Param("limit", strconv.Itoa(pageSize)).Param("continue", next).
			SetHeader("Accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1").Do(ctx).Raw()
		if err != nil {
			return err
		}
		var page struct {
			Metadata metav1.ListMeta  `json:"metadata"`
			Items    []fairway.Object `json:"items"`
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return err
		}
		for _, item := range page.Items {
			item["apiVersion"], item["kind"] = resource.GroupVersion().String(), namedKinds[resource.Resource]
			each(item)
		}
		if next = page.Metadata.Continue; next == "" {
			return nil
		}
	}
}

// endpoints finds out whether something answers behind the services of webhooks.
func (o *observation) endpoints(ctx context.Context, b *fairway.Bundle) error {
	services := map[string]bool{}
	note := func(object fairway.Object) {
		for _, s := range plan.WebhookServices(object) {
			services[s] = true
		}
	}
	for _, object := range o.out.Others {
		note(object)
	}
	for _, component := range b.Components {
		for _, object := range component.Objects {
			note(object)
		}
	}
	slices := schema.GroupVersionResource{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"}
	for s := range services {
		namespace, name, _ := strings.Cut(s, "/")
		list, err := o.dynamic.Resource(slices).Namespace(namespace).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + name})
		if apierrors.IsForbidden(err) {
			o.unread("endpointslices: " + string(apierrors.ReasonForError(err)))
			return nil
		}
		if err != nil {
			return translate(err, "list the endpoints of service "+s)
		}
		o.out.Endpoints[s] = false
		for _, item := range list.Items {
			o.out.Endpoints[s] = o.out.Endpoints[s] || hasReady(item.Object)
		}
	}
	return nil
}

// hasReady reports whether an EndpointSlice has a ready endpoint; one that does
// not say counts as ready, as the API has it.
func hasReady(slice map[string]any) bool {
	endpoints, _ := slice["endpoints"].([]any)
	for _, e := range endpoints {
		endpoint, _ := e.(map[string]any)
		conditions, _ := endpoint["conditions"].(map[string]any)
		if conditions["ready"] != false {
			return true
		}
	}
	return false
}
