package gitrepo

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairwayhq/fairway"
)

// promotion is a bare repository with channels dev and alpha, a work tree to
// push from, and a source.
type promotion struct {
	work   repo
	bare   string
	source *Source
}

func newPromotion(t *testing.T, inPlace bool) promotion {
	t.Helper()
	p := promotion{work: newRepo(t), bare: filepath.Join(t.TempDir(), "config.git")}
	run(t, ".", "clone", "--quiet", "--bare", p.work.dir, p.bare)
	p.work.git("remote", "add", "origin", p.bare)
	p.work.git("push", "--quiet", "origin", "dev:alpha")
	if !inPlace {
		p.source = open(t, p.bare, nil)
		return p
	}
	s, err := Open(t.Context(), Options{Name: "main", Kind: KindGit, Location: p.bare, Dir: p.bare})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	p.source = s
	return p
}

// push commits to dev and pushes it.
func (p promotion) push(text string) string {
	p.work.write("cluster/a.yaml", text)
	id := p.work.commit(text)
	p.work.git("push", "--quiet", "origin", "dev")
	return id
}

func (p promotion) at(channel string) string {
	return run(p.work.t, p.bare, "rev-parse", "refs/heads/"+channel)
}

func TestPromote(t *testing.T) {
	t.Parallel()
	for name, inPlace := range map[string]bool{"a remote": false, "in place": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPromotion(t, inPlace)
			first := p.push("one more")
			second := p.push("two more")
			promote := func(channel, revision string) error { return p.source.Promote(t.Context(), channel, revision) }

			for _, step := range []struct{ name, revision, want string }{
				{"forward", first, first}, {"again", first, first}, {"further", second, second}, {"what is contained already", first, second},
			} {
				if err := promote("alpha", step.revision); err != nil {
					t.Errorf("%s: %v", step.name, err)
				}
				if got := p.at("alpha"); got != step.want {
					t.Errorf("%s: alpha is at %s, want %s", step.name, got, step.want)
				}
				// The source sees it without another refresh.
				if got := resolve(t, p.source, "alpha"); got != step.want {
					t.Errorf("%s: the source has alpha at %s, want %s", step.name, got, step.want)
				}
			}
			wants(t, promote("alhpa", first), fairway.CodeNotFound, `there is no channel "alhpa"`, `did you mean "alpha"?`)
			wants(t, promote("alpha", strings.Repeat("1", 40)), fairway.CodeNotFound, "has no such commit", "force-pushed")
			wants(t, promote("alpha", "dev"), fairway.CodeInvalid, "is no revision", "full id")

			// Somebody commits to alpha directly.
			p.work.git("checkout", "--quiet", "-b", "hotfix", first)
			p.work.write("cluster/b.yaml", "hot")
			hot := p.work.commit("hotfix")
			p.work.git("push", "--quiet", "--force", "origin", "hotfix:alpha")
			wants(t, promote("alpha", second), fairway.CodeConflict, "channel alpha has diverged", "merge alpha into the channel before it")
			if got := p.at("alpha"); got != hot {
				t.Errorf("alpha is at %s after a refused promotion, want %s", got, hot)
			}
		})
	}
}

// TestPromote_Race: another push between the look and our push is never
// overwritten.
func TestPromote_Race(t *testing.T) {
	t.Parallel()
	for name, inPlace := range map[string]bool{"a remote": false, "in place": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPromotion(t, inPlace)
			old := p.at("alpha")
			revision := p.push("new")
			refresh(t, p.source)
			p.work.git("checkout", "--quiet", "-b", "hotfix", old)
			p.work.write("cluster/b.yaml", "hot")
			hot := p.work.commit("hotfix")
			p.work.git("push", "--quiet", "origin", "hotfix:alpha")

			m := p.source.backend.(*mirror)
			move := m.push
			if inPlace {
				move = m.moveHere
			}
			wants(t, move(t.Context(), "alpha", old, revision), fairway.CodeConflict, "somebody moved the channel at the same moment", "next refresh")
			if got := p.at("alpha"); got != hot {
				t.Errorf("alpha is at %s, want %s", got, hot)
			}
		})
	}
}

// TestPromote_Refused: the remote protects the branch.
func TestPromote_Refused(t *testing.T) {
	t.Parallel()
	p := newPromotion(t, false)
	revision := p.push("new")
	hook := filepath.Join(p.bare, "hooks", "pre-receive")
	if err := os.MkdirAll(filepath.Dir(hook), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hook, []byte("#!/bin/sh\necho protected >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	old := p.at("alpha")
	wants(t, p.source.Promote(t.Context(), "alpha", revision), fairway.CodeForbidden, "pre-receive hook declined", "unprotect the branch")
	if got := p.at("alpha"); got != old {
		t.Errorf("alpha is at %s, want %s", got, old)
	}
}

func TestInPlace(t *testing.T) {
	t.Parallel()
	p := newPromotion(t, true)
	id := p.push("more")
	// What is pushed is there at once, without a refresh.
	if got := resolve(t, p.source, "dev"); got != id {
		t.Errorf("dev is at %s, want %s", got, id)
	}
	before := snapshot(t, p.bare)
	refresh(t, p.source)
	for name, time := range snapshot(t, p.bare) {
		if before[name] != time {
			t.Errorf("a refresh wrote %s", name)
		}
	}
	if err := os.RemoveAll(p.bare); err != nil {
		t.Fatal(err)
	}
	wants(t, p.source.Refresh(t.Context()), fairway.CodeUnavailable, "does not exist", "clusters stay as they are")
}

// TestForeignHooks: nothing of the repository runs on our machine.
func TestForeignHooks(t *testing.T) {
	t.Parallel()
	p := newPromotion(t, true)
	revision := p.push("new")
	mark := filepath.Join(t.TempDir(), "ran")
	hook := filepath.Join(p.bare, "hooks", "reference-transaction")
	if err := os.MkdirAll(filepath.Dir(hook), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hook, []byte("#!/bin/sh\ntouch "+mark+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := p.source.Promote(t.Context(), "alpha", revision); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("a hook of the repository ran")
	}
	if b, err := os.ReadFile(filepath.Join(p.bare, "refs", "heads", "alpha")); err != nil || !bytes.HasPrefix(b, []byte(revision)) {
		t.Errorf("alpha: %s, %v", b, err)
	}
}
