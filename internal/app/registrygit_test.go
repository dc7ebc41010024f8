package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/app"
	"github.com/fairwayhq/fairway/internal/surface/client"
)

// gitFleet is a server without control planes whose registry is a file in git.
type gitFleet struct {
	*fleet
	remote string // the repository, work is a clone of it
	clone  string
}

func newGitFleet(t *testing.T) *gitFleet {
	t.Helper()
	dir := t.TempDir()
	g := &gitFleet{fleet: &fleet{t: t, data: t.TempDir()}, remote: filepath.Join(dir, "fleet.git"), clone: filepath.Join(dir, "clone")}
	g.makeRepository()
	g.git(dir, "init", "--quiet", "--bare", "--initial-branch=main", g.remote)
	g.git(dir, "clone", "--quiet", g.remote, g.clone)
	g.git(g.clone, "checkout", "--quiet", "-B", "main")
	g.change = func(o *app.Options) {
		o.RegistryFile, o.RegistryGit, o.RegistryGitPath, o.Poll = "", g.remote, "fleet/clusters.yaml", 50*time.Millisecond
	}
	return g
}

// push commits the file and returns the commit.
func (g *gitFleet) push(message, text string) string {
	g.t.Helper()
	path := filepath.Join(g.clone, "fleet", "clusters.yaml")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		g.t.Fatal(err)
	}
	g.git(g.clone, "add", "--all")
	g.git(g.clone, "commit", "--quiet", "--allow-empty", "--message", message)
	g.git(g.clone, "push", "--quiet", "--force", "origin", "main")
	return strings.TrimSpace(g.git(g.clone, "rev-parse", "HEAD"))
}

// gitEntry is an entry of the file; its channel does not exist, so that nothing
// is done to the cluster.
func gitEntry(name, item string) string {
	return fmt.Sprintf(`- {id: "local:test:local-1:%s", infrastructure_account: "local:test", api_server_url: "https://%s.example.org", channel: none, environment: test,
   lifecycle_status: requested, provider: local, region: local-1, config_items: {key_a: %q}}
`, name, name, item)
}

// awaitItem waits until a cluster has a value of its config item.
func (g *gitFleet) awaitItem(name, item string) {
	g.t.Helper()
	g.await(name+" has "+item, 30*time.Second, func() (bool, string) {
		c, err := g.client.Entry(g.t.Context(), "local:test:local-1:"+name)
		if err != nil {
			return false, err.Error()
		}
		return c.ConfigItems["key_a"] == item, fmt.Sprint(c.ConfigItems)
	})
}

// awaitWarnings waits until so many warnings are recorded; the newest says this.
func (g *gitFleet) awaitWarnings(n int, says string) {
	g.t.Helper()
	g.await(fmt.Sprintf("warning %d: %s", n, says), 30*time.Second, func() (bool, string) {
		all, err := g.client.Audit(g.t.Context(), client.AuditFilter{Kind: fairway.KindRegistry})
		if err != nil || len(all) == 0 {
			return false, fmt.Sprint(all, err)
		}
		newest := all[0]
		return len(all) == n && newest.Event == fairway.ChangeWarned && newest.Who == "git" && strings.Contains(fmt.Sprint(newest.After), says), fmt.Sprint(all)
	})
}

// A registry in git: imported and changed by commits, with nothing lost by what
// is wrong in between, and kept from changes by the API.
func TestRegistry_InGit(t *testing.T) {
	t.Parallel()
	g := newGitFleet(t)
	g.push("the first two", "clusters:\n"+gitEntry("git-1", "one")+gitEntry("git-2", "one")+"colour: red\n")
	stop := g.start()
	g.awaitItem("git-1", "one")
	g.awaitItem("git-2", "one")

	commit := g.push("more of it\n\nwith a reason", "clusters:\n"+gitEntry("git-1", "two")+gitEntry("git-2", "one"))
	g.awaitItem("git-1", "two")
	history, err := g.client.History(t.Context(), "git-1", 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, c := range history {
		if c.Who == "git" {
			reasons = append(reasons, c.Reason)
		}
	}
	if len(reasons) != 2 || reasons[0] != commit+" more of it" || !strings.HasSuffix(reasons[1], " the first two") {
		t.Errorf("the changes by git have the reasons %q", reasons)
	}

	refused := func(name string) {
		t.Helper()
		_, err := g.client.PatchCluster(t.Context(), "local:test:local-1:"+name, "", map[string]any{"channel": "dev"})
		if fairway.ErrorCode(err) != fairway.CodeConflict || !strings.Contains(err.Error()+fairway.ErrorHint(err), g.remote+" fleet/clusters.yaml") {
			t.Errorf("a change of %s by the API: %v", name, err)
		}
	}
	refused("git-1")

	// Each of these changes nothing, and is said once however often it is seen.
	g.push("broken", "clusters: [\n")
	g.awaitWarnings(1, "fleet/clusters.yaml")
	g.push("still broken", "clusters: [\n")
	g.git(g.clone, "push", "--quiet", "origin", "main:aside")
	g.git(g.remote, "update-ref", "-d", "refs/heads/main")
	g.awaitWarnings(2, "branch main is not in")
	if err := os.Rename(g.remote, g.remote+".away"); err != nil {
		t.Fatal(err)
	}
	g.awaitWarnings(3, "repository")
	g.awaitItem("git-1", "two")
	if err := os.Rename(g.remote+".away", g.remote); err != nil {
		t.Fatal(err)
	}

	// An entry that is gone deletes nothing, and leaves the cluster to the API.
	g.push("without the second", "clusters:\n"+gitEntry("git-1", "three"))
	g.awaitItem("git-1", "three")
	if _, err := g.client.PatchCluster(t.Context(), "local:test:local-1:git-2", "", map[string]any{"channel": "gone"}); err != nil {
		t.Error(err)
	}
	refused("git-1")
	g.awaitWarnings(3, "repository")

	// One bad entry is named and left out, and is still the file's; the others go on.
	odd := strings.Replace(gitEntry("git-2", "odd"), "lifecycle_status: requested", "lifecycle_status: nonsense", 1)
	g.push("a bad entry", "clusters:\n"+odd+gitEntry("git-1", "four"))
	g.awaitItem("git-1", "four")
	g.awaitWarnings(4, "git-2")
	refused("git-2")
	g.push("without it", "clusters:\n"+gitEntry("git-1", "five"))
	g.awaitItem("git-1", "five")

	// A server starts without the repository and knows from its copy what the
	// file decides.
	stop()
	if err := os.Rename(g.remote, g.remote+".away"); err != nil {
		t.Fatal(err)
	}
	g.start()
	g.awaitWarnings(5, "repository")
	g.await("what the file decides is known", 30*time.Second, func() (bool, string) {
		_, err := g.client.PatchCluster(t.Context(), "local:test:local-1:git-2", "", map[string]any{"channel": "none"})
		return err == nil, fmt.Sprint(err)
	})
	refused("git-1")
}

// What can never work is said at the start.
func TestRegistry_InGitOrFile(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(o *app.Options){
		"both":            func(o *app.Options) { o.RegistryFile = "clusters.yaml" },
		"path outside":    func(o *app.Options) { o.RegistryGitPath = "../clusters.yaml" },
		"path of machine": func(o *app.Options) { o.RegistryGitPath = "/clusters.yaml" },
	} {
		g := newGitFleet(t)
		o := g.options()
		change(&o)
		if a, err := app.New(t.Context(), o); fairway.ErrorCode(err) != fairway.CodeInvalid || fairway.ErrorHint(err) == "" {
			t.Errorf("%s: error %v with hint %q", name, err, fairway.ErrorHint(err))
			if err == nil {
				a.Stop(t.Context())
			}
		}
	}
}
