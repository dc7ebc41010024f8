package httpapi

import (
	"context"
	"net/http"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairwayhq/fairway"
)

// fleetEntries registers what changes a cluster's entry as a whole.
func (a *api) fleetEntries(h huma.API) {
	const path = "/api/v1/clusters/{cluster}"
	operation(a, h, huma.Operation{OperationID: "put-cluster", Method: http.MethodPut, Path: path,
		Summary: "Make a cluster's entry what is given, its node pools included, in one step",
		Description: "The fields are those of POST /kubernetes-clusters. What is left out is empty afterwards, but for id and lifecycle_status, which stay; status, owner, account_name and created_at " +
			"are not written. What was wrong with the entry before may stay as it is.",
		MaxBodyBytes: maxBody, SkipValidateBody: true, Errors: []int{http.StatusConflict, http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge}}, a.putCluster)
	// The body is read by the registry's own decoder, which names all that is wrong.
	h.OpenAPI().Paths[path].Put.RequestBody.Content["application/json"].Schema = &huma.Schema{Type: huma.TypeObject}
}

type entryPut struct {
	Cluster string `path:"cluster" doc:"id, alias or local id"`
	IfMatch string `header:"If-Match" doc:"entity tag of the version that the caller has seen; without it the last write wins"`
	RawBody []byte `contentType:"application/json"`
}

// putCluster makes a cluster what the body says, as one change.
func (a *api) putCluster(ctx context.Context, in *entryPut) (*etagOne[fairway.Cluster], error) {
	named, err := a.Store.FindCluster(ctx, in.Cluster)
	if err == nil && !sees(ctx, fairway.PlaceOf(named)) {
		err = hidden("cluster", in.Cluster)
	}
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(in.RawBody) {
		return nil, refuse([]fairway.Finding{{Message: "the body is not valid UTF-8"}})
	}
	o, finding := parse("", in.RawBody)
	if finding != nil {
		return nil, refuse([]fairway.Finding{*finding})
	}
	if given := optional[string](o, "id"); given != nil && *given != named.ID {
		o.find("id", "the id of a cluster never changes", "id %q is not that of cluster %s", *given, named.ID)
	}
	wanted := readEntry(o)
	if err := refuse(o.done()); err != nil {
		return nil, err
	}
	stored, err := a.edit(ctx, named.ID, in.IfMatch, fairway.DeedWrite, func(c *fairway.Cluster) error {
		before := c.Clone()
		wanted.Clone().RestoreTo(c)
		if wanted.LifecycleStatus != "" {
			c.LifecycleStatus = wanted.LifecycleStatus
		}
		if err := refuse(fairway.NewFindings(before.Validate(), c.Validate())); err != nil {
			return err
		}
		if before.InfrastructureAccount != c.InfrastructureAccount {
			return a.accountKnown(ctx, c)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return etagAnswer(Conditional{}, stored.ETag, *stored), nil
}
