package app

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/surface/httpapi"
)

const (
	// bodyTime is how long a caller may take to send a request, headTime its
	// head alone; idleTime is how long an idle connection is kept.
	bodyTime = time.Minute
	headTime = 10 * time.Second
	idleTime = 2 * time.Minute
	// headSize bounds the head of a request, in bytes.
	headSize = 64 << 10
)

// listen opens the API's port.
func (a *App) listen(ctx context.Context) (err error) {
	address := a.Listen
	if address == "" {
		address = "127.0.0.1:8080"
	}
	if a.TLSCert == "" && a.TLSKey == "" {
		if err := loopback(address); err != nil {
			return err
		}
	} else if a.secure, err = secured(a.TLSCert, a.TLSKey, a.Now); err != nil {
		return err
	}
	authenticator, err := a.authenticator()
	if err != nil {
		return err
	}
	var config net.ListenConfig
	if a.listener, err = config.Listen(ctx, "tcp", address); err != nil {
		return fairway.Errorf(fairway.CodeUnavailable, "listen on %s: %w", address, err).
			WithHint("another program may use the port: choose another with --listen, or 127.0.0.1:0 for any free one")
	}
	a.onStop("listener", func(context.Context) error {
		if err := a.listener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	closing := make(chan struct{})
	a.server = &http.Server{
		Handler: httpapi.New(httpapi.Options{Store: a.store, Log: a.Log, Version: a.Version, Authenticator: authenticator, Steerer: a.deliverer, SweepDrift: a.updater.SweepDrift,
			Login: authenticator, PublicURL: authenticator.PublicURL(),
			ReadOnly: a.fromGit.place(), Decides: a.fromGit.decides,
			Rate: a.RateLimit, RefuseClearSecrets: a.RefuseClearSecrets, Now: a.Now, Closing: closing}),
		TLSConfig:         a.secure,
		ReadHeaderTimeout: headTime, ReadTimeout: bodyTime, IdleTimeout: idleTime, MaxHeaderBytes: headSize,
		ErrorLog: slog.NewLogLogger(a.Log.Handler(), slog.LevelDebug),
	}
	// Requests under way are waited for at the end, streams would never end.
	a.server.RegisterOnShutdown(sync.OnceFunc(func() { close(closing) }))
	return nil
}

// serve answers requests until the server is shut down.
func (a *App) serve() error {
	if a.secure != nil {
		return a.server.ServeTLS(a.listener, "", "")
	}
	return a.server.Serve(a.listener)
}

// scheme is that of the API's address.
func (a *App) scheme() string {
	if a.secure != nil {
		return "https"
	}
	return "http"
}

// certificateEvery is how often the files of the certificate are looked at.
const certificateEvery = 5 * time.Second

// secured returns a TLS configuration that reads the certificate again when its
// files change, as cert-manager and certbot change them. A pair that cannot be
// read, because it is just being written, leaves the one before in use.
func secured(cert, key string, now fairway.Clock) (*tls.Config, error) {
	if cert == "" || key == "" {
		return nil, fairway.Errorf(fairway.CodeInvalid, "TLS needs both a certificate and a key").WithHint("pass --tls-cert and --tls-key")
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fairway.Errorf(fairway.CodeInvalid, "read the TLS certificate: %w", err).WithHint("%s and %s must be PEM files that belong together", cert, key)
	}
	var mu sync.Mutex
	seen, looked := changedAt(cert, key), now()
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		mu.Lock()
		defer mu.Unlock()
		if t := now(); t.Sub(looked) >= certificateEvery || t.Before(looked) {
			looked = t
			if at := changedAt(cert, key); at != seen {
				if fresh, err := tls.LoadX509KeyPair(cert, key); err == nil {
					pair, seen = fresh, at
				}
			}
		}
		return &pair, nil
	}}, nil
}

// changedAt says when two files were last written.
func changedAt(files ...string) (at [2]time.Time) {
	for i, f := range files {
		if info, err := os.Stat(f); err == nil {
			at[i] = info.ModTime()
		}
	}
	return at
}
