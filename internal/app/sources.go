package app

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/gitauth"
	"github.com/fairwayhq/fairway/internal/adapter/gitrepo"
	"github.com/fairwayhq/fairway/internal/engine/sources"
)

// mainSource is the name of the source whose mirror is DATA/config.git.
const mainSource = "main"

// openSources opens the config sources as one.
func (a *App) openSources(ctx context.Context) (fairway.Configuration, error) {
	options, err := gitrepo.ParseSources(a.ConfigSources)
	if err != nil {
		return nil, err
	}
	a.placeMirrors(options)
	var all []*gitrepo.Source
	for _, o := range options {
		o.Log, o.Credential = a.Log, a.rights
		source, err := gitrepo.Open(ctx, o)
		if err != nil {
			return nil, err
		}
		a.onStop("config source "+o.Name, func(context.Context) error { return source.Close() })
		all = append(all, source)
	}
	return combined(all)
}

// combined is several sources that are open as one configuration.
func combined[S fairway.ConfigSource](all []S) (*sources.Combined, error) {
	var some []fairway.ConfigSource
	for _, s := range all {
		some = append(some, s)
	}
	return sources.New(some...)
}

// gitRights tells by what right a git repository is spoken to.
type gitRights func(ctx context.Context, location string) (*gitrepo.Credential, error)

// readRights reads a file of credentials; "" means that there are none.
func readRights(file string) (gitRights, error) {
	if file == "" {
		return nil, nil
	}
	all, err := gitauth.Read(file, gitauth.Options{})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, location string) (*gitrepo.Credential, error) {
		c, err := all.For(ctx, location)
		return (*gitrepo.Credential)(c), err
	}, nil
}

// placeMirrors gives every git source the folder of its mirror: DATA/config.git
// for the one that is pushed to there, else for main, else for the first one,
// and DATA/sources/NAME.git for the others.
func (a *App) placeMirrors(all []gitrepo.Options) {
	first := filepath.Join(a.DataDir, "config.git")
	holder := slices.IndexFunc(all, func(o gitrepo.Options) bool { return o.Kind == gitrepo.KindGit && gitrepo.InPlace(o.Location, first) })
	if holder < 0 {
		holder = slices.IndexFunc(all, func(o gitrepo.Options) bool { return o.Kind == gitrepo.KindGit && o.Name == mainSource })
	}
	if holder < 0 {
		holder = slices.IndexFunc(all, func(o gitrepo.Options) bool { return o.Kind == gitrepo.KindGit })
	}
	for i := range all {
		all[i].Dir = filepath.Join(a.DataDir, "sources", all[i].Name+".git")
		if i == holder {
			all[i].Dir = first
		}
	}
}

// localSources are the config sources as commands on this machine read them:
// from the mirrors, so that no credentials are needed.
func (a *App) localSources() ([]string, error) {
	options, err := gitrepo.ParseSources(a.ConfigSources)
	if err != nil {
		return nil, err
	}
	a.placeMirrors(options)
	var all []string
	for _, o := range options {
		place := o.Dir
		if o.Kind == gitrepo.KindDir {
			if place, err = filepath.Abs(o.Location); err != nil {
				return nil, err
			}
		}
		all = append(all, o.Name+":"+o.Kind+":"+place)
	}
	return all, nil
}
