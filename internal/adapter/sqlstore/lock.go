package sqlstore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fairwayhq/fairway"
)

// lockFile takes the lock of a database for this process. The kernel gives it
// back when the process ends, however it ends. It lies beside the database
// because closing any descriptor of the database itself would drop SQLite's
// own locks.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, lockError(path, err)
	}
	// A child that a former holder was just starting holds the lock, too, until
	// it has become its own program: such a moment is waited for.
	for range 20 {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		holder, _ := io.ReadAll(io.LimitReader(f, 32))
		f.Close()
		return nil, fairway.Errorf(fairway.CodeUnavailable, "open database %s: it is in use by %s", path, process(string(holder))).
			WithHint("stop that process, or give this one another data folder with --data")
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = fmt.Fprintf(f, "%d\n", os.Getpid())
	}
	if err != nil {
		f.Close()
		return nil, lockError(path, err)
	}
	return f, nil
}

func process(holder string) string {
	if pid := strings.TrimSpace(holder); pid != "" {
		return "process " + pid
	}
	return "another process"
}

// lockError says what stands in the way of the lock file.
func lockError(path string, err error) error {
	e := fairway.Errorf(fairway.CodeUnavailable, "open database %s: %w", path, err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return e.WithHint("make the folder %s first", filepath.Dir(path))
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return e.WithHint("%s", hintFull(path))
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return e.WithHint("%s", hintReadOnly(path))
	}
	return e
}

func hintFull(path string) string {
	return "free space on the file system of " + filepath.Dir(path) + "; nothing that was acknowledged is lost"
}

func hintReadOnly(path string) string {
	return "let this user write in " + filepath.Dir(path) + " (folder and files)"
}
