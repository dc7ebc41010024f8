package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

// repo is a git repository of a test, with a work tree to commit in.
type repo struct {
	t   *testing.T
	dir string
}

func newRepo(t *testing.T) repo {
	t.Helper()
	r := repo{t, t.TempDir()}
	r.git("init", "--quiet", "--initial-branch=dev")
	r.write("cluster/a.yaml", "one\n")
	r.commit("first")
	return r
}

func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org", "GIT_ALLOW_PROTOCOL=file")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r repo) git(args ...string) string { r.t.Helper(); return run(r.t, r.dir, args...) }

func (r repo) write(name, text string) {
	r.t.Helper()
	full := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r repo) link(name, target string) {
	r.t.Helper()
	if err := os.Symlink(target, filepath.Join(r.dir, name)); err != nil {
		r.t.Fatal(err)
	}
}

// commit commits everything and returns the id.
func (r repo) commit(message string) string {
	r.t.Helper()
	r.git("add", "--all")
	r.git("commit", "--quiet", "--allow-empty", "-m", message)
	return r.git("rev-parse", "HEAD")
}

// open makes a source of a location.
func open(t *testing.T, location string, log *slog.Logger) *Source {
	t.Helper()
	s, err := Open(t.Context(), Options{Name: "main", Kind: KindGit, Location: location, Dir: filepath.Join(t.TempDir(), "mirror.git"), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func refresh(t *testing.T, s *Source) {
	t.Helper()
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func resolve(t *testing.T, s *Source, channel string) string {
	t.Helper()
	id, err := s.Resolve(t.Context(), channel)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func read(t *testing.T, s *Source, revision, name string) string {
	t.Helper()
	files, err := s.Open(t.Context(), revision)
	if err != nil {
		t.Fatal(err)
	}
	b, err := fs.ReadFile(files, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// wants checks code and texts of an error.
func wants(t *testing.T, err error, code fairway.Code, text, hint string) {
	t.Helper()
	if fairway.ErrorCode(err) != code || err == nil || !strings.Contains(err.Error(), text) || !strings.Contains(fairway.ErrorHint(err), hint) {
		t.Errorf("got %s %v (hint %q), want %s with %q (hint with %q)", fairway.ErrorCode(err), err, fairway.ErrorHint(err), code, text, hint)
	}
}

func TestChannels(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	first := r.git("rev-parse", "HEAD")
	r.git("tag", "light")
	r.git("tag", "-a", "-m", "x", "annotated")
	r.git("branch", "alpha")
	r.write("cluster/a.yaml", "two\n")
	second := r.commit("second")
	s := open(t, r.dir, nil)

	for channel, want := range map[string]string{
		"dev": second, "alpha": first, "light": first, "annotated": r.git("rev-parse", "annotated"), first: first, first[:9]: first, "refs/heads/alpha": first,
	} {
		if got := resolve(t, s, channel); got != want {
			t.Errorf("%s is at %s, want %s", channel, got, want)
		}
	}
	if got := read(t, s, resolve(t, s, "dev"), "cluster/a.yaml"); got != "two\n" {
		t.Errorf("dev has %q", got)
	}
	if got := read(t, s, resolve(t, s, "annotated"), "cluster/a.yaml"); got != "one\n" {
		t.Errorf("the tag has %q", got)
	}
	if s.Name() != "main" {
		t.Errorf("name %q", s.Name())
	}
	for _, tc := range []struct{ channel, text, hint string }{
		{"alhpa", `there is no channel "alhpa"`, `did you mean "alpha"?`},
		{"something-else", "there is no channel", "branches: alpha, dev"},
		{strings.Repeat("0", 40), "there is no channel", ""},
		{"--all", `there is no channel "--all"`, ""},
		{"dev:cluster", "there is no channel", ""},
	} {
		_, err := s.Resolve(t.Context(), tc.channel)
		wants(t, err, fairway.CodeNotFound, tc.text, tc.hint)
	}
	for _, channel := range []string{"", "a\nb"} {
		_, err := s.Resolve(t.Context(), channel)
		wants(t, err, fairway.CodeInvalid, "is no channel", "a branch, a tag or a commit")
	}
	for _, revision := range []string{"dev", "", first + "\n" + first, strings.Repeat("0", 40)} {
		_, err := s.Open(t.Context(), revision)
		wants(t, err, fairway.CodeNotFound, "revision", "")
	}
}

// TestRefresh_WhatMoves: pushes, force-pushes, new and vanished branches.
func TestRefresh_WhatMoves(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	first := r.git("rev-parse", "HEAD")
	var logged bytes.Buffer
	s := open(t, r.dir, slog.New(slog.NewTextHandler(&logged, nil)))
	refresh(t, s)
	old, err := s.Open(t.Context(), resolve(t, s, "dev"))
	if err != nil {
		t.Fatal(err)
	}

	r.write("cluster/a.yaml", "two\n")
	second := r.commit("second")
	if got := resolve(t, s, "dev"); got != first {
		t.Errorf("dev moved to %s without a refresh", got)
	}
	refresh(t, s)
	if got := resolve(t, s, "dev"); got != second {
		t.Errorf("dev is at %s, want %s", got, second)
	}
	if b, err := fs.ReadFile(old, "cluster/a.yaml"); err != nil || string(b) != "one\n" {
		t.Errorf("an open revision changed: %q, %v", b, err)
	}

	r.git("reset", "--quiet", "--hard", first)
	r.write("cluster/a.yaml", "three\n")
	third := r.commit("third")
	r.git("branch", "alpha")
	refresh(t, s)
	if got := resolve(t, s, "dev"); got != third {
		t.Errorf("after a force-push dev is at %s, want %s", got, third)
	}
	if got := read(t, s, second, "cluster/a.yaml"); got != "two\n" {
		t.Errorf("the revision from before the force-push has %q", got)
	}
	if got := resolve(t, s, "alpha"); got != third {
		t.Errorf("alpha is at %s", got)
	}

	r.git("branch", "-D", "alpha")
	refresh(t, s)
	_, err = s.Resolve(t.Context(), "alpha")
	wants(t, err, fairway.CodeNotFound, `channel "alpha" is gone`, "its clusters stay as they are")

	for _, want := range []string{
		`msg="channel moved" source=main channel=dev from=` + first, `level=WARN msg="channel was force-pushed" source=main channel=dev from=` + second,
		`msg="channel appeared" source=main channel=alpha`, `level=WARN msg="channel vanished; its clusters stay as they are" source=main channel=alpha`,
	} {
		if !strings.Contains(logged.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, logged.String())
		}
	}
}

// TestRefresh_NothingChanged: the usual case is cheap and writes nothing.
func TestRefresh_NothingChanged(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	s := open(t, r.dir, nil)
	refresh(t, s)
	mirror := s.backend.(*mirror).dir
	// A fetch would have to write here.
	before := snapshot(t, mirror)
	for range 3 {
		refresh(t, s)
	}
	if diff := cmp.Diff(before, snapshot(t, mirror)); diff != "" {
		t.Errorf("the mirror has changed: %s", diff)
	}
}

// snapshot lists a folder with times.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		all[path] = info.ModTime().String()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestFiles(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.write("cluster/b/x.yaml", "x")
	r.write("cluster/b.yaml", "b")
	r.write("cluster/shared/real.yaml", "real")
	r.write("empty", "")
	r.write("cluster/ü \"q\".yaml", "odd")
	r.write("binary", "\x00\n\x01missing\n")
	if err := os.Chmod(filepath.Join(r.dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.link("cluster/b/file.yaml", "../shared/real.yaml")
	r.link("cluster/folder", "shared")
	r.link("cluster/again", "folder")
	r.link("cluster/dangling", "nowhere")
	r.commit("files")
	s := open(t, r.dir, nil)
	files, err := s.Open(t.Context(), resolve(t, s, "dev"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"cluster/a.yaml": "one\n", "cluster/b/file.yaml": "real", "cluster/folder/real.yaml": "real", "cluster/again/real.yaml": "real",
		"empty": "", "cluster/ü \"q\".yaml": "odd", "binary": "\x00\n\x01missing\n",
	} {
		if b, err := fs.ReadFile(files, name); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	for name, want := range map[string]error{
		"nothing": fs.ErrNotExist, "cluster/a.yaml/x": fs.ErrNotExist, "cluster/dangling": fs.ErrNotExist, "../x": fs.ErrInvalid, "/x": fs.ErrInvalid, "cluster": errIsDir,
	} {
		if _, err := fs.ReadFile(files, name); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	entries, err := fs.ReadDir(files, "cluster")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, fs.FormatDirEntry(e))
	}
	want := []string{"- a.yaml", "L again", "d b/", "- b.yaml", "L dangling", "L folder", "d shared/", "- ü \"q\".yaml"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if info, err := fs.Stat(files, "cluster/b/file.yaml"); err != nil || info.Size() != 4 || info.Name() != "file.yaml" || !info.Mode().IsRegular() {
		t.Errorf("stat of a link: %v, %v", info, err)
	}
	if info, err := fs.Stat(files, "empty"); err != nil || info.Mode() != 0o755 {
		t.Errorf("stat of a program: %v, %v", info, err)
	}
	r.git("rm", "--quiet", "cluster/dangling")
	r.commit("without the dangling link, which no file system test accepts")
	refresh(t, s)
	if files, err = s.Open(t.Context(), resolve(t, s, "dev")); err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(files, "cluster/a.yaml", "cluster/b/x.yaml", "cluster/shared/real.yaml", "empty"); err != nil {
		t.Error(err)
	}
}

func TestFiles_LinksOutOfTheRepository(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.link("absolute", "/etc/hosts")
	r.link("up", "../x")
	r.link("cluster/up", "../../x")
	r.link("folder", "/etc")
	r.link("loop", "loop")
	r.commit("links")
	s := open(t, r.dir, nil)
	files, err := s.Open(t.Context(), resolve(t, s, "dev"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{"absolute": errEscapes, "up": errEscapes, "cluster/up": errEscapes, "folder/hosts": errEscapes, "loop": errLinks} {
		if _, err := fs.ReadFile(files, name); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if _, err := fs.Stat(files, name); !errors.Is(err, want) {
			t.Errorf("stat %s: %v, want %v", name, err, want)
		}
	}
	d, err := Open(t.Context(), Options{Name: "d", Kind: KindDir, Location: r.dir})
	if err != nil {
		t.Fatal(err)
	}
	if files, err = d.Open(t.Context(), "<dir>"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"absolute", "up", "cluster/up", "folder/hosts", "loop"} {
		if b, err := fs.ReadFile(files, name); err == nil {
			t.Errorf("a folder gives %s out: %q", name, b)
		}
	}
}

// TestFiles_Submodule: an empty folder, as in a clone without submodules.
func TestFiles_Submodule(t *testing.T) {
	t.Parallel()
	other, r := newRepo(t), newRepo(t)
	r.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", other.dir, "cluster/sub")
	r.commit("submodule")
	s := open(t, r.dir, nil)
	files, err := s.Open(t.Context(), resolve(t, s, "dev"))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := fs.ReadDir(files, "cluster/sub")
	if err != nil || len(entries) != 0 {
		t.Errorf("entries %v, %v", entries, err)
	}
	if info, err := fs.Stat(files, "cluster/sub"); err != nil || !info.IsDir() {
		t.Errorf("stat %v, %v", info, err)
	}
}

func TestFiles_TooLarge(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.write("large", strings.Repeat("0123456789abcdef", maxFile/16)+"x")
	r.commit("large")
	s := open(t, r.dir, nil)
	files, err := s.Open(t.Context(), resolve(t, s, "dev"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = fs.ReadFile(files, "large")
	wants(t, err, fairway.CodeInvalid, "more than the 32 MiB", "")
	if b, err := fs.ReadFile(files, "cluster/a.yaml"); err != nil || string(b) != "one\n" {
		t.Errorf("afterwards: %q, %v", b, err)
	}
}

// TestFiles_ReaderDies: the process that reads is started again.
func TestFiles_ReaderDies(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.write("b", "b")
	r.commit("b")
	s := open(t, r.dir, nil)
	files, err := s.Open(t.Context(), resolve(t, s, "dev"))
	if err != nil {
		t.Fatal(err)
	}
	m := s.backend.(*mirror)
	m.objects.mu.Lock()
	m.objects.reader.cancel()
	m.objects.mu.Unlock()
	if b, err := fs.ReadFile(files, "b"); err != nil || string(b) != "b" {
		t.Errorf("after the process was killed: %q, %v", b, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if b, err := fs.ReadFile(files, "cluster/a.yaml"); err != nil || string(b) != "one\n" {
		t.Errorf("after Close: %q, %v", b, err)
	}
}

func TestCache(t *testing.T) {
	t.Parallel()
	c := newCache(3 * 356)
	put := func(id string) { c.put(&object{id: id, content: make([]byte, 100)}) }
	for _, id := range []string{"a", "b", "c"} {
		put(id)
	}
	c.get("a")
	put("d") // b was not used for longest
	put("d")
	for id, want := range map[string]bool{"a": true, "b": false, "c": true, "d": true} {
		if got := c.get(id) != nil; got != want {
			t.Errorf("%s is kept: %t, want %t", id, got, want)
		}
	}
	c.put(&object{id: "huge", content: make([]byte, 10000)})
	if len(c.byID) != 0 || c.order.Len() != 0 || c.left != 3*356 {
		t.Errorf("what is larger than the cache stays in it: %d objects, %d bytes left", len(c.byID), c.left)
	}
}

// TestConcurrentUse reads, refreshes and promotes at once, with two sources
// on one mirror, as two processes would.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.git("branch", "alpha")
	mirrorDir := filepath.Join(t.TempDir(), "mirror.git")
	var wg sync.WaitGroup
	for range 2 {
		s, err := Open(t.Context(), Options{Name: "main", Kind: KindGit, Location: r.dir, Dir: mirrorDir})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for range 4 {
			wg.Go(func() {
				for range 5 {
					if err := s.Refresh(t.Context()); err != nil {
						t.Error(err)
						return
					}
					id, err := s.Resolve(t.Context(), "dev")
					if err != nil {
						t.Error(err)
						return
					}
					files, err := s.Open(t.Context(), id)
					if err != nil {
						t.Error(err)
						return
					}
					if b, err := fs.ReadFile(files, "cluster/a.yaml"); err != nil || !strings.HasPrefix(string(b), "one") {
						t.Errorf("%q, %v", b, err)
					}
				}
			})
		}
	}
	for range 5 {
		r.write("cluster/a.yaml", "one more\n"+time.Now().String())
		r.commit("more")
	}
	wg.Wait()
}

func TestCancellation(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	s := open(t, r.dir, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wants(t, s.Refresh(ctx), fairway.CodeUnavailable, "context canceled", "")
	_, err := s.Resolve(ctx, "dev")
	wants(t, err, fairway.CodeUnavailable, "context canceled", "")

	// A wait for the lock of another process ends, too.
	unlock, err := lockFile(t.Context(), s.backend.(*mirror).dir+".lock")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	wants(t, s.Refresh(ctx), fairway.CodeUnavailable, "wait for the lock", "another process")
	unlock()
	refresh(t, s)
}

// TestOpen_SeenElsewhere: a revision that another process was told of first is
// fetched when it is asked for; one that does not exist is not there.
func TestOpen_SeenElsewhere(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	s := open(t, r.dir, slog.New(slog.DiscardHandler))
	refresh(t, s)
	r.write("cluster/a.yaml", "two\n")
	if got := read(t, s, r.commit("second"), "cluster/a.yaml"); got != "two\n" {
		t.Errorf("the new revision reads %q", got)
	}
	_, err := s.Open(t.Context(), strings.Repeat("0", 40))
	wants(t, err, fairway.CodeNotFound, "is not in", "force-pushed")
}
