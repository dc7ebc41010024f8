package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairwayhq/fairway"
)

// drifting registers what is asked of changes that somebody else made.
func (a *api) drifting(h huma.API) {
	get(a, h, "get-drift", "/api/v1/clusters/{cluster}/drift", "What somebody else changed in a cluster, as last looked", a.getDrift)
	operation(a, h, huma.Operation{OperationID: "sweep-drift", Method: http.MethodPost, Path: "/api/v1/clusters/{cluster}/drift",
		Summary:       "Look now for what somebody else changed in a cluster",
		Description:   "Nothing is written but what components with drift: repair say. 409 while the cluster is being updated.",
		DefaultStatus: http.StatusOK, Errors: []int{http.StatusConflict}}, a.sweepDrift)
}

func (a *api) getDrift(ctx context.Context, in *clusterPath) (*one[fairway.Drift], error) {
	c, err := a.seenByName(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	return answerOf(a.Store.Drift(ctx, c.ID))
}

func (a *api) sweepDrift(ctx context.Context, in *clusterPath) (*one[fairway.Drift], error) {
	if err := a.allowSteering(ctx, "cluster", in.Cluster); err != nil {
		return nil, err
	}
	c, err := a.seenByName(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	if a.SweepDrift == nil {
		return nil, fairway.Errorf(fairway.CodeUnavailable, "look for drift in %s: this server only answers questions", c.Alias)
	}
	return answerOf(a.SweepDrift(ctx, c.ID))
}
