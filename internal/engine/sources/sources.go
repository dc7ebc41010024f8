package sources

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/fairwayhq/fairway"
)

// Combined is several config sources as one, or a single one as it is.
type Combined struct {
	sources []fairway.ConfigSource
	names   []string
}

var _ fairway.Configuration = (*Combined)(nil)

// New combines sources in the order of their precedence. CodeInvalid when there
// are none, or two have the same name.
func New(sources ...fairway.ConfigSource) (*Combined, error) {
	c := &Combined{sources: sources}
	for _, s := range sources {
		if slices.Contains(c.names, s.Name()) {
			return nil, fairway.Errorf(fairway.CodeInvalid, "duplicate config source name: %s", s.Name()).WithHint("each --config-source needs a name of its own")
		}
		c.names = append(c.names, s.Name())
	}
	if len(sources) == 0 {
		return nil, fairway.Errorf(fairway.CodeInvalid, "no config source is given").
			WithHint("pass --config-source NAME:git:URL or --config-source NAME:dir:PATH")
	}
	return c, nil
}

// Sources are the names in order.
func (c *Combined) Sources() []string { return slices.Clone(c.names) }

// Refresh brings all sources up to date side by side: one that cannot be
// reached does not keep the others from it.
func (c *Combined) Refresh(ctx context.Context) error {
	problems := make([]error, len(c.sources))
	var all sync.WaitGroup
	for i, s := range c.sources {
		all.Go(func() {
			if err := s.Refresh(ctx); err != nil {
				problems[i] = fmt.Errorf("refresh config source %s: %w", s.Name(), err)
			}
		})
	}
	all.Wait()
	return errors.Join(problems...)
}

// Resolve returns the revision of all sources, each at its own channel. All
// that are wrong are named at once.
func (c *Combined) Resolve(ctx context.Context, channel string) (string, error) {
	if len(c.sources) == 1 {
		return c.sources[0].Resolve(ctx, fairway.BaseChannel(channel))
	}
	var revisions []fairway.SourceRevision
	var problems []error
	for _, s := range c.sources {
		id, err := s.Resolve(ctx, fairway.ChannelOfSource(channel, s.Name()))
		if err != nil {
			problems = append(problems, err)
			continue
		}
		revisions = append(revisions, fairway.SourceRevision{Name: s.Name(), Revision: id})
	}
	if len(problems) > 0 {
		return "", errors.Join(problems...)
	}
	return fairway.JoinRevisions(revisions), nil
}

// Open returns the files of a revision. One without names was made while there
// was a single source, which is the first that has it; one with names may be of
// a time with fewer sources.
func (c *Combined) Open(ctx context.Context, revision string) ([]fairway.SourceFiles, error) {
	parts := fairway.SplitRevision(revision)
	if parts[0].Name == "" {
		return c.openUnnamed(ctx, revision)
	}
	var files []fairway.SourceFiles
	for _, part := range parts {
		i := slices.Index(c.names, part.Name)
		if i < 0 {
			return nil, fairway.Errorf(fairway.CodeNotFound, "open revision %s: there is no config source %q any more", revision, part.Name).
				WithHint("the config sources are %s; give %s again with --config-source until the clusters run a newer revision", strings.Join(c.names, ", "), part.Name)
		}
		opened, err := c.sources[i].Open(ctx, part.Revision)
		if err != nil {
			return nil, err
		}
		files = append(files, fairway.SourceFiles{Name: part.Name, Revision: part.Revision, FS: opened})
	}
	return files, nil
}

func (c *Combined) openUnnamed(ctx context.Context, revision string) ([]fairway.SourceFiles, error) {
	var first error
	for _, s := range c.sources {
		opened, err := s.Open(ctx, revision)
		if err == nil {
			return []fairway.SourceFiles{{Name: s.Name(), Revision: revision, FS: opened}}, nil
		}
		if first == nil {
			first = err
		}
		if fairway.ErrorCode(err) != fairway.CodeNotFound {
			return nil, err
		}
	}
	return nil, first
}

// Promote moves a channel of one source.
func (c *Combined) Promote(ctx context.Context, source, channel, revision string) error {
	i := slices.Index(c.names, source)
	if i < 0 {
		return fairway.Errorf(fairway.CodeNotFound, "promote %s: there is no config source %q", channel, source).
			WithHint("the config sources are %s", strings.Join(c.names, ", "))
	}
	return c.sources[i].Promote(ctx, channel, revision)
}
