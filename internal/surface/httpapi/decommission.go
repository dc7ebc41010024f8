package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairwayhq/fairway"
)

// decommissioning registers the end of clusters, in two phases for protected
// ones: one person asks, another approves, and it begins a day later.
func (a *api) decommissioning(h huma.API) {
	const path = "/api/v1/clusters/{cluster}/decommission"
	operation(a, h, huma.Operation{OperationID: "decommission-cluster", Method: http.MethodPost, Path: path, Summary: "Ask for the end of a cluster",
		Description:   "A cluster that is not protected is decommissioned at once. For a protected one a second person has to approve, and it begins 24 hours after that.",
		DefaultStatus: http.StatusOK, Errors: []int{http.StatusConflict, http.StatusPreconditionFailed}}, a.decommission)
	operation(a, h, huma.Operation{OperationID: "approve-decommission", Method: http.MethodPost, Path: path + "/approve", Summary: "Approve the end of a cluster that somebody else has asked for",
		DefaultStatus: http.StatusOK, Errors: []int{http.StatusConflict}}, a.approveDecommission)
	operation(a, h, huma.Operation{OperationID: "withdraw-decommission", Method: http.MethodDelete, Path: path, Summary: "Withdraw the end of a cluster while it has not begun",
		DefaultStatus: http.StatusOK, Errors: []int{http.StatusConflict}}, a.withdrawDecommission)
	get(a, h, "list-decommissions", "/api/v1/decommissions", "Clusters whose end was asked for", a.listDecommissions)
}

type decommissionRequest struct {
	IfMatch string `header:"If-Match" doc:"entity tag of the version that the caller has seen"`
	Cluster string `path:"cluster" doc:"id, alias or local id"`
	Body    struct {
		Confirm string `json:"confirm" doc:"the id of the cluster, typed once more"`
		Reason  string `json:"reason,omitempty" maxLength:"500"`
	}
}

// decommissionState says what has become of a wish.
type decommissionState struct {
	// State is waiting-for-approval, cooling-off, begun or withdrawn.
	State string                `json:"state" enum:"waiting-for-approval,cooling-off,begun,withdrawn"`
	Wish  *fairway.Decommission `json:"wish,omitempty"`
	Next  string                `json:"next" doc:"what happens next, and who can act"`
}

// steeredCluster returns a cluster that the caller may do something to.
func (a *api) steeredCluster(ctx context.Context, name string, deed fairway.Deed) (*fairway.Cluster, error) {
	c, err := a.Store.FindCluster(ctx, name)
	if err == nil && !sees(ctx, fairway.PlaceOf(c)) {
		err = hidden("cluster", name)
	}
	if err != nil {
		return nil, err
	}
	return c, a.allowCluster(ctx, deed, c)
}

// matches refuses the wish of a caller who has seen another version.
func (in *decommissionRequest) matches(c *fairway.Cluster) error {
	return matchesTag(in.IfMatch, "cluster", c.ID, c.ETag)
}

func (a *api) decommission(ctx context.Context, in *decommissionRequest) (*one[decommissionState], error) {
	c, err := a.steeredCluster(ctx, in.Cluster, fairway.DeedWrite)
	if err != nil {
		return nil, err
	}
	if in.Body.Confirm != c.ID {
		return nil, fairway.Errorf(fairway.CodeInvalid, "confirm %q is not the id of the cluster", in.Body.Confirm).WithHint("give the whole id: %s", c.ID)
	}
	if err := in.matches(c); err != nil {
		return nil, err
	}
	if !c.IsProtected() || c.LifecycleStatus == fairway.StatusRequested {
		_, err := a.Store.ChangeCluster(ctx, c.ID, func(c *fairway.Cluster) error {
			if err := in.matches(c); err != nil {
				return err
			}
			before := *c
			c.LifecycleStatus = fairway.StatusDecommissionRequested
			return fairway.Transition(&before, c)
		})
		if err != nil {
			return nil, err
		}
		return &one[decommissionState]{decommissionState{State: "begun", Next: "the manager takes the cluster down; then it can be deleted"}}, nil
	}
	if c.LifecycleStatus != fairway.StatusReady && c.LifecycleStatus != fairway.StatusCreating {
		return nil, fairway.Errorf(fairway.CodeConflict, "cluster %s is %s already", c.ID, c.LifecycleStatus)
	}
	who := principalOf(ctx)
	wish := fairway.Decommission{ClusterID: c.ID, By: who.Name, ByName: who.String(), Reason: in.Body.Reason, RequestedAt: a.Now().UTC()}
	if err := a.Store.RequestDecommission(ctx, wish); err != nil {
		return nil, err
	}
	return &one[decommissionState]{decommissionState{State: "waiting-for-approval", Wish: &wish,
		Next: "somebody else has to run `fairway cluster decommission " + c.Alias + " --approve`"}}, nil
}

func (a *api) approveDecommission(ctx context.Context, in *clusterPath) (*one[decommissionState], error) {
	c, err := a.steeredCluster(ctx, in.Cluster, fairway.DeedApprove)
	if err != nil {
		return nil, err
	}
	wish, err := a.Store.ApproveDecommission(ctx, c.ID, principalOf(ctx), a.Now().UTC())
	if err != nil {
		return nil, a.denied(ctx, fairway.DeedApprove, fairway.KindCluster, c.ID, err)
	}
	return &one[decommissionState]{decommissionState{State: "cooling-off", Wish: wish,
		Next: "it begins at " + wish.DueAt.Format("2006-01-02 15:04 MST") + "; until then `fairway cluster decommission " + c.Alias + " --withdraw` stops it"}}, nil
}

func (a *api) withdrawDecommission(ctx context.Context, in *clusterPath) (*one[decommissionState], error) {
	c, err := a.steeredCluster(ctx, in.Cluster, fairway.DeedWrite)
	if err != nil {
		return nil, err
	}
	if err := a.Store.EndDecommission(ctx, c.ID, false); err != nil {
		return nil, err
	}
	return &one[decommissionState]{decommissionState{State: "withdrawn", Next: "nothing: the cluster stays as it is"}}, nil
}

func (a *api) listDecommissions(ctx context.Context, _ *struct{}) (*items[fairway.Decommission], error) {
	all, err := a.Store.Decommissions(ctx)
	if err != nil {
		return nil, err
	}
	visible, err := a.visible(ctx)
	if err != nil {
		return nil, err
	}
	var seen []fairway.Decommission
	for _, d := range all {
		if visible(d.ClusterID) {
			seen = append(seen, d)
		}
	}
	return listOf(seen), nil
}
