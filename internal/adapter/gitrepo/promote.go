package gitrepo

import (
	"context"
	"strings"

	"github.com/fairwayhq/fairway"
)

// Promote moves a branch forward to a revision, only from where it was seen
// last. A channel that holds the revision already, also below newer ones, is
// success. CodeConflict when the branch has commits that the revision lacks,
// or when another moved it at the same moment.
func (m *mirror) Promote(ctx context.Context, channel, revision string) error {
	unlock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if !m.inPlace {
		if err := m.refresh(ctx); err != nil {
			return err
		}
	}
	refs, err := m.refs(ctx)
	if err != nil {
		return err
	}
	ref := "refs/heads/" + channel
	old, exists := refs[ref]
	if !exists {
		return m.unknownChannel(ctx, channel, false)
	}
	if !objectID.MatchString(revision) {
		return fairway.Errorf(fairway.CodeInvalid, "promote %s: %q is no revision", channel, revision).WithHint("a revision is the full id of a commit")
	}
	if _, err := m.run(ctx, "cat-file", "-e", "--end-of-options", revision+"^{commit}"); err != nil {
		if exitCode(err) < 0 {
			return m.corrupt("promote in", err)
		}
		return fairway.Errorf(fairway.CodeNotFound, "promote %s to %.12s: config source %s has no such commit", channel, revision, m.source).
			WithHint("was the channel that it came from force-pushed?")
	}
	if there, err := m.isAncestor(ctx, revision, old); err != nil || there {
		return err
	}
	if forward, err := m.isAncestor(ctx, old, revision); err != nil {
		return err
	} else if !forward {
		return fairway.Errorf(fairway.CodeConflict, "promote %s to %.12s: channel %s has diverged: its commit %.12s is not part of the revision", channel, revision, channel, old).
			WithHint("merge %s into the channel before it, or reset it: git push --force ORIGIN %.12s:%s", channel, revision, channel)
	}
	if m.inPlace {
		return m.moveHere(ctx, channel, old, revision)
	}
	return m.push(ctx, channel, old, revision)
}

// moveHere moves a branch of the repository itself, comparing with its old value.
func (m *mirror) moveHere(ctx context.Context, channel, old, revision string) error {
	if _, err := m.run(ctx, "update-ref", "-m", "promoted by fairway", "refs/heads/"+channel, revision, old); err != nil {
		if strings.Contains(err.Error(), "cannot lock ref") {
			return m.movedMeanwhile(err, channel, revision)
		}
		return m.coded(fairway.CodeUnavailable, err, "promote %s to %.12s in %s", channel, revision, m.dir)
	}
	m.o.Log.Info("channel promoted", "channel", channel, "from", old, "revision", revision)
	return nil
}

// push moves a branch of the remote; the lease makes it a compare-and-swap,
// and that it is a fast-forward was seen before.
func (m *mirror) push(ctx context.Context, channel, old, revision string) error {
	ref := "refs/heads/" + channel
	out, err := m.remote(ctx, m.git, "push", "--porcelain", "--no-verify", "--force-with-lease="+ref+":"+old, "--end-of-options", m.o.Location, revision+":"+ref)
	if err != nil {
		text := out + err.Error()
		switch {
		case strings.Contains(text, "stale info") || strings.Contains(text, "fetch first") || strings.Contains(text, "cannot lock ref"):
			return m.movedMeanwhile(err, channel, revision)
		case strings.Contains(text, "[remote rejected]"):
			return fairway.Errorf(fairway.CodeForbidden, "promote %s to %.12s: the remote refused the push: %s", channel, revision, rejection(text)).
				WithHint("let the user of Fairway push to %s, or unprotect the branch for it", channel)
		case refused(err):
			return m.refusedPush(err, channel, revision)
		}
		return m.unreachable("push "+channel+" to", err)
	}
	m.o.Log.Info("channel promoted", "channel", channel, "from", old, "revision", revision)
	// The mirror follows at once, so that the next look sees the promotion.
	if _, err := m.run(ctx, "update-ref", ref, revision); err != nil {
		return m.corrupt("note the promotion in", err)
	}
	return nil
}

func (m *mirror) movedMeanwhile(err error, channel, revision string) error {
	return fairway.Errorf(fairway.CodeConflict, "promote %s to %.12s: somebody moved the channel at the same moment: %w", channel, revision, err).
		WithHint("it is looked at again at the next refresh")
}

// rejection is the remote's reason in what git push says.
func rejection(text string) string {
	for line := range strings.Lines(text) {
		if _, reason, found := strings.Cut(line, "[remote rejected]"); found {
			return strings.TrimSpace(reason)
		}
	}
	return lastLines(text)
}
