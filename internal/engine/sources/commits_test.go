package sources_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/engine/sources"
)

// diary is a source that tells what it was asked for.
type diary struct{ shelf }

func (d diary) Commits(_ context.Context, from, revision, file string) ([]fairway.Commit, error) {
	if revision == "unknown" {
		return nil, fairway.Errorf(fairway.CodeUnavailable, "%s does not know it", d.name)
	}
	return []fairway.Commit{{ID: d.name + " " + from + ".." + revision + " " + file}}, nil
}

// Each source is asked for its own part of the past.
func TestCommits(t *testing.T) {
	t.Parallel()
	both, err := sources.New(diary{shelf{name: "main"}}, shelf{name: "folder"}, diary{shelf{name: "more"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		from, revision string
		want           []string
	}{
		"of all":                       {"main=a;folder=x;more=b", "main=c;folder=x;more=d", []string{"main a..c f", "more b..d f"}},
		"one came to it":               {"main=a", "main=a;more=d", []string{"main a..a f", "more ..d f"}},
		"nothing ran before":           {"", "main=c;more=d", []string{"main ..c f", "more ..d f"}},
		"of a time with a single one":  {"a", "c", []string{"main a..c f"}},
		"a source that is not there":   {"", "gone=c", nil},
		"a single one, and then more":  {"a", "main=c;more=d", []string{"main ..c f", "more ..d f"}},
		"more, and then a single one ": {"main=a;more=b", "c", []string{"main ..c f"}},
	} {
		all, err := both.Commits(t.Context(), c.from, c.revision, "f")
		var got []string
		for _, one := range all {
			got = append(got, one.ID)
		}
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	if _, err := both.Commits(t.Context(), "", "main=unknown", ""); fairway.ErrorCode(err) != fairway.CodeUnavailable {
		t.Errorf("of an unknown revision: %v", err)
	}
}
