package httpapi

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/fairwayhq/fairway"
)

// fleetClusters registers clusters and their node pools.
func (a *api) fleetClusters(h huma.API) {
	operation(a, h, huma.Operation{OperationID: "list-clusters", Method: http.MethodGet, Path: "/api/v1/clusters",
		Summary:     "The clusters that pass all given filters, oldest first",
		Description: "Read in parts (limit, after), or as one answer that is streamed. Searched are id, alias, owner, and the keys and values of config items, also those of node pools.",
		Responses:   partsOf[fairway.ClusterView](h, "Cluster")}, a.listClusters)
	get(a, h, "get-cluster", "/api/v1/clusters/{cluster}", "A cluster by id, alias or local id", a.getCluster)
	operation(a, h, huma.Operation{OperationID: "list-node-pools", Method: http.MethodGet, Path: "/api/v1/clusters/{cluster}/node-pools",
		Summary: "The node pools of a cluster, in its order", Responses: partsOf[fairway.NodePool](h, "NodePool")}, a.listPools)
	get(a, h, "get-node-pool", "/api/v1/clusters/{cluster}/node-pools/{pool}", "A node pool of a cluster", a.getPool)
}

// clusterFilter is the query of a list of clusters.
type clusterFilter struct {
	Paged
	Alias                 string `query:"alias"`
	APIServerURL          string `query:"api_server_url"`
	Channel               string `query:"channel"`
	Environment           string `query:"environment"`
	InfrastructureAccount string `query:"infrastructure_account"`
	LifecycleStatus       string `query:"lifecycle_status"`
	LocalID               string `query:"local_id"`
	Provider              string `query:"provider"`
	Region                string `query:"region"`
	CostCenter            string `query:"cost_center"`
	CriticalityLevel      int32  `query:"criticality_level" minimum:"0" doc:"0 means any"`
}

func (in *clusterFilter) filter() fairway.ClusterFilter {
	filter := fairway.ClusterFilter{
		Alias: in.Alias, APIServerURL: in.APIServerURL, Channel: in.Channel, Environment: in.Environment,
		InfrastructureAccount: in.InfrastructureAccount, LifecycleStatus: in.LifecycleStatus, LocalID: in.LocalID,
		Provider: in.Provider, Region: in.Region, CostCenter: in.CostCenter, Search: in.Search, Terse: true,
	}
	if in.CriticalityLevel != 0 {
		filter.CriticalityLevel = &in.CriticalityLevel
	}
	return filter
}

// sortedTime sorts as the time does.
const sortedTime = "2006-01-02T15:04:05.000000Z"

// sortedNumber sorts as numbers that are not negative do.
func sortedNumber(n int64) string {
	text := strconv.FormatInt(n, 10)
	return strconv.Itoa(100 + len(text))[1:] + text
}

var clusterSorting = sorting[fairway.ClusterView]{
	"id":                     func(c *fairway.ClusterView) string { return c.ID },
	"alias":                  func(c *fairway.ClusterView) string { return c.Alias },
	"infrastructure_account": func(c *fairway.ClusterView) string { return c.InfrastructureAccount },
	"local_id":               func(c *fairway.ClusterView) string { return c.LocalID },
	"api_server_url":         func(c *fairway.ClusterView) string { return c.APIServerURL },
	"channel":                func(c *fairway.ClusterView) string { return c.Channel },
	"environment":            func(c *fairway.ClusterView) string { return c.Environment },
	"criticality_level":      func(c *fairway.ClusterView) string { return sortedNumber(int64(c.CriticalityLevel)) },
	"lifecycle_status":       func(c *fairway.ClusterView) string { return string(c.LifecycleStatus) },
	"provider":               func(c *fairway.ClusterView) string { return c.Provider },
	"region":                 func(c *fairway.ClusterView) string { return c.Region },
	"owner":                  func(c *fairway.ClusterView) string { return c.Owner },
	"account_name":           func(c *fairway.ClusterView) string { return c.AccountName },
	"created_at":             func(c *fairway.ClusterView) string { return c.CreatedAt.UTC().Format(sortedTime) },
}

// clusterBatch is how many clusters of a list are held at once.
const clusterBatch = 100

// listClusters finds out which clusters the answer has, without what is large
// in them, and then reads them one batch after another.
func (a *api) listClusters(ctx context.Context, in *clusterFilter) (*huma.StreamResponse, error) {
	o, err := asked(clusterSorting, "created_at", in.Paged)
	if err != nil {
		return nil, err
	}
	var all []place
	err = a.Store.EachCluster(ctx, in.filter(), func(c *fairway.Cluster) error {
		if sees(ctx, fairway.PlaceOf(c)) {
			all = append(all, o.place(&fairway.ClusterView{Cluster: *c}, c.ID))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	all, next, err := o.page(all, in.Paged)
	if err != nil {
		return nil, err
	}
	wants := func(name string) bool { return len(in.Fields) == 0 || slices.Contains(in.Fields, name) }
	of := map[string]*fairway.Update{}
	if wants("state") && len(all) > 0 {
		if of, err = a.newestUpdates(ctx, all); err != nil {
			return nil, err
		}
	}
	// What a cluster does depends on its config items, too: they can block it.
	filter := fairway.ClusterFilter{Terse: !wants("config_items") && !wants("node_pools") && !wants("state")}
	return streamed(a, next, func(add func(item any) error) error {
		for batch := range slices.Chunk(all, clusterBatch) {
			filter.IDs = filter.IDs[:0]
			for _, p := range batch {
				filter.IDs = append(filter.IDs, p.ID)
			}
			found := make(map[string]fairway.Cluster, len(batch))
			if err := a.Store.EachCluster(ctx, filter, func(c *fairway.Cluster) error { found[c.ID] = *c; return nil }); err != nil {
				return err
			}
			for _, p := range batch {
				// One may be gone, or have moved out of sight, since a moment ago.
				c, there := found[p.ID]
				if !there || !sees(ctx, fairway.PlaceOf(&c)) {
					continue
				}
				if err := add(pick(c.View(of[p.ID]), in.Fields)); err != nil {
					return err
				}
			}
		}
		return nil
	}), nil
}

// newestUpdates returns the newest update of each cluster: of a page those of
// its clusters, one by one.
func (a *api) newestUpdates(ctx context.Context, of []place) (map[string]*fairway.Update, error) {
	out := make(map[string]*fairway.Update, len(of))
	if len(of) <= clusterBatch {
		for _, p := range of {
			newest, err := a.Store.Updates(ctx, fairway.UpdateFilter{ClusterID: p.ID, Limit: 1})
			if err != nil {
				return nil, err
			}
			if len(newest) > 0 {
				out[p.ID] = &newest[0]
			}
		}
		return out, nil
	}
	newest, err := a.Store.Updates(ctx, fairway.UpdateFilter{Newest: true, Limit: 1 << 30})
	if err != nil {
		return nil, err
	}
	for i := range newest {
		out[newest[i].ClusterID] = &newest[i]
	}
	return out, nil
}

// streamed answers with a list whose items come one by one.
func streamed(a *api, next string, each func(add func(item any) error) error) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		out := newStream(w)
		out.next = next
		if err := out.end(each(out.add)); err != nil {
			a.fail(w, r, err)
		}
	}}
}

// partsOf describes the answer of a list whose items may have some of their
// fields only.
func partsOf[T any](h huma.API, name string) map[string]*huma.Response {
	known := h.OpenAPI().Components.Schemas
	whole := *known.SchemaFromRef(schemaOf[T](known, name).Ref)
	whole.Required = nil
	known.Map()[name+"Part"] = &whole
	return map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{
		Type: huma.TypeObject, Required: []string{"items"}, AdditionalProperties: false, Properties: map[string]*huma.Schema{
			"items": {Type: huma.TypeArray, Items: &huma.Schema{Ref: "#/components/schemas/" + name + "Part"}},
			"next":  {Type: huma.TypeString, Description: "where the list goes on: give it as after; missing at the end"},
		}}}}}}
}

// schemaOf returns the schema of a type, registered under a name of its own.
func schemaOf[T any](known huma.Registry, name string) *huma.Schema {
	return known.Schema(reflect.TypeFor[T](), true, name)
}

type clusterPath struct {
	Cluster string `path:"cluster" doc:"id, alias or local id"`
}

// seenByName returns a cluster by id, alias or local id if the caller may read it.
func (a *api) seenByName(ctx context.Context, name string) (*fairway.Cluster, error) {
	c, err := a.Store.FindCluster(ctx, name)
	if err == nil && !sees(ctx, fairway.PlaceOf(c)) {
		err = hidden("cluster", name)
	}
	return c, err
}

func (a *api) getCluster(ctx context.Context, in *clusterPath) (*etagOne[fairway.ClusterView], error) {
	c, err := a.seenByName(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	newest, err := a.newestUpdates(ctx, []place{{ID: c.ID}})
	if err != nil {
		return nil, err
	}
	// The tag is that of the stored object, for If-Match. What the cluster does
	// changes without it, so that there is no answer 304.
	v := c.View(newest[c.ID])
	if v.Drift, err = a.Store.Drift(ctx, c.ID); err != nil {
		return nil, err
	}
	if v.Drift.At.IsZero() {
		v.Drift = nil // nobody has looked
	}
	return etagAnswer(Conditional{}, c.ETag, v), nil
}

type poolList struct {
	Paged
	Cluster string `path:"cluster" doc:"id, alias or local id"`
}

var poolSorting = sorting[fairway.NodePool]{
	"name":              func(p *fairway.NodePool) string { return p.Name },
	"profile":           func(p *fairway.NodePool) string { return p.Profile },
	"discount_strategy": func(p *fairway.NodePool) string { return p.DiscountStrategy },
	"min_size":          func(p *fairway.NodePool) string { return sortedNumber(p.MinSize) },
	"max_size":          func(p *fairway.NodePool) string { return sortedNumber(p.MaxSize) },
}

func (a *api) listPools(ctx context.Context, in *poolList) (*huma.StreamResponse, error) {
	c, err := a.seenByName(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	var pools []fairway.NodePool
	for _, p := range c.NodePools {
		texts := append([]string{p.Name, p.Profile}, p.InstanceTypes...)
		for k, v := range p.ConfigItems {
			texts = append(texts, k, v)
		}
		if fairway.MentionedIn(in.Search, texts...) {
			pools = append(pools, p)
		}
	}
	return listed(a, pools, func(p *fairway.NodePool) string { return p.Name }, poolSorting, "name", in.Paged)
}

// listed answers with the page of a list that is at hand as a whole.
func listed[T any](a *api, all []T, id func(one *T) string, s sorting[T], standard string, in Paged) (*huma.StreamResponse, error) {
	kept, next, err := pageOf(all, id, s, standard, in)
	if err != nil {
		return nil, err
	}
	return streamed(a, next, func(add func(item any) error) error {
		for _, one := range kept {
			if err := add(one); err != nil {
				return err
			}
		}
		return nil
	}), nil
}

type poolPath struct {
	Conditional
	Cluster string `path:"cluster" doc:"id, alias or local id"`
	Pool    string `path:"pool" doc:"name of the node pool"`
}

func (a *api) getPool(ctx context.Context, in *poolPath) (*etagOne[fairway.NodePool], error) {
	c, err := a.seenByName(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	p, there := c.Pool(in.Pool)
	if !there {
		return nil, noPool(c, in.Pool)
	}
	return etagAnswer(in.Conditional, c.ETag, p), nil
}
