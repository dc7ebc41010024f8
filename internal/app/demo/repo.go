package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/fairwayhq/fairway"
)

// The author of every commit of the demo, and the moment of the first one: with
// them the first commit has the same id on every machine.
const (
	authorName  = "Fairway demo"
	authorEmail = "demo@localhost"
	firstCommit = "2026-01-01T00:00:00Z"
)

// repo is the bare configuration repository of the demo. It is written with
// git's plumbing and an index of its own, so there is no work tree to keep.
type repo struct {
	dir string
}

// createRepo makes a bare repository whose branches all stand at one commit
// with the files.
func createRepo(ctx context.Context, dir string, files fs.FS, branches []string) (*repo, string, error) {
	r := &repo{dir: dir}
	if _, err := exec.LookPath("git"); err != nil {
		return nil, "", fairway.Errorf(fairway.CodePrecondition, "make the configuration repository: %w", err).WithHint("install git")
	}
	if out, err := r.command(ctx, nil, "init", "--quiet", "--bare", "--initial-branch="+branches[0], dir).CombinedOutput(); err != nil {
		return nil, "", explainDisk(fmt.Errorf("make the configuration repository %s: %w: %s", dir, err, bytes.TrimSpace(out)), dir)
	}
	tree, err := os.MkdirTemp(filepath.Dir(dir), ".config-*")
	if err != nil {
		return nil, "", explainDisk(fmt.Errorf("make a work tree: %w", err), dir)
	}
	defer os.RemoveAll(tree)
	if err := copyFiles(tree, files); err != nil {
		return nil, "", explainDisk(err, tree)
	}
	index, done, err := r.index()
	if err != nil {
		return nil, "", err
	}
	defer done()
	env := append(index, "GIT_WORK_TREE="+tree, "GIT_AUTHOR_DATE="+firstCommit, "GIT_COMMITTER_DATE="+firstCommit)
	if _, err := r.git(ctx, env, "add", "--all", "--force", "."); err != nil {
		return nil, "", err
	}
	id, err := r.commit(ctx, env, "Configuration of the demo")
	if err != nil {
		return nil, "", err
	}
	for _, branch := range branches {
		if _, err := r.git(ctx, nil, "update-ref", "refs/heads/"+branch, id); err != nil {
			return nil, "", err
		}
	}
	return r, id, nil
}

// check returns the error that merge would return, and changes nothing.
func (r *repo) check(ctx context.Context, branch, name string, diff []byte) error {
	_, _, err := r.prepare(ctx, branch, name, name, diff)
	return err
}

// merge applies a diff on top of a branch and moves the branch to the result.
// name is what messages call the diff.
func (r *repo) merge(ctx context.Context, branch, name, message string, diff []byte) (string, error) {
	id, base, err := r.prepare(ctx, branch, name, message, diff)
	if err != nil {
		return "", err
	}
	if _, err := r.git(ctx, nil, "update-ref", "refs/heads/"+branch, id, base); err != nil {
		return "", err
	}
	return id, nil
}

// prepare makes the commit that a merge moves the branch to, from base.
func (r *repo) prepare(ctx context.Context, branch, name, message string, diff []byte) (id, base string, err error) {
	if len(bytes.TrimSpace(diff)) == 0 {
		return "", "", fairway.Errorf(fairway.CodeInvalid, "merge %s into %s: the file is empty", name, branch).
			WithHint("make it with `git diff`")
	}
	index, done, err := r.index()
	if err != nil {
		return "", "", err
	}
	defer done()
	base, err = r.git(ctx, nil, "rev-parse", "--verify", "refs/heads/"+branch)
	if err != nil {
		return "", "", err
	}
	if _, err := r.git(ctx, index, "read-tree", base); err != nil {
		return "", "", err
	}
	apply := r.command(ctx, index, "apply", "--cached", "--whitespace=nowarn", "-")
	apply.Stdin = bytes.NewReader(diff)
	if out, err := apply.CombinedOutput(); err != nil {
		return "", "", fairway.Errorf(fairway.CodeInvalid, "merge %s into %s: %s", name, branch, explainApply(diff, string(out), err)).
			WithHint("make the diff against the demo's configuration: git clone %s", r.dir)
	}
	id, err = r.commit(ctx, index, message, "-p", base)
	if err != nil {
		return "", "", err
	}
	same, err := r.git(ctx, nil, "diff", "--name-only", base, id)
	if err != nil {
		return "", "", err
	}
	if same == "" {
		return "", "", fairway.Errorf(fairway.CodeInvalid, "merge %s into %s: it changes nothing", name, branch)
	}
	return id, base, nil
}

var patchFailed = regexp.MustCompile(`(?m)^error: patch failed: (.*):(\d+)$`)

// explainApply turns git's words into the file and the hunk that does not fit.
func explainApply(diff []byte, out string, err error) string {
	out = strings.TrimSpace(out)
	m := patchFailed.FindStringSubmatch(out)
	if m == nil {
		var lines []string
		for line := range strings.Lines(out) {
			lines = append(lines, strings.TrimPrefix(strings.TrimSpace(line), "error: "))
		}
		if len(lines) == 0 {
			return err.Error()
		}
		return strings.Join(lines, "; ")
	}
	file, line := m[1], m[2]
	hunk, inFile := 0, false
	for text := range strings.Lines(string(diff)) {
		text = strings.TrimRight(text, "\r\n")
		switch {
		case strings.HasPrefix(text, "diff --git "):
			inFile, hunk = strings.HasSuffix(text, " b/"+file) || strings.Contains(text, " a/"+file+" "), 0
		case inFile && strings.HasPrefix(text, "@@ -"):
			hunk++
			if strings.HasPrefix(text, "@@ -"+line+",") || strings.HasPrefix(text, "@@ -"+line+" ") {
				return fmt.Sprintf("%s: hunk %d (%s) does not apply", file, hunk, text)
			}
		}
	}
	return fmt.Sprintf("%s: the hunk at line %s does not apply", file, line)
}

// index returns the environment of an index of one's own, and how to remove it.
func (r *repo) index() ([]string, func(), error) {
	dir, err := os.MkdirTemp(filepath.Dir(r.dir), ".index-*")
	if err != nil {
		return nil, nil, explainDisk(fmt.Errorf("make an index: %w", err), r.dir)
	}
	return []string{"GIT_INDEX_FILE=" + filepath.Join(dir, "index")}, func() { os.RemoveAll(dir) }, nil
}

func (r *repo) commit(ctx context.Context, env []string, message string, parents ...string) (string, error) {
	tree, err := r.git(ctx, env, "write-tree")
	if err != nil {
		return "", err
	}
	return r.git(ctx, env, append([]string{"commit-tree", tree, "-m", message}, parents...)...)
}

// git runs one command in the repository and returns its trimmed output.
func (r *repo) git(ctx context.Context, env []string, args ...string) (string, error) {
	out, err := r.command(ctx, env, args...).Output()
	if err != nil {
		said := ""
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			said = ": " + strings.TrimSpace(string(exit.Stderr))
		}
		return "", explainDisk(fmt.Errorf("git %s in %s: %w%s", args[0], r.dir, err, said), r.dir)
	}
	return strings.TrimSpace(string(out)), nil
}

// command returns a git command that reads no configuration but the
// repository's own, so that the demo is the same for everybody.
func (r *repo) command(ctx context.Context, env []string, args ...string) *exec.Cmd {
	if args[0] != "init" {
		args = append([]string{"--git-dir=" + r.dir}, args...)
	}
	cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "core.autocrlf=false", "-c", "commit.gpgsign=false", "-c", "gc.auto=0"}, args...)...)
	for _, kv := range os.Environ() {
		// Whoever starts the demo from a git hook has GIT_DIR and others set.
		if !strings.HasPrefix(kv, "GIT_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env,
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
		"GIT_AUTHOR_NAME="+authorName, "GIT_AUTHOR_EMAIL="+authorEmail,
		"GIT_COMMITTER_NAME="+authorName, "GIT_COMMITTER_EMAIL="+authorEmail)
	cmd.Env = append(cmd.Env, env...)
	if args[0] != "init" && env != nil {
		// With a work tree named by the environment, git must also stand in it.
		for _, kv := range env {
			if dir, ok := strings.CutPrefix(kv, "GIT_WORK_TREE="); ok {
				cmd.Dir = dir
			}
		}
	}
	return cmd
}

// copyFiles writes fairway.yaml and the folder cluster, which is what a
// configuration repository holds.
func copyFiles(dir string, files fs.FS) error {
	found := false
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if top, _, _ := strings.Cut(path, "/"); path != "." && top != "cluster" && top != "fairway.yaml" {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		to := filepath.Join(dir, filepath.FromSlash(path))
		if entry.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		data, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		found = true
		return os.WriteFile(to, data, 0o644)
	})
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	if !found {
		return fairway.Errorf(fairway.CodeInternal, "the built-in configuration is empty")
	}
	return nil
}
