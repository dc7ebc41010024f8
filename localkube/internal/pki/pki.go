// Package pki makes and keeps what a cluster proves itself with: its CA, its
// serving certificate, the key that signs service account tokens, and the
// bearer tokens of the administrator and of the components. All of it is made
// once per data folder, so tokens and kubeconfigs survive restarts.
package pki

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/fairwayhq/fairway/localkube/internal/datadir"
)

// Files are paths, and the secrets that are needed as values.
type Files struct {
	CA, ServingCert, ServingKey string
	ServiceAccountKey           string
	// TokenFile is the API server's static token file.
	TokenFile string
	// AdminToken belongs to the group system:masters.
	AdminToken string
	// ComponentTokens by component name, so that audit and managed fields
	// say who wrote.
	ComponentTokens map[string]string
	CAData          []byte
}

// components get an identity of their own beside the administrator's.
var components = []string{"kube-controller-manager", "kube-scheduler", "kubelet"}

// Ensure reads what is in dir and makes what is missing. address is the one
// the serving certificate is valid for, beside localhost.
func Ensure(dir, address string) (*Files, error) {
	f := &Files{
		CA:                filepath.Join(dir, "ca.crt"),
		ServingCert:       filepath.Join(dir, "serving.crt"),
		ServingKey:        filepath.Join(dir, "serving.key"),
		ServiceAccountKey: filepath.Join(dir, "service-account.key"),
		TokenFile:         filepath.Join(dir, "tokens.csv"),
		ComponentTokens:   map[string]string{},
	}
	if err := ensureCertificates(f, filepath.Join(dir, "ca.key"), address); err != nil {
		return nil, fmt.Errorf("make certificates in %s: %w", dir, err)
	}
	if err := ensureTokens(f); err != nil {
		return nil, fmt.Errorf("make tokens in %s: %w", dir, err)
	}
	var err error
	if f.CAData, err = os.ReadFile(f.CA); err != nil {
		return nil, fmt.Errorf("read CA: %w", err)
	}
	return f, nil
}

// ensureTokens reads the token file or writes a new one. Its lines are
// token,user,uid,"groups".
func ensureTokens(f *Files) error {
	data, err := os.ReadFile(f.TokenFile)
	if errors.Is(err, fs.ErrNotExist) {
		data = newTokens()
		err = datadir.WriteFile(f.TokenFile, data, 0o600)
	}
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Split(strings.TrimSpace(line), ",")
		if len(fields) < 2 {
			continue
		}
		token, user := fields[0], strings.TrimPrefix(fields[1], "system:")
		if user == "admin" {
			f.AdminToken = token
		} else {
			f.ComponentTokens[user] = token
		}
	}
	if f.AdminToken == "" {
		return fmt.Errorf("%s names no admin; delete the file to have new tokens made", f.TokenFile)
	}
	return nil
}

func newTokens() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s,admin,admin,\"system:masters\"\n", newToken())
	for _, c := range components {
		// system:masters spares them waiting for the bootstrap of RBAC.
		fmt.Fprintf(&b, "%s,system:%s,%s,\"system:masters\"\n", newToken(), c, c)
	}
	return []byte(b.String())
}

func newToken() string {
	b := make([]byte, 24)
	rand.Read(b) // never returns an error
	return hex.EncodeToString(b)
}
