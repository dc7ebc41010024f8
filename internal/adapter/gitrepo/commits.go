package gitrepo

import (
	"context"
	"strings"

	"github.com/fairwayhq/fairway"
)

var _ fairway.Historian = (*Source)(nil)

// mostCommits bounds what one question about the past reads.
const mostCommits = "200"

// Commits returns the commits that a revision has and from does not, newest
// first; of an unknown from, the revision's own. A folder has none.
func (s *Source) Commits(ctx context.Context, from, revision, file string) ([]fairway.Commit, error) {
	m, isGit := s.backend.(*mirror)
	if !isGit {
		return nil, nil
	}
	if from == revision {
		return nil, nil
	}
	count, revisions := "1", []string{revision}
	if from != "" {
		if _, err := m.run(ctx, "rev-parse", "--quiet", "--verify", "--end-of-options", from+"^{commit}"); err == nil {
			count, revisions = mostCommits, append(revisions, "^"+from)
		}
	}
	args := []string{"log", "--no-show-signature", "--encoding=UTF-8", "--format=%H%x1f%an%x1f%ae%x1f%P%x1f%B%x1e", "--max-count=" + count, "--end-of-options"}
	args = append(append(args, revisions...), "--")
	if file != "" {
		args = append(args, ":(glob)**/"+file)
	}
	out, err := m.run(ctx, args...)
	if err != nil {
		return nil, m.corrupt("read the newest commits of", err)
	}
	var all []fairway.Commit
	for entry := range strings.SplitSeq(strings.ToValidUTF8(out, "\uFFFD"), "\x1e") {
		parts := strings.SplitN(strings.TrimLeft(entry, "\n"), "\x1f", 5)
		if len(parts) < 5 {
			continue
		}
		all = append(all, fairway.Commit{ID: parts[0], Author: parts[1], Email: parts[2], Merge: strings.Contains(parts[3], " "), Message: strings.TrimSpace(parts[4])})
	}
	return all, nil
}
