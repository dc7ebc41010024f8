package demo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/fairwayhq/fairway"
)

func TestOpenDataDir(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		// set up prepares the folder, which exists.
		setUp func(t *testing.T, dir string)
		// want are words of the error; none means that it opens.
		want []string
		code fairway.Code
	}{
		{name: "empty", setUp: func(*testing.T, string) {}},
		{name: "missing", setUp: func(t *testing.T, dir string) { check(t, os.Remove(dir)) }},
		{name: "an earlier demo's", setUp: func(t *testing.T, dir string) {
			check(t, os.WriteFile(filepath.Join(dir, markerFile), []byte(markerText), 0o600))
			check(t, os.MkdirAll(filepath.Join(dir, "clusters", "dev-1"), 0o700))
			check(t, os.WriteFile(filepath.Join(dir, "fairway.db"), []byte("old"), 0o600))
		}},
		{name: "one that died before its marker", setUp: func(t *testing.T, dir string) {
			check(t, os.WriteFile(filepath.Join(dir, lockFile), []byte("1\n"), 0o600))
		}},
		{name: "somebody's papers", setUp: func(t *testing.T, dir string) {
			check(t, os.WriteFile(filepath.Join(dir, "thesis.tex"), []byte("x"), 0o600))
		}, want: []string{"not empty", "thesis.tex"}, code: fairway.CodeInvalid},
		{name: "a file", setUp: func(t *testing.T, dir string) {
			check(t, os.Remove(dir))
			check(t, os.WriteFile(dir, nil, 0o600))
		}, want: []string{"not a folder"}, code: fairway.CodeInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			check(t, os.Mkdir(dir, 0o700))
			tt.setUp(t, dir)
			d, err := openDataDir(dir, 1)
			if len(tt.want) == 0 {
				check(t, err)
				defer d.close()
				entries, err := os.ReadDir(dir)
				check(t, err)
				var names []string
				for _, e := range entries {
					names = append(names, e.Name())
				}
				if got, want := strings.Join(names, " "), ".fairway-demo clusters lock logs"; got != want {
					t.Errorf("folder holds %s, want %s", got, want)
				}
				if inside, err := os.ReadDir(d.join("clusters")); err != nil || len(inside) > 0 {
					t.Errorf("clusters holds %v (%v), want nothing", inside, err)
				}
				return
			}
			if fairway.ErrorCode(err) != tt.code || fairway.ErrorHint(err) == "" {
				t.Fatalf("error = %v (code %s, hint %q), want code %s and a hint", err, fairway.ErrorCode(err), fairway.ErrorHint(err), tt.code)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, "thesis.tex")); tt.want[0] == "not empty" && err != nil {
				t.Errorf("the foreign file is gone: %v", err)
			}
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpenDataDir_TwoDemos(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := openDataDir(dir, 1)
	check(t, err)
	check(t, os.WriteFile(first.join("fairway.db"), []byte("in use"), 0o600))
	_, err = openDataDir(dir, 1)
	if fairway.ErrorCode(err) != fairway.CodeConflict || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) || fairway.ErrorHint(err) == "" {
		t.Errorf("second demo: %v, hint %q; want a conflict with process %d and a hint", err, fairway.ErrorHint(err), os.Getpid())
	}
	if text, err := os.ReadFile(first.join("fairway.db")); err != nil || string(text) != "in use" {
		t.Errorf("the second demo touched the first one's data: %q %v", text, err)
	}
	first.close()
	again, err := openDataDir(dir, 1)
	check(t, err)
	again.close()
}

func TestOpenDataDir_NoRoom(t *testing.T) {
	t.Parallel()
	// More clusters than any disk has room for.
	_, err := openDataDir(t.TempDir(), 1<<30)
	if fairway.ErrorCode(err) != fairway.CodePrecondition || !strings.Contains(err.Error(), "MiB left") || fairway.ErrorHint(err) == "" {
		t.Errorf("error = %v, want what is left of the disk and a hint", err)
	}
}

func TestExplainDisk(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"full", &os.PathError{Op: "write", Path: "/d/x", Err: syscall.ENOSPC}, "the disk of /d is full"},
		{"quota", &os.PathError{Op: "write", Path: "/d/x", Err: syscall.EDQUOT}, "the disk of /d is full"},
		{"forbidden", &os.PathError{Op: "open", Path: "/d/x", Err: syscall.EACCES}, "/d cannot be written"},
		{"read only", &os.PathError{Op: "open", Path: "/d/x", Err: syscall.EROFS}, "/d cannot be written"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := explainDisk(fmt.Errorf("write the thing: %w", tt.err), "/d")
			if !strings.HasPrefix(err.Error(), tt.want) || fairway.ErrorHint(err) == "" {
				t.Errorf("error %q with hint %q, want it to begin with %q", err, fairway.ErrorHint(err), tt.want)
			}
		})
	}
}

func TestDefaultDataDir(t *testing.T) {
	// Not parallel: sets the environment.
	t.Setenv("XDG_STATE_HOME", "/state")
	if got, err := defaultDataDir(); err != nil || got != "/state/fairway/demo" {
		t.Errorf("got %s %v", got, err)
	}
	t.Setenv("XDG_STATE_HOME", "relative")
	t.Setenv("HOME", "/home/somebody")
	if got, err := defaultDataDir(); err != nil || got != "/home/somebody/.local/state/fairway/demo" {
		t.Errorf("got %s %v", got, err)
	}
}
