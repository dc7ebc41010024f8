package controlplane

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// maxSocketPath is what the kernel takes for the name of a unix socket, less
// some room for the file's own name.
const maxSocketPath = 90

type etcdServer struct {
	endpoint string
	stop     func()
}

// startEtcd serves etcd on a unix socket: nothing else on the machine can
// reach it, and there is no port that could be taken.
func startEtcd(ctx context.Context, opts Options, failed chan<- error) (*etcdServer, error) {
	sockets, err := socketFolder(opts.Dir)
	if err != nil {
		return nil, err
	}
	cfg := etcdConfig(opts, sockets)
	e, err := embed.StartEtcd(cfg)
	if err != nil {
		return nil, err
	}
	select {
	case <-e.Server.ReadyNotify():
	case err := <-e.Err():
		e.Close()
		return nil, err
	case <-ctx.Done():
		e.Server.Stop()
		return nil, context.Cause(ctx)
	case <-time.After(startTimeout):
		e.Server.Stop()
		return nil, errors.New("it did not become ready; look for errors of etcd above, and whether the disk is overloaded")
	}
	stopped := make(chan struct{})
	go func() {
		select {
		case err := <-e.Err():
			failed <- fmt.Errorf("run etcd: %w", err)
		case <-stopped:
		}
	}()
	return &etcdServer{
		endpoint: cfg.ListenClientUrls[0].String(),
		stop: func() {
			close(stopped)
			e.Close()
		},
	}, nil
}

func etcdConfig(opts Options, sockets string) *embed.Config {
	cfg := embed.NewConfig()
	cfg.Name = "localkube"
	cfg.Dir = filepath.Join(opts.Dir, "etcd")
	client := url.URL{Scheme: "unix", Path: filepath.Join(sockets, "etcd.sock")}
	peer := url.URL{Scheme: "unix", Path: filepath.Join(sockets, "peer.sock")}
	cfg.ListenClientUrls, cfg.ListenPeerUrls = []url.URL{client}, []url.URL{peer}
	// What is advertised to other members must have a port; there are none.
	nobody := []url.URL{{Scheme: "http", Host: "localhost:2380"}}
	cfg.AdvertiseClientUrls, cfg.AdvertisePeerUrls = nobody, nobody
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.UnsafeNoFsync = opts.UnsafeNoFsync
	// Raft entries kept in memory; the defaults are for clusters with peers
	// that may lag behind.
	cfg.SnapshotCount = 2000
	cfg.SnapshotCatchUpEntries = 500
	cfg.MaxSnapFiles, cfg.MaxWalFiles = 2, 2
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(etcdLogger(opts.Dir))
	return cfg
}

// etcdLogger reports errors, except the one that every orderly stop is to
// etcd's listeners.
func etcdLogger(dir string) *zap.Logger {
	config := zap.NewProductionEncoderConfig()
	config.EncodeTime = zapcore.ISO8601TimeEncoder
	core := zapcore.NewCore(zapcore.NewConsoleEncoder(config), zapcore.AddSync(etcdLog{dir}), zapcore.ErrorLevel)
	return zap.New(core).Named("etcd")
}

type etcdLog struct{ dir string }

// Write is the last that is heard of etcd when it cannot write: it ends the
// process then, so what to do must be said here.
func (l etcdLog) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("setting up serving from embedded etcd failed")) {
		return len(line), nil
	}
	if bytes.Contains(line, []byte("fatal")) && bytes.Contains(line, []byte("no space left on device")) {
		line = fmt.Appendf(line, "localkube: write cluster data in %s: the disk is full; free some space and start it again, what was acknowledged is kept\n", l.dir)
	}
	if _, err := os.Stderr.Write(line); err != nil {
		return 0, err
	}
	return len(line), nil
}

// socketFolder is dir itself, or for long names a folder that is derived
// from it, so that a restart finds and replaces the sockets of a killed run.
func socketFolder(dir string) (string, error) {
	if len(dir) <= maxSocketPath {
		return dir, nil
	}
	sum := sha256.Sum256([]byte(dir))
	short := filepath.Join(os.TempDir(), fmt.Sprintf("localkube-%d-%x", os.Getuid(), sum[:8]))
	if err := os.MkdirAll(short, 0o700); err != nil {
		return "", fmt.Errorf("create folder for etcd's sockets: %w", err)
	}
	// Someone else may have made the folder first, to listen in.
	if err := os.Chmod(short, 0o700); err != nil {
		return "", fmt.Errorf("protect folder of etcd's sockets: %w", err)
	}
	return short, nil
}
