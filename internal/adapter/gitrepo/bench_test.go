package gitrepo

import (
	"io/fs"
	"log/slog"
	"path/filepath"
	"testing"
)

// BenchmarkRefresh is the usual case: nothing has changed.
func BenchmarkRefresh(b *testing.B) {
	dir := b.TempDir()
	if _, err := (git{dir: filepath.Join(dir, "config.git")}).run(b.Context(), "init", "--quiet", "--bare"); err != nil {
		b.Fatal(err)
	}
	s, err := Open(b.Context(), Options{Name: "main", Kind: KindGit, Location: filepath.Join(dir, "config.git"), Dir: filepath.Join(dir, "mirror.git"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for b.Loop() {
		if err := s.Refresh(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead reads a small file that is in memory.
func BenchmarkRead(b *testing.B) {
	o := newObjects(git{})
	o.cache.put(&object{id: "root", kind: "tree", entries: []treeEntry{{modeTree, "cluster", "dir"}}})
	o.cache.put(&object{id: "dir", kind: "tree", entries: []treeEntry{{"100644", "a.yaml", "file"}}})
	o.cache.put(&object{id: "file", kind: "blob", content: make([]byte, 4096)})
	files := &tree{objects: o, rootID: "root"}
	for b.Loop() {
		if _, err := fs.ReadFile(files, "cluster/a.yaml"); err != nil {
			b.Fatal(err)
		}
	}
}
