package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fairwayhq/fairway/localkube/internal/datadir"
	"github.com/fairwayhq/fairway/localkube/internal/pki"
)

// Ready is the content of the ready file.
type Ready struct {
	Kubeconfig        string `json:"kubeconfig"`
	APIServerURL      string `json:"api_server_url"`
	NodeGroupsURL     string `json:"nodegroups_url"`
	Token             string `json:"token"`
	PID               int    `json:"pid"`
	KubernetesVersion string `json:"kubernetes_version"`
}

// writeReady writes the administrator's kubeconfig, then the ready file.
func writeReady(dir *datadir.Dir, file string, r Ready, secrets *pki.Files) error {
	r.Kubeconfig, r.PID = dir.Path("kubeconfig"), os.Getpid()
	if err := secrets.WriteKubeconfig(r.Kubeconfig, r.APIServerURL, "admin", r.Token); err != nil {
		return err
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write ready file: %w", err)
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return fmt.Errorf("write ready file: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(abs), 0o700); err != nil {
		return fmt.Errorf("write ready file: %w", err)
	}
	// It holds the token.
	return datadir.WriteFile(abs, append(data, '\n'), 0o600)
}

func removeReady(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove stale ready file: %w", err)
	}
	return nil
}
