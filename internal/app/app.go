// Package app joins everything: it is the only place that knows all rooms.
//
//	a, err := app.New(ctx, app.Options{DataDir: dir, ConfigSources: []string{"main:git:" + url}})
//	err = a.Start(ctx)
//	fmt.Println(a.Addr())
//	err = a.Stop(ctx)
package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/kube"
	"github.com/fairwayhq/fairway/internal/adapter/kubeconfig"
	"github.com/fairwayhq/fairway/internal/adapter/local"
	"github.com/fairwayhq/fairway/internal/adapter/sqlstore"
	"github.com/fairwayhq/fairway/internal/engine/deliver"
	"github.com/fairwayhq/fairway/internal/engine/registry"
	"github.com/fairwayhq/fairway/internal/engine/update"
	"github.com/fairwayhq/fairway/internal/engine/work"
	"github.com/fairwayhq/fairway/internal/pure/registryfile"
)

// Options say what a server is made of.
type Options struct {
	// DataDir holds the databases, the mirror and server.json; it is made when missing.
	DataDir string
	// Database is the URL of a PostgreSQL database that several servers share;
	// "" means SQLite files in DataDir.
	Database string
	// Listen is the address of the API; "" means 127.0.0.1:8080. Other than
	// loopback addresses are accepted only with TLS.
	Listen string
	// TLSCert and TLSKey are PEM files, read again when they change; "" means
	// plain HTTP.
	TLSCert, TLSKey string
	// AccessFile says which issuers' tokens are believed and which claims give
	// which role; "" means static tokens alone.
	AccessFile string
	// RefuseClearSecrets refuses config items that seem to hold a secret in clear.
	RefuseClearSecrets bool
	// RateLimit is how many requests a second one caller may send; 0 means the
	// standard, less than 0 no limit.
	RateLimit float64
	// ConfigSources are NAME:git:URL or NAME:dir:PATH in order of precedence; at
	// least one.
	ConfigSources []string
	// GitCredentials is a file that says by what right git repositories are read
	// and written; "" means what git finds by itself.
	GitCredentials string
	// RegistryFile is imported when its content changes; "" means none.
	RegistryFile string
	// RegistryGit is a git repository whose file RegistryGitPath on the branch
	// RegistryGitBranch is the registry, instead of RegistryFile; "" means none,
	// and for the latter two clusters.yaml and main.
	RegistryGit, RegistryGitBranch, RegistryGitPath string
	// RegistryDefaults are for entries of such a file that leave them out; they
	// win over those of fairway.yaml.
	RegistryDefaults registryfile.Defaults
	// Soak overrides the soak of fairway.yaml; 0 does not.
	Soak time.Duration
	// Poll is how often source and registry are looked at; 0 means 10 s.
	Poll time.Duration
	// DriftEvery is how often is looked for what others changed in a cluster, on
	// average; 0 means every hour, less than 0 never.
	DriftEvery time.Duration
	// Piece bounds one piece of work on an update; 0 means the standard.
	Piece time.Duration
	// StaticTokens are NAME=ROLE:TOKEN; one more is always made and stored in DataDir.
	StaticTokens []string
	// Version is what the API says of the program.
	Version string
	Log     *slog.Logger
	Now     fairway.Clock // nil means time.Now
}

// App is a server as a value.
type App struct {
	Options
	store     fairway.Store
	queue     *work.Queue
	source    fairway.Configuration
	rights    gitRights
	fromGit   *gitRegistry // nil when the registry is not in git
	deliverer *deliver.Deliverer
	updater   *update.Updater
	listener  net.Listener
	secure    *tls.Config
	server    *http.Server
	stops     []stop
	failed    chan error
}

// stop is one named thing to undo, last in, first out.
type stop struct {
	name string
	do   func(context.Context) error
}

// New makes everything that a server needs and starts nothing. What was made
// is undone when something fails.
func New(ctx context.Context, o Options) (_ *App, err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.DriftEvery == 0 {
		o.DriftEvery = time.Hour
	}
	a := &App{Options: o, failed: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Stop(context.WithoutCancel(ctx)))
		}
	}()
	if err := os.MkdirAll(a.DataDir, 0o700); err != nil {
		return nil, fairway.Errorf(fairway.CodeUnavailable, "make data folder %s: %w", a.DataDir, err).
			WithHint("choose another folder with --data, or make this one writable")
	}
	if a.DataDir, err = filepath.Abs(a.DataDir); err != nil {
		return nil, err
	}
	if err := a.lock(); err != nil {
		return nil, err
	}
	if err := a.open(ctx); err != nil {
		return nil, err
	}
	return a, a.listen(ctx)
}

// open opens store, source and queue.
func (a *App) open(ctx context.Context) error {
	database := cmp.Or(a.Database, filepath.Join(a.DataDir, "fairway.db"))
	store, err := sqlstore.Open(ctx, database, a.Now)
	if err != nil {
		return err
	}
	a.store = store
	a.onStop("store", func(context.Context) error { return store.Close() })
	if a.rights, err = readRights(a.GitCredentials); err != nil {
		return err
	}
	if a.source, err = a.openSources(ctx); err != nil {
		return err
	}
	if err := a.openRegistry(ctx); err != nil {
		return err
	}
	holder, err := store.Instance(ctx)
	if err != nil {
		return err
	}
	// Servers that share a database must not take each other's leases for their
	// own; one alone goes on with its own after a restart, without waiting.
	process := holder
	if a.Database != "" {
		process = holder + "-" + strings.ToLower(rand.Text()[:8])
	}
	kubes := func(path string, _ *fairway.Cluster) (fairway.Kubernetes, error) {
		k, err := kube.New(kube.Options{Kubeconfig: path, Log: a.Log})
		if err != nil {
			return nil, err
		}
		return k, nil
	}
	fail := newFailpoints(a.Log)
	provider := fail.provider(local.New(local.Options{DataDir: a.DataDir, Log: a.Log, NewKubernetes: kubes}))
	a.source, a.store = fail.source(a.source), fail.store(a.store)
	a.updater = update.New(update.Options{
		Store: a.store, Source: a.source, Holder: "fairway-" + process, Log: a.Log, Now: a.Now, Piece: a.Piece,
		Providers: map[string]fairway.Provider{
			fairway.ProviderLocal:      provider,
			fairway.ProviderKubeconfig: kubeconfig.New(kubeconfig.Options{DataDir: a.DataDir, NewKubernetes: kubes}),
		},
	})
	a.deliverer = deliver.New(deliver.Options{
		Store: a.store, Source: a.source, Soak: a.Soak, Poll: a.Poll, Log: a.Log, Now: a.Now,
		Health: func(ctx context.Context, clusterID string) (bool, time.Time, string) {
			h := a.updater.Health(ctx, clusterID)
			return h.OK, h.At, h.Message
		},
		Nodes: a.updater.Nodes, TooOld: a.updater.TooOld,
		Update:  func(ctx context.Context, id string) error { return a.queue.Enqueue(ctx, work.ClusterUpdate, id) },
		Rollout: func(ctx context.Context, id string) error { return a.queue.Enqueue(ctx, work.RolloutAdvance, id) },
	})
	a.queue, err = work.Open(ctx, work.Options{Path: filepath.Join(a.DataDir, "jobs.db"), Database: a.Database, ID: process, Log: a.Log, Handlers: map[work.Kind]work.Handler{
		work.ClusterUpdate:  a.updater.Run,
		work.RolloutAdvance: a.deliverer.Advance,
		work.ChannelRefresh: func(ctx context.Context, _ string) (time.Duration, error) {
			begun, ended := registry.BeginDecommissions(ctx, a.store, a.Now())
			for _, id := range begun {
				a.Log.Info("the end of a protected cluster begins", "cluster", id)
			}
			again, err := a.deliverer.Refresh(ctx)
			return again, errors.Join(ended, err, a.sweepAll(ctx)) // clusters come and go
		},
		work.MarksSweep: a.sweep,
		work.DriftSweep: a.sweepDrift,
	}})
	if err != nil {
		return err
	}
	a.onStop("job queue", a.queue.Stop)
	return nil
}

// sweepEvery is how often is looked for what updates that are over have left: it
// must be gone a minute after the end of a roll, and five after a manager runs
// again (design.md rule 7). It is longer than the adapter keeps its watches.
const sweepEvery = 45 * time.Second

func (a *App) sweep(ctx context.Context, clusterID string) (time.Duration, error) {
	if _, err := a.updater.Sweep(ctx, clusterID); err != nil && fairway.ErrorCode(err) != fairway.CodeUnavailable {
		return 0, err
	}
	return sweepEvery, nil
}

// driftAgain is how soon is looked again at a cluster that was being updated.
const driftAgain = time.Minute

// sweepDrift looks for what others changed in a cluster. The looks of clusters
// drift apart, so that not all are read at once.
func (a *App) sweepDrift(ctx context.Context, clusterID string) (time.Duration, error) {
	_, err := a.updater.SweepDrift(ctx, clusterID)
	every := a.DriftEvery/2 + mathrand.N(a.DriftEvery)
	switch fairway.ErrorCode(err) {
	case fairway.CodeNotFound:
		return work.Done, nil
	case fairway.CodeConflict:
		return min(every, driftAgain), nil
	case fairway.CodeUnavailable, fairway.CodeInvalid:
		return every, nil // it is said in the report
	}
	return every, err
}

// Start begins to serve and to work; it returns when both have begun.
func (a *App) Start(ctx context.Context) error {
	if a.RegistryFile != "" {
		if err := a.importRegistry(ctx); err != nil {
			return err
		}
		a.watchRegistry(ctx)
	}
	if a.fromGit != nil {
		a.watchGitRegistry(ctx)
	}
	if err := a.queue.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	if err := a.queue.Enqueue(ctx, work.ChannelRefresh, "all"); err != nil {
		return err
	}
	go func() {
		if err := a.serve(); !errors.Is(err, http.ErrServerClosed) {
			a.failed <- fmt.Errorf("serve API on %s: %w", a.Addr(), err)
		}
	}()
	a.onStop("API", func(ctx context.Context) error { return a.server.Shutdown(ctx) })
	return a.writeServerFile()
}

// sweepAll asks for a sweep of every cluster, so that what a dead manager left
// behind is found soon after the next one runs. Those asked for already are not
// asked for twice.
func (a *App) sweepAll(ctx context.Context) error {
	clusters, err := a.store.Clusters(ctx, fairway.ClusterFilter{Terse: true})
	if err != nil {
		return err
	}
	for _, c := range clusters {
		if err := a.queue.Enqueue(ctx, work.MarksSweep, c.ID); err != nil {
			return err
		}
		if a.DriftEvery > 0 {
			if err := a.queue.Enqueue(ctx, work.DriftSweep, c.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// Addr returns the address that the API listens on.
func (a *App) Addr() string { return a.listener.Addr().String() }

// Failed delivers the error that ended serving, if any did.
func (a *App) Failed() <-chan error { return a.failed }

func (a *App) onStop(name string, do func(context.Context) error) {
	a.stops = append(a.stops, stop{name, do})
}

// Stop undoes Start and New in reverse order and returns all errors. It is
// idempotent and works on an App that New made only half.
func (a *App) Stop(ctx context.Context) error {
	var problems []error
	for len(a.stops) > 0 {
		last := a.stops[len(a.stops)-1]
		a.stops = a.stops[:len(a.stops)-1]
		if err := last.do(ctx); err != nil {
			problems = append(problems, fmt.Errorf("stop %s: %w", last.name, err))
		}
	}
	return errors.Join(problems...)
}
