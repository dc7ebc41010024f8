// Package datadir owns the folder a localkube keeps its cluster in: who may
// use it (one process at a time), which ports belong to it, and how files in
// it are replaced.
package datadir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// The free space below which a start is refused. A new cluster preallocates
// two segments of 64 MB for etcd's log; one that exists has them.
const (
	minFreeNew      = 192 << 20
	minFreeExisting = 32 << 20
)

// Dir is a data folder that this process holds locked.
type Dir struct {
	path string
	lock *os.File
}

// Open creates the folder if needed and locks it. The lock ends with the
// process, however that ends.
func Open(path string) (*Dir, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find data folder %s: %w", path, err)
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return nil, fmt.Errorf("create data folder: %w; choose a folder you may write to with --data", err)
	}
	lock, err := os.OpenFile(filepath.Join(abs, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock of data folder: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock data folder %s: %s already uses it; stop that process or choose another folder with --data", abs, holder(lock.Name()))
		}
		return nil, fmt.Errorf("lock data folder %s: %w", abs, err)
	}
	if err := enoughSpace(abs); err != nil {
		lock.Close()
		return nil, err
	}
	if err := lock.Truncate(0); err == nil {
		// Only for the message above; the lock itself is the kernel's.
		_, err = lock.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0)
		if err != nil {
			lock.Close()
			return nil, fmt.Errorf("write lock of data folder %s: %w", abs, err)
		}
	}
	return &Dir{path: abs, lock: lock}, nil
}

func holder(lockFile string) string {
	pid, err := os.ReadFile(lockFile)
	if err != nil || strings.TrimSpace(string(pid)) == "" {
		return "another localkube"
	}
	return "another localkube (pid " + strings.TrimSpace(string(pid)) + ")"
}

func enoughSpace(path string) error {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(path, &fs); err != nil {
		return fmt.Errorf("look up free space of %s: %w", path, err)
	}
	var minFree uint64 = minFreeNew
	if _, err := os.Stat(filepath.Join(path, portsFile)); err == nil {
		minFree = minFreeExisting
	}
	free := fs.Bavail * uint64(fs.Bsize)
	if free < minFree {
		return fmt.Errorf("start a cluster in %s: the disk has %d MiB left and %d MiB are needed; free some space or choose a folder on another disk with --data",
			path, free>>20, minFree>>20)
	}
	return nil
}

// Path joins names to the folder's absolute path.
func (d *Dir) Path(names ...string) string {
	return filepath.Join(append([]string{d.path}, names...)...)
}

// Sub creates a folder inside, readable by its owner only.
func (d *Dir) Sub(names ...string) (string, error) {
	path := d.Path(names...)
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", fmt.Errorf("create folder in data folder: %w", err)
	}
	return path, nil
}

// Close gives the folder up.
func (d *Dir) Close() error { return d.lock.Close() }
