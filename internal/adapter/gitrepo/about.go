package gitrepo

import (
	"context"
	"strings"
)

// Subject returns the first line of a commit's message, or of the commit that a
// tag stands for; "" for a folder. The revision is one that Resolve returned.
func (s *Source) Subject(ctx context.Context, revision string) (string, error) {
	m, isGit := s.backend.(*mirror)
	if !isGit {
		return "", nil
	}
	out, err := m.run(ctx, "log", "-1", "--no-show-signature", "--encoding=UTF-8", "--format=%s", "--end-of-options", revision)
	if err != nil {
		return "", m.corrupt("read the newest commit of", err)
	}
	return strings.ToValidUTF8(strings.TrimSpace(out), "\uFFFD"), nil
}

// Location returns where the source is, for people: without what a URL holds
// before its host.
func (s *Source) Location() string {
	switch b := s.backend.(type) {
	case *mirror:
		return b.o.Location
	case *dir:
		return b.o.Location
	}
	return ""
}
