package localkubetest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// binary returns the path of the localkube program, built if need be.
func binary() (string, error) {
	if named := os.Getenv("FAIRWAY_LOCALKUBE"); named != "" {
		if _, err := os.Stat(named); err != nil {
			return "", fmt.Errorf("find localkube: %w (FAIRWAY_LOCALKUBE names it; `make localkube` builds it)", err)
		}
		return named, nil
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	key, err := sourceKey(filepath.Join(root, "localkube"))
	if err != nil {
		return "", err
	}
	path := filepath.Join(cache, "fairway", "localkube-"+key)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	return path, buildOnce(path, filepath.Join(root, "localkube", "build.sh"))
}

// buildOnce builds the program unless it is there, one process at a time: `go
// test` runs the tests of several packages at once.
func buildOnce(path, script string) error {
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close() // gives the lock back
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	build := exec.Command(script, path)
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build localkube with %s: %w", script, err)
	}
	return nil
}

// moduleRoot returns the folder of Fairway's go.mod, above the working folder
// of the test.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module github.com/fairwayhq/fairway\n") {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("find localkube/build.sh: the test does not run inside a clone of Fairway; name the program with FAIRWAY_LOCALKUBE")
		}
	}
}

// sourceKey returns a name for the sources of localkube as they stand, the same
// that the Makefile uses.
func sourceKey(dir string) (string, error) {
	var sources []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if (strings.HasSuffix(path, ".go") || strings.HasSuffix(path, ".yaml")) && !strings.HasSuffix(path, "_test.go") {
			sources = append(sources, path)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	slices.Sort(sources)
	hash := sha256.New()
	for _, path := range append([]string{filepath.Join(dir, "go.sum")}, sources...) {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		_, err = io.Copy(hash, f)
		f.Close()
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}
