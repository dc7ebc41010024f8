package client

import (
	"context"
	"net/url"

	"github.com/fairwayhq/fairway"
)

// PauseUpdate stops an update where it is. An update is named by its id, or by
// the id, alias or local id of a cluster for its newest one.
func (c *Client) PauseUpdate(ctx context.Context, update, reason string) (*fairway.Update, error) {
	return c.steer(ctx, update, "pause", map[string]any{"reason": reason})
}

// ResumeUpdate lets a paused update go on; with ignoreBrakes also where it would
// wait because the cluster is not well.
func (c *Client) ResumeUpdate(ctx context.Context, update string, ignoreBrakes bool) (*fairway.Update, error) {
	return c.steer(ctx, update, "resume", map[string]any{"ignore_brakes": ignoreBrakes})
}

// ApproveUpdate says yes to what an update is going to delete; digest is the
// ApprovalDigest of the plan that was looked at, "" for the present one.
func (c *Client) ApproveUpdate(ctx context.Context, update, digest, reason string) (*fairway.Update, error) {
	return c.steer(ctx, update, "approve", map[string]any{"reason": reason, "digest": digest})
}

// AbortUpdate ends an update and lets it take back what it began.
func (c *Client) AbortUpdate(ctx context.Context, update, reason string) (*fairway.Update, error) {
	return c.steer(ctx, update, "abort", map[string]any{"reason": reason})
}

func (c *Client) steer(ctx context.Context, update, verb string, body any) (*fairway.Update, error) {
	var u fairway.Update
	if err := c.post(ctx, "/api/v1/updates/"+url.PathEscape(update)+"/"+verb, body, &u); err != nil {
		return nil, err
	}
	return &u, nil
}

// Rotate asks for the replacement of nodes that are not out of date; who asks is
// said by the token.
func (c *Client) Rotate(ctx context.Context, r fairway.RotationRequest) (*fairway.RotationAnswer, error) {
	body := map[string]any{"nodes": r.Nodes, "pool": r.Pool, "reason": r.Reason, "dry_run": r.DryRun}
	if len(r.Nodes) == 0 {
		delete(body, "nodes")
	}
	if r.OlderThan != 0 {
		body["older_than"] = r.OlderThan.String()
	}
	var answer fairway.RotationAnswer
	if err := c.post(ctx, "/api/v1/clusters/"+url.PathEscape(r.Cluster)+"/rotate", body, &answer); err != nil {
		return nil, err
	}
	return &answer, nil
}
