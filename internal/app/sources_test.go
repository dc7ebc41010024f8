package app_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway/internal/app"
	"github.com/fairwayhq/fairway/internal/surface/client"
)

// gitServer serves the repositories of a folder over HTTP to those who know the
// token.
func gitServer(t *testing.T, root, token string) string {
	t.Helper()
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"), Root: "/", Stderr: &bytes.Buffer{}, InheritEnv: []string{"PATH"},
		Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=fairway"},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != token {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestSources: a server with two config sources, one of which is pushed to in its
// data folder, and a registry in git; the remotes want a token.
func TestSources(t *testing.T) {
	t.Parallel()
	const token = "a-token-for-git"
	g := newGitFleet(t)
	addons := filepath.Join(filepath.Dir(g.remote), "addons.git")
	g.git("", "init", "--quiet", "--bare", "--initial-branch=dev", addons)
	manifest := func(value string) string {
		clone := t.TempDir()
		g.git("", "clone", "--quiet", addons, clone)
		file := filepath.Join(clone, "cluster", "manifests", "extra", "a.yaml")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		text := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra, namespace: default}\ndata: {a: " + value + "}\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		g.git(clone, "add", "--all")
		g.git(clone, "commit", "--quiet", "--message", value)
		g.git(clone, "push", "--quiet", "origin", "HEAD:dev")
		return strings.TrimSpace(g.git(clone, "rev-parse", "HEAD"))
	}
	first := manifest("one")
	main := strings.TrimSpace(g.git("", "--git-dir", filepath.Join(g.data, "config.git"), "rev-parse", "dev"))
	g.push("a cluster", `clusters:
- {id: "local:test:local-1:kube-1", infrastructure_account: "local:test", api_server_url: "https://kube-1.example.org", channel: dev, environment: test,
   lifecycle_status: ready, provider: local, region: local-1, config_items: {key_a: x}, node_pools: [{name: workers, profile: worker-default, instance_types: [m], min_size: 1, max_size: 1}]}
`)
	url := gitServer(t, filepath.Dir(addons), token)
	for name, text := range map[string]string{"git-token": token + "\n", "credentials.yaml": "credentials:\n- {url: '" + url + "', token_file: git-token}\n"} {
		if err := os.WriteFile(filepath.Join(g.data, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	change := g.change
	g.change = func(o *app.Options) {
		change(o)
		o.ConfigSources = []string{"main:git:" + filepath.Join(g.data, "config.git"), "addons:git:" + url + "/addons.git"}
		o.RegistryGit, o.GitCredentials = url+"/"+filepath.Base(g.remote), filepath.Join(g.data, "credentials.yaml")
	}
	g.start()
	awaitRevision := func(want string) {
		t.Helper()
		g.await("a rollout of "+want, 30*time.Second, func() (bool, string) {
			all, err := g.client.Rollouts(t.Context(), "dev")
			if err != nil || len(all) == 0 {
				return false, fmt.Sprint(all, err)
			}
			return all[0].Revision == want, all[0].Revision
		})
	}
	awaitRevision("main=" + main + ";addons=" + first)
	second := manifest("two")
	awaitRevision("main=" + main + ";addons=" + second)
	g.replace("fairway.yaml", "soak:", "# moved\nsoak:")
	moved := g.commit("main moves")
	awaitRevision("main=" + moved + ";addons=" + second)

	file, err := client.ReadServerFile(g.data)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"main:git:" + filepath.Join(g.data, "config.git"), "addons:git:" + filepath.Join(g.data, "sources", "addons.git")}
	if diff := cmp.Diff(want, file.ConfigSources); diff != "" {
		t.Errorf("the sources for commands on this machine: %s", diff)
	}
	// A command on this machine plans with them, and needs no token.
	var stdout, stderr bytes.Buffer
	if code := app.Main([]string{"plan", "--all", "--data", g.data, "--workdir", t.TempDir(), "--offline"}, strings.NewReader(""), &stdout, &stderr); code != 0 || !strings.Contains(stdout.String(), "to create") {
		t.Errorf("plan: exit %d: %s%s", code, stdout.String(), stderr.String())
	}
}
