package gitrepo

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

func TestParseSource(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in    string
		want  Options
		fails string
	}{
		{in: "main:git:https://example.org/a.git", want: Options{Name: "main", Kind: KindGit, Location: "https://example.org/a.git"}},
		{in: "main:git:git@example.org:a/b.git", want: Options{Name: "main", Kind: KindGit, Location: "git@example.org:a/b.git"}},
		{in: "main:dir:.", want: Options{Name: "main", Kind: KindDir, Location: "."}},
		{in: "main:directory:/a:b", want: Options{Name: "main", Kind: KindDir, Location: "/a:b"}},
		{in: "main:hg:x", fails: `invalid config source: "main:hg:x": kind "hg" does not exist`},
		{in: "main:git", fails: `invalid config source: "main:git"`},
		{in: "main:git:", fails: "invalid config source"},
		{in: ":git:x", fails: "invalid config source"},
		{in: "", fails: "invalid config source"},
		{in: "a=b:git:x", fails: "the name may not hold"},
	} {
		t.Run(tc.in, func(t *testing.T) {
			t.Parallel()
			got, err := ParseSource(tc.in)
			if tc.fails != "" {
				wants(t, err, fairway.CodeInvalid, tc.fails, "NAME:git:URL")
				return
			}
			if err != nil || !cmp.Equal(got, tc.want) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	all, err := ParseSources([]string{"a:dir:x", "b:git:y"})
	if err != nil || len(all) != 2 || all[1].Name != "b" {
		t.Errorf("got %v, %v", all, err)
	}
	_, err = ParseSources([]string{"a:dir:x", "a:git:y"})
	wants(t, err, fairway.CodeInvalid, "duplicate config source name: a", "name of its own")
	_, err = ParseSources(nil)
	wants(t, err, fairway.CodeInvalid, "at least one config source", "--config-source")
}

func TestOpen_BadOptions(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "notes"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		o    Options
		code fairway.Code
		text string
		hint string
	}{
		{"no name", Options{Kind: KindGit, Location: "x", Dir: "y"}, fairway.CodeInvalid, "needs a name", "NAME:git:URL"},
		{"no such kind", Options{Name: "a", Kind: "svn", Location: "x"}, fairway.CodeInvalid, `kind "svn" does not exist`, "NAME:git:URL"},
		{"no mirror", Options{Name: "a", Kind: KindGit, Location: "x"}, fairway.CodeInvalid, "no folder is given for the mirror", ""},
		{"no such folder", Options{Name: "a", Kind: KindDir, Location: file + "x"}, fairway.CodeInvalid, "does not exist", "\"cluster\""},
		{"a file for a folder", Options{Name: "a", Kind: KindDir, Location: file}, fairway.CodeInvalid, "is not a folder", "\"cluster\""},
		{"a mirror that is none", Options{Name: "a", Kind: KindGit, Location: "https://example.org/x", Dir: full}, fairway.CodeUnavailable, "not a git repository", "remove " + full},
		{"a mirror below a file", Options{Name: "a", Kind: KindGit, Location: "https://example.org/x", Dir: file + "/m"}, fairway.CodeUnavailable, "mirror", ""},
		{"a missing repository in place", Options{Name: "a", Kind: KindGit, Location: file + "x", Dir: file + "x"}, fairway.CodeUnavailable, "does not exist", "git init --bare"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := Open(t.Context(), tc.o)
			wants(t, err, tc.code, tc.text, tc.hint)
		})
	}
}

func TestDir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Options{Name: "d", Kind: KindDir, Location: dir})
	if err != nil {
		t.Fatal(err)
	}
	refresh(t, s)
	if got := resolve(t, s, "any"); got != "<dir>" {
		t.Errorf("revision %q", got)
	}
	files, err := s.Open(t.Context(), "<dir>")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := fs.ReadFile(files, "a"); err != nil || string(b) != "1" {
		t.Errorf("%q, %v", b, err)
	}
	_, err = s.Open(t.Context(), "abc")
	wants(t, err, fairway.CodeNotFound, "is a folder and has no revision", "<dir>")
	wants(t, s.Promote(t.Context(), "alpha", "abc"), fairway.CodeInvalid, "has no channels", "--config-source d:git:URL")
	if err := s.Promote(t.Context(), "alpha", "<dir>"); err != nil {
		t.Errorf("every channel of a folder is where the folder is: %v", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	wants(t, s.Refresh(t.Context()), fairway.CodeInvalid, "does not exist", "")
	_, err = s.Resolve(t.Context(), "any")
	wants(t, err, fairway.CodeInvalid, "does not exist", "")
}

// TestUnreachable: the mirror goes on answering what it knows.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	gone := r.dir + "-moved"
	s := open(t, r.dir, nil)
	refresh(t, s)
	id := resolve(t, s, "dev")
	if err := os.Rename(r.dir, gone); err != nil {
		t.Fatal(err)
	}
	wants(t, s.Refresh(t.Context()), fairway.CodeUnavailable, "fetch "+r.dir, "clusters stay as they are")
	if got := resolve(t, s, "dev"); got != id {
		t.Errorf("dev is at %s, want %s", got, id)
	}
	if got := read(t, s, id, "cluster/a.yaml"); got != "one\n" {
		t.Errorf("read %q", got)
	}
	if err := os.Rename(gone, r.dir); err != nil {
		t.Fatal(err)
	}
	refresh(t, s)

	// One that never was reached cannot answer, and says why.
	never := open(t, filepath.Join(t.TempDir(), "nothing"), nil)
	_, err := never.Resolve(t.Context(), "dev")
	wants(t, err, fairway.CodeUnavailable, "fetch", "check the location")
	// Nothing listens on port 1.
	closed := open(t, "https://user:secret@127.0.0.1:1/x.git", nil)
	err = closed.Refresh(t.Context())
	wants(t, err, fairway.CodeUnavailable, "fetch https://127.0.0.1:1/x.git", "next refresh")
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error tells the password: %v", err)
	}
}

func TestEmptyRepository(t *testing.T) {
	t.Parallel()
	bare := t.TempDir()
	run(t, bare, "init", "--quiet", "--bare")
	s := open(t, bare, nil)
	refresh(t, s)
	_, err := s.Resolve(t.Context(), "dev")
	wants(t, err, fairway.CodeNotFound, `there is no channel "dev"`, "no branches yet")
}

// TestDamagedObject: a file that cannot be read is an error of the
// repository, not an empty file.
func TestDamagedObject(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	blob := r.git("rev-parse", "HEAD:cluster/a.yaml")
	bare := filepath.Join(t.TempDir(), "config.git")
	run(t, ".", "clone", "--quiet", "--bare", "--no-hardlinks", r.dir, bare)
	s, err := Open(t.Context(), Options{Name: "main", Kind: KindGit, Location: bare, Dir: bare})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := os.Remove(filepath.Join(bare, "objects", blob[:2], blob[2:])); err != nil {
		t.Fatal(err)
	}
	files, err := s.Open(t.Context(), resolve(t, s, "dev"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := fs.ReadFile(files, "cluster/a.yaml"); err == nil {
		t.Errorf("read %q", b)
	}
}

// TestGitIsNotInstalled runs alone, because PATH belongs to the process.
func TestGitIsNotInstalled(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Open(t.Context(), Options{Name: "main", Kind: KindGit, Location: "https://example.org/x.git", Dir: filepath.Join(t.TempDir(), "m")})
	wants(t, err, fairway.CodeUnavailable, "git is not installed", "install git")
}

// TestEnvironment: variables of a git hook do not point us elsewhere.
func TestEnvironment(t *testing.T) {
	r, other := newRepo(t), newRepo(t)
	other.write("cluster/a.yaml", "other")
	other.commit("other")
	s := open(t, r.dir, nil)
	t.Setenv("GIT_DIR", filepath.Join(other.dir, ".git"))
	t.Setenv("GIT_OBJECT_DIRECTORY", filepath.Join(other.dir, ".git", "objects"))
	t.Setenv("LC_ALL", "de_DE.UTF-8")
	refresh(t, s)
	id := resolve(t, s, "dev")
	if got := read(t, s, id, "cluster/a.yaml"); got != "one\n" {
		t.Errorf("read %q", got)
	}
	env := environment()
	if i := slices.IndexFunc(env, func(kv string) bool { return strings.HasPrefix(kv, "GIT_DIR=") }); i >= 0 {
		t.Errorf("git is given %s", env[i])
	}
	if !slices.Contains(env, "LC_ALL=C") || slices.Contains(env, "LC_ALL=de_DE.UTF-8") {
		t.Error("git may answer in another language")
	}
}
