package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairwayhq/fairway"
)

// history registers what was: the versions of clusters, and the record of all
// changes.
func (a *api) history(h huma.API) {
	get(a, h, "list-cluster-history", "/api/v1/clusters/{cluster}/history", "What changed on a cluster, newest first", a.clusterHistory)
	get(a, h, "get-cluster-version", "/api/v1/clusters/{cluster}/history/{seq}", "The cluster as it was after a change", a.clusterVersion)
	operation(a, h, huma.Operation{OperationID: "restore-cluster", Method: http.MethodPost, Path: "/api/v1/clusters/{cluster}/restore",
		Summary: "Make a cluster's entry what it was", Description: "Everything but id, status, lifecycle_status and creation time becomes as it was after the change.",
		DefaultStatus: http.StatusOK, Errors: []int{http.StatusConflict, http.StatusPreconditionFailed}}, a.restoreCluster)
	get(a, h, "list-audit", "/api/v1/audit", "The record of all changes and denials", a.listAudit)
	get(a, h, "verify-audit", "/api/v1/audit/verify", "Whether the record is whole", a.verifyAudit)
}

type historyQuery struct {
	Cluster string `path:"cluster" doc:"id, alias or local id; the id for a cluster that is gone"`
	Before  int64  `query:"before" minimum:"0" doc:"only changes with a smaller seq"`
	Limit   int    `query:"limit" minimum:"1" maximum:"10000" default:"100"`
}

func (a *api) clusterHistory(ctx context.Context, in *historyQuery) (*items[fairway.Change], error) {
	id, err := a.historyOf(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	all, err := a.Store.Changes(ctx, fairway.ChangeFilter{Kinds: []string{fairway.KindCluster}, ID: id, Before: in.Before, Newest: true, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	return listOf(all), nil
}

// historyOf returns the id of a cluster whose past the caller may read. One that
// is gone is named by its id and shown to those who may read everything.
func (a *api) historyOf(ctx context.Context, name string) (string, error) {
	c, err := a.Store.FindCluster(ctx, name)
	if err == nil && sees(ctx, fairway.PlaceOf(c)) {
		return c.ID, nil
	}
	if err == nil {
		return "", hidden("cluster", name)
	}
	if fairway.ErrorCode(err) != fairway.CodeNotFound || !seesAll(ctx) {
		return "", err
	}
	past, listed := a.Store.Changes(ctx, fairway.ChangeFilter{Kinds: []string{fairway.KindCluster}, ID: name, Limit: 1})
	if listed == nil && len(past) > 0 {
		return name, nil
	}
	return "", err
}

type versionPath struct {
	Cluster string `path:"cluster" doc:"id, alias or local id; the id for a cluster that is gone"`
	Seq     int64  `path:"seq" minimum:"1" doc:"number of a change"`
}

func (a *api) clusterVersion(ctx context.Context, in *versionPath) (*one[fairway.Cluster], error) {
	id, err := a.historyOf(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	c, err := a.Store.ClusterAt(ctx, id, in.Seq)
	if err != nil {
		return nil, err
	}
	return &one[fairway.Cluster]{*c}, nil
}

type restoration struct {
	Cluster string `path:"cluster" doc:"id, alias or local id"`
	IfMatch string `header:"If-Match" doc:"entity tag of the version that the caller has seen"`
	Body    struct {
		Seq    int64 `json:"seq" minimum:"1" doc:"number of the change after which the cluster was as it shall be"`
		DryRun bool  `json:"dry_run,omitempty" doc:"only say what would change"`
	}
}

// restored says what a restoration changes.
type restored struct {
	Before map[string]any `json:"before" doc:"what stands there, by JSON pointer; secrets are masked"`
	After  map[string]any `json:"after" doc:"what stands there then"`
}

func (a *api) restoreCluster(ctx context.Context, in *restoration) (*one[restored], error) {
	c, err := a.Store.FindCluster(ctx, in.Cluster)
	if err == nil && !sees(ctx, fairway.PlaceOf(c)) {
		err = hidden("cluster", in.Cluster)
	}
	if err != nil {
		return nil, err
	}
	was, err := a.Store.ClusterAt(ctx, c.ID, in.Body.Seq)
	if err != nil {
		return nil, err
	}
	for _, place := range []*fairway.Cluster{c, was} {
		if err := a.allowCluster(ctx, fairway.DeedWrite, place); err != nil {
			return nil, err
		}
	}
	out := restored{}
	change := func(c *fairway.Cluster) error {
		if err := matchesTag(in.IfMatch, "cluster", c.ID, c.ETag); err != nil {
			return err
		}
		before := c.Clone()
		was.Clone().RestoreTo(c)
		out.Before, out.After = fairway.Diff(before, c)
		if err := a.changeable(ctx, before, c); err != nil {
			return err
		}
		return refuse(c.Validate())
	}
	if in.Body.DryRun {
		if err := change(c.Clone()); err != nil {
			return nil, err
		}
		return &one[restored]{out}, nil
	}
	if _, err := a.Store.ChangeCluster(ctx, c.ID, change); err != nil {
		return nil, err
	}
	return &one[restored]{out}, nil
}

type auditQuery struct {
	Kind   string    `query:"kind" doc:"cluster, account, registry or session"`
	ID     string    `query:"id" doc:"of the object"`
	Who    string    `query:"who" doc:"name of a caller"`
	Event  string    `query:"event" doc:"created, updated, deleted, denied, warned, ..."`
	Since  time.Time `query:"since"`
	Until  time.Time `query:"until"`
	Before int64     `query:"before" minimum:"0" doc:"only entries with a smaller seq"`
	Limit  int       `query:"limit" minimum:"1" maximum:"10000" default:"100"`
}

func (a *api) listAudit(ctx context.Context, in *auditQuery) (*items[fairway.Change], error) {
	if err := a.allow(ctx, fairway.DeedReadAudit, "audit", "", fairway.Place{}); err != nil {
		return nil, err
	}
	filter := fairway.ChangeFilter{ID: in.ID, Who: in.Who, Since: in.Since, Until: in.Until, Before: in.Before, Newest: true, Limit: in.Limit}
	if in.Kind != "" {
		filter.Kinds = []string{in.Kind}
	}
	if in.Event != "" {
		filter.Events = []fairway.ChangeEvent{fairway.ChangeEvent(in.Event)}
	}
	all, err := a.Store.Changes(ctx, filter)
	if err != nil {
		return nil, err
	}
	return listOf(all), nil
}

// verified is what a check of the record found.
type verified struct {
	Entries int64  `json:"entries" doc:"how many entries follow from each other, from the first on"`
	Whole   bool   `json:"whole" doc:"no entry was altered, removed or put in between"`
	Problem string `json:"problem,omitempty" doc:"the first entry that does not follow"`
}

func (a *api) verifyAudit(ctx context.Context, _ *struct{}) (*one[verified], error) {
	if err := a.allow(ctx, fairway.DeedReadAudit, "audit", "", fairway.Place{}); err != nil {
		return nil, err
	}
	n, err := a.Store.VerifyChain(ctx)
	switch fairway.ErrorCode(err) {
	case "":
		return &one[verified]{verified{Entries: n, Whole: true}}, nil
	case fairway.CodeConflict:
		return &one[verified]{verified{Entries: n, Problem: err.Error()}}, nil
	}
	return nil, err
}
