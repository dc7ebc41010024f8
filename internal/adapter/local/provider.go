package local

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fairwayhq/fairway"
)

// Options are what a Provider is made from.
type Options struct {
	// DataDir is the folder that holds clusters/<local_id>/{kubeconfig,ready.json}.
	DataDir string
	// Log receives which clusters were connected to; nil discards it.
	Log *slog.Logger
	// NewKubernetes makes the API of a cluster from the path of its
	// kubeconfig. It is called once for each state of the files.
	NewKubernetes func(kubeconfigPath string, c *fairway.Cluster) (fairway.Kubernetes, error)
	// Now is the clock that the age of a cloud's refusals is judged by; nil
	// means time.Now.
	Now fairway.Clock
}

// Provider gives access to localkube clusters. It is safe for concurrent use.
type Provider struct {
	options Options

	mu sync.Mutex
	// connections by local id; guarded by mu.
	connections map[string]*connection
}

var _ fairway.Provider = (*Provider)(nil)

// connection is the way to a cluster, good while its files stay as they are.
type connection struct {
	kubeconfig, ready fs.FileInfo
	kubernetes        fairway.Kubernetes
	client            *client
}

// New returns the provider of the clusters below a data folder.
func New(o Options) *Provider {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Provider{options: o, connections: map[string]*connection{}}
}

// Connect returns the APIs of a cluster, after both have answered. They stay
// usable while the localkube process keeps its files; after one that replaced
// them, connect again. CodeUnavailable while the process has not written its
// files or does not answer.
func (p *Provider) Connect(ctx context.Context, c *fairway.Cluster) (fairway.Kubernetes, fairway.Cloud, error) {
	conn, err := p.connection(c)
	if err != nil {
		return nil, nil, err
	}
	err = conn.kubernetes.Healthy(ctx)
	if err == nil {
		err = conn.client.healthy(ctx)
	}
	if err != nil {
		return nil, nil, fairway.Errorf(fairway.CodeUnavailable, "connect to cluster %s: %w", c.ID, err).
			WithHint("the cluster's localkube does not answer: it is starting, or has to be started again (log in %s)", filepath.Join(p.options.DataDir, "logs"))
	}
	return conn.kubernetes, &cloud{client: conn.client, cluster: c, now: p.options.Now}, nil
}

// connection returns the cached connection, or a new one when the files of the
// cluster have changed since.
func (p *Provider) connection(c *fairway.Cluster) (*connection, error) {
	if c.LocalID == "" || c.LocalID == "." || c.LocalID == ".." || filepath.Base(c.LocalID) != c.LocalID {
		return nil, fairway.Errorf(fairway.CodeInvalid, "connect to cluster %s: local_id %q is not the name of a folder", c.ID, c.LocalID)
	}
	dir := filepath.Join(p.options.DataDir, "clusters", c.LocalID)
	kubeconfigPath, readyPath := filepath.Join(dir, "kubeconfig"), filepath.Join(dir, "ready.json")
	p.mu.Lock()
	defer p.mu.Unlock()

	kubeconfig, err := os.Stat(kubeconfigPath)
	if err != nil {
		return nil, notReady(c, err)
	}
	ready, err := os.Stat(readyPath)
	if err != nil {
		return nil, notReady(c, err)
	}
	old := p.connections[c.LocalID]
	if old != nil && same(old.kubeconfig, kubeconfig) && same(old.ready, ready) {
		return old, nil
	}
	client, err := newClient(kubeconfigPath, readyPath)
	if err != nil {
		return nil, notReady(c, err)
	}
	kubernetes, err := p.options.NewKubernetes(kubeconfigPath, c)
	if err != nil {
		return nil, err
	}
	if old != nil {
		old.client.close()
	}
	conn := &connection{kubeconfig: kubeconfig, ready: ready, kubernetes: kubernetes, client: client}
	p.connections[c.LocalID] = conn
	p.options.Log.Info("cluster found", "cluster", c.ID, "address", client.address)
	return conn, nil
}

// same reports whether a file is still the one that it was.
func same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// notReady says that the files of a cluster cannot be used yet.
func notReady(c *fairway.Cluster, err error) error {
	e := fairway.Errorf(fairway.CodeUnavailable, "connect to cluster %s: %w", c.ID, err)
	if errors.Is(err, fs.ErrNotExist) {
		return e.WithHint("its localkube has not started yet; `fairway demo` starts one for each cluster of its registry")
	}
	return e.WithHint("its localkube writes the file again when it starts")
}

// readyFile is what localkube writes when everything answers.
type readyFile struct {
	NodeGroupsURL string `json:"nodegroups_url"`
	Token         string `json:"token"`
}

// readReady reads a ready file.
func readReady(path string) (readyFile, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return readyFile{}, err
	}
	var ready readyFile
	if err := json.Unmarshal(text, &ready); err != nil {
		return readyFile{}, fairway.Errorf(fairway.CodeUnavailable, "read %s: %w", path, err)
	}
	if ready.NodeGroupsURL == "" || ready.Token == "" {
		return readyFile{}, fairway.Errorf(fairway.CodeUnavailable, "read %s: nodegroups_url and token are needed", path)
	}
	return ready, nil
}
