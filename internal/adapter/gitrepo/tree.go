package gitrepo

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// tree is the files of one commit as a file system. Symbolic links are
// followed inside the repository; those that lead out of it are errors. A
// submodule is an empty folder, as in a clone without submodules.
type tree struct {
	objects *objects
	rootID  string
}

var (
	_ fs.ReadFileFS = (*tree)(nil)
	_ fs.ReadDirFS  = (*tree)(nil)
	_ fs.StatFS     = (*tree)(nil)
	_ fs.ReadLinkFS = (*tree)(nil)
)

// The modes of a tree's entries.
const (
	modeTree      = "40000"
	modeLink      = "120000"
	modeSubmodule = "160000"
	modeProgram   = "100755"
)

var (
	errNotUTF8 = errors.New("the name is not UTF-8: rename the file")
	errEscapes = errors.New("the symbolic link leads out of the repository")
	errLinks   = errors.New("too many symbolic links")
	errIsDir   = errors.New("is a directory")
	errNotDir  = errors.New("not a directory")
)

// treeEntry is one line of a git tree.
type treeEntry struct{ mode, name, id string }

func (e treeEntry) isDir() bool  { return e.mode == modeTree || e.mode == modeSubmodule }
func (e treeEntry) isLink() bool { return e.mode == modeLink }

// parseTree reads "<mode> <name> NUL <id>", again and again.
func parseTree(b []byte, idLen int) ([]treeEntry, error) {
	var all []treeEntry
	for len(b) > 0 {
		mode, rest, ok := bytes.Cut(b, []byte(" "))
		name, rest, ok2 := bytes.Cut(rest, []byte{0})
		if !ok || !ok2 || len(rest) < idLen {
			return nil, errors.New("the tree is damaged")
		}
		all = append(all, treeEntry{string(mode), string(name), hex.EncodeToString(rest[:idLen])})
		b = rest[idLen:]
	}
	// git sorts folders as if their names ended in a slash.
	slices.SortFunc(all, func(a, b treeEntry) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

// walk finds the entry of a path; the last part is followed if asked for.
func (t *tree) walk(name string, follow bool) (treeEntry, error) {
	if !utf8.ValidString(name) {
		return treeEntry{}, errNotUTF8
	}
	if !fs.ValidPath(name) {
		return treeEntry{}, fs.ErrInvalid
	}
	stack := []treeEntry{{mode: modeTree, name: ".", id: t.rootID}}
	parts := strings.Split(name, "/")
	for links := 0; len(parts) > 0; {
		part := parts[0]
		parts = parts[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			if len(stack) == 1 {
				return treeEntry{}, errEscapes
			}
			stack = stack[:len(stack)-1]
			continue
		}
		e, err := t.lookup(stack[len(stack)-1], part)
		if err != nil {
			return treeEntry{}, err
		}
		if e.isLink() && (follow || len(parts) > 0) {
			if links++; links > 40 {
				return treeEntry{}, errLinks
			}
			o, err := t.objects.get(e.id)
			if err != nil {
				return treeEntry{}, err
			}
			target := string(o.content)
			if path.IsAbs(target) {
				return treeEntry{}, errEscapes
			}
			parts = append(strings.Split(target, "/"), parts...)
			continue
		}
		stack = append(stack, e)
	}
	return stack[len(stack)-1], nil
}

// lookup finds a name in a folder.
func (t *tree) lookup(dir treeEntry, name string) (treeEntry, error) {
	if !dir.isDir() {
		return treeEntry{}, fs.ErrNotExist
	}
	entries, err := t.entries(dir)
	if err != nil {
		return treeEntry{}, err
	}
	i, found := slices.BinarySearchFunc(entries, name, func(e treeEntry, n string) int { return strings.Compare(e.name, n) })
	if !found {
		return treeEntry{}, fs.ErrNotExist
	}
	return entries[i], nil
}

func (t *tree) entries(dir treeEntry) ([]treeEntry, error) {
	if dir.mode == modeSubmodule {
		return nil, nil
	}
	o, err := t.objects.get(dir.id)
	if err != nil {
		return nil, err
	}
	return o.entries, nil
}

func pathError(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }

// Open opens a file or folder.
func (t *tree) Open(name string) (fs.File, error) {
	e, err := t.walk(name, true)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	info, err := t.info(e, path.Base(name))
	if err != nil {
		return nil, pathError("open", name, err)
	}
	f := &file{info: info}
	if e.isDir() {
		if f.entries, err = t.ReadDir(name); err != nil {
			return nil, err
		}
		return f, nil
	}
	o, err := t.objects.get(e.id)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	f.content.Reset(o.content)
	return f, nil
}

// ReadFile returns the content of a file.
func (t *tree) ReadFile(name string) ([]byte, error) {
	e, err := t.walk(name, true)
	if err == nil && e.isDir() {
		err = errIsDir
	}
	if err != nil {
		return nil, pathError("read", name, err)
	}
	o, err := t.objects.get(e.id)
	if err != nil {
		return nil, pathError("read", name, err)
	}
	return bytes.Clone(o.content), nil
}

// ReadDir lists a folder in byte order of the names.
func (t *tree) ReadDir(name string) ([]fs.DirEntry, error) {
	e, err := t.walk(name, true)
	if err == nil && !e.isDir() {
		err = errNotDir
	}
	if err != nil {
		return nil, pathError("readdir", name, err)
	}
	entries, err := t.entries(e)
	if err != nil {
		return nil, pathError("readdir", name, err)
	}
	all := make([]fs.DirEntry, len(entries))
	for i, e := range entries {
		all[i] = dirEntry{t, e}
	}
	return all, nil
}

// Stat describes what a path leads to.
func (t *tree) Stat(name string) (fs.FileInfo, error) { return t.stat("stat", name, true) }

// Lstat describes the path itself, also when it is a symbolic link.
func (t *tree) Lstat(name string) (fs.FileInfo, error) { return t.stat("lstat", name, false) }

func (t *tree) stat(op, name string, follow bool) (fs.FileInfo, error) {
	e, err := t.walk(name, follow)
	if err != nil {
		return nil, pathError(op, name, err)
	}
	info, err := t.info(e, path.Base(name))
	if err != nil {
		return nil, pathError(op, name, err)
	}
	return info, nil
}

// ReadLink returns where a symbolic link leads.
func (t *tree) ReadLink(name string) (string, error) {
	e, err := t.walk(name, false)
	if err == nil && !e.isLink() {
		err = fs.ErrInvalid
	}
	if err != nil {
		return "", pathError("readlink", name, err)
	}
	o, err := t.objects.get(e.id)
	if err != nil {
		return "", pathError("readlink", name, err)
	}
	return string(o.content), nil
}

// info describes an entry; the size of a file is that of its content.
func (t *tree) info(e treeEntry, name string) (fileInfo, error) {
	i := fileInfo{name: name, mode: e.fileMode()}
	if e.isDir() {
		return i, nil
	}
	o, err := t.objects.get(e.id)
	if err != nil {
		return i, err
	}
	i.size = int64(len(o.content))
	return i, nil
}

func (e treeEntry) fileMode() fs.FileMode {
	switch e.mode {
	case modeTree, modeSubmodule:
		return fs.ModeDir | 0o755
	case modeLink:
		return fs.ModeSymlink | 0o777
	case modeProgram:
		return 0o755
	}
	return 0o644
}

// fileInfo describes a file of a commit; it has no time of its own.
type fileInfo struct {
	name string
	size int64
	mode fs.FileMode
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) Mode() fs.FileMode  { return i.mode }
func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) IsDir() bool        { return i.mode.IsDir() }
func (i fileInfo) Sys() any           { return nil }

type dirEntry struct {
	tree  *tree
	entry treeEntry
}

func (d dirEntry) Name() string               { return d.entry.name }
func (d dirEntry) IsDir() bool                { return d.entry.isDir() }
func (d dirEntry) Type() fs.FileMode          { return d.entry.fileMode().Type() }
func (d dirEntry) Info() (fs.FileInfo, error) { return d.tree.info(d.entry, d.entry.name) }
func (d dirEntry) String() string             { return fs.FormatDirEntry(d) }

// file is an open file or folder.
type file struct {
	info    fileInfo
	content bytes.Reader
	entries []fs.DirEntry
	next    int
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *file) Close() error               { return nil }

// Read reads a file; a folder cannot be read.
func (f *file) Read(p []byte) (int, error) {
	if f.info.IsDir() {
		return 0, pathError("read", f.info.name, errIsDir)
	}
	return f.content.Read(p)
}

// Seek makes a file readable again; folders have no position.
func (f *file) Seek(offset int64, whence int) (int64, error) { return f.content.Seek(offset, whence) }

// ReadDir lists the next n entries of a folder, or all that are left.
func (f *file) ReadDir(n int) ([]fs.DirEntry, error) {
	if !f.info.IsDir() {
		return nil, pathError("readdir", f.info.name, errNotDir)
	}
	left := f.entries[f.next:]
	if n <= 0 {
		f.next = len(f.entries)
		return slices.Clone(left), nil
	}
	if len(left) == 0 {
		return nil, io.EOF
	}
	left = left[:min(n, len(left))]
	f.next += len(left)
	return slices.Clone(left), nil
}
