package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/fairwayhq/fairway"
)

// History returns the changes of a cluster, newest first: at most limit, and
// only those with a smaller seq than before (0: from the newest on). A cluster
// that is gone is named by its id.
func (c *Client) History(ctx context.Context, cluster string, before int64, limit int) ([]fairway.Change, error) {
	return items[fairway.Change](ctx, c, "/api/v1/clusters/"+url.PathEscape(cluster)+"/history", page(before, limit))
}

// ClusterAt returns a cluster as it was after the change with that number.
func (c *Client) ClusterAt(ctx context.Context, cluster string, seq int64) (*fairway.Cluster, error) {
	var one fairway.Cluster
	if err := c.get(ctx, "/api/v1/clusters/"+url.PathEscape(cluster)+"/history/"+strconv.FormatInt(seq, 10), nil, &one); err != nil {
		return nil, err
	}
	return &one, nil
}

// Difference is what a change does to an object, by JSON pointer. Secrets are
// masked.
type Difference struct {
	Before map[string]any `json:"before"`
	After  map[string]any `json:"after"`
}

// Restore makes a cluster's entry what it was after a change; a dry run only
// says what that would do.
func (c *Client) Restore(ctx context.Context, cluster, etag string, seq int64, dryRun bool) (*Difference, error) {
	var d Difference
	r := request{method: http.MethodPost, path: "/api/v1/clusters/" + url.PathEscape(cluster) + "/restore", etag: etag,
		body: map[string]any{"seq": seq, "dry_run": dryRun}}
	if _, err := c.do(ctx, r, &d); err != nil {
		return nil, err
	}
	return &d, nil
}

// AuditFilter selects entries of the record of all changes; empty fields select all.
type AuditFilter struct {
	Kind, ID, Who, Event string
	Since, Until         time.Time
	// Before selects entries with a smaller seq; 0 begins with the newest.
	Before int64
	// Limit is the largest number returned; 0 means 100.
	Limit int
}

// Audit returns entries of the record of all changes and denials, newest first.
func (c *Client) Audit(ctx context.Context, f AuditFilter) ([]fairway.Change, error) {
	q := page(f.Before, f.Limit)
	set(q, "kind", f.Kind)
	set(q, "id", f.ID)
	set(q, "who", f.Who)
	set(q, "event", f.Event)
	for name, at := range map[string]time.Time{"since": f.Since, "until": f.Until} {
		if !at.IsZero() {
			q.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	return items[fairway.Change](ctx, c, "/api/v1/audit", q)
}

// Verified is what a check of the record found.
type Verified struct {
	// Entries is how many entries follow from each other, from the first on.
	Entries int64 `json:"entries"`
	// Whole is true when no entry was altered, removed or put in between.
	Whole   bool   `json:"whole"`
	Problem string `json:"problem,omitempty"`
}

// VerifyAudit lets the server read the whole record and check its chain.
func (c *Client) VerifyAudit(ctx context.Context) (*Verified, error) {
	var v Verified
	if err := c.get(ctx, "/api/v1/audit/verify", nil, &v); err != nil {
		return nil, err
	}
	return &v, nil
}

// page is the query of a part of a long list.
func page(before int64, limit int) url.Values {
	q := url.Values{}
	if before > 0 {
		q.Set("before", strconv.FormatInt(before, 10))
	}
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	return q
}
