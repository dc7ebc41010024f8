package client_test

import (
	"context"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/auth"
	"github.com/fairwayhq/fairway/internal/adapter/sqlstore"
	"github.com/fairwayhq/fairway/internal/surface/client"
	"github.com/fairwayhq/fairway/internal/surface/httpapi"
)

// heard is a Steerer that keeps what it was told.
type heard struct {
	fairway.Steerer
	said []any
}

func (h *heard) Pause(_ context.Context, update, by, reason string) (*fairway.Update, error) {
	h.said = append(h.said, []string{"pause", update, by, reason})
	return &fairway.Update{ID: "u"}, nil
}

func (h *heard) Resume(_ context.Context, update, by string, ignoreBrakes bool) (*fairway.Update, error) {
	h.said = append(h.said, []any{"resume", update, by, ignoreBrakes})
	return &fairway.Update{ID: "u", IgnoreBrakes: ignoreBrakes}, nil
}

func (h *heard) Abort(_ context.Context, update, by, reason string) (*fairway.Update, error) {
	h.said = append(h.said, []string{"abort", update, by, reason})
	return nil, fairway.Errorf(fairway.CodeConflict, "it is over").WithHint("too late")
}

func (h *heard) Approve(_ context.Context, update string, who fairway.Principal, digest, reason string) (*fairway.Update, error) {
	h.said = append(h.said, []string{"approve", update, who.Name, digest, reason})
	return &fairway.Update{ID: "u"}, nil
}

func (h *heard) Rotate(_ context.Context, r fairway.RotationRequest) (*fairway.RotationAnswer, error) {
	h.said = append(h.said, r)
	return &fairway.RotationAnswer{Nodes: []fairway.RotationNode{{Node: "n", Pool: "p"}}, UpdateID: "u", Waiting: "w"}, nil
}

// What a caller says arrives as it was said, whatever the names look like.
func TestSteer(t *testing.T) {
	t.Parallel()
	store, err := sqlstore.Open(t.Context(), filepath.Join(t.TempDir(), "fairway.db"), time.Now)
	must(t, err)
	t.Cleanup(func() { store.Close() })
	h := &heard{}
	s := httptest.NewServer(httpapi.New(httpapi.Options{Store: store, Steerer: h, Authenticator: auth.Static(auth.Token{Name: "ada", Role: fairway.RoleOperator, Secret: token})}))
	t.Cleanup(s.Close)
	c, ctx := client.New(s.URL, token), t.Context()

	_, err = c.PauseUpdate(ctx, "local:demo:eu:one", "why & how")
	must(t, err)
	u, err := c.ResumeUpdate(ctx, "a b?", true)
	must(t, err)
	if !u.IgnoreBrakes || u.ID != "u" {
		t.Errorf("resumed %+v", u)
	}
	if _, err := c.AbortUpdate(ctx, "u1", ""); fairway.ErrorCode(err) != fairway.CodeConflict || fairway.ErrorHint(err) != "too late" || err.Error() != "it is over" {
		t.Errorf("an abort that comes too late: %v (%s)", err, fairway.ErrorHint(err))
	}
	_, err = c.ApproveUpdate(ctx, "u1", "d", "r")
	must(t, err)
	all := fairway.RotationRequest{Cluster: "one", Nodes: []string{"a", "b"}, Pool: "p", OlderThan: 90 * time.Minute, Reason: "r", DryRun: true}
	answer, err := c.Rotate(ctx, all)
	must(t, err)
	if diff := cmp.Diff(&fairway.RotationAnswer{Nodes: []fairway.RotationNode{{Node: "n", Pool: "p"}}, UpdateID: "u", Waiting: "w"}, answer); diff != "" {
		t.Error(diff)
	}
	_, err = c.Rotate(ctx, fairway.RotationRequest{Cluster: "one"})
	must(t, err)
	all.By = "ada"
	want := []any{[]string{"pause", "local:demo:eu:one", "ada", "why & how"}, []any{"resume", "a b?", "ada", true}, []string{"abort", "u1", "ada", ""},
		[]string{"approve", "u1", "token:ada", "d", "r"},
		all, fairway.RotationRequest{Cluster: "one", By: "ada"}}
	if diff := cmp.Diff(want, h.said); diff != "" {
		t.Errorf("the server heard (-want +got):\n%s", diff)
	}
}
