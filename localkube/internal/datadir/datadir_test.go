package datadir

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func openDir(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestPortsAreKept(t *testing.T) {
	t.Parallel()
	d := openDir(t, t.TempDir())
	l, err := d.Listen("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	api, groups := Port(l.API), Port(l.NodeGroups)
	l.Close()
	l, err = d.Listen("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if Port(l.API) != api || Port(l.NodeGroups) != groups || api == groups {
		t.Errorf("ports %d and %d, then %d and %d", api, groups, Port(l.API), Port(l.NodeGroups))
	}
}

func TestTakenPortIsAnError(t *testing.T) {
	t.Parallel()
	d := openDir(t, t.TempDir())
	l, err := d.Listen("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	address := l.NodeGroups.Addr().String()
	l.Close()
	other, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_, err = d.Listen("127.0.0.1")
	if err == nil || !strings.Contains(err.Error(), "node-group service") || !strings.Contains(err.Error(), "ports.json") {
		t.Errorf("Listen with its port taken = %v, want an error that says what to do", err)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	d := openDir(t, path)
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "already uses it") {
		t.Errorf("second Open = %v, want a refusal", err)
	}
	d.Close()
	openDir(t, path)
}

func TestWriteFileReplacesInOneStep(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "f")
	for _, content := range []string{"one", "two"} {
		if err := WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != content {
			t.Errorf("content = %q, %v, want %q", got, err, content)
		}
	}
	if left, _ := os.ReadDir(filepath.Dir(file)); len(left) != 1 {
		t.Errorf("%d files are left, want the one", len(left))
	}
}
