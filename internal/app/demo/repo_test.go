package demo

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fairwayhq/fairway"
)

var testFiles = fstest.MapFS{
	"fairway.yaml":                 {Data: []byte("channels: [dev, alpha, beta]\n")},
	"cluster/config-defaults.yaml": {Data: []byte("one: \"1\"\ntwo: \"2\"\nthree: \"3\"\n")},
	"cluster/manifests/a/x.yaml":   {Data: []byte("kind: ConfigMap\n")},
	"changes/demo.diff":            {Data: []byte("not part of the repository")},
	"embed.go":                     {Data: []byte("package config")},
}

func testRepo(t *testing.T) (*repo, string) {
	t.Helper()
	r, id, err := createRepo(t.Context(), filepath.Join(t.TempDir(), "config.git"), testFiles, channels)
	if err != nil {
		t.Fatal(err)
	}
	return r, id
}

func git(t *testing.T, r *repo, args ...string) string {
	t.Helper()
	out, err := r.git(context.Background(), nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCreateRepo(t *testing.T) {
	t.Parallel()
	r, id := testRepo(t)
	for _, branch := range channels {
		if got := git(t, r, "rev-parse", "refs/heads/"+branch); got != id {
			t.Errorf("branch %s is at %s, want %s", branch, got, id)
		}
	}
	if got, want := git(t, r, "ls-tree", "-r", "--name-only", "dev"), "cluster/config-defaults.yaml\ncluster/manifests/a/x.yaml\nfairway.yaml"; got != want {
		t.Errorf("files:\n%s\nwant:\n%s", got, want)
	}
	if got, want := git(t, r, "log", "-1", "--format=%an <%ae>", "dev"), "Fairway demo <demo@localhost>"; got != want {
		t.Errorf("author %q, want %q", got, want)
	}
	if got := git(t, r, "rev-parse", "--is-bare-repository"); got != "true" {
		t.Errorf("bare = %s", got)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(r.dir), ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestCreateRepo_SameEverywhere(t *testing.T) {
	// Not parallel: sets the environment as a user of git may have it.
	_, plain := testRepo(t)
	t.Setenv("GIT_DIR", t.TempDir())
	t.Setenv("GIT_AUTHOR_NAME", "somebody")
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", "core.autocrlf")
	t.Setenv("GIT_CONFIG_VALUE_0", "true")
	_, other := testRepo(t)
	if plain != other {
		t.Errorf("the first commit is %s with the user's settings and %s without", other, plain)
	}
}

const goodDiff = `diff --git a/cluster/config-defaults.yaml b/cluster/config-defaults.yaml
--- a/cluster/config-defaults.yaml
+++ b/cluster/config-defaults.yaml
@@ -1,3 +1,3 @@
 one: "1"
-two: "2"
+two: "zwei"
 three: "3"
diff --git a/cluster/manifests/a/x.yaml b/cluster/manifests/a/x.yaml
deleted file mode 100644
--- a/cluster/manifests/a/x.yaml
+++ /dev/null
@@ -1 +0,0 @@
-kind: ConfigMap
`

func TestMerge(t *testing.T) {
	t.Parallel()
	r, base := testRepo(t)
	if err := r.check(t.Context(), "dev", "the change", []byte(goodDiff)); err != nil {
		t.Fatal(err)
	}
	if got := git(t, r, "rev-parse", "dev"); got != base {
		t.Errorf("checking the change moved dev to %s", got)
	}
	id, err := r.merge(t.Context(), "dev", "the change", "Merge the change", []byte(goodDiff))
	if err != nil {
		t.Fatal(err)
	}
	for branch, want := range map[string]string{"dev": id, "alpha": base, "beta": base} {
		if got := git(t, r, "rev-parse", branch); got != want {
			t.Errorf("branch %s is at %s, want %s", branch, got, want)
		}
	}
	if got := git(t, r, "rev-parse", "dev^"); got != base {
		t.Errorf("the parent is %s, want %s", got, base)
	}
	if got := git(t, r, "show", "dev:cluster/config-defaults.yaml"); !strings.Contains(got, "zwei") {
		t.Errorf("not changed: %s", got)
	}
	if got := git(t, r, "ls-tree", "-r", "--name-only", "dev"); strings.Contains(got, "x.yaml") {
		t.Errorf("not deleted: %s", got)
	}
}

func TestMerge_DoesNotApply(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, diff string
		want       []string
	}{
		{name: "empty", diff: " \n", want: []string{"my.diff", "is empty"}},
		{name: "no diff at all", diff: "hello\n", want: []string{"my.diff", "No valid patches"}},
		{name: "another text", diff: strings.Replace(goodDiff, `-two: "2"`, `-two: "5"`, 1),
			want: []string{"my.diff", "cluster/config-defaults.yaml: hunk 1 (@@ -1,3 +1,3 @@) does not apply"}},
		{name: "a file that is not there", diff: strings.ReplaceAll(goodDiff, "config-defaults.yaml", "missing.yaml"),
			want: []string{"my.diff", "cluster/missing.yaml"}},
		{name: "broken in the middle", diff: goodDiff[:200], want: []string{"my.diff", "corrupt patch"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, base := testRepo(t)
			_, err := r.merge(t.Context(), "dev", "my.diff", "Merge", []byte(tt.diff))
			if fairway.ErrorCode(err) != fairway.CodeInvalid {
				t.Fatalf("error = %v, want code invalid", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if fairway.ErrorHint(err) == "" {
				t.Errorf("error %q has no hint", err)
			}
			if got := git(t, r, "rev-parse", "dev"); got != base {
				t.Errorf("dev moved to %s", got)
			}
		})
	}
}

func TestExplainApply_NamesTheHunk(t *testing.T) {
	t.Parallel()
	diff := "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n@@ -40,2 +40,2 @@ func\n a\n-b\n+c\n"
	got := explainApply([]byte(diff), "error: patch failed: x:40\nerror: x: patch does not apply\n", os.ErrInvalid)
	if want := "x: hunk 2 (@@ -40,2 +40,2 @@ func) does not apply"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestBuiltinChange: the change that the demo brings fits the configuration
// that it brings.
func TestBuiltinChange(t *testing.T) {
	t.Parallel()
	r, _, err := createRepo(t.Context(), filepath.Join(t.TempDir(), "config.git"), configuration(), channels)
	check(t, err)
	diff, err := builtinChange()
	check(t, err)
	id, err := r.merge(t.Context(), "dev", "the built-in change", "Merge", diff)
	check(t, err)
	if got := git(t, r, "diff", "--stat", "alpha", id); !strings.Contains(got, "config-defaults.yaml") {
		t.Errorf("the change does not touch the defaults, where the node image stands:\n%s", got)
	}
}
