package cli_test

import (
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/auth"
	"github.com/fairwayhq/fairway/internal/adapter/sqlstore"
	"github.com/fairwayhq/fairway/internal/surface/httpapi"
)

// The commands that write to the registry, each script against a server and a
// database of its own: ada and bob are admins, eve only looks.
func TestRegistryScripts(t *testing.T) {
	t.Parallel()
	users := auth.Static(auth.Token{Name: "ada", Role: fairway.RoleAdmin, Secret: "ada"}, auth.Token{Name: "bob", Role: fairway.RoleAdmin, Secret: "bob"},
		auth.Token{Name: "eve", Role: fairway.RoleViewer, Secret: "eve"})
	testscript.Run(t, testscript.Params{
		Dir: "testdata/write", RequireExplicitExec: true, RequireUniqueNames: true, Cmds: commands,
		Setup: func(e *testscript.Env) error {
			for i, name := range []string{"SERVER", "OTHER"} { // the second one is for what goes from one to the other
				store, err := sqlstore.Open(t.Context(), filepath.Join(e.WorkDir, fmt.Sprintf("registry-%d.db", i)), func() time.Time { return now })
				if err != nil {
					return err
				}
				server := httptest.NewServer(httpapi.New(httpapi.Options{Store: store, Authenticator: users}))
				e.Defer(func() { server.Close(); store.Close() })
				e.Setenv(name, server.URL)
			}
			e.Setenv("FAIRWAY_SERVER", e.Getenv("SERVER"))
			e.Setenv("FAIRWAY_TOKEN", "ada")
			e.Setenv("TMPDIR", e.WorkDir)
			return nil
		},
	})
}
