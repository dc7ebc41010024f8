package gitrepo

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/fairwayhq/fairway"
)

// refspecs mirror branches and tags, wherever they moved.
var refspecs = []string{"+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"}

// Refresh fetches what changed. When nothing did, that costs one question to
// the remote; a repository that is read in place is always up to date.
// CodeUnavailable when the remote cannot be read: the mirror stays as it is.
func (m *mirror) Refresh(ctx context.Context) error {
	if m.inPlace {
		return m.check(ctx)
	}
	unlock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return m.refresh(ctx)
}

// refresh is Refresh for those who hold the lock.
func (m *mirror) refresh(ctx context.Context) error {
	out, err := m.run(ctx, "ls-remote", "--refs", "--end-of-options", m.o.Location, "refs/heads/*", "refs/tags/*")
	if err != nil {
		return m.unreachable("fetch", err)
	}
	before, err := m.refs(ctx)
	if err != nil {
		return err
	}
	if !maps.Equal(parseRefs(out), before) {
		args := append([]string{"fetch", "--quiet", "--prune", "--force", "--no-tags", "--no-write-fetch-head", "--end-of-options", m.o.Location}, refspecs...)
		if _, err := m.run(ctx, args...); err != nil {
			return m.unreachable("fetch", err)
		}
		after, err := m.refs(ctx)
		if err != nil {
			return err
		}
		m.report(ctx, before, after)
	}
	m.mu.Lock()
	m.fetched = true
	m.mu.Unlock()
	return nil
}

// report logs what moved; what people do not do by merging is a warning.
func (m *mirror) report(ctx context.Context, before, after map[string]string) {
	if len(before) == 0 {
		m.o.Log.Info("repository fetched", "refs", len(after))
		return
	}
	all := maps.Clone(before)
	maps.Copy(all, after)
	for _, ref := range slices.Sorted(maps.Keys(all)) {
		name, isBranch := strings.CutPrefix(ref, "refs/heads/")
		from, to := before[ref], after[ref]
		switch {
		case from == to || !isBranch:
		case from == "":
			m.o.Log.Info("channel appeared", "channel", name, "revision", to)
		case to == "":
			m.o.Log.Warn("channel vanished; its clusters stay as they are", "channel", name, "from", from)
		default:
			if linear, err := m.isAncestor(ctx, from, to); err == nil && !linear {
				m.o.Log.Warn("channel was force-pushed", "channel", name, "from", from, "revision", to)
				continue
			}
			m.o.Log.Info("channel moved", "channel", name, "from", from, "revision", to)
		}
	}
}

// isAncestor reports whether one commit is contained in another.
func (m *mirror) isAncestor(ctx context.Context, old, new string) (bool, error) {
	_, err := m.run(ctx, "merge-base", "--is-ancestor", old, new)
	switch {
	case err == nil:
		return true, nil
	case exitCode(err) == 1:
		return false, nil
	}
	return false, m.corrupt("compare revisions in", err)
}

// unreachable explains an error of a command that talks to the remote.
func (m *mirror) unreachable(doing string, err error) error {
	out := m.coded(fairway.CodeUnavailable, err, "config source %s: %s %s", m.source, doing, hidePassword(m.o.Location))
	if out.Hint != "" {
		return out
	}
	text := err.Error()
	says := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
	}
	switch {
	case says("terminal prompts disabled", "Authentication failed", "Permission denied", "could not read Username", "403", "401"):
		return out.WithHint("check the credentials: an SSH key in the agent, GIT_SSH_COMMAND, or GIT_ASKPASS")
	case says("dubious ownership"):
		return out.WithHint("the repository's folder belongs to another user; change its owner, or fetch it by another way")
	case says("does not appear to be a git repository", "not found", "does not exist"):
		return out.WithHint("check the location of the config source; clusters stay as they are")
	case says("bad object", "loose object", "pack", "fsck", "corrupt", "index-pack", "unpack-objects"):
		return out.WithHint("check the remote with git fsck; when it is fine, remove %s, which is only a copy", m.dir)
	case says(".lock': File exists"):
		return out.WithHint("a git process ended in the middle of a write; when none runs any more, remove the *.lock files below %s", m.dir)
	case says("No space left"):
		return out.WithHint("make room on the disk of %s", m.dir)
	}
	return out.WithHint("clusters stay as they are; it is tried again at the next refresh")
}

// hidePassword removes what a URL holds before its host.
func hidePassword(location string) string {
	scheme, rest, found := strings.Cut(location, "://")
	if !found {
		return location
	}
	host, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		host = host[at+1:]
	}
	return scheme + "://" + host + "/" + path
}
