package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/fairwayhq/fairway"
)

// The registry API. A cluster is named by its id here; its ETag is set, and
// given back as the etag of a write it refuses the write with CodePrecondition
// when the cluster has changed meanwhile. The etag "" wins over all before.

func clusterPath(id string, more ...string) string {
	path := "/kubernetes-clusters/" + url.PathEscape(id)
	for _, part := range more {
		path += "/" + url.PathEscape(part)
	}
	return path
}

// Entries returns the clusters of the registry, oldest first, without tags.
func (c *Client) Entries(ctx context.Context, f fairway.ClusterFilter) ([]fairway.Cluster, error) {
	q := filterQuery(f)
	if f.Terse {
		q.Set("verbose", "false")
	}
	return items[fairway.Cluster](ctx, c, "/kubernetes-clusters", q)
}

// Entry returns the cluster with that id.
func (c *Client) Entry(ctx context.Context, id string) (*fairway.Cluster, error) {
	return c.cluster(ctx, request{method: http.MethodGet, path: clusterPath(id)})
}

// CreateCluster creates a cluster and returns it as it is stored.
func (c *Client) CreateCluster(ctx context.Context, one fairway.Cluster) (*fairway.Cluster, error) {
	return c.cluster(ctx, request{method: http.MethodPost, path: "/kubernetes-clusters", body: entryOf(&one)})
}

// entryOf is what people decide of a cluster, as the server reads it.
func entryOf(one *fairway.Cluster) map[string]any {
	body := map[string]any{
		"id": one.ID, "alias": one.Alias, "infrastructure_account": one.InfrastructureAccount, "local_id": one.LocalID,
		"api_server_url": one.APIServerURL, "channel": one.Channel, "environment": one.Environment, "criticality_level": one.CriticalityLevel,
		"lifecycle_status": one.LifecycleStatus, "provider": one.Provider, "region": one.Region,
	}
	if len(one.ConfigItems) > 0 {
		body["config_items"] = one.ConfigItems
	}
	pools := []fairway.NodePool{}
	for _, p := range one.NodePools {
		pools = append(pools, whole(p))
	}
	body["node_pools"] = pools
	return body
}

// PatchCluster changes the given fields of a cluster. config_items are replaced
// as a whole, and so is status; node pools have calls of their own.
func (c *Client) PatchCluster(ctx context.Context, id, etag string, fields map[string]any) (*fairway.Cluster, error) {
	return c.cluster(ctx, request{method: http.MethodPatch, path: clusterPath(id), etag: etag, body: fields})
}

// DeleteCluster deletes a cluster that is decommissioned.
func (c *Client) DeleteCluster(ctx context.Context, id, etag string) error {
	_, err := c.do(ctx, request{method: http.MethodDelete, path: clusterPath(id), etag: etag}, nil)
	return err
}

// PutItem sets one config item of a cluster, and returns the cluster's new tag.
func (c *Client) PutItem(ctx context.Context, id, etag, key, value string) (string, error) {
	return c.put(ctx, clusterPath(id, "config-items", key), etag, map[string]string{"value": value})
}

// DeleteItem removes one config item of a cluster.
func (c *Client) DeleteItem(ctx context.Context, id, etag, key string) error {
	_, err := c.do(ctx, request{method: http.MethodDelete, path: clusterPath(id, "config-items", key), etag: etag}, nil)
	return err
}

// PutPool creates or replaces a node pool, and returns the cluster's new tag.
func (c *Client) PutPool(ctx context.Context, id, etag string, p fairway.NodePool) (string, error) {
	return c.put(ctx, clusterPath(id, "node-pools", p.Name), etag, whole(p))
}

// DeletePool removes a node pool.
func (c *Client) DeletePool(ctx context.Context, id, etag, pool string) error {
	_, err := c.do(ctx, request{method: http.MethodDelete, path: clusterPath(id, "node-pools", pool), etag: etag}, nil)
	return err
}

// Accounts returns all infrastructure accounts.
func (c *Client) Accounts(ctx context.Context) ([]fairway.InfrastructureAccount, error) {
	return items[fairway.InfrastructureAccount](ctx, c, "/infrastructure-accounts", nil)
}

// Account returns the account with that id.
func (c *Client) Account(ctx context.Context, id string) (*fairway.InfrastructureAccount, error) {
	return c.account(ctx, request{method: http.MethodGet, path: accountPath(id)})
}

// CreateAccount creates an account and returns it as it is stored.
func (c *Client) CreateAccount(ctx context.Context, a fairway.InfrastructureAccount) (*fairway.InfrastructureAccount, error) {
	return c.account(ctx, request{method: http.MethodPost, path: "/infrastructure-accounts", body: a})
}

// PatchAccount changes the given fields of an account.
func (c *Client) PatchAccount(ctx context.Context, id, etag string, fields map[string]any) (*fairway.InfrastructureAccount, error) {
	return c.account(ctx, request{method: http.MethodPatch, path: accountPath(id), etag: etag, body: fields})
}

func accountPath(id string) string { return "/infrastructure-accounts/" + url.PathEscape(id) }

// whole returns a pool as it is written: without null, which counts as not given.
func whole(p fairway.NodePool) fairway.NodePool {
	if p.InstanceTypes == nil {
		p.InstanceTypes = []string{}
	}
	return p
}

// cluster sends a request that is answered with a cluster.
func (c *Client) cluster(ctx context.Context, r request) (*fairway.Cluster, error) {
	var one fairway.Cluster
	header, err := c.do(ctx, r, &one)
	if err != nil {
		return nil, err
	}
	one.ETag = header.Get("ETag")
	return &one, nil
}

// account sends a request that is answered with an account.
func (c *Client) account(ctx context.Context, r request) (*fairway.InfrastructureAccount, error) {
	var one fairway.InfrastructureAccount
	header, err := c.do(ctx, r, &one)
	if err != nil {
		return nil, err
	}
	one.ETag = header.Get("ETag")
	return &one, nil
}

// put sends a PUT and returns the new tag.
func (c *Client) put(ctx context.Context, path, etag string, body any) (string, error) {
	header, err := c.do(ctx, request{method: http.MethodPut, path: path, etag: etag, body: body}, nil)
	return header.Get("ETag"), err
}
