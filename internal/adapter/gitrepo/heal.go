package gitrepo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fairwayhq/fairway"
)

const (
	// ownMark is the setting of a repository that says whether it is a mirror that
	// Fairway made (true), or one that is pushed to (false) and must never be
	// overwritten by what a remote says.
	ownMark = "fairway.mirror"
	// remakeEvery is the shortest time between two attempts to make a damaged
	// mirror again: when it is the remote that is damaged, that does not help.
	remakeEvery = 10 * time.Minute
)

// doubt notes that an object could not be read, so that the next refresh makes
// the mirror again.
func (m *mirror) doubt() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.suspect = !m.inPlace
}

// damaged reports whether the mirror should be made again now; err is that of
// reading its branches.
func (m *mirror) damaged(err error) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return (err != nil || m.suspect) && (m.remade.IsZero() || time.Since(m.remade) >= remakeEvery)
}

// remake makes a damaged mirror again, which is only a copy: all is fetched
// beside it, and takes its place once it is complete. Who reads the old one
// meanwhile finds what he looks for in the new one too.
func (m *mirror) remake(ctx context.Context, cause error) error {
	m.o.Log.Warn("the mirror of a repository is damaged; it is fetched again", "mirror", m.dir, "error", cause)
	m.mu.Lock()
	m.remade = time.Now()
	m.mu.Unlock()
	fresh, old := git{source: m.source, dir: m.dir + ".new"}, m.dir+".damaged"
	if err := errors.Join(os.RemoveAll(fresh.dir), os.RemoveAll(old)); err != nil {
		return fairway.Errorf(fairway.CodeUnavailable, "config source %s: make the mirror again: %w", m.source, err)
	}
	if err := m.create(ctx, fresh); err != nil {
		return err
	}
	if err := m.fetchInto(ctx, fresh); err != nil {
		return err
	}
	err := os.Rename(m.dir, old)
	if err == nil {
		err = os.Rename(fresh.dir, m.dir)
	}
	if err != nil {
		return fairway.Errorf(fairway.CodeUnavailable, "config source %s: put the new mirror in its place: %w", m.source, err).
			WithHint("check the rights of %s", filepath.Dir(m.dir))
	}
	m.objects.stop() // it has files of the old one open
	m.mu.Lock()
	m.suspect = false
	m.mu.Unlock()
	m.o.Log.Info("the mirror of a repository was made again", "mirror", m.dir)
	return os.RemoveAll(old)
}

// create makes an empty mirror.
func (m *mirror) create(ctx context.Context, g git) error {
	for _, args := range [][]string{{"init", "--quiet", "--bare"}, {"config", ownMark, "true"}} {
		if _, err := g.run(ctx, args...); err != nil {
			return m.coded(fairway.CodeUnavailable, err, "config source %s: make the mirror %s", m.source, g.dir)
		}
	}
	return nil
}

// mark is what a repository says of itself: "true", "false" or "".
func (m *mirror) mark(ctx context.Context) string {
	// Of the file, which may be all that is left.
	out, _ := m.run(ctx, "config", "--file", filepath.Join(m.dir, "config"), "--get", ownMark)
	return strings.TrimSpace(out)
}

// usable refuses a folder that is no mirror: a fetch would take all branches away
// that the remote does not have. A mirror that is damaged is mended later.
func (m *mirror) usable(ctx context.Context) error {
	switch m.mark(ctx) {
	case "true":
		return nil
	case "false":
		return fairway.Errorf(fairway.CodeConflict, "config source %s: %s is a repository that is pushed to, and no mirror", m.source, m.dir).
			WithHint("to follow it, give it as the source: --config-source %s:git:%s; to follow %s, move it away or choose another --data", m.source, m.dir, m.o.Location)
	}
	if err := m.readable(ctx); err != nil {
		e := m.coded(fairway.CodeUnavailable, err, "config source %s: open the mirror %s", m.source, m.dir)
		return e.WithHint("it is no mirror that Fairway made: remove %s when nobody needs it, or choose another --data", m.dir)
	}
	_, err := m.run(ctx, "config", ownMark, "true")
	return m.corrupt("open", err)
}
