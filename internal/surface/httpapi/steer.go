package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairwayhq/fairway"
)

// steering registers what people say of updates. Everything can be sent again:
// it then changes nothing.
func (a *api) steering(h huma.API) {
	post(a, h, "pause-update", "/api/v1/updates/{update}/pause", "Pause an update",
		"Nothing more is drained, evicted, ended or applied until it is resumed.", a.pauseUpdate)
	post(a, h, "resume-update", "/api/v1/updates/{update}/resume", "Let a paused update go on", "", a.resumeUpdate)
	post(a, h, "abort-update", "/api/v1/updates/{update}/abort", "Abort an update",
		"Marks and additional nodes are taken away, then the update is canceled; the rollout that it belongs to halts.", a.abortUpdate)
	post(a, h, "approve-update", "/api/v1/updates/{update}/approve", "Approve what an update is going to delete",
		"The word of a second person for the plan that an update waits with: nobody who made the change may give it, and another plan needs another.", a.approveUpdate)
	post(a, h, "rotate-cluster", "/api/v1/clusters/{cluster}/rotate", "Replace nodes that are not out of date",
		"A node has to pass all that is given; with nothing given every node of a node pool is replaced, by the same rules as in any update.", a.rotateCluster)
}

// steers is the input of an operation that steers what it names.
type steers interface{ steered() string }

func (b because) steered() string         { return b.Update }
func (r resumption) steered() string      { return r.Update }
func (s assent) steered() string          { return s.Update }
func (r rotationRequest) steered() string { return r.Cluster }

// post registers an operation that a person steers with.
func post[I steers, O any](a *api, h huma.API, id, path, summary, description string, do func(ctx context.Context, in *I) (*O, error)) {
	operation(a, h, huma.Operation{OperationID: id, Method: http.MethodPost, Path: path, Summary: summary, Description: description,
		DefaultStatus: http.StatusOK, Errors: []int{http.StatusConflict}}, func(ctx context.Context, in *I) (*O, error) {
		if err := a.allowSteer(ctx, (*in).steered()); err != nil {
			return nil, err
		}
		if a.Steerer == nil {
			return nil, fairway.Errorf(fairway.CodeUnavailable, "%s: this server only answers questions", id)
		}
		return do(ctx, in)
	})
}

// because is what can have a reason.
type because struct {
	Update string `path:"update" doc:"id of an update, or id, alias or local id of a cluster for its newest one"`
	Body   *struct {
		Reason string `json:"reason,omitempty" maxLength:"500" doc:"why, for whoever looks at the update"`
	}
}

// reason is that of the body, or else that of the header.
func (b *because) reason(ctx context.Context) string {
	if b.Body == nil || b.Body.Reason == "" {
		return fairway.OriginOf(ctx).Reason
	}
	return b.Body.Reason
}

func (a *api) pauseUpdate(ctx context.Context, in *because) (*one[fairway.Update], error) {
	if err := a.allowSteering(ctx, "update", in.Update); err != nil {
		return nil, err
	}
	return answerOf(a.Steerer.Pause(ctx, in.Update, callerOf(ctx), in.reason(ctx)))
}

func (a *api) abortUpdate(ctx context.Context, in *because) (*one[fairway.Update], error) {
	if err := a.allowSteering(ctx, "update", in.Update); err != nil {
		return nil, err
	}
	return answerOf(a.Steerer.Abort(ctx, in.Update, callerOf(ctx), in.reason(ctx)))
}

// allowSteering decides whether the caller may steer what is named: an update, or
// a cluster. What the caller may not read does not exist for it, and no name is
// suggested to it.
func (a *api) allowSteering(ctx context.Context, kind, name string) error {
	clusterID := name
	u, err := a.Store.Update(ctx, name)
	if err == nil {
		clusterID = u.ClusterID
	} else if fairway.ErrorCode(err) != fairway.CodeNotFound {
		return err
	}
	c, err := a.Store.FindCluster(ctx, clusterID)
	switch {
	case err == nil && !sees(ctx, fairway.PlaceOf(c)):
		return hidden(kind, name)
	case err == nil:
		return a.allowCluster(ctx, fairway.DeedSteer, c)
	case fairway.ErrorCode(err) != fairway.CodeNotFound:
		return err
	case !seesAll(ctx):
		return hidden(kind, name)
	}
	return a.allow(ctx, fairway.DeedSteer, fairway.KindCluster, clusterID, fairway.Place{})
}

// assent is what a plan is approved with.
type assent struct {
	Update string `path:"update" doc:"id of an update, or id, alias or local id of a cluster for its newest one"`
	Body   *struct {
		Reason string `json:"reason,omitempty" maxLength:"500" doc:"why, for the record"`
		Digest string `json:"digest,omitempty" maxLength:"64" doc:"approval_digest of the plan that was looked at; 409 when it is another one by now"`
	}
}

func (a *api) approveUpdate(ctx context.Context, in *assent) (*one[fairway.Update], error) {
	if err := a.allowSteering(ctx, "update", in.Update); err != nil {
		return nil, err
	}
	reason, digest := fairway.OriginOf(ctx).Reason, ""
	if in.Body != nil {
		digest = in.Body.Digest
		if in.Body.Reason != "" {
			reason = in.Body.Reason
		}
	}
	approved, err := a.Steerer.Approve(ctx, in.Update, principalOf(ctx), digest, reason)
	if err != nil {
		id := in.Update
		if u, unknown := a.Store.Update(ctx, id); unknown == nil {
			id = u.ClusterID
		} else if c, unknown := a.Store.FindCluster(ctx, id); unknown == nil {
			id = c.ID
		}
		err = a.denied(ctx, fairway.DeedApprove, fairway.KindCluster, id, err)
	}
	return answerOf(approved, err)
}

type resumption struct {
	Update string `path:"update" doc:"id of an update, or id, alias or local id of a cluster for its newest one"`
	Body   *struct {
		IgnoreBrakes bool `json:"ignore_brakes,omitempty" doc:"replace nodes although the cluster is not well"`
	}
}

func (a *api) resumeUpdate(ctx context.Context, in *resumption) (*one[fairway.Update], error) {
	if err := a.allowSteering(ctx, "update", in.Update); err != nil {
		return nil, err
	}
	return answerOf(a.Steerer.Resume(ctx, in.Update, callerOf(ctx), in.Body != nil && in.Body.IgnoreBrakes))
}

// answerOf is the answer with one thing, or the error.
func answerOf[T any](v *T, err error) (*one[T], error) {
	if err != nil {
		return nil, err
	}
	return &one[T]{*v}, nil
}

type rotationRequest struct {
	Cluster string `path:"cluster" doc:"id, alias or local id"`
	Body    *struct {
		Nodes     []string `json:"nodes,omitempty" maxItems:"10000" doc:"names of nodes; none means any"`
		Pool      string   `json:"pool,omitempty" doc:"only nodes of this node pool"`
		OlderThan string   `json:"older_than,omitempty" doc:"only nodes of at least this age, a duration such as 720h"`
		Reason    string   `json:"reason,omitempty" maxLength:"500" doc:"why, for whoever looks at the update"`
		DryRun    bool     `json:"dry_run,omitempty" doc:"only say which nodes would be replaced"`
	}
}

func (a *api) rotateCluster(ctx context.Context, in *rotationRequest) (*one[fairway.RotationAnswer], error) {
	if err := a.allowSteering(ctx, "cluster", in.Cluster); err != nil {
		return nil, err
	}
	r := fairway.RotationRequest{Cluster: in.Cluster, By: callerOf(ctx), Reason: fairway.OriginOf(ctx).Reason}
	if b := in.Body; b != nil {
		r.Nodes, r.Pool, r.DryRun = b.Nodes, b.Pool, b.DryRun
		if b.Reason != "" {
			r.Reason = b.Reason
		}
		if b.OlderThan != "" {
			age, err := time.ParseDuration(b.OlderThan)
			if err != nil || age < 0 {
				return nil, fairway.Errorf(fairway.CodeInvalid, "older_than %q is no age", b.OlderThan).WithHint("give a duration such as 720h or 90m")
			}
			r.OlderThan = age
		}
	}
	return answerOf(a.Steerer.Rotate(ctx, r))
}
