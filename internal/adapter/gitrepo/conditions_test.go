package gitrepo

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

// imported is a bare repository whose branch dev has what write sends to git
// fast-import.
func imported(t testing.TB, write func(w io.Writer)) string {
	t.Helper()
	bare := filepath.Join(t.TempDir(), "huge.git")
	git := func(args ...string) *exec.Cmd {
		cmd := exec.Command("git", append([]string{"-c", "core.compression=0"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
		return cmd
	}
	if out, err := git("init", "--quiet", "--bare", bare).CombinedOutput(); err != nil {
		t.Fatalf("git init: %v %s", err, out)
	}
	for key, value := range map[string]string{"core.packedGitWindowSize": "16m", "core.packedGitLimit": "128m"} {
		// The far end runs on this machine, and is not what is measured.
		if out, err := git("--git-dir", bare, "config", key, value).CombinedOutput(); err != nil {
			t.Fatalf("git config: %v %s", err, out)
		}
	}
	cmd := git("--git-dir", bare, "fast-import", "--quiet")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(in, 1<<20)
	fmt.Fprint(w, "commit refs/heads/dev\ncommitter a <a@example.org> 1700000000 +0000\ndata 1\nx\n")
	write(w)
	if err := errors.Join(w.Flush(), in.Close(), cmd.Wait()); err != nil {
		t.Fatalf("git fast-import: %v", err)
	}
	return bare
}

// manyFiles writes so many files of so many bytes each, a hundred to a folder.
func manyFiles(w io.Writer, files, size int) {
	noise := rand.NewChaCha8([32]byte{1})
	content := make([]byte, size)
	for i := range files {
		noise.Read(content)
		fmt.Fprintf(w, "M 100644 inline %s\ndata %d\n%s\n", fileName(i), size, content)
	}
}

func fileName(i int) string { return fmt.Sprintf("cluster/manifests/c%04d/f%02d.yaml", i/100, i%100) }

// TestManyFiles: all of a large tree can be listed and read, and only what is
// asked for is kept.
func TestManyFiles(t *testing.T) {
	t.Parallel()
	const files, size = 5000, 200
	bare := imported(t, func(w io.Writer) { manyFiles(w, files, size) })
	s := open(t, "file://"+bare, nil)
	refresh(t, s)
	opened, err := s.Open(t.Context(), resolve(t, s, "dev"))
	if err != nil {
		t.Fatal(err)
	}
	folders, err := fs.ReadDir(opened, "cluster/manifests")
	if err != nil || len(folders) != files/100 {
		t.Fatalf("%d folders, %v", len(folders), err)
	}
	for _, i := range []int{0, 99, 100, files / 2, files - 1} {
		if b, err := fs.ReadFile(opened, fileName(i)); err != nil || len(b) != size {
			t.Errorf("%s has %d bytes, %v", fileName(i), len(b), err)
		}
	}
	cache := s.backend.(*mirror).objects.cache
	cache.mu.Lock()
	defer cache.mu.Unlock()
	if len(cache.byID) > 20 {
		t.Errorf("%d objects are kept for 5 files", len(cache.byID))
	}
}

// TestNames: a file whose name is not UTF-8 is listed, and an error that says so
// when it is read; the others beside it are read.
func TestNames(t *testing.T) {
	t.Parallel()
	bare := imported(t, func(w io.Writer) {
		fmt.Fprint(w, "M 100644 inline \"cluster/manifests/a/caf\\351.yaml\"\ndata 1\nx\nM 100644 inline cluster/manifests/a/tea.yaml\ndata 1\ny\n")
	})
	s := open(t, bare, nil)
	refresh(t, s)
	files, err := s.Open(t.Context(), resolve(t, s, "dev"))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := fs.ReadDir(files, "cluster/manifests/a")
	if err != nil || len(entries) != 2 || entries[0].Name() != "caf\xe9.yaml" {
		t.Fatalf("entries %q, %v", entries, err)
	}
	if _, err := fs.ReadFile(files, "cluster/manifests/a/caf\xe9.yaml"); !errors.Is(err, errNotUTF8) {
		t.Errorf("error %v", err)
	}
	if b, err := fs.ReadFile(files, "cluster/manifests/a/tea.yaml"); err != nil || string(b) != "y" {
		t.Errorf("read %q, %v", b, err)
	}
}

// TestBranchNames: a name may have slashes, and change its place with a folder.
func TestBranchNames(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.git("branch", "team/blue/next")
	s := open(t, r.dir, nil)
	refresh(t, s)
	first := resolve(t, s, "team/blue/next")
	_, err := s.Resolve(t.Context(), "team/blue")
	wants(t, err, fairway.CodeNotFound, `no channel "team/blue"`, "")

	r.git("branch", "-D", "team/blue/next")
	r.git("branch", "team/blue")
	refresh(t, s)
	if got := resolve(t, s, "team/blue"); got != first {
		t.Errorf("team/blue is at %s", got)
	}
	r.git("branch", "-D", "team/blue")
	r.git("branch", "team/blue/next")
	second := r.commit("second")
	refresh(t, s)
	if err := s.Promote(t.Context(), "team/blue/next", second); err != nil {
		t.Fatal(err)
	}
	if got := r.git("rev-parse", "team/blue/next"); got != second {
		t.Errorf("team/blue/next is at %s", got)
	}
	// A tag of the same name as a branch wins, as in git rev-parse.
	r.git("tag", "dev", first)
	refresh(t, s)
	if got := resolve(t, s, "refs/heads/dev"); got != second {
		t.Errorf("the branch is at %s", got)
	}
	if got := resolve(t, s, "dev"); got != first {
		t.Errorf("dev is at %s, want the tag's %s", got, first)
	}
}

// TestVanishedBranch_Back: a branch that comes back is followed again.
func TestVanishedBranch_Back(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.git("branch", "alpha")
	s := open(t, r.dir, nil)
	refresh(t, s)
	at := resolve(t, s, "alpha")
	r.git("branch", "-D", "alpha")
	refresh(t, s)
	if _, err := s.Resolve(t.Context(), "alpha"); fairway.ErrorCode(err) != fairway.CodeNotFound {
		t.Errorf("error %v", err)
	}
	// What its clusters run can be read on.
	if got := read(t, s, at, "cluster/a.yaml"); got != "one\n" {
		t.Errorf("read %q", got)
	}
	r.git("branch", "alpha")
	refresh(t, s)
	if got := resolve(t, s, "alpha"); got != at {
		t.Errorf("alpha is at %s", got)
	}
}

// TestKilledFetch: what a fetch left behind that was killed does not hinder the
// next one.
func TestKilledFetch(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	s := open(t, r.dir, nil)
	m := s.backend.(*mirror)
	if err := os.MkdirAll(filepath.Join(m.dir, "objects", "pack"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, left := range []string{"objects/pack/tmp_pack_abcdef", "packed-refs.new"} {
		if err := os.WriteFile(filepath.Join(m.dir, left), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refresh(t, s)
	if got := read(t, s, resolve(t, s, "dev"), "cluster/a.yaml"); got != "one\n" {
		t.Errorf("read %q", got)
	}
}

// TestDir_Links: a folder is read like a repository: links inside it lead on,
// links out of it and in a circle are errors, a link to a folder is no folder.
func TestDir_Links(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.write("cluster/shared/real.yaml", "real")
	for name, target := range map[string]string{
		"cluster/in.yaml": "shared/real.yaml", "cluster/out.yaml": "../../outside.yaml", "cluster/circle.yaml": "circle.yaml", "cluster/folder": "shared",
	} {
		r.link(name, target)
	}
	r.commit("links")
	if err := os.WriteFile(filepath.Join(filepath.Dir(r.dir), "outside.yaml"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	git := open(t, r.dir, nil)
	refresh(t, git)
	folder, err := Open(t.Context(), Options{Name: "d", Kind: KindDir, Location: r.dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Source{git, folder} {
		files, err := s.Open(t.Context(), resolve(t, s, "dev"))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := fs.ReadFile(files, "cluster/in.yaml"); err != nil || string(b) != "real" {
			t.Errorf("%s: a link inside: %q, %v", s.Name(), b, err)
		}
		for _, name := range []string{"cluster/out.yaml", "cluster/circle.yaml"} {
			if b, err := fs.ReadFile(files, name); err == nil {
				t.Errorf("%s: %s gives %q", s.Name(), name, b)
			} else if !strings.Contains(err.Error(), name) {
				t.Errorf("%s: the error does not name the file: %v", s.Name(), err)
			}
		}
		entries, err := fs.ReadDir(files, "cluster")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			if e.IsDir() {
				got = append(got, e.Name())
			}
		}
		if diff := cmp.Diff([]string{"shared"}, slices.Sorted(slices.Values(got))); diff != "" {
			t.Errorf("%s: folders: %s", s.Name(), diff)
		}
	}
}
