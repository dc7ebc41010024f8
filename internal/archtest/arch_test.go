// Package archtest holds the directions of imports: docs/architecture.md has
// the picture. The folders show the floors; this test keeps them true.
package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/fairwayhq/fairway"

// file is one source file that is no test.
type file struct {
	path    string // slash-separated, from the root of the repository
	room    string // its folder
	imports []string
	tree    *ast.File
}

func TestImportDirections(t *testing.T) {
	t.Parallel()
	for _, f := range sources(t, "../..") {
		for _, imported := range f.imports {
			if why := forbidden(f.room, imported); why != "" {
				t.Errorf("%s imports %s: %s", f.path, imported, why)
			}
		}
	}
}

func TestPureReadsNoClock(t *testing.T) {
	t.Parallel()
	for _, f := range sources(t, "../..") {
		if !in(f.room, "internal/pure") && f.room != "." {
			continue
		}
		ast.Inspect(f.tree, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && readsClock[s.Sel.Name] {
					t.Errorf("%s uses time.%s: pure code takes the time as a parameter", f.path, s.Sel.Name)
				}
			}
			return true
		})
	}
}

var readsClock = map[string]bool{"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true, "Tick": true, "NewTimer": true, "NewTicker": true, "AfterFunc": true}

// The rules must be able to fail: each of these is something that somebody
// could try.
func TestForbidden(t *testing.T) {
	t.Parallel()
	cases := []struct {
		room, imported string
		want           bool
	}{
		{".", "strings", false},
		{".", "github.com/spf13/cobra", true},
		{".", module + "/internal/pure/roll", true},
		{"internal/pure/roll", module, false},
		{"internal/pure/roll", "os", true},
		{"internal/pure/roll", "net/http", true},
		{"internal/pure/render", module + "/internal/pure/nearest", false},
		{"internal/pure/render", module + "/internal/adapter/kube", true},
		{"internal/adapter/local", module + "/internal/adapter/kube", true},
		{"internal/adapter/kube", module + "/internal/engine/update", true},
		{"internal/adapter/sqlstore/storetest", module + "/internal/adapter/sqlstore", false},
		{"internal/engine/update", module + "/internal/adapter/kube", true},
		{"internal/engine/update", module + "/internal/surface/client", true},
		{"internal/engine/update", module + "/internal/pure/roll", false},
		{"internal/engine/update", "github.com/riverqueue/river", true},
		{"internal/engine/work", "github.com/riverqueue/river", false},
		{"internal/engine/update", "k8s.io/client-go/dynamic", true},
		{"internal/adapter/kube", "k8s.io/client-go/dynamic", false},
		{"internal/surface/cli", module + "/internal/surface/client", false},
		{"internal/surface/httpapi", module + "/internal/surface/client", true},
		{"internal/surface/cli", module + "/internal/engine/update", true},
		{"internal/surface/cli", module + "/internal/app", true},
		{"internal/app", module + "/internal/engine/update", false},
		{"internal/app/demo", module + "/internal/adapter/kube", false},
		{"internal/engine/update", module + "/internal/app", true},
		{"internal/app", module + "/internal/synthrepo", true},
		{"internal/pure/render", module + "/internal/localkubetest", true},
		{"internal/synthrepo", "os", false},
		{"internal/synthrepo", module, false},
		{"internal/synthrepo", module + "/internal/pure/render", true},
		{"cmd/fairway", module + "/internal/app", false},
		{"cmd/fairway", module + "/internal/surface/cli", true},
	}
	for _, c := range cases {
		if got := forbidden(c.room, c.imported); (got != "") != c.want {
			t.Errorf("forbidden(%q, %q) = %q, want forbidden: %v", c.room, c.imported, got, c.want)
		}
	}
}

// forbidden says why a room may not import a package, or "".
func forbidden(room, imported string) string {
	if why := technology(room, imported); why != "" {
		return why
	}
	own, ours := strings.CutPrefix(imported, module)
	own = strings.TrimPrefix(own, "/")
	if ours && support[own] && room != own {
		return "support of tests is for tests only"
	}
	switch {
	case support[room]:
		if ours && own != "" {
			return "support of tests knows the domain only, so that every room's tests can use it"
		}
	case room == ".":
		if ours || strings.Contains(strings.Split(imported, "/")[0], ".") {
			return "the domain imports the standard library only"
		}
	case in(room, "cmd"):
		if ours && own != "internal/app" {
			return "cmd knows internal/app only"
		}
	case in(room, "internal/pure"):
		if ours && own != "" && !in(own, "internal/pure") {
			return "pure code knows the domain and pure code only"
		}
		if world[imported] {
			return "pure code opens no file or socket and starts nothing"
		}
	case wing(room) != "" && ours:
		return wings(room, own)
	}
	return ""
}

// support are the rooms that only tests import.
var support = map[string]bool{"internal/localkubetest": true, "internal/postgrestest": true, "internal/synthrepo": true}

// wings keeps the three wings of the middle floor apart.
func wings(room, own string) string {
	switch {
	case in(own, "internal/app") || in(own, "cmd"):
		return "nothing imports upwards"
	case wing(own) != "" && wing(own) != wing(room):
		return "surface, engine and adapter do not import each other; internal/app joins them"
	case wing(room) == "adapter" && wing(own) == "adapter" && unit(own) != unit(room):
		return "adapters do not import each other"
	case wing(room) == "surface" && wing(own) == "surface" && unit(own) != unit(room) &&
		!(in(room, "internal/surface/cli") && in(own, "internal/surface/client")):
		return "within surface only cli imports client"
	}
	return ""
}

// technology keeps each outside technology in its room.
func technology(room, imported string) string {
	for prefix, rooms := range map[string][]string{
		"github.com/riverqueue/":       {"internal/engine/work"},
		"k8s.io/client-go/dynamic":     {"internal/adapter/kube", "internal/app/demo"},
		"k8s.io/client-go/rest":        {"internal/adapter/kube", "internal/app/demo"},
		"github.com/pressly/goose":     {"internal/adapter/sqlstore"},
		"modernc.org/sqlite":           {"internal/adapter/sqlstore", "internal/engine/work"},
		"github.com/danielgtaylor":     {"internal/surface/httpapi"},
		"github.com/spf13/cobra":       {"internal/surface/cli"},
		"github.com/fluxcd/cli-utils/": {"internal/adapter/kube"},
	} {
		if !strings.HasPrefix(imported, prefix) {
			continue
		}
		allowed := false
		for _, r := range rooms {
			allowed = allowed || in(room, r)
		}
		if !allowed {
			return "only " + strings.Join(rooms, " and ") + " know this library"
		}
	}
	return ""
}

// world are the packages of the standard library that reach outside.
var world = map[string]bool{"os": true, "os/exec": true, "os/signal": true, "net/http": true, "syscall": true, "io/ioutil": true, "database/sql": true, "crypto/rand": true, "math/rand": true}

func in(room, folder string) bool { return room == folder || strings.HasPrefix(room, folder+"/") }

// wing is surface, engine or adapter, or "".
func wing(room string) string {
	for _, w := range []string{"surface", "engine", "adapter"} {
		if in(room, "internal/"+w) {
			return w
		}
	}
	return ""
}

// unit is the room below the wing: internal/adapter/sqlstore for its subfolders too.
func unit(room string) string {
	parts := strings.SplitN(room, "/", 4)
	return strings.Join(parts[:min(3, len(parts))], "/")
}

func sources(t *testing.T, root string) []file {
	t.Helper()
	var files []file
	err := filepath.WalkDir(root, func(p string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if p != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "localkube" || name == "kubectl" || name == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		f := file{path: filepath.ToSlash(relative)}
		f.room = path.Dir(f.path)
		if f.tree, err = parser.ParseFile(token.NewFileSet(), p, text, 0); err != nil {
			return err
		}
		for _, spec := range f.tree.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, imported)
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("only %d source files found below %s: the test looks in the wrong place", len(files), root)
	}
	return files
}
