// Package cluster assembles a localkube: the control plane, the simulated
// machines on it, and the node-group service. It is the one place that knows
// all parts.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/fairwayhq/fairway/localkube/internal/controlplane"
	"github.com/fairwayhq/fairway/localkube/internal/datadir"
	"github.com/fairwayhq/fairway/localkube/internal/nodegroup"
	"github.com/fairwayhq/fairway/localkube/internal/pki"
	"github.com/fairwayhq/fairway/localkube/internal/settings"
	"github.com/fairwayhq/fairway/localkube/internal/stamp"
)

// Options of a cluster.
type Options struct {
	// Data is the folder that keeps the cluster.
	Data string
	// ReadyFile is written when everything answers.
	ReadyFile string
	// Address is the IP to listen on.
	Address  string
	Settings settings.File
	// UnsafeNoFsync: see controlplane.Options.
	UnsafeNoFsync bool
	Logger        *slog.Logger
}

// Cluster is a running cluster.
type Cluster struct {
	// Server is the API server's URL.
	Server string
	// Failed yields the error of a part that ended by itself.
	Failed <-chan error

	mu    sync.Mutex
	stops []func()
}

// Start returns when everything answers and the ready file is written. On
// error, what was started is stopped again.
func Start(ctx context.Context, opts Options) (*Cluster, error) {
	c := &Cluster{}
	if err := c.start(ctx, opts); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, opts Options) error {
	dir, err := datadir.Open(opts.Data)
	if err != nil {
		return err
	}
	c.onStop(func() { dir.Close() })
	// A ready file of an earlier run must not be taken for this one's. It is
	// ours to remove only now, that no other process can have written it.
	if err := removeReady(opts.ReadyFile); err != nil {
		return err
	}
	c.onStop(func() { removeReady(opts.ReadyFile) })
	secrets, err := makeSecrets(dir, opts.Address)
	if err != nil {
		return err
	}
	listeners, err := dir.Listen(opts.Address)
	if err != nil {
		return err
	}
	c.onStop(listeners.Close)
	c.Server = "https://" + listeners.API.Addr().String()
	service, err := nodegroup.Open(dir.Path("nodegroups.json"), opts.Settings.NodeGroups(), opts.Logger)
	if err != nil {
		return err
	}
	if err := opts.Settings.Begin(service); err != nil {
		return err
	}
	folder, err := dir.Sub("kubernetes")
	if err != nil {
		return err
	}
	cp, err := controlplane.Start(ctx, controlplane.Options{
		Dir: folder, Listener: listeners.API, Server: c.Server, PKI: secrets, UnsafeNoFsync: opts.UnsafeNoFsync,
		NodeMonitorGrace: time.Duration(opts.Settings.Node.NotReadyAfter), Logger: opts.Logger,
	})
	if err != nil {
		return err
	}
	c.Failed = cp.Failed
	c.onStop(cp.Stop)
	if err := c.simulate(ctx, opts, service, secrets); err != nil {
		return err
	}
	groups, err := c.serve(listeners.NodeGroups, service, secrets)
	if err != nil {
		return err
	}
	return writeReady(dir, opts.ReadyFile, Ready{
		APIServerURL: c.Server, NodeGroupsURL: groups, Token: secrets.AdminToken, KubernetesVersion: stamp.Kubernetes,
	}, secrets)
}

func makeSecrets(dir *datadir.Dir, address string) (*pki.Files, error) {
	folder, err := dir.Sub("pki")
	if err != nil {
		return nil, err
	}
	return pki.Ensure(folder, address)
}

// serve answers the node-group API with the cluster's certificate.
func (c *Cluster) serve(l net.Listener, service *nodegroup.Service, secrets *pki.Files) (url string, err error) {
	server := &http.Server{Handler: service.Handler(secrets.AdminToken), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.ServeTLS(l, secrets.ServingCert, secrets.ServingKey) }()
	c.onStop(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		server.Shutdown(ctx)
	})
	select {
	case err := <-ended: // it cannot serve at all, as with a broken certificate
		return "", fmt.Errorf("serve node groups on %s: %w", l.Addr(), err)
	case <-time.After(10 * time.Millisecond):
	}
	return "https://" + l.Addr().String(), nil
}

func (c *Cluster) onStop(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stops = append(c.stops, f)
}

// Stop ends the parts in the reverse order of their start.
func (c *Cluster) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.stops) - 1; i >= 0; i-- {
		c.stops[i]()
	}
	c.stops = nil
}

// errNotSynced says that a watch never delivered its first list.
var errNotSynced = errors.New("the informers did not sync")

// clientFor talks to the API server as the kubelets.
func clientFor(server string, secrets *pki.Files) (kubernetes.Interface, error) {
	config := restConfig(server, secrets)
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make client for %s: %w", server, err)
	}
	return client, nil
}
