package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/fairwayhq/fairway"
)

// DecommissionState says what has become of the wish to end a cluster.
type DecommissionState struct {
	// State is waiting-for-approval, cooling-off, begun or withdrawn.
	State string                `json:"state"`
	Wish  *fairway.Decommission `json:"wish,omitempty"`
	// Next says what happens next, and who can act.
	Next string `json:"next"`
}

// Decommission asks for the end of a cluster; confirm is its id once more.
func (c *Client) Decommission(ctx context.Context, cluster, confirm, reason string) (*DecommissionState, error) {
	body := map[string]string{"confirm": confirm}
	if reason != "" {
		body["reason"] = reason
	}
	return c.decommission(ctx, request{method: http.MethodPost, path: decommissionPath(cluster), body: body})
}

// ApproveDecommission approves what somebody else has asked for.
func (c *Client) ApproveDecommission(ctx context.Context, cluster string) (*DecommissionState, error) {
	return c.decommission(ctx, request{method: http.MethodPost, path: decommissionPath(cluster) + "/approve"})
}

// WithdrawDecommission takes the wish back while the end has not begun.
func (c *Client) WithdrawDecommission(ctx context.Context, cluster string) (*DecommissionState, error) {
	return c.decommission(ctx, request{method: http.MethodDelete, path: decommissionPath(cluster)})
}

// Decommissions returns all wishes.
func (c *Client) Decommissions(ctx context.Context) ([]fairway.Decommission, error) {
	return items[fairway.Decommission](ctx, c, "/api/v1/decommissions", nil)
}

func decommissionPath(cluster string) string {
	return "/api/v1/clusters/" + url.PathEscape(cluster) + "/decommission"
}

func (c *Client) decommission(ctx context.Context, r request) (*DecommissionState, error) {
	var s DecommissionState
	if _, err := c.do(ctx, r, &s); err != nil {
		return nil, err
	}
	if s.State == "" { // withdrawn by an attempt whose answer was lost
		s = DecommissionState{State: "withdrawn", Next: "nothing: the cluster stays as it is"}
	}
	return &s, nil
}
