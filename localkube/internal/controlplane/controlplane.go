// Package controlplane runs etcd, kube-apiserver, kube-controller-manager and
// kube-scheduler inside this process.
//
//	cp, err := controlplane.Start(ctx, controlplane.Options{...})
//	...
//	cp.Stop()
//
// The components are Kubernetes' own, built from their options as upstream's
// test servers do it. Their command constructors are not used: each of them
// installs the process-wide signal handler, and the second one panics.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"k8s.io/client-go/rest"

	"github.com/fairwayhq/fairway/localkube/internal/pki"
)

// Options says where a control plane lives and how it behaves.
type Options struct {
	// Dir holds etcd's data and the components' configuration files.
	Dir string
	// Listener is the API server's; Start takes it over.
	Listener net.Listener
	// Server is the URL clients use.
	Server string
	PKI    *pki.Files
	// UnsafeNoFsync lets etcd skip fsync: faster on slow disks, and data may
	// be lost when the machine (not the process) dies.
	UnsafeNoFsync bool
	// NodeMonitorGrace is how long a node may miss heartbeats before it is
	// marked NotReady.
	NodeMonitorGrace time.Duration
	Logger           *slog.Logger
}

// ControlPlane is a running control plane.
type ControlPlane struct {
	// Failed yields the error of a component that ended by itself.
	Failed <-chan error

	stops []func()
}

// Start starts the components in order and returns when the API server
// answers /readyz; the caches of the other components fill behind it.
func Start(ctx context.Context, opts Options) (*ControlPlane, error) {
	failed := make(chan error, 8)
	cp := &ControlPlane{Failed: failed}
	etcd, err := startEtcd(ctx, opts, failed)
	if err != nil {
		opts.Listener.Close()
		return nil, fmt.Errorf("start etcd in %s: %w", opts.Dir, err)
	}
	cp.stops = append(cp.stops, etcd.stop)
	silenceClientWarnings()
	if err := cp.start(ctx, opts, etcd.endpoint, failed); err != nil {
		cp.Stop()
		return nil, err
	}
	return cp, nil
}

func (cp *ControlPlane) start(ctx context.Context, opts Options, endpoint string, failed chan error) error {
	stop, err := startAPIServer(opts, endpoint, failed)
	if err != nil {
		return fmt.Errorf("start kube-apiserver: %w", err)
	}
	cp.stops = append(cp.stops, stop)
	// The controller manager gives up when the API server is not healthy ten
	// seconds after its own start, and on a loaded machine the bootstrap of
	// RBAC alone can take longer: it must not start before.
	if err := waitFor(ctx, opts, "/readyz", failed); err != nil {
		return fmt.Errorf("wait for kube-apiserver to be ready: %w", err)
	}
	stop, err = startControllerManager(opts, failed)
	if err != nil {
		return fmt.Errorf("start kube-controller-manager: %w", err)
	}
	cp.stops = append(cp.stops, stop)
	stop, err = startScheduler(opts, failed)
	if err != nil {
		return fmt.Errorf("start kube-scheduler: %w", err)
	}
	cp.stops = append(cp.stops, stop)
	return nil
}

// Stop ends the components in the reverse order of their start: what writes
// first, then the API server, then etcd.
func (cp *ControlPlane) Stop() {
	for i := len(cp.stops) - 1; i >= 0; i-- {
		cp.stops[i]()
	}
	cp.stops = nil
}

// runComponent runs f until the returned stop is called. An end before that
// is reported as a failure of the component.
func runComponent(name string, failed chan<- error, f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := f(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("it ended by itself")
		}
		failed <- fmt.Errorf("run %s: %w", name, err)
	}()
	return func() {
		cancel()
		<-done
	}
}

// silenceClientWarnings keeps the components from logging the deprecation
// warnings that they themselves cause.
func silenceClientWarnings() { rest.SetDefaultWarningHandler(rest.NoWarnings{}) }
