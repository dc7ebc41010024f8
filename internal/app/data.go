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
	"github.com/fairwayhq/fairway/internal/surface/httpapi"
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

// tokens returns the tokens that the API accepts: one made for this data
// folder, kept over restarts, and those given.
func (a *App) tokens() ([]httpapi.Token, error) {
	own, err := a.ownToken()
	if err != nil {
		return nil, err
	}
	tokens := []httpapi.Token{{Name: "local", Role: "admin", Token: own}}
	for i, text := range a.StaticTokens {
		name, rest, ok := strings.Cut(text, "=")
		role, token, ok2 := strings.Cut(rest, ":")
		if !ok || !ok2 || name == "" || token == "" {
			// The text itself is a secret and not repeated.
			return nil, fairway.Errorf(fairway.CodeInvalid, "static token number %d is not NAME=ROLE:TOKEN", i+1).
				WithHint("for example --static-token alice=admin:SECRET")
		}
		tokens = append(tokens, httpapi.Token{Name: name, Role: role, Token: token})
	}
	return tokens, nil
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
	text, err := json.Marshal(map[string]string{"address": "http://" + a.Addr(), "token_file": a.tokenFile()})
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
		WithHint("this version has no TLS: listen on 127.0.0.1 and put a proxy with TLS in front")
}
