package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/auth"
)

// lock makes this process the only server of the data folder. The kernel
// gives the lock back however the process ends.
func (a *App) lock() error {
	path := filepath.Join(a.DataDir, "server.lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fairway.Errorf(fairway.CodeUnavailable, "lock data folder: %w", err).
			WithHint("make %s writable, or choose another folder with --data", a.DataDir)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		pid, _ := os.ReadFile(path) // only for the message
		f.Close()
		return fairway.Errorf(fairway.CodeConflict, "data folder %s is in use by another server (pid %s)", a.DataDir, strings.TrimSpace(string(pid))).
			WithHint("stop that server, or choose another folder with --data")
	}
	a.onStop("lock", func(context.Context) error { return f.Close() })
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, os.Getpid())
	return err
}

// authenticator knows the callers of the API: one token made for this data
// folder, kept over restarts, those given, and those of the issuers in the
// access file.
func (a *App) authenticator() (*auth.Authenticator, error) {
	own, err := a.ownToken()
	if err != nil {
		return nil, err
	}
	o := auth.Options{Now: a.Now, Tokens: []auth.Token{{Name: "local", Role: fairway.RoleAdmin, Secret: own}}}
	for _, text := range a.StaticTokens {
		token, err := auth.ParseToken(text)
		if err != nil {
			return nil, err
		}
		o.Tokens = append(o.Tokens, token)
	}
	if a.AccessFile != "" {
		text, err := os.ReadFile(a.AccessFile)
		if err != nil {
			return nil, fairway.Errorf(fairway.CodeInvalid, "read the access file: %w", err)
		}
		if o.Access, err = auth.ParseAccess(text); err != nil {
			return nil, err
		}
	}
	return auth.New(o)
}

func (a *App) tokenFile() string { return filepath.Join(a.DataDir, "token") }

func (a *App) ownToken() (string, error) {
	text, err := os.ReadFile(a.tokenFile())
	if err == nil && len(text) > 0 {
		return strings.TrimSpace(string(text)), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read token: %w", err)
	}
	token := rand.Text()
	return token, writeFile(a.tokenFile(), []byte(token+"\n"))
}

// writeServerFile tells commands on this machine where the server is.
func (a *App) writeServerFile() error {
	sources, err := a.localSources()
	if err != nil {
		return err
	}
	text, err := json.Marshal(map[string]any{"address": a.scheme() + "://" + a.Addr(), "token_file": a.tokenFile(), "config_sources": sources})
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(a.DataDir, "server.json"), append(text, '\n'))
}

// writeFile replaces a private file as a whole.
func writeFile(path string, data []byte) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return fairway.Errorf(fairway.CodeUnavailable, "write %s: %w", path, err).
			WithHint("check that the disk has room and the folder can be written")
	}
	return os.Rename(temporary, path)
}

// loopback refuses addresses that others can reach: tokens would travel in clear.
func loopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fairway.Errorf(fairway.CodeInvalid, "address %q: %w", address, err).WithHint("write it as 127.0.0.1:8080")
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fairway.Errorf(fairway.CodeInvalid, "address %s is not a loopback address", address).
		WithHint("tokens would travel in clear: pass --tls-cert and --tls-key, or listen on 127.0.0.1 and put a proxy with TLS in front")
}
