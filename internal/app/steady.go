package app

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"

	"github.com/fairwayhq/fairway/internal/adapter/gitrepo"
)

// steady is a config source as one command sees it: a channel is looked up once
// and a revision opened once, so that all clusters of a plan are rendered from
// the same commits, and cost no process of git each. Safe for concurrent use.
type steady struct {
	*gitrepo.Source

	mu        sync.Mutex
	revisions map[string]func() (string, error) // by channel; guarded by mu
	files     map[string]func() (fs.FS, error)  // by revision; guarded by mu
}

func newSteady(s *gitrepo.Source) *steady {
	return &steady{Source: s, revisions: map[string]func() (string, error){}, files: map[string]func() (fs.FS, error){}}
}

// Resolve returns the revision that the channel had when it was first asked for.
func (s *steady) Resolve(ctx context.Context, channel string) (string, error) {
	return once(s, s.revisions, channel, func() (string, error) { return s.Source.Resolve(ctx, channel) })
}

// Open returns the files of a revision, which stay open until Close.
func (s *steady) Open(ctx context.Context, revision string) (fs.FS, error) {
	return once(s, s.files, revision, func() (fs.FS, error) { return s.Source.Open(ctx, revision) })
}

// Close closes the files that were opened, and the source.
func (s *steady) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var problems []error
	for _, open := range s.files {
		files, _ := open() // it was opened, or there is nothing to close
		if closer, ok := files.(io.Closer); ok {
			problems = append(problems, closer.Close())
		}
	}
	return errors.Join(append(problems, s.Source.Close())...)
}

// once returns the answer to a question of a steady source; those who ask while
// it is being answered wait.
func once[T any](s *steady, known map[string]func() (T, error), question string, ask func() (T, error)) (T, error) {
	s.mu.Lock()
	answer := known[question]
	if answer == nil {
		answer = sync.OnceValues(ask)
		known[question] = answer
	}
	s.mu.Unlock()
	return answer()
}
