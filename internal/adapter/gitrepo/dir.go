package gitrepo

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/fairwayhq/fairway"
)

// dirRevision is the only revision of a folder (contract 2.3).
const dirRevision = "<dir>"

// dir is a folder that is used in place.
type dir struct{ o Options }

func openDir(o Options) (*dir, error) {
	d := &dir{o}
	return d, d.check()
}

func (d *dir) check() error {
	info, err := os.Stat(d.o.Location)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fairway.Errorf(fairway.CodeInvalid, "config source %s: folder %s does not exist", d.o.Name, d.o.Location).
			WithHint("give the folder that holds \"cluster\"")
	case err != nil:
		return fairway.Errorf(fairway.CodeUnavailable, "config source %s: %w", d.o.Name, err)
	case !info.IsDir():
		return fairway.Errorf(fairway.CodeInvalid, "config source %s: %s is not a folder", d.o.Name, d.o.Location).
			WithHint("give the folder that holds \"cluster\"")
	}
	return nil
}

// Refresh only checks that the folder is still there.
func (d *dir) Refresh(context.Context) error { return d.check() }

// Resolve returns the same revision for every channel.
func (d *dir) Resolve(context.Context, string) (string, error) {
	if err := d.check(); err != nil {
		return "", err
	}
	return dirRevision, nil
}

// Open returns the folder as it is now and will be when it is read; symbolic
// links that lead out of it are errors.
func (d *dir) Open(_ context.Context, revision string) (fs.FS, error) {
	if revision != dirRevision {
		return nil, fairway.Errorf(fairway.CodeNotFound, "config source %s is a folder and has no revision %q", d.o.Name, revision).
			WithHint("its only revision is %q", dirRevision)
	}
	root, err := os.OpenRoot(d.o.Location)
	if err != nil {
		return nil, fairway.Errorf(fairway.CodeUnavailable, "config source %s: %w", d.o.Name, err)
	}
	return root.FS(), nil
}

// Promote has nothing to do for what the folder holds: every channel stands
// there already. Anything else is refused, because a folder has no channels.
func (d *dir) Promote(_ context.Context, channel, revision string) error {
	if revision == dirRevision {
		return nil
	}
	return fairway.Errorf(fairway.CodeInvalid, "promote to %s: config source %s is a folder, which has no channels", channel, d.o.Name).
		WithHint("use a git repository for promotion: --config-source %s:git:URL", d.o.Name)
}

// Close does nothing.
func (d *dir) Close() error { return nil }
