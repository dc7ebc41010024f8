// Package kubeconfig gives access to clusters that Fairway did not make: any that
// a kubeconfig leads to. Fairway applies and verifies manifests there, and carries
// deletions out; nodes are only observed, because nothing says how to make one.
//
//	provider := kubeconfig.New(kubeconfig.Options{DataDir: dir, NewKubernetes: kubes})
//	kube, cloud, err := provider.Connect(ctx, cluster)
package kubeconfig

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/fairwayhq/fairway"
)

// Item is the config item of a cluster with the path of its kubeconfig: a file
// below the data folder.
const Item = "kubeconfig"

// Options are what a Provider is made from.
type Options struct {
	// DataDir is the folder that holds clusters/<local_id>/kubeconfig.
	DataDir string
	// Path is the kubeconfig of every cluster; "" means that config item and data
	// folder say it.
	Path string
	// NewKubernetes makes the API of a cluster from the path of its kubeconfig. It
	// is called once for each state of the file.
	NewKubernetes func(path string, c *fairway.Cluster) (fairway.Kubernetes, error)
}

// Provider gives access to existing clusters. It is safe for concurrent use.
type Provider struct {
	options Options

	mu    sync.Mutex
	known map[string]connection // by path; guarded by mu
}

// connection is the API of a cluster, good while its kubeconfig stays as it is.
type connection struct {
	file fs.FileInfo
	kube fairway.Kubernetes
}

var _ fairway.Provider = (*Provider)(nil)

// New returns the provider of existing clusters.
func New(o Options) *Provider { return &Provider{options: o, known: map[string]connection{}} }

// Connect returns the API of a cluster after it has answered, and a cloud without
// groups. CodeUnavailable while there is no kubeconfig or nothing answers.
func (p *Provider) Connect(ctx context.Context, c *fairway.Cluster) (fairway.Kubernetes, fairway.Cloud, error) {
	path, err := p.path(c)
	if err != nil {
		return nil, nil, err
	}
	kube, err := p.connection(path, c)
	if err != nil {
		return nil, nil, err
	}
	if err := kube.Healthy(ctx); err != nil {
		return nil, nil, fairway.Errorf(fairway.CodeUnavailable, "connect to cluster %s by %s: %w", c.ID, path, err).
			WithHint("check that the API server in the kubeconfig can be reached from here, and that its credentials are valid")
	}
	return kube, cloud{}, nil
}

// path returns where the kubeconfig of a cluster is. A config item leads only to
// files below the data folder: whoever writes the registry must not choose among
// all files of the machine.
func (p *Provider) path(c *fairway.Cluster) (string, error) {
	if p.options.Path != "" {
		return p.options.Path, nil
	}
	item, given := c.ConfigItems[Item]
	if !given {
		item = filepath.Join("clusters", c.LocalID, "kubeconfig")
	}
	if filepath.IsAbs(item) {
		relative, err := filepath.Rel(p.options.DataDir, item)
		if err != nil {
			return "", outside(c, item)
		}
		item = relative
	}
	if !filepath.IsLocal(item) || c.LocalID == "" || filepath.Base(c.LocalID) != c.LocalID {
		return "", outside(c, item)
	}
	return filepath.Join(p.options.DataDir, item), nil
}

func outside(c *fairway.Cluster, path string) error {
	return fairway.Errorf(fairway.CodeInvalid, "connect to cluster %s: the kubeconfig %q is not below the data folder", c.ID, path).
		WithHint("put it there, and name it by its path below the folder in the config item %s", Item)
}

// connection returns the API of the kubeconfig as it is now.
func (p *Provider) connection(path string, c *fairway.Cluster) (fairway.Kubernetes, error) {
	file, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fairway.Errorf(fairway.CodeUnavailable, "connect to cluster %s: there is no %s", c.ID, path).
			WithHint("put the cluster's kubeconfig there, or name another file below the data folder in the config item %s", Item)
	}
	if err != nil {
		return nil, fairway.Errorf(fairway.CodeUnavailable, "connect to cluster %s: %w", c.ID, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.known[path]; ok && os.SameFile(old.file, file) && old.file.ModTime().Equal(file.ModTime()) && old.file.Size() == file.Size() {
		return old.kube, nil
	}
	kube, err := p.options.NewKubernetes(path, c)
	if err != nil {
		return nil, err
	}
	p.known[path] = connection{file, kube}
	return kube, nil
}
