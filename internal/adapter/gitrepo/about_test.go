package gitrepo

import (
	"path/filepath"
	"testing"

	"github.com/fairwayhq/fairway"
)

func TestSubject(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	second := r.commit("größer: --format=%H\n\nand why")
	r.git("tag", "-a", "v1", "-m", "of the tag", second)
	s := open(t, r.dir, nil)
	for name, want := range map[string]string{"dev": "größer: --format=%H", "dev~1": "first", "v1": "größer: --format=%H"} {
		revision, err := s.Resolve(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Subject(t.Context(), revision); err != nil || got != want {
			t.Errorf("%s: %q, error %v, want %q", name, got, err, want)
		}
	}
	if got, err := s.Subject(t.Context(), "0123456789012345678901234567890123456789"); fairway.ErrorCode(err) != fairway.CodeUnavailable {
		t.Errorf("a commit that is not there: %q, error %v", got, err)
	}
}

func TestLocation(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]string{
		"https://user:password@git.example.org/a.git": "https://git.example.org/a.git",
		"git@git.example.org:a.git":                   "git@git.example.org:a.git",
	} {
		s, err := Open(t.Context(), Options{Name: "main", Kind: KindGit, Location: location, Dir: filepath.Join(t.TempDir(), "m.git")})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Location(); got != want {
			t.Errorf("%s is shown as %s, want %s", location, got, want)
		}
		s.Close()
	}
}
