package app

import (
	"cmp"
	"context"
	"io/fs"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/registryfile"
	"github.com/fairwayhq/fairway/internal/pure/render"
)

// repositoryDefaults fills what the flags leave open with what fairway.yaml of
// the first config source says, on the default channel or else on the source's
// default branch.
func repositoryDefaults(ctx context.Context, d registryfile.Defaults, from fairway.Configuration) registryfile.Defaults {
	for _, channel := range []string{d.Channel, "HEAD"} {
		if channel == "" {
			continue
		}
		text, err := settingsText(ctx, from, channel)
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

// settingsText is fairway.yaml of the first source as it is on a channel.
func settingsText(ctx context.Context, from fairway.Configuration, channel string) ([]byte, error) {
	revision, err := from.Resolve(ctx, channel)
	if err != nil {
		return nil, err
	}
	files, err := from.Open(ctx, revision)
	if err != nil {
		return nil, err
	}
	return fs.ReadFile(files[0].FS, render.SettingsFile)
}
