package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/auth"
	"github.com/fairwayhq/fairway/internal/adapter/sqlstore"
	"github.com/fairwayhq/fairway/internal/surface/cli"
	"github.com/fairwayhq/fairway/internal/surface/httpapi"
)

// now is the time of the scripts; ages in them count from it.
var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// TestMain makes this test program the command fairway of the scripts. What the
// commands start prints its options, which is what the scripts look at.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"fairway": func() {
		show := func(o any) error { return json.NewEncoder(os.Stdout).Encode(o) }
		width := 0
		fmt.Sscan(os.Getenv("WIDTH"), &width)
		command := cli.New(cli.Functions{
			Server: func(_ context.Context, o cli.ServerOptions) error { return show(o) },
			Demo: func(_ context.Context, o cli.DemoOptions) error {
				switch os.Getenv("DEMO") {
				case "halted":
					return cli.Incomplete(fairway.Errorf(fairway.CodeInternal, "the rollout of beta halted").WithHint("look at `fairway rollout list`"))
				case "interrupted":
					return fmt.Errorf("demo: %w", context.Canceled)
				case "failed":
					return errors.New("no room")
				}
				return show(o)
			},
			Watch: func(_ context.Context, o cli.WatchOptions) error { return show(o) },
			PDBController: func(_ context.Context, o cli.PDBControllerOptions) error {
				return show(o)
			},
			Version: cli.VersionInfo{Version: "v1.2.3", Commit: "abc", Go: "go1.26", Kubernetes: "v1.36.3"},
			Stdin:   os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Width: width,
			Now: func() time.Time { return now },
		})
		command.SetArgs(os.Args[1:])
		os.Exit(cli.Report(os.Stderr, command.ExecuteContext(context.Background())))
	}})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	scripts(t, "testdata", httpapi.Options{Store: fleet(t), Authenticator: auth.Static(auth.Token{Name: "test", Role: fairway.RoleViewer, Secret: "secret"})})
}

// scripts runs the scripts of a folder against a server.
func scripts(t *testing.T, dir string, o httpapi.Options) {
	server := httptest.NewServer(httpapi.New(o))
	t.Cleanup(server.Close)
	testscript.Run(t, testscript.Params{
		Dir: dir, RequireExplicitExec: true, RequireUniqueNames: true,
		Cmds: commands,
		Setup: func(e *testscript.Env) error {
			e.Setenv("SERVER", server.URL)
			return nil
		},
	})
}

// fleet is a store with two clusters, one of which is being updated.
func fleet(t *testing.T) fairway.Store {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), filepath.Join(t.TempDir(), "fairway.db"), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	ctx, revision := t.Context(), "0123456789abcdef0123456789abcdef01234567"
	cluster := func(name, channel string) *fairway.Cluster {
		return &fairway.Cluster{ID: "local:demo:eu:" + name, Alias: name, InfrastructureAccount: "local:demo", LocalID: name, APIServerURL: "https://" + name,
			Channel: channel, Environment: "test", CriticalityLevel: 1, LifecycleStatus: fairway.StatusReady, Provider: "local", Region: "eu",
			ConfigItems: map[string]string{"node_image": "v2"}, Origin: map[string]string{"alias": "default: local_id"},
			NodePools: []fairway.NodePool{{Name: "worker", Profile: "worker-default", InstanceTypes: []string{"m5.large"}, DiscountStrategy: "none", MinSize: 3, MaxSize: 9}},
			Status:    fairway.ClusterStatus{CurrentVersion: revision + "#QLIyzRr4YN93KJgAXnwmTT-WcJg"}}
	}
	dev, beta := cluster("dev-1", "dev"), cluster("beta-1", "beta")
	dev.CreatedAt, beta.CreatedAt = now.Add(-time.Hour), now
	for _, err := range []error{
		store.CreateCluster(ctx, dev), store.CreateCluster(ctx, beta),
		store.CreateRollout(ctx, &fairway.Rollout{ID: "R1", Channel: "dev", Revision: revision, State: fairway.RolloutRunning, Reason: "wave 1 of 2 is being updated",
			Waves: [][]string{{dev.ID}, {beta.ID}}, CreatedAt: now.Add(-90 * time.Second)}),
		store.CreateUpdate(ctx, &fairway.Update{ID: "U1", ClusterID: dev.ID, RolloutID: "R1", Revision: revision, Version: revision + "#x", State: fairway.UpdateRunning,
			Doing: "rolling pool worker", Waiting: "budget web/web to allow an eviction of web-1", Since: now.Add(-30 * time.Second), Actor: "owner of web/web",
			NodesDone: 2, NodesTotal: 6, Evictions: 7, EvictionsRefused: 3, CreatedAt: now.Add(-80 * time.Second),
			Blocked: []fairway.BlockedNode{{Node: "node-1", Pod: "web/web-1", Budget: "web/web", Reason: "the budget never allows an eviction"}}}),
		store.SaveStep(ctx, &fairway.Step{UpdateID: "U1", Name: fairway.StepRender, State: fairway.StepDone, StartedAt: now.Add(-80 * time.Second), FinishedAt: now.Add(-78 * time.Second), Detail: "12 objects"}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return store
}

// commands are what the scripts have beside those of testscript.
var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	// exits CODE ARGS...: runs fairway and wants that exit code.
	"exits": func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) == 0 {
			ts.Fatalf("usage: exits CODE ARGS...")
		}
		err := ts.Exec("fairway", args[1:]...)
		code := "0"
		if exit, ok := errors.AsType[interface {
			error
			ExitCode() int
		}](err); ok {
			code = fmt.Sprint(exit.ExitCode())
		} else if err != nil {
			ts.Fatalf("%v", err)
		}
		if code != args[0] {
			ts.Fatalf("exit code %s, want %s", code, args[0])
		}
	},
}
