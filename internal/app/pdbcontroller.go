package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/kube"
	"github.com/fairwayhq/fairway/internal/engine/pdb"
	"github.com/fairwayhq/fairway/internal/surface/cli"
)

// The controller of a cluster with 5,000 workloads is to fit into 100 MiB, so
// garbage is collected early. The environment (GOGC, GOMEMLIMIT) wins.
const (
	pdbGCPercent   = 50
	pdbMemoryLimit = 80 << 20
)

// keepBudgets runs the PDB controller until it is asked to end.
func keepBudgets(ctx context.Context, o cli.PDBControllerOptions, stderr io.Writer) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(pdbGCPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(pdbMemoryLimit)
	}
	log := logger(stderr, o.LogFormat, o.Debug)
	cluster, err := kube.NewBudgets(kube.Options{Kubeconfig: o.Kubeconfig, Lease: o.Lease, FieldManager: fairway.HeritagePDBController, Log: log})
	if err != nil {
		return err
	}
	host, err := os.Hostname() // in a pod, its name
	if err != nil {
		return fmt.Errorf("find a name to hold the lease by: %w", err)
	}
	holder := host
	if o.Kubeconfig != "" {
		holder = fmt.Sprintf("%s-%d", host, os.Getpid())
	}
	c := pdb.New(pdb.Options{
		Cluster: cluster, Rollouts: o.Rollouts, Holder: holder, LeaseTTL: o.LeaseDuration, DryRun: o.DryRun, Log: log,
		Policy: pdb.Policy{
			MaxUnavailable: o.MaxUnavailable, NonReadyTTL: o.NonReadyTTL, ParentResourceHash: o.ParentResourceHash, NameSuffix: o.NameSuffix,
		},
	})
	stop, err := measure(ctx, c, o.MetricsListen, log)
	if err != nil {
		return err
	}
	log.Info("pdb-controller is running", "holder", holder, "lease", o.Lease, "dry_run", o.DryRun, "max_unavailable", o.MaxUnavailable, "non_ready_ttl", o.NonReadyTTL)
	err = c.Run(ctx)
	return errors.Join(err, stop())
}

// measure serves metrics and health at an address, "" for none, until stop.
func measure(ctx context.Context, c *pdb.Controller, address string, log *slog.Logger) (stop func() error, err error) {
	if address == "" {
		return func() error { return nil }, nil
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fairway.Errorf(fairway.CodeUnavailable, "listen on %s: %w", address, err).
			WithHint("another program may use the port: choose another with --metrics-listen")
	}
	server := &http.Server{
		Handler: budgetHandler(c), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics are not served any more", "error", err)
		}
	}()
	log.Info("serving metrics", "address", "http://"+listener.Addr().String()+"/metrics")
	return server.Close, nil
}

func budgetHandler(c *pdb.Controller) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_ = c.WriteMetrics(w) // an error is the reader's, who is gone
	})
	for path, check := range map[string]func() error{"GET /healthz": c.Healthy, "GET /readyz": c.Ready} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			if err := check(); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			_, _ = io.WriteString(w, "ok\n") // as above
		})
	}
	return mux
}
