package client

import (
	"context"
	"net/url"

	"github.com/fairwayhq/fairway"
)

// Drift returns what somebody else changed in a cluster, as last looked; now
// looks first.
func (c *Client) Drift(ctx context.Context, cluster string, now bool) (*fairway.Drift, error) {
	path := "/api/v1/clusters/" + url.PathEscape(cluster) + "/drift"
	var d fairway.Drift
	if now {
		return &d, c.post(ctx, path, nil, &d)
	}
	return &d, c.get(ctx, path, nil, &d)
}
