package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/fairwayhq/fairway"
)

// The names of files and folders in the data folder.
const (
	markerFile   = ".fairway-demo"
	lockFile     = "lock"
	clustersDir  = "clusters"
	logsDir      = "logs"
	configRepo   = "config.git"
	registryFile = "clusters.yaml"
	serverFile   = "server.json"
	summaryFile  = "summary.json"
	watchFile    = "watch.json"
	planFile     = "watch-plan.json"

	markerText = "This folder belongs to `fairway demo`, which starts it afresh each time.\n"
)

// The free disk space that a demo needs: etcd alone sets 64 MB per log segment aside.
const (
	diskBase       = 64 << 20
	diskPerCluster = 128 << 20
)

// dataDir is the folder of one demo, held by a lock while it is open.
type dataDir struct {
	path string
	lock *os.File
}

// openDataDir makes the folder ready for a new demo: it takes the lock, refuses
// a folder that is not a demo's, removes what an earlier demo left, and checks
// that the disk has room.
func openDataDir(path string, clusters int) (*dataDir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, explainDisk(fmt.Errorf("make the data folder: %w", err), path)
	}
	if err := recognise(path); err != nil {
		return nil, err
	}
	lock, err := takeLock(filepath.Join(path, lockFile))
	if err != nil {
		return nil, explainDisk(err, path)
	}
	d := &dataDir{path: path, lock: lock}
	if err := d.prepare(clusters); err != nil {
		d.close()
		return nil, explainDisk(err, path)
	}
	return d, nil
}

// recognise returns nil for a folder that is empty or carries the demo's marker.
func recognise(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return explainDisk(fmt.Errorf("read the data folder: %w", err), path)
	}
	var foreign []string
	for _, e := range entries {
		switch e.Name() {
		case markerFile:
			return nil
		case lockFile, "lost+found":
			// A demo that died between lock and marker left only this; a fresh
			// file system has the other.
		default:
			foreign = append(foreign, e.Name())
		}
	}
	if len(foreign) == 0 {
		return nil
	}
	return fairway.Errorf(fairway.CodeInvalid, "use %s for a demo: the folder is not empty and not from an earlier demo (it holds %s)", path, some(foreign, 3)).
		WithHint("pass --data with an empty or new folder")
}

// some joins the first n words and says how many more there are.
func some(words []string, n int) string {
	if len(words) <= n {
		return strings.Join(words, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(words[:n], ", "), len(words)-n)
}

// takeLock locks the file for this process and writes its pid into it.
func takeLock(path string) (*os.File, error) {
	lock, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer lock.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		holder := "another process"
		if text, err := os.ReadFile(path); err == nil {
			if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
				holder = fmt.Sprintf("process %d", pid)
			}
		}
		return nil, fairway.Errorf(fairway.CodeConflict, "start a demo in %s: a demo of %s is running there", filepath.Dir(path), holder).
			WithHint("end it with Ctrl-C, or pass another folder with --data")
	}
	if err := lock.Truncate(0); err != nil {
		lock.Close()
		return nil, fmt.Errorf("write the lock: %w", err)
	}
	if _, err := lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		lock.Close()
		return nil, fmt.Errorf("write the lock: %w", err)
	}
	return lock, nil
}

func (d *dataDir) prepare(clusters int) error {
	// The marker comes first, so that whatever happens next the folder is ours.
	if err := os.WriteFile(d.join(markerFile), []byte(markerText), 0o600); err != nil {
		return fmt.Errorf("mark the data folder: %w", err)
	}
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return fmt.Errorf("read the data folder: %w", err)
	}
	for _, e := range entries {
		if e.Name() == markerFile || e.Name() == lockFile || e.Name() == "lost+found" {
			continue
		}
		if err := os.RemoveAll(d.join(e.Name())); err != nil {
			return fmt.Errorf("remove what an earlier demo left: %w", err)
		}
	}
	if free, known := freeSpace(d.path); known {
		if need := uint64(diskBase + clusters*diskPerCluster); free < need {
			return fairway.Errorf(fairway.CodePrecondition, "start %s in %s: the disk has %d MiB left and the demo needs %d", plural(clusters, "cluster"), d.path, free>>20, need>>20).
				WithHint("make room, pass a folder on another disk with --data, or fewer --clusters")
		}
	}
	for _, dir := range []string{clustersDir, logsDir} {
		if err := os.MkdirAll(d.join(dir), 0o700); err != nil {
			return fmt.Errorf("make a folder: %w", err)
		}
	}
	return nil
}

func (d *dataDir) join(parts ...string) string {
	return filepath.Join(append([]string{d.path}, parts...)...)
}

func (d *dataDir) close() { d.lock.Close() }

// freeSpace returns how many bytes can be written below a folder.
func freeSpace(path string) (uint64, bool) {
	var disk unix.Statfs_t
	if err := unix.Statfs(path, &disk); err != nil {
		return 0, false
	}
	return disk.Bavail * uint64(disk.Bsize), true
}

// full is how little free space counts as a full disk: not even the next
// report of the watcher fits.
const full = 256 << 10

// explainFull adds to the error of a demo that the disk is full, if it is.
func explainFull(err error, path string) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, syscall.ENOSPC) {
		return err
	}
	if free, known := freeSpace(path); !known || free >= full {
		return err
	}
	return explainDisk(fmt.Errorf("%w (%w)", syscall.ENOSPC, err), path)
}

// explainDisk adds what to do to errors of a full, read-only or forbidden disk.
func explainDisk(err error, path string) error {
	if fairway.ErrorHint(err) != "" && !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	switch {
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return fairway.Errorf(fairway.CodePrecondition, "the disk of %s is full: %w", path, err).
			WithHint("make room, or pass a folder on another disk with --data")
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS):
		return fairway.Errorf(fairway.CodePrecondition, "%s cannot be written: %w", path, err).
			WithHint("pass a folder of your own with --data")
	case errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fs.ErrExist):
		return fairway.Errorf(fairway.CodeInvalid, "%s is not a folder: %w", path, err).
			WithHint("pass a folder with --data")
	}
	return err
}

// writeFile replaces a file in one step, so that nobody reads half of it.
func writeFile(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = tmp.Write(data)
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		os.Remove(tmp.Name())
		return explainDisk(fmt.Errorf("write %s: %w", path, err), filepath.Dir(path))
	}
	return nil
}

func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	return writeFile(path, append(data, '\n'))
}

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("decode %s: %w", path, err)
	}
	return nil
}
