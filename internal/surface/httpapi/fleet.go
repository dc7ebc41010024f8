package httpapi

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/fairwayhq/fairway"
)

// items is the body of every list.
type items[T any] struct {
	Body struct {
		Items []T `json:"items" nullable:"false"`
	}
}

// one is the body of a single thing.
type one[T any] struct{ Body T }

// Conditional is what a caller may say of the version that it has.
type Conditional struct {
	IfNoneMatch string `header:"If-None-Match" doc:"entity tag of the version that the caller has: 304 when it is still the newest"`
}

// etagOne is a single thing with its entity tag.
type etagOne[T any] struct {
	Status int
	ETag   string `header:"ETag" doc:"changes with the stored object and with nothing else"`
	Body   T
}

// etagAnswer answers with a thing unless the caller has that version.
func etagAnswer[T any](in Conditional, etag string, v T) *etagOne[T] {
	out := &etagOne[T]{Status: http.StatusOK, ETag: quoted(etag), Body: v}
	if in.IfNoneMatch != "" && namesTag(in.IfNoneMatch, etag) {
		out.Status = http.StatusNotModified
	}
	return out
}

// updateView is an update with its steps, its plan and who agreed to it.
type updateView struct {
	fairway.Update
	Steps     []fairway.Step      `json:"steps" nullable:"false"`
	Plan      *fairway.UpdatePlan `json:"plan,omitempty" doc:"what it is going to do; missing until that is known"`
	Approvals []fairway.Approval  `json:"approvals,omitempty"`
}

// fleet registers the fleet API.
func (a *api) fleet(mux *http.ServeMux) {
	useProblems()
	config := huma.DefaultConfig("Fairway fleet API", a.Version)
	config.Info.Description = "What every cluster of the fleet does, waits for, since when, and who can act."
	config.DocsPath, config.SchemasPath, config.CreateHooks = "", "", nil
	config.RejectUnknownQueryParameters = true
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}}
	config.Security = []map[string][]string{{"token": {}}}
	h := humago.New(mux, config)

	a.fleetClusters(h)
	a.fleetEntries(h)
	a.fleetAccounts(h)
	get(a, h, "list-updates", "/api/v1/updates", "Updates, newest first", a.listUpdates)
	get(a, h, "get-update", "/api/v1/updates/{update}", "An update with its steps", a.getUpdate)
	get(a, h, "list-rollouts", "/api/v1/rollouts", "Rollouts, newest first", a.listRollouts)
	get(a, h, "get-rollout", "/api/v1/rollouts/{rollout}", "A rollout", a.getRollout)
	a.steering(h)
	a.drifting(h)
	a.history(h)
	a.decommissioning(h)
	get(a, h, "list-events", "/api/v1/events", "Events after a sequence number, in order", a.listEvents)
	describeWatch(h)
	describeAnswers(h)
}

// describeAnswers corrects what the library says of answers: it takes 422 for
// what is 400 here, and does not know those that are given around it.
func describeAnswers(h huma.API) {
	for _, item := range h.OpenAPI().Paths {
		for _, o := range []*huma.Operation{item.Get, item.Post, item.Delete} {
			if o == nil {
				continue
			}
			delete(o.Responses, "422")
			if slices.ContainsFunc(o.Parameters, func(p *huma.Param) bool { return p.Name == "If-None-Match" }) {
				o.Responses["304"] = &huma.Response{Description: "Not Modified"}
			}
		}
	}
}

// get registers an operation that reads.
func get[I, O any](a *api, h huma.API, id, path, summary string, do func(ctx context.Context, in *I) (*O, error)) {
	operation(a, h, huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Summary: summary}, do)
}

// operation registers an operation. Its errors become problems.
func operation[I, O any](a *api, h huma.API, o huma.Operation, do func(ctx context.Context, in *I) (*O, error)) {
	id := o.OperationID
	o.Errors = append(o.Errors, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusTooManyRequests, http.StatusServiceUnavailable)
	if o.Method == http.MethodPost {
		o.Errors = append(o.Errors, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	huma.Register(h, o, func(ctx context.Context, in *I) (*O, error) {
		out, err := do(ctx, in)
		if err != nil {
			if of := fairway.ErrorCode(err); (of == fairway.CodeInternal || of == fairway.CodeUnavailable) && ctx.Err() == nil {
				a.Log.Error("request failed", "operation", id, "error", err)
			}
			return nil, problemOf(err)
		}
		return out, nil
	})
}

// listOf is the answer with several things, never null.
func listOf[T any](all []T) *items[T] {
	if all == nil {
		all = []T{}
	}
	out := &items[T]{}
	out.Body.Items = all
	return out
}

type updateFilter struct {
	Cluster string `query:"cluster" doc:"id, alias or local id"`
	Rollout string `query:"rollout"`
	Active  bool   `query:"active" doc:"only those that are not over"`
	Newest  bool   `query:"newest" doc:"only the newest of each cluster"`
	Limit   int    `query:"limit" minimum:"1" maximum:"10000" default:"100"`
}

func (a *api) listUpdates(ctx context.Context, in *updateFilter) (*items[fairway.Update], error) {
	id, err := a.clusterID(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	all, err := a.Store.Updates(ctx, fairway.UpdateFilter{ClusterID: id, RolloutID: in.Rollout, Active: in.Active, Newest: in.Newest, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	visible, err := a.visible(ctx)
	if err != nil {
		return nil, err
	}
	return listOf(slices.DeleteFunc(all, func(u fairway.Update) bool { return !visible(u.ClusterID) })), nil
}

// clusterID returns the id of a cluster that may be named otherwise. A name
// that no cluster has (any more) is taken for an id: its history outlives it.
func (a *api) clusterID(ctx context.Context, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	c, err := a.Store.FindCluster(ctx, name)
	if err == nil {
		return c.ID, nil
	}
	if fairway.ErrorCode(err) != fairway.CodeNotFound {
		return "", err
	}
	past, listed := a.Store.Updates(ctx, fairway.UpdateFilter{ClusterID: name, Limit: 1})
	if listed == nil && len(past) > 0 {
		return name, nil
	}
	return "", err
}

type updatePath struct {
	Update string `path:"update"`
}

func (a *api) getUpdate(ctx context.Context, in *updatePath) (*one[updateView], error) {
	u, err := a.Store.Update(ctx, in.Update)
	if err != nil {
		return nil, err
	}
	visible, err := a.visible(ctx)
	if err == nil && !visible(u.ClusterID) {
		err = hidden("update", in.Update)
	}
	if err != nil {
		return nil, err
	}
	steps, err := a.Store.Steps(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	view := updateView{Update: *u, Steps: steps}
	if view.Plan, err = a.Store.Plan(ctx, u.ID); err != nil && fairway.ErrorCode(err) != fairway.CodeNotFound {
		return nil, err
	}
	if view.Approvals, err = a.Store.Approvals(ctx, u.ID); err != nil {
		return nil, err
	}
	return &one[updateView]{view}, nil
}

type rolloutFilter struct {
	Channel string `query:"channel"`
	Limit   int    `query:"limit" minimum:"1" maximum:"10000" default:"100"`
}

func (a *api) listRollouts(ctx context.Context, in *rolloutFilter) (*items[fairway.Rollout], error) {
	all, err := a.Store.Rollouts(ctx, in.Channel, in.Limit)
	if err != nil {
		return nil, err
	}
	return listOf(slices.DeleteFunc(all, func(r fairway.Rollout) bool { return !seesChannel(ctx, fairway.BaseChannel(r.Channel)) })), nil
}

type rolloutPath struct {
	Rollout string `path:"rollout"`
}

func (a *api) getRollout(ctx context.Context, in *rolloutPath) (*one[fairway.Rollout], error) {
	r, err := a.Store.Rollout(ctx, in.Rollout)
	if err == nil && !seesChannel(ctx, fairway.BaseChannel(r.Channel)) {
		err = hidden("rollout", in.Rollout)
	}
	if err != nil {
		return nil, err
	}
	return &one[fairway.Rollout]{*r}, nil
}

type eventFilter struct {
	Cluster string `query:"cluster" doc:"id, alias or local id"`
	After   int64  `query:"after" minimum:"0" doc:"only events with a larger seq"`
	Limit   int    `query:"limit" minimum:"1" maximum:"10000" default:"500"`
}

func (a *api) listEvents(ctx context.Context, in *eventFilter) (*items[fairway.Event], error) {
	id, err := a.clusterID(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	all, err := a.Store.Events(ctx, id, in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	visible, err := a.visible(ctx)
	if err != nil {
		return nil, err
	}
	return listOf(slices.DeleteFunc(all, func(e fairway.Event) bool { return e.ClusterID != "" && !visible(e.ClusterID) })), nil
}
