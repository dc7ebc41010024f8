package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"sync"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/gitrepo"
	"github.com/fairwayhq/fairway/internal/pure/registryfile"
)

const (
	// registryGitEvery is how often a registry in git is looked at when Poll
	// does not say, as for the config source.
	registryGitEvery = 10 * time.Second
	// registryGitTime bounds one look, whose first one copies the repository.
	registryGitTime = 10 * time.Minute
)

// gitRegistry is a registry that is a file in a git repository. The store has
// what the file says at the newest commit that could be read.
type gitRegistry struct {
	source *gitrepo.Source
	branch string
	path   string // in the repository

	// Of the one loop that looks.
	seen string            // the commit that was dealt with last
	told map[string]string // what was last reported, by cause

	mu    sync.Mutex
	names map[string]bool // "KIND ID" of all that the file names; nil until it was read. Guarded by mu.
}

// place names the file for people; "" when the registry is not in git.
func (g *gitRegistry) place() string {
	if g == nil {
		return ""
	}
	return fmt.Sprintf("%s %s (branch %s)", g.source.Location(), g.path, g.branch)
}

// decides reports whether the file names a cluster or account. As long as it
// could not be read, it may name any.
func (g *gitRegistry) decides(kind, id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.names == nil || g.names[kind+" "+id]
}

// known keeps what a file names.
func (g *gitRegistry) known(file *registryfile.File) {
	names := map[string]bool{}
	for _, c := range file.Clusters {
		names[fairway.KindCluster+" "+c.ID] = true
	}
	for _, f := range file.Rejected {
		names[fairway.KindCluster+" "+f.Cluster] = true
	}
	for _, one := range file.Accounts {
		names[fairway.KindAccount+" "+one.ID] = true
	}
	g.mu.Lock()
	g.names = names
	g.mu.Unlock()
}

// openRegistry prepares a registry in git without fetching anything.
func (a *App) openRegistry(ctx context.Context) error {
	if a.RegistryGit == "" {
		return nil
	}
	if a.RegistryFile != "" {
		return fairway.Errorf(fairway.CodeInvalid, "the registry is both a file and in git").WithHint("give --registry-file or --registry-git")
	}
	name := path.Clean(cmp.Or(a.RegistryGitPath, "clusters.yaml"))
	if !fs.ValidPath(name) || name == "." {
		return fairway.Errorf(fairway.CodeInvalid, "registry in git: %q is no path in a repository", a.RegistryGitPath).
			WithHint("--registry-git-path is relative to the repository, for example fleet/clusters.yaml")
	}
	source, err := gitrepo.Open(ctx, gitrepo.Options{
		Name: "registry", Kind: gitrepo.KindGit, Location: a.RegistryGit, Dir: filepath.Join(a.DataDir, "registry.git"), Log: a.Log, Credential: a.rights,
	})
	if err != nil {
		return err
	}
	a.onStop("registry repository", func(context.Context) error { return source.Close() })
	a.fromGit = &gitRegistry{source: source, branch: cmp.Or(a.RegistryGitBranch, "main"), path: name, told: map[string]string{}}
	return nil
}

// watchGitRegistry looks at the repository now and at every poll. A server
// starts also when the repository cannot be read: the store has the clusters.
func (a *App) watchGitRegistry(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var loop sync.WaitGroup
	loop.Go(func() {
		ticker := time.NewTicker(cmp.Or(a.Poll, registryGitEvery))
		defer ticker.Stop()
		for {
			look, done := context.WithTimeout(ctx, registryGitTime)
			a.lookAtGit(look)
			done()
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	})
	a.onStop("registry in git", func(context.Context) error { cancel(); loop.Wait(); return nil })
}

// lookAtGit imports the file when its branch has moved. What is wrong changes
// nothing and is reported once for each cause.
func (a *App) lookAtGit(ctx context.Context) {
	g := a.fromGit
	fetched := g.source.Refresh(ctx)
	a.report(ctx, "repository", fetched)
	revision, err := g.source.Resolve(ctx, "refs/heads/"+g.branch)
	switch {
	case err != nil && fetched != nil:
		return // said already; there is no copy yet
	case fairway.ErrorCode(err) == fairway.CodeNotFound:
		err = fairway.Errorf(fairway.CodeNotFound, "branch %s is not in %s", g.branch, g.source.Location()).
			WithHint("push it again, or start the server with another --registry-git-branch")
	}
	a.report(ctx, "branch", err)
	if err != nil || revision == g.seen {
		return
	}
	err = a.importRevision(ctx, revision)
	a.report(ctx, "file", err)
	// What failed for a passing reason is tried again, a broken file only once
	// there is another commit.
	if ctx.Err() == nil && (err == nil || !fairway.Retryable(err)) {
		g.seen = revision
	}
}

// importRevision brings the file as it is at a commit into the store. A commit
// that changes other files changes nothing, so that config items which programs
// have set stay until the file itself changes.
func (a *App) importRevision(ctx context.Context, revision string) error {
	g := a.fromGit
	files, err := g.source.Open(ctx, revision)
	if err != nil {
		return err
	}
	text, err := fs.ReadFile(files, g.path)
	if errors.Is(err, fs.ErrNotExist) {
		return fairway.Errorf(fairway.CodeInvalid, "%s is not in %s on branch %s", g.path, g.source.Location(), g.branch).
			WithHint("commit it again, or start the server with another --registry-git-path")
	}
	if err != nil {
		return fmt.Errorf("read %s at %.12s: %w", g.path, revision, err)
	}
	file, err := a.parseRegistry(ctx, g.path, text)
	if err != nil {
		return fairway.Errorf(fairway.ErrorCode(err), "%w", err).
			WithHint("%s", cmp.Or(fairway.ErrorHint(err), "correct it and push; `fairway registry check` names everything that is wrong with a file"))
	}
	g.known(file)
	a.report(ctx, "entries", leftOut(g.path, file))
	if a.imported(text) {
		return nil
	}
	subject, err := g.source.Subject(ctx, revision)
	if err != nil {
		return err
	}
	return a.storeRegistry(fairway.WithOrigin(ctx, fairway.Origin{Who: "git", Display: "git", Reason: revision + " " + subject}), file, text)
}

// leftOut is the error that names the entries which are left out; nil for none.
func leftOut(name string, file *registryfile.File) error {
	if len(file.Rejected) == 0 {
		return nil
	}
	return fairway.Errorf(fairway.CodeInvalid, "registry file %s: entries left out: %w", name, &registryfile.Error{Findings: file.Rejected}).
		WithHint("the other clusters are imported; correct these and push")
}

// report logs and records what is wrong with a registry in git, and once more
// only when it is something else; nil says that this is well again.
func (a *App) report(ctx context.Context, cause string, err error) {
	g := a.fromGit
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return // the server is stopped
	case err == nil:
		if g.told[cause] != "" {
			a.Log.Info("registry in git can be used again", "registry", g.place(), "cause", cause)
			delete(g.told, cause)
		}
		return
	case g.told[cause] == err.Error():
		return
	}
	g.told[cause] = err.Error()
	hint := fairway.ErrorHint(err)
	a.Log.Error("registry in git not imported; clusters stay as they are", "registry", g.place(), "cause", cause, "error", err, "hint", hint)
	warned := fairway.Change{Kind: fairway.KindRegistry, ID: g.place(), Event: fairway.ChangeWarned, After: map[string]any{"/cause": cause, "/error": err.Error(), "/hint": hint}}
	ctx = fairway.WithOrigin(context.WithoutCancel(ctx), fairway.Origin{Who: "git", Display: "git"})
	if err := a.store.Record(ctx, warned); err != nil {
		a.Log.Error("a warning could not be recorded", "registry", g.place(), "error", err)
	}
}
