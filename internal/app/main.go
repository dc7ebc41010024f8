package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/lmittmann/tint"
	"golang.org/x/term"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/app/demo"
	"github.com/fairwayhq/fairway/internal/pure/plan"
	"github.com/fairwayhq/fairway/internal/pure/render"
	"github.com/fairwayhq/fairway/internal/surface/cli"
)

// stopTime is how long an orderly end may take.
const stopTime = 15 * time.Second

// Main runs the command line and returns the exit code. The first SIGINT or
// SIGTERM asks for an orderly end.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	command := cli.New(functions(stdin, stdout, stderr))
	command.SetArgs(args)
	command.SetIn(stdin)
	command.SetOut(stdout)
	command.SetErr(stderr)
	return cli.Report(stderr, command.ExecuteContext(ctx))
}

// version is set by the linker.
var version = "dev"

func functions(stdin io.Reader, stdout, stderr io.Writer) cli.Functions {
	return cli.Functions{
		Server: func(ctx context.Context, o cli.ServerOptions) error { return serve(ctx, o, stderr) },
		Demo: func(ctx context.Context, o cli.DemoOptions) error {
			_, err := demo.Run(ctx, demo.Options{
				DataDir: o.DataDir, Clusters: o.Clusters, Change: o.Change, Keep: o.Keep, Output: o.Output,
				Localkube: o.Localkube, Stdout: stdout, Stderr: stderr,
			})
			return exit(err)
		},
		Watch: func(ctx context.Context, o cli.WatchOptions) error {
			return demo.Watch(ctx, demo.WatchOptions{DataDir: o.DataDir, Stdin: stdin, Stdout: stdout, Log: logger(stderr, "text", false)})
		},
		Render: func(ctx context.Context, o cli.RenderOptions) (cli.Rendered, error) {
			return renderFiles(ctx, o, stderr)
		},
		Plan: func(ctx context.Context, o cli.PlanOptions) (*plan.Fleet, error) {
			return planClusters(ctx, o, stderr)
		},
		Provision: func(ctx context.Context, o cli.ProvisionOptions) (*fairway.Update, error) {
			return provisionOnce(ctx, o, stderr)
		},
		Eval:   func(ctx context.Context, o cli.EvalOptions) (string, error) { return evalTemplate(ctx, o, stderr) },
		Record: func(ctx context.Context, o cli.RecordOptions) error { return recordLookups(ctx, o, stderr) },
		PDBController: func(ctx context.Context, o cli.PDBControllerOptions) error {
			return keepBudgets(ctx, o, stderr)
		},
		Lint: func(ctx context.Context, o cli.LintOptions) ([]render.LintFinding, error) {
			return lint(ctx, o, stderr)
		},
		Version: cli.VersionInfo{Version: version, Go: runtime.Version(), Kubernetes: kubernetesVersion},
		Stdin:   stdin, Stdout: stdout, Stderr: stderr,
		Width: width(stdout),
	}
}

// kubernetesVersion is that of the control planes which localkube is built from.
const kubernetesVersion = "v1.36.3"

// exit gives the outcome of a demo the exit code that it asks for.
func exit(err error) error {
	e, ok := errors.AsType[*demo.ExitError](err)
	switch {
	case !ok:
		return err
	case e.Code == cli.ExitIncomplete:
		return cli.Incomplete(e.Err)
	case e.Code == cli.ExitInterrupted:
		return context.Canceled
	}
	return e.Err
}

// width returns the columns of a terminal, 0 for anything else.
func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil {
			return columns
		}
	}
	return 0
}

// serve runs a server until it is asked to end or cannot go on.
func serve(ctx context.Context, o cli.ServerOptions, stderr io.Writer) error {
	log := logger(stderr, o.LogFormat, o.Debug)
	a, err := New(ctx, Options{
		DataDir: o.DataDir, Listen: o.Listen, ConfigSources: o.ConfigSources, GitCredentials: o.GitCredentials, RegistryFile: o.RegistryFile, RegistryDefaults: o.Defaults,
		RegistryGit: o.RegistryGit, RegistryGitBranch: o.RegistryGitBranch, RegistryGitPath: o.RegistryGitPath,
		Database: o.Database, TLSCert: o.TLSCert, TLSKey: o.TLSKey, AccessFile: o.AccessFile, RefuseClearSecrets: o.RefuseClearSecrets, RateLimit: o.RateLimit,
		Soak: o.Soak, Poll: o.PollInterval, DriftEvery: o.DriftInterval, StaticTokens: o.StaticTokens, Version: version, Log: log,
	})
	if err != nil {
		return err
	}
	err = a.Start(ctx)
	if err == nil {
		log.Info("fairway server is running", "address", "http://"+a.Addr(), "data", a.DataDir)
		select {
		case <-ctx.Done():
			log.Info("stopping; updates under way go on when a server runs again")
		case err = <-a.Failed():
		}
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if stopped := a.Stop(end); stopped != nil {
		err = errors.Join(err, fmt.Errorf("stop: %w", stopped))
	}
	return err
}

// logger writes for people on a terminal and as JSON elsewhere, unless format
// says "text" or "json".
func logger(w io.Writer, format string, debug bool) *slog.Logger {
	level := slog.LevelInfo
	if debug {
		level = slog.LevelDebug
	}
	f, ok := w.(*os.File)
	terminal := ok && term.IsTerminal(int(f.Fd()))
	switch {
	case terminal && format != "json":
		return slog.New(tint.NewHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: os.Getenv("NO_COLOR") != ""}))
	case format == "text":
		return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}
