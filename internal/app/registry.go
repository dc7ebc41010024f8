package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/engine/registry"
	"github.com/fairwayhq/fairway/internal/pure/registryfile"
)

// registryEvery is how often the registry file is looked at.
const registryEvery = time.Second

// importRegistry brings the registry file into the store.
func (a *App) importRegistry(ctx context.Context) error {
	text, err := os.ReadFile(a.RegistryFile)
	if err != nil {
		return fairway.Errorf(fairway.CodeInvalid, "read registry file: %w", err).WithHint("check --registry-file")
	}
	if a.imported(text) {
		return nil // what was changed through the API since then stays
	}
	return a.importText(ctx, text)
}

// imported reports whether a text is what was imported last.
func (a *App) imported(text []byte) bool {
	last, err := os.ReadFile(a.importedFile())
	return err == nil && string(last) == digest(text)
}

// importedFile holds the digest of the registry file that was imported last.
func (a *App) importedFile() string { return filepath.Join(a.DataDir, "registry.imported") }

func digest(text []byte) string { return fmt.Sprintf("%x", sha256.Sum256(text)) }

func (a *App) importText(ctx context.Context, text []byte) error {
	file, err := a.parseRegistry(ctx, a.RegistryFile, text)
	if err != nil {
		return err
	}
	return a.storeRegistry(ctx, file, text)
}

// parseRegistry reads a registry file, whose name is for people, and logs its
// warnings, and which entries are left out.
func (a *App) parseRegistry(ctx context.Context, name string, text []byte) (*registryfile.File, error) {
	file, err := registryfile.Usable(text, a.registryDefaults(ctx))
	if err != nil {
		return nil, fairway.Errorf(fairway.CodeInvalid, "registry file %s: %w", name, err)
	}
	for _, w := range file.Warnings {
		a.Log.Warn("registry file", "file", name, "warning", w.String())
	}
	for _, f := range file.Rejected {
		a.Log.Error("entry of the registry file left out; its cluster stays as it is", "file", name, "cluster", f.Cluster, "error", f.String(), "hint", f.Hint)
	}
	return file, nil
}

// storeRegistry brings a registry file into the store and remembers its text.
func (a *App) storeRegistry(ctx context.Context, file *registryfile.File, text []byte) error {
	out, err := registry.Import(ctx, a.store, file.Clusters, file.Accounts)
	if err != nil {
		return err
	}
	if len(out.Created)+len(out.Changed) > 0 {
		a.Log.Info("registry file imported", "created", strings.Join(out.Created, ","), "changed", strings.Join(out.Changed, ","))
	}
	out.Missing = slices.DeleteFunc(out.Missing, file.Left)
	if len(out.Missing) > 0 {
		a.Log.Warn("clusters are missing from the registry file; nothing happens to them", "clusters", strings.Join(out.Missing, ","))
	}
	return writeFile(a.importedFile(), []byte(digest(text)))
}

// registryDefaults are those of the flags, completed from the repository.
func (a *App) registryDefaults(ctx context.Context) registryfile.Defaults {
	if err := a.source.Refresh(ctx); err != nil {
		a.Log.Warn("config sources not refreshed; defaults are those of the last copy", "error", err)
	}
	return repositoryDefaults(ctx, a.RegistryDefaults, a.source)
}

// watchRegistry imports the file whenever its content changes. A broken file
// is reported once and leaves the registry as it was; of a file with broken
// entries the others are imported.
func (a *App) watchRegistry(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var loop sync.WaitGroup
	seen, _ := os.ReadFile(a.RegistryFile) // imported just now
	loop.Go(func() {
		ticker := time.NewTicker(registryEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			text, err := os.ReadFile(a.RegistryFile)
			if err != nil || bytes.Equal(text, seen) {
				continue // a file that is being replaced is there at the next look
			}
			err = a.importText(ctx, text)
			if err != nil {
				a.Log.Error("registry file not imported", "error", err)
			}
			// What failed for a passing reason is tried again, a broken file only
			// once it has changed.
			if err == nil || !fairway.Retryable(err) {
				seen = text
			}
		}
	})
	a.onStop("registry file", func(context.Context) error { cancel(); loop.Wait(); return nil })
}
