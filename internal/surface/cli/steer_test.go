package cli_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/auth"
	"github.com/fairwayhq/fairway/internal/engine/deliver"
	"github.com/fairwayhq/fairway/internal/surface/httpapi"
)

// The commands that steer, against a server that really does.
func TestSteerScripts(t *testing.T) {
	t.Parallel()
	store := fleet(t)
	nothing := func(context.Context, string) error { return nil }
	steerer := deliver.New(deliver.Options{Store: store, Update: nothing, Rollout: nothing, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
		Nodes: func(context.Context, string) ([]fairway.RotationNode, error) {
			return []fairway.RotationNode{{Node: "node-a", Pool: "worker", CreatedAt: now.Add(-40 * 24 * time.Hour)}, {Node: "node-b", Pool: "worker", CreatedAt: now.Add(-time.Hour)}}, nil
		}})
	scripts(t, "testdata/steer", httpapi.Options{Store: store, Steerer: steerer, Authenticator: auth.Static(auth.Token{Name: "ada", Role: fairway.RoleOperator, Secret: "secret"})})
}
