package gitrepo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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
	// The first fetch of a large repository takes longer than callers have time:
	// it goes on without them, and the next ones find it done.
	began := time.Now()
	work, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), m.fetchTime, fmt.Errorf("it took longer than %s", m.fetchTime))
	m.setCancel(cancel)
	done := make(chan error, 1)
	m.background.Go(func() {
		defer unlock()
		defer cancel()
		done <- m.refresh(work)
	})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fairway.Errorf(fairway.CodeUnavailable, "config source %s: fetch %s: not done after %s: %w", m.source, m.o.Location, time.Since(began).Round(time.Second), context.Cause(ctx)).
			WithHint("it goes on in the background; clusters stay as they are until it is done")
	}
}

// setCancel remembers how the fetch under way is ended.
func (m *mirror) setCancel(cancel func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cancel = cancel
}

// refresh is Refresh for those who hold the lock.
func (m *mirror) refresh(ctx context.Context) error {
	err := m.update(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trouble = err
	if err == nil {
		m.fetched = true
	}
	return err
}

// update asks the remote where its branches are, and fetches when that is news.
func (m *mirror) update(ctx context.Context) error {
	question, cancel := context.WithTimeoutCause(ctx, m.patience, fmt.Errorf("no answer for %s", m.patience))
	defer cancel()
	out, err := m.remote(question, m.git, "ls-remote", "--refs", "--end-of-options", m.o.Location, "refs/heads/*", "refs/tags/*")
	if err != nil {
		return m.unreachable("fetch", err)
	}
	before, err := m.refs(ctx)
	if m.damaged(err) && ctx.Err() == nil {
		return m.remake(ctx, err)
	}
	if err != nil {
		return err
	}
	if !maps.Equal(parseRefs(out), before) {
		if err := m.fetchInto(ctx, m.git); err != nil {
			if m.damaged(nil) && ctx.Err() == nil {
				return m.remake(ctx, err)
			}
			return err
		}
		after, err := m.refs(ctx)
		if err != nil {
			return err
		}
		m.report(ctx, before, after)
	}
	return nil
}

// fetchInto brings all branches and tags into a repository.
func (m *mirror) fetchInto(ctx context.Context, g git) error {
	args := append([]string{"fetch", "--quiet", "--prune", "--force", "--no-tags", "--no-write-fetch-head", "--end-of-options", m.o.Location}, refspecs...)
	if _, err := m.remote(ctx, g, args...); err != nil {
		return m.unreachable("fetch", err)
	}
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
	out := m.coded(fairway.CodeUnavailable, err, "config source %s: %s %s", m.source, doing, m.o.Location)
	if out.Hint != "" {
		return out
	}
	text := err.Error()
	says := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
	}
	switch {
	case says("Host key verification failed"):
		return out.WithHint("compare the host's key with what its owner publishes, and add it: ssh-keyscan HOST >> known_hosts, the file of known_hosts_file in --git-credentials or ~/.ssh/known_hosts")
	case says("bad permissions", "UNPROTECTED PRIVATE KEY"):
		return out.WithHint("the key's file may be read by its owner alone: chmod 600")
	case says("terminal prompts disabled", "could not read Username", "could not read Password"):
		return out.WithHint("the remote wants credentials, and there are none for it: give --git-credentials FILE with an entry whose url this location begins with")
	case says("Authentication failed", "error: 401"):
		return out.WithHint("the remote does not accept %s: is it expired, revoked, or of another host?", m.about())
	case says("error: 403"):
		return out.WithHint("the remote knows %s and denies it this repository: give it read access, and write access for promotions", m.about())
	case says("Permission denied"):
		return out.WithHint("the remote does not accept %s: add the public key there, and check that the private key has no passphrase", m.about())
	case says("Could not resolve host", "Name or service not known"):
		return out.WithHint("check the host's name and this machine's DNS; clusters stay as they are")
	case says("dubious ownership"):
		return out.WithHint("the repository's folder belongs to another user; change its owner, or fetch it by another way")
	case says("does not appear to be a git repository", "not found", "does not exist"):
		return out.WithHint("check the location of the config source; clusters stay as they are")
	case says("bad object", "loose object", "pack", "fsck", "corrupt", "index-pack", "unpack-objects", "not a valid object"):
		m.doubt()
		return out.WithHint("the copy in %s is fetched again as a whole; when that does not help, check the remote with git fsck", m.dir)
	case says(".lock': File exists"):
		return out.WithHint("a git process ended in the middle of a write; when none runs any more, remove the *.lock files below %s", m.dir)
	case says("No space left"):
		return out.WithHint("make room on the disk of %s", m.dir)
	}
	return out.WithHint("clusters stay as they are; it is tried again at the next refresh")
}
