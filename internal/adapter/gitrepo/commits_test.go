package gitrepo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairwayhq/fairway"
)

func TestCommits(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	first := strings.TrimSpace(r.git("rev-parse", "HEAD"))
	if err := os.MkdirAll(filepath.Join(r.dir, "cluster"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.dir, "cluster", "deletions.yaml"), []byte("{}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.git("add", "--all")
	second := r.commit("second\n\nFairway: no-op")
	third := r.commit("third")
	s := open(t, r.dir, nil)
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		from, to, file string
		want           []string
	}{
		"since the first":        {first, third, "", []string{third, second}},
		"of a file":              {first, third, "deletions.yaml", []string{second}},
		"of a file, nowhere":     {first, third, "none.yaml", nil},
		"of an unknown past":     {"0123456789012345678901234567890123456789", third, "", []string{third}},
		"of no past":             {"", second, "", []string{second}},
		"nothing since":          {third, third, "", nil},
		"the other way round":    {third, first, "", nil},
		"a past that is no name": {"--all", third, "", []string{third}},
	} {
		got, err := s.Commits(t.Context(), c.from, c.to, c.file)
		var ids []string
		for _, one := range got {
			ids = append(ids, one.ID)
			if one.Author == "" || !strings.Contains(one.Email, "@") || one.Merge || one.IsNoOp() != (one.ID == second) {
				t.Errorf("%s: %+v", name, one)
			}
		}
		if err != nil || strings.Join(ids, " ") != strings.Join(c.want, " ") {
			t.Errorf("%s: %v, error %v, want %v", name, ids, err, c.want)
		}
	}
	if got, err := s.Commits(t.Context(), "", "0123456789012345678901234567890123456789", ""); fairway.ErrorCode(err) != fairway.CodeUnavailable {
		t.Errorf("a commit that is not there: %v, error %v", got, err)
	}
}
