package app

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/engine/registry"
	"github.com/fairwayhq/fairway/internal/pure/registryfile"
	"github.com/fairwayhq/fairway/internal/pure/render"
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
// warnings.
func (a *App) parseRegistry(ctx context.Context, name string, text []byte) (*registryfile.File, error) {
	file, err := registryfile.Parse(text, a.registryDefaults(ctx))
	if err != nil {
		return nil, fairway.Errorf(fairway.CodeInvalid, "registry file %s: %w", name, err)
	}
	for _, w := range file.Warnings {
		a.Log.Warn("registry file", "file", name, "warning", w.String())
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
	if len(out.Missing) > 0 {
		a.Log.Warn("clusters are missing from the registry file; nothing happens to them", "clusters", strings.Join(out.Missing, ","))
	}
	return writeFile(a.importedFile(), []byte(digest(text)))
}

// registryDefaults are those of the flags, and for what these leave open those
// of fairway.yaml on the default channel or on the source's default branch.
func (a *App) registryDefaults(ctx context.Context) registryfile.Defaults {
	d := a.RegistryDefaults
	if err := a.source.Refresh(ctx); err != nil {
		a.Log.Warn("config sources not refreshed; defaults are those of the last copy", "error", err)
	}
	for _, channel := range []string{d.Channel, "HEAD"} {
		revision, err := a.source.Resolve(ctx, channel)
		if channel == "" || err != nil {
			continue
		}
		files, err := a.source.Open(ctx, revision)
		if err != nil {
			continue
		}
		text, err := fs.ReadFile(files[0].FS, render.SettingsFile)
		if err != nil {
			continue
		}
		if settings, err := render.ParseSettings(text); err == nil {
			d.Channel = cmp.Or(d.Channel, settings.Defaults.Channel)
			d.Provider = cmp.Or(d.Provider, settings.Defaults.Provider)
			d.InfrastructureAccount = cmp.Or(d.InfrastructureAccount, settings.Defaults.InfrastructureAccount)
			return d
		}
	}
	return d
}

// watchRegistry imports the file whenever its content changes. A broken file
// is reported once and leaves the registry as it was.
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
