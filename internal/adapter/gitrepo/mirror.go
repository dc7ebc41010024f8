package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/pure/nearest"
)

// mirror is a git repository behind a bare mirror, or the repository itself
// when it is the mirror.
type mirror struct {
	git
	o       Options
	inPlace bool
	objects *objects
	// turn is held by the one who fetches or pushes; a channel, so that
	// waiting for it ends with the context.
	turn chan struct{}

	// inURL is what the location held before its host; nil for nothing.
	inURL *Credential
	// patience is how long the remote may take to say where its branches are,
	// fetchTime how long a whole fetch may take.
	patience, fetchTime time.Duration
	background          sync.WaitGroup // the fetch under way

	mu sync.Mutex
	// fetched says that this process has seen the remote, trouble how the last
	// attempt ended; at is where channels stood when they were last asked for;
	// cancel ends the fetch under way; suspect says that an object of the mirror
	// could not be read. Guarded by mu.
	fetched bool
	trouble error
	at      map[string]string
	cancel  func()
	suspect bool
	// remade is when a damaged mirror was last made again; guarded by mu.
	remade time.Time
}

const (
	defaultPatience  = 2 * time.Minute
	defaultFetchTime = time.Hour
)

func openGit(ctx context.Context, o Options) (*mirror, error) {
	if o.Dir == "" {
		return nil, fairway.Errorf(fairway.CodeInvalid, "config source %s: no folder is given for the mirror of %s", o.Name, o.Location)
	}
	// git would take a relative path as relative to the mirror.
	if path, isPath := localPath(o.Location); isPath {
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, fairway.Errorf(fairway.CodeInvalid, "config source %s: location %s: %w", o.Name, o.Location, err)
		}
		o.Location = abs
	}
	location, inURL := withoutSecret(o.Location)
	if inURL != nil {
		o.Log.Warn("the URL of a repository holds a credential, which everybody sees who lists processes; use --git-credentials", "location", location)
	}
	o.Location = location
	m := &mirror{
		git: git{source: o.Name, dir: o.Dir}, o: o, inPlace: samePath(o.Location, o.Dir), turn: make(chan struct{}, 1), at: map[string]string{},
		inURL: inURL, patience: defaultPatience, fetchTime: defaultFetchTime,
	}
	m.objects = newObjects(m.git)
	m.objects.damaged = m.doubt
	if m.inPlace {
		err := m.check(ctx)
		if err == nil && m.mark(ctx) != "false" {
			// Best effort: it may belong to somebody else.
			_, _ = m.run(ctx, "config", ownMark, "false")
		}
		return m, err
	}
	return m, m.prepare(ctx)
}

// localPath returns the path that a location names, if it is no URL.
func localPath(location string) (string, bool) {
	if path, isFile := strings.CutPrefix(location, "file://"); isFile {
		return path, true
	}
	if strings.Contains(location, "://") {
		return "", false
	}
	// host:path is ssh, unless a slash comes before the colon.
	host, _, colon := strings.Cut(location, ":")
	return location, !colon || strings.Contains(host, "/")
}

// InPlace reports whether a location is the folder itself, so that a source with
// both is read where it is and has no mirror.
func InPlace(location, dir string) bool {
	path, isPath := localPath(location)
	return isPath && samePath(path, dir)
}

func samePath(a, b string) bool {
	real := func(p string) string {
		if abs, err := filepath.Abs(p); err == nil {
			p = abs
		}
		if resolved, err := filepath.EvalSymlinks(p); err == nil {
			p = resolved
		}
		return p
	}
	return real(a) == real(b)
}

// check reports whether the repository of a source that is read in place is there.
func (m *mirror) check(ctx context.Context) error {
	if _, err := os.Stat(m.dir); errors.Is(err, fs.ErrNotExist) {
		return fairway.Errorf(fairway.CodeUnavailable, "config source %s: repository %s does not exist", m.source, m.dir).
			WithHint("clusters stay as they are; make it with: git init --bare %s", m.dir)
	}
	return m.readable(ctx)
}

// readable reports whether the mirror is a git repository.
func (m *mirror) readable(ctx context.Context) error {
	_, err := m.run(ctx, "rev-parse", "--git-dir")
	return m.corrupt("open", err)
}

// prepare makes the mirror's folder when it is missing or empty.
func (m *mirror) prepare(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(m.dir), 0o755); err != nil {
		return fairway.Errorf(fairway.CodeUnavailable, "config source %s: make the folder of its mirror: %w", m.source, err)
	}
	unlock, err := lockFile(ctx, m.dir+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	entries, err := os.ReadDir(m.dir)
	if err == nil && len(entries) > 0 {
		return m.usable(ctx)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fairway.Errorf(fairway.CodeUnavailable, "config source %s: mirror: %w", m.source, err)
	}
	return m.create(ctx, m.git)
}

// coded gives an error of git a code; errors that have one keep it.
func (m *mirror) coded(code fairway.Code, err error, format string, args ...any) *fairway.Error {
	if known, ok := errors.AsType[*fairway.Error](err); ok {
		return known
	}
	return fairway.Errorf(code, "%s: %w", fmt.Sprintf(format, args...), err)
}

// corrupt explains an error of a command that only reads the mirror.
func (m *mirror) corrupt(doing string, err error) error {
	if err == nil {
		return nil
	}
	hint := "the mirror " + m.dir + " is only a copy: it is fetched again at the next refresh"
	if m.inPlace {
		hint = "check the repository with: git --git-dir " + m.dir + " fsck"
	}
	out := m.coded(fairway.CodeUnavailable, err, "config source %s: %s repository %s", m.source, doing, m.dir)
	if out.Hint == "" {
		out.Hint = hint
	}
	return out
}

// lock takes the turn in this process and the lock against others.
func (m *mirror) lock(ctx context.Context) (unlock func(), err error) {
	select {
	case m.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fairway.Errorf(fairway.CodeUnavailable, "config source %s: wait for a fetch that is under way: %w", m.source, context.Cause(ctx))
	}
	free, err := lockFile(ctx, m.dir+".lock")
	if err != nil {
		<-m.turn
		return nil, err
	}
	return func() { free(); <-m.turn }, nil
}

// Resolve returns the id that a branch, tag or commit stands for: what git
// rev-parse says of it, so for an annotated tag the id of the tag.
func (m *mirror) Resolve(ctx context.Context, channel string) (string, error) {
	id, err := m.resolve(ctx, channel)
	if fairway.ErrorCode(err) == fairway.CodeNotFound && !m.inPlace && !m.seenRemote() {
		if err := m.firstTrouble(); err != nil {
			return "", err
		}
		if err := m.Refresh(ctx); err != nil {
			return "", err
		}
		id, err = m.resolve(ctx, channel)
	}
	return id, err
}

func (m *mirror) seenRemote() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fetched
}

// firstTrouble is why a remote that was never reached could not be reached: every
// channel would wait for it again.
func (m *mirror) firstTrouble() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.trouble
}

func (m *mirror) resolve(ctx context.Context, channel string) (string, error) {
	if channel == "" || strings.ContainsAny(channel, "\x00\n") {
		return "", fairway.Errorf(fairway.CodeInvalid, "config source %s: %q is no channel", m.source, channel).WithHint("a channel is a branch, a tag or a commit")
	}
	// The first answer is the id; the second one proves that a commit is there.
	cmd := m.command(ctx, "cat-file", "--batch-check")
	cmd.Stdin = strings.NewReader(channel + "\n" + channel + "^{commit}\n")
	var errOut strings.Builder
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		if ctx.Err() == nil {
			m.doubt()
		}
		return "", m.corrupt("look for channel "+channel+" in", m.failure(ctx, "cat-file", errOut.String(), err))
	}
	lines := strings.Split(string(out), "\n")
	id, kind := header(lines[0])
	if _, commit := header(lines[min(1, len(lines)-1)]); kind == "" || commit != "commit" {
		return "", m.unknownChannel(ctx, channel, kind == "")
	}
	m.mu.Lock()
	m.at[channel] = id
	m.mu.Unlock()
	return id, nil
}

// header reads a line of cat-file: "<id> <type> <size>"; no type when the
// object is missing or the name is ambiguous.
func header(line string) (id, kind string) {
	if parts := strings.Fields(line); len(parts) == 3 && objectID.MatchString(parts[0]) {
		return parts[0], parts[1]
	}
	return "", ""
}

var objectID = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// unknownChannel names the nearest channel, and where a vanished one was; missing
// says that git does not know the name at all, or lacks what it stands for.
func (m *mirror) unknownChannel(ctx context.Context, channel string, missing bool) error {
	m.mu.Lock()
	last := m.at[channel]
	m.mu.Unlock()
	err := fairway.Errorf(fairway.CodeNotFound, "config source %s: there is no channel %q in %s", m.source, channel, m.o.Location)
	if last != "" {
		err = fairway.Errorf(fairway.CodeNotFound, "config source %s: channel %q is gone from %s; it was at %.12s", m.source, channel, m.o.Location, last)
	}
	refs, refErr := m.refs(ctx)
	if refErr != nil {
		return refErr
	}
	if missing && (refs["refs/heads/"+channel] != "" || refs["refs/tags/"+channel] != "") {
		m.doubt()
		return m.corrupt("look for channel "+channel+" in", errors.New("the branch is there, its commit is not"))
	}
	var branches, tags []string
	for ref := range refs {
		if name, ok := strings.CutPrefix(ref, "refs/heads/"); ok {
			branches = append(branches, name)
		} else if name, ok := strings.CutPrefix(ref, "refs/tags/"); ok {
			tags = append(tags, name)
		}
	}
	slices.Sort(branches)
	slices.Sort(tags)
	near := nearest.To(channel, slices.Values(append(slices.Clone(branches), tags...)))
	switch {
	case last != "":
		return err.WithHint("its clusters stay as they are; push the branch again, or move the clusters to another channel")
	case near != "":
		return err.WithHint("did you mean %q? A channel is a branch, a tag or a commit", near)
	case len(branches) == 0:
		return err.WithHint("the repository has no branches yet; push one")
	}
	shown := branches[:min(len(branches), 10)]
	return err.WithHint("a channel is a branch, a tag or a commit; branches: %s", strings.Join(shown, ", "))
}

// refs returns the ids of all branches and tags of the mirror.
func (m *mirror) refs(ctx context.Context) (map[string]string, error) {
	out, err := m.run(ctx, "for-each-ref", "--format=%(objectname)\t%(refname)", "refs/heads", "refs/tags")
	if err != nil {
		return nil, m.corrupt("list the branches of", err)
	}
	return parseRefs(out), nil
}

// parseRefs reads lines of "<id> TAB <name>".
func parseRefs(text string) map[string]string {
	refs := map[string]string{}
	for line := range strings.Lines(text) {
		if id, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t"); ok {
			refs[name] = id
		}
	}
	return refs
}

// Open returns the files of a revision, read from the mirror when they are
// asked for.
func (m *mirror) Open(ctx context.Context, revision string) (fs.FS, error) {
	if !objectID.MatchString(revision) {
		return nil, fairway.Errorf(fairway.CodeNotFound, "config source %s: %q is no revision", m.source, revision).WithHint("a revision is the full id of a commit; resolve channels first")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	root, err := m.objects.root(revision)
	if fairway.ErrorCode(err) == fairway.CodeNotFound && !m.inPlace {
		// Another server, with a copy of its own, may have seen it first.
		if err := m.Refresh(ctx); err != nil {
			return nil, err
		}
		root, err = m.objects.root(revision)
	}
	if err != nil {
		return nil, m.corrupt(fmt.Sprintf("open revision %.12s of", revision), err)
	}
	return &tree{objects: m.objects, rootID: root}, nil
}

// Close ends the reading process and a fetch under way; the source can be used
// again after it.
func (m *mirror) Close() error {
	m.mu.Lock()
	if m.cancel != nil {
		m.cancel()
	}
	m.mu.Unlock()
	m.background.Wait()
	m.objects.stop()
	return nil
}
