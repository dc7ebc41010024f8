package gitrepo

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
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

// BenchmarkHuge is a repository of 1 GiB in 100,000 files: its first fetch, a
// look at it when nothing changed, and reading a twentieth of it.
func BenchmarkHuge(b *testing.B) {
	const files, size = 100_000, 1 << 30 / 100_000
	bare := imported(b, func(w io.Writer) { manyFiles(w, files, size) })
	for b.Loop() {
		s, err := Open(b.Context(), Options{Name: "main", Kind: KindGit, Location: "file://" + bare, Dir: filepath.Join(b.TempDir(), "mirror.git"), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		took := func(name string, do func() error) {
			began := time.Now()
			if err := do(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(time.Since(began).Milliseconds()), name+"-ms")
		}
		took("fetch", func() error { return s.Refresh(b.Context()) })
		took("unchanged", func() error { return s.Refresh(b.Context()) })
		took("list", func() error {
			return walkAll(b, s, func(fs.FS, string) error { return nil })
		})
		took("read-5000", func() error {
			read := 0
			return walkAll(b, s, func(files fs.FS, name string) error {
				if read++; read > files5000 {
					return nil
				}
				_, err := fs.ReadFile(files, name)
				return err
			})
		})
		runtime.GC()
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		b.ReportMetric(float64(memory.HeapAlloc>>20), "heap-MiB")
		var own, children syscall.Rusage
		if err := errors.Join(syscall.Getrusage(syscall.RUSAGE_SELF, &own), syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children)); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(own.Maxrss>>10), "peak-MiB")
		b.ReportMetric(float64(children.Maxrss>>10), "git-peak-MiB")
		s.Close()
	}
}

const files5000 = 5000

// walkAll visits all files of channel dev.
func walkAll(b *testing.B, s *Source, visit func(files fs.FS, name string) error) error {
	b.Helper()
	revision, err := s.Resolve(b.Context(), "dev")
	if err != nil {
		return err
	}
	files, err := s.Open(b.Context(), revision)
	if err != nil {
		return err
	}
	return fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		return visit(files, name)
	})
}
