package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/fairwayhq/fairway"
)

// ClusterView is a cluster together with what happens to it now.
type ClusterView = fairway.ClusterView

// UpdateView is an update with its steps, its plan and who agreed to it.
type UpdateView struct {
	fairway.Update
	Steps     []fairway.Step      `json:"steps"`
	Plan      *fairway.UpdatePlan `json:"plan,omitempty"`
	Approvals []fairway.Approval  `json:"approvals,omitempty"`
}

// list is how the server answers with several things.
type list[T any] struct {
	Items []T `json:"items"`
}

// items asks for a list.
func items[T any](ctx context.Context, c *Client, path string, query url.Values) ([]T, error) {
	var l list[T]
	if err := c.get(ctx, path, query, &l); err != nil {
		return nil, err
	}
	return l.Items, nil
}

// set adds a query parameter that is not empty.
func set(query url.Values, name, value string) {
	if value != "" {
		query.Set(name, value)
	}
}

// Clusters returns the clusters that pass the filter, oldest first.
func (c *Client) Clusters(ctx context.Context, f fairway.ClusterFilter) ([]ClusterView, error) {
	q := filterQuery(f)
	set(q, "search", f.Search)
	return items[ClusterView](ctx, c, "/api/v1/clusters", q)
}

// filterQuery is how both APIs write a filter.
func filterQuery(f fairway.ClusterFilter) url.Values {
	q := url.Values{}
	for name, value := range map[string]string{
		"alias": f.Alias, "api_server_url": f.APIServerURL, "channel": f.Channel, "environment": f.Environment,
		"infrastructure_account": f.InfrastructureAccount, "lifecycle_status": f.LifecycleStatus, "local_id": f.LocalID,
		"provider": f.Provider, "region": f.Region, "cost_center": f.CostCenter,
	} {
		set(q, name, value)
	}
	if f.CriticalityLevel != nil {
		q.Set("criticality_level", strconv.Itoa(int(*f.CriticalityLevel)))
	}
	return q
}

// Cluster returns the cluster with that id, alias or local id.
func (c *Client) Cluster(ctx context.Context, name string) (*ClusterView, error) {
	var v ClusterView
	if err := c.get(ctx, "/api/v1/clusters/"+url.PathEscape(name), nil, &v); err != nil {
		return nil, err
	}
	return &v, nil
}

// Updates returns the updates that pass the filter, newest first. ClusterID
// may also be an alias or a local id.
func (c *Client) Updates(ctx context.Context, f fairway.UpdateFilter) ([]fairway.Update, error) {
	q := url.Values{}
	set(q, "cluster", f.ClusterID)
	set(q, "rollout", f.RolloutID)
	if f.Active {
		q.Set("active", "true")
	}
	if f.Newest {
		q.Set("newest", "true")
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return items[fairway.Update](ctx, c, "/api/v1/updates", q)
}

// Update returns an update with its steps.
func (c *Client) Update(ctx context.Context, id string) (*UpdateView, error) {
	var v UpdateView
	if err := c.get(ctx, "/api/v1/updates/"+url.PathEscape(id), nil, &v); err != nil {
		return nil, err
	}
	return &v, nil
}

// Rollouts returns the newest rollouts of a channel first; "" means all channels.
func (c *Client) Rollouts(ctx context.Context, channel string) ([]fairway.Rollout, error) {
	q := url.Values{}
	set(q, "channel", channel)
	return items[fairway.Rollout](ctx, c, "/api/v1/rollouts", q)
}

// Rollout returns the rollout of that id.
func (c *Client) Rollout(ctx context.Context, id string) (*fairway.Rollout, error) {
	var r fairway.Rollout
	if err := c.get(ctx, "/api/v1/rollouts/"+url.PathEscape(id), nil, &r); err != nil {
		return nil, err
	}
	return &r, nil
}

// Events returns up to 500 events after a sequence number, in order; cluster ""
// means all clusters.
func (c *Client) Events(ctx context.Context, cluster string, after int64) ([]fairway.Event, error) {
	q := url.Values{}
	set(q, "cluster", cluster)
	if after > 0 {
		q.Set("after", strconv.FormatInt(after, 10))
	}
	return items[fairway.Event](ctx, c, "/api/v1/events", q)
}

// Healthy returns nil when the server answers and is ready to work. It asks once.
func (c *Client) Healthy(ctx context.Context) error {
	_, err := c.do(ctx, request{method: http.MethodGet, path: "/readyz", once: true}, nil)
	return err
}
