package gitrepo

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

// TestCorruptMirror: whatever of the copy is damaged, it says so, and the next
// refresh makes it again; who had a revision open reads on.
func TestCorruptMirror(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, dir string){
		"no objects": func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "objects")) },
		"no HEAD":    func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "HEAD")) },
		"an object cut off": func(t *testing.T, dir string) {
			each(t, dir, func(name string) {
				if err := os.Chmod(name, 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Truncate(name, 10); err != nil {
					t.Fatal(err)
				}
			})
		},
		"objects deleted one by one": func(t *testing.T, dir string) { each(t, dir, func(name string) { remove(t, name) }) },
		"a branch that is no id": func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "refs", "heads", "dev"), []byte("garbage\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			s := open(t, r.dir, nil)
			refresh(t, s)
			id := resolve(t, s, "dev")
			files, err := s.Open(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			s.Close() // an open reader would go on with the files that it has
			m := s.backend.(*mirror)
			damage(t, m.dir)
			if _, err := s.Resolve(t.Context(), "dev"); err == nil {
				_, err = fs.ReadFile(files, "cluster/a.yaml")
				if err == nil {
					t.Error("nothing is wrong with a damaged mirror")
				}
			}
			refresh(t, s)
			if got := resolve(t, s, "dev"); got != id {
				t.Errorf("dev is at %s, want %s", got, id)
			}
			if b, err := fs.ReadFile(files, "cluster/a.yaml"); err != nil || string(b) != "one\n" {
				t.Errorf("files that were open before: %q, %v", b, err)
			}
			for _, left := range []string{".new", ".damaged"} {
				if _, err := os.Stat(m.dir + left); err == nil {
					t.Errorf("%s is left behind", m.dir+left)
				}
			}
			// Also one that a server finds damaged when it starts.
			s.Close()
			damage(t, m.dir)
			again, err := Open(t.Context(), m.o)
			if err != nil {
				t.Fatal(err)
			}
			defer again.Close()
			if got, err := again.Resolve(t.Context(), "dev"); err == nil && got == id {
				if _, err := again.Open(t.Context(), id); err != nil {
					refresh(t, again)
				}
			}
			_ = again.Refresh(t.Context())
			if got := read(t, again, resolve(t, again, "dev"), "cluster/a.yaml"); got != "one\n" {
				t.Errorf("read %q", got)
			}
		})
	}
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.RemoveAll(name); err != nil {
		t.Fatal(err)
	}
}

// each calls do with every object and pack of a repository.
func each(t *testing.T, dir string, do func(name string)) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, "objects"), func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			do(name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestCorruptRemote: when the remote is damaged the copy stays as it was, and is
// not fetched as a whole again and again.
func TestCorruptRemote(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	s := open(t, r.dir, nil)
	refresh(t, s)
	id := resolve(t, s, "dev")
	r.write("cluster/a.yaml", "two\n")
	r.commit("second")
	blob := r.git("rev-parse", "HEAD:cluster/a.yaml")
	remove(t, filepath.Join(r.dir, ".git", "objects", blob[:2], blob[2:]))
	m := s.backend.(*mirror)
	for range 3 {
		wants(t, s.Refresh(t.Context()), fairway.CodeUnavailable, "fetch", "")
	}
	m.mu.Lock()
	remade := m.remade
	m.mu.Unlock()
	if got := read(t, s, resolve(t, s, "dev"), "cluster/a.yaml"); got != "one\n" || resolve(t, s, "dev") != id {
		t.Errorf("read %q", got)
	}
	wants(t, s.Refresh(t.Context()), fairway.CodeUnavailable, "fetch", "")
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.remade.Equal(remade) {
		t.Errorf("made again after %s", m.remade.Sub(remade).Round(time.Millisecond))
	}
}

// TestOpen_SomebodysRepository: a repository that is pushed to is never taken
// for a mirror: what a remote does not have would be deleted from it.
func TestOpen_SomebodysRepository(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	bare := filepath.Join(t.TempDir(), "config.git")
	run(t, ".", "clone", "--quiet", "--bare", r.dir, bare)
	own, err := Open(t.Context(), Options{Name: "main", Kind: KindGit, Location: bare, Dir: bare})
	if err != nil {
		t.Fatal(err)
	}
	own.Close()
	_, err = Open(t.Context(), Options{Name: "main", Kind: KindGit, Location: newRepo(t).dir, Dir: bare})
	wants(t, err, fairway.CodeConflict, "is a repository that is pushed to", "--config-source main:git:"+bare)
	run(t, ".", "--git-dir", bare, "rev-parse", "--verify", "refs/heads/dev")
}
