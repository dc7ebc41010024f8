package gitrepo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fairwayhq/fairway"
)

const (
	// maxFile is the largest file that is read.
	maxFile = 32 << 20
	// readDeadline is how long one object may take, on the slowest of disks.
	readDeadline = time.Minute
	// idle is how long the reading process waits for the next question.
	idle = 10 * time.Second
)

// objects reads git objects by id through one process of git cat-file, and
// keeps them in bounded memory. Objects never change, so revisions share what
// they have in common. Safe for concurrent use.
type objects struct {
	git   git
	cache *cache
	// damaged is called when an object that must be there cannot be read.
	damaged func()

	mu     sync.Mutex
	reader *reader     // nil while no process runs; guarded by mu
	sleep  *time.Timer // ends an idle reader; guarded by mu
}

func newObjects(g git) *objects {
	return &objects{git: g, cache: newCache(64 << 20), damaged: func() {}}
}

// object is the content of a blob, or the entries of a tree.
type object struct {
	id      string
	kind    string
	content []byte
	entries []treeEntry
}

// errMissing is an object that the repository does not have.
var errMissing = errors.New("object is missing")

// root returns the id of the tree of a commit or tag.
func (s *objects) root(revision string) (string, error) {
	o, err := s.read(revision + "^{tree}")
	if errors.Is(err, errMissing) {
		return "", fairway.Errorf(fairway.CodeNotFound, "config source %s: revision %s is not in %s", s.git.source, revision, s.git.dir).
			WithHint("was it force-pushed away? Resolve the channel again")
	}
	if err != nil {
		return "", err
	}
	return o.id, nil
}

// get returns an object by id, from memory when it is there.
func (s *objects) get(id string) (*object, error) {
	if o := s.cache.get(id); o != nil {
		return o, nil
	}
	o, err := s.read(id)
	if errors.Is(err, errMissing) {
		// A folder of the repository named it.
		s.damaged()
		return nil, fairway.Errorf(fairway.CodeUnavailable, "object %s is missing from %s", id, s.git.dir).
			WithHint("the repository is damaged: git --git-dir %s fsck; a mirror is fetched again at the next refresh", s.git.dir)
	}
	return o, err
}

// read asks git for an object; a process that broke is started once more.
func (s *objects) read(name string) (*object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for attempt := 0; ; attempt++ {
		fresh := s.reader == nil
		o, err := s.readOnce(name)
		if err == nil {
			s.cache.put(o)
			return o, nil
		}
		if errors.Is(err, errMissing) {
			return nil, err
		}
		if _, answered := errors.AsType[*fairway.Error](err); answered {
			return nil, err
		}
		s.stopLocked()
		if fresh || attempt > 0 {
			s.damaged()
			return nil, fairway.Errorf(fairway.CodeUnavailable, "read %s from %s: %w", name, s.git.dir, err).
				WithHint("check the repository with: git --git-dir %s fsck", s.git.dir)
		}
	}
}

// readOnce needs mu.
func (s *objects) readOnce(name string) (*object, error) {
	if s.reader == nil {
		r, err := startReader(s.git)
		if err != nil {
			return nil, err
		}
		s.reader = r
		s.sleep = time.AfterFunc(idle, s.stopIfIdle)
	}
	s.sleep.Reset(idle)
	s.reader.used = time.Now()
	deadline := time.AfterFunc(readDeadline, s.reader.cancel)
	defer deadline.Stop()
	return s.reader.read(name)
}

func (s *objects) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopLocked()
}

// stopIfIdle is for the timer, which may fire while a question is asked.
func (s *objects) stopIfIdle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reader != nil && time.Since(s.reader.used) >= idle {
		s.stopLocked()
	}
}

// stopLocked needs mu.
func (s *objects) stopLocked() {
	if s.reader != nil {
		s.sleep.Stop()
		s.reader.stop()
		s.reader = nil
	}
}

// reader is a running git cat-file --batch.
type reader struct {
	in     io.WriteCloser
	out    *bufio.Reader
	errOut *bytes.Buffer
	cancel context.CancelFunc
	wait   func() error
	used   time.Time
}

func startReader(g git) (*reader, error) {
	ctx, cancel := context.WithCancel(context.Background())
	cmd := g.command(ctx, "cat-file", "--batch")
	r := &reader{cancel: cancel, wait: cmd.Wait, errOut: &bytes.Buffer{}}
	cmd.Stderr = r.errOut
	in, err := cmd.StdinPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	r.in, r.out = in, bufio.NewReaderSize(out, 64<<10)
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, g.failure(context.Background(), "cat-file", "", err)
	}
	return r, nil
}

// stop ends the process and waits for it.
func (r *reader) stop() {
	r.in.Close()
	r.cancel()
	_ = r.wait() // it was told to end
}

// read asks for one object.
func (r *reader) read(name string) (*object, error) {
	if _, err := io.WriteString(r.in, name+"\n"); err != nil {
		return nil, r.broken(err)
	}
	line, err := r.out.ReadString('\n')
	if err != nil {
		return nil, r.broken(err)
	}
	parts := strings.Fields(line)
	if len(parts) == 2 && parts[1] == "missing" {
		return nil, errMissing
	}
	if len(parts) != 3 {
		return nil, r.broken(fmt.Errorf("unexpected answer %q", line))
	}
	size, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil {
		return nil, r.broken(err)
	}
	if size > maxFile {
		if _, err := io.CopyN(io.Discard, r.out, size+1); err != nil {
			return nil, r.broken(err)
		}
		return nil, fairway.Errorf(fairway.CodeInvalid, "the file has %d MiB, more than the %d MiB that are read", size>>20, maxFile>>20).
			WithHint("keep large files out of the folder cluster")
	}
	o := &object{id: parts[0], kind: parts[1], content: make([]byte, size)}
	if _, err := io.ReadFull(r.out, o.content); err != nil {
		return nil, r.broken(err)
	}
	if _, err := r.out.Discard(1); err != nil {
		return nil, r.broken(err)
	}
	if o.kind == "tree" {
		if o.entries, err = parseTree(o.content, len(o.id)/2); err != nil {
			return nil, r.broken(err)
		}
		o.content = nil
	}
	return o, nil
}

// broken adds what git said before it ended.
func (r *reader) broken(err error) error {
	r.stop()
	if text := lastLines(r.errOut.String()); text != "" {
		return fmt.Errorf("git cat-file: %s", text)
	}
	return fmt.Errorf("git cat-file: %w", err)
}
