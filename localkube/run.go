package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/fairwayhq/fairway/localkube/internal/cluster"
	"github.com/fairwayhq/fairway/localkube/internal/settings"
)

const runUsage = `Runs a cluster until it is told to end (SIGTERM, SIGINT) or its parent dies.

Usage:
  localkube run --data DIR --ready-file FILE [--nodegroups FILE] [flags]

When everything answers, --ready-file is written in one step, as JSON:
  {"kubeconfig", "api_server_url", "nodegroups_url", "token", "pid", "kubernetes_version"}

--data keeps the whole cluster: objects, certificates, tokens, ports, groups.
The same folder gives the same cluster at the same addresses again, also after
kill -9. One process may use it at a time.

--nodegroups is YAML or JSON; everything in it may be left out (defaults shown):
  seed: 1
  region: local-1
  zones: [local-1a, local-1b, local-1c]
  boot: {base: 4s, spread: 1s}      # launch to Node, drawn with the seed
  in_service_delay: 500ms           # InService comes this much before or after
  shutdown: 1s                      # Terminating to Terminated
  health_check: 1m                  # a vanished instance is noticed after this
  node: {not_ready_after: 40s}      # silent nodes become NotReady
  pod: {start_min: 1s, start_max: 2s, termination: 2s}
  volume: {attach: 1s, detach: 1s, provision: 200ms}
  launch_templates: []              # name and the API's body, made if missing
  groups: []                        # name and the API's body, made if missing

Example:
  localkube run --data k --ready-file k/ready.json
  kubectl --kubeconfig "$(jq -r .kubeconfig k/ready.json)" get nodes

The node-group API and its faults are described in docs/localkube.md.
Exit codes: 0 ended as told, 1 failed, 2 usage, 130 interrupted.

Flags:
`

// errInterrupted and errTold are the causes of an orderly end.
var (
	errInterrupted = errors.New("interrupted")
	errTold        = errors.New("told to end")
	errParentDied  = errors.New("the parent process ended")
)

func runCommand(args []string) int {
	fs := flag.NewFlagSet("localkube run", flag.ContinueOnError)
	fs.Usage = func() {
		fmt.Fprint(fs.Output(), runUsage)
		fs.PrintDefaults()
	}
	var opts cluster.Options
	fs.StringVar(&opts.Data, "data", "", "`folder` that keeps the cluster (required)")
	fs.StringVar(&opts.ReadyFile, "ready-file", "", "`file` written when everything answers (required)")
	groups := fs.String("nodegroups", "", "`file` with simulation settings and first groups")
	fs.StringVar(&opts.Address, "address", "127.0.0.1", "`IP` to listen on")
	detach := fs.Bool("detach-from-parent", false, "keep running when the parent process ends")
	fs.BoolVar(&opts.UnsafeNoFsync, "unsafe-no-fsync", false, "let etcd skip fsync: faster on slow disks; a power cut (not a kill) may lose data")
	if code, done := parse(fs, args); done {
		return code
	}
	if opts.Data == "" || opts.ReadyFile == "" {
		fmt.Fprintln(os.Stderr, "localkube run: --data and --ready-file are required; 'localkube run --help' explains them")
		return exitUsage
	}
	var err error
	if opts.Settings, err = settings.Read(*groups); err != nil {
		fmt.Fprintf(os.Stderr, "localkube: %v\n", err)
		return exitUsage
	}
	opts.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	components := quiet()
	tuneStart()

	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	watchSignals(cancel, opts.Logger)
	if !*detach {
		watchParent(cancel, opts.Logger)
	}
	return finish(ctx, run(ctx, opts, components), opts)
}

// run starts the cluster, waits for the end, and stops the cluster.
func run(ctx context.Context, opts cluster.Options, components *componentLog) error {
	begin := time.Now()
	c, err := cluster.Start(ctx, opts)
	if err != nil {
		if ctx.Err() == nil {
			components.release()
		}
		return err
	}
	components.start()
	tuneRun()
	opts.Logger.Info("cluster ready", "data", opts.Data, "url", c.Server, "seconds", time.Since(begin).Seconds())
	select {
	case err = <-c.Failed:
	case <-ctx.Done():
	}
	c.Stop()
	return err
}

func finish(ctx context.Context, err error, opts cluster.Options) int {
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, errInterrupted):
		return exitInterrupted
	case cause != nil:
		opts.Logger.Info("cluster ended", "reason", cause)
		return exitOK
	}
	fmt.Fprintf(os.Stderr, "localkube: %v\n", err)
	return exitFailed
}
