package deliver_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
	"github.com/fairwayhq/fairway/internal/adapter/gitrepo"
)

// newTwoSources is a fleet with a second repository, addons, that has the same
// channels, dev and alpha.
func newTwoSources(t *testing.T, main, addons map[string]string, clusters ...fairway.Cluster) (f, second *fleet) {
	t.Helper()
	second = &fleet{t: t, now: time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC), bare: filepath.Join(t.TempDir(), "addons.git")}
	second.git("", "init", "--quiet", "--bare", "--initial-branch=dev", second.bare)
	second.git("", "--git-dir", second.bare, "branch", "alpha", second.commit("dev", "", addons))
	source, err := gitrepo.Open(t.Context(), gitrepo.Options{Name: "addons", Kind: gitrepo.KindGit, Location: second.bare, Dir: filepath.Join(t.TempDir(), "addons-mirror.git")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { source.Close() })
	return newFleetOf(t, main, []fairway.ConfigSource{source}, clusters...), second
}

func bothAt(main, addons string) string { return "main=" + main + ";addons=" + addons }

// carry takes the newest rollout of a channel of one cluster to its end.
func (f *fleet) carry(channel, cluster string) *fairway.Rollout {
	f.t.Helper()
	r := f.all(channel)[0]
	f.advance(r.ID)
	f.finish(cluster)
	return f.watch(r.ID, soak)
}

// TestSources_AnyMoves: a rollout begins when the branch of any source moves, and
// its revision is that of all.
func TestSources_AnyMoves(t *testing.T) {
	t.Parallel()
	f, addons := newTwoSources(t, settings(), map[string]string{"cluster/b.yaml": "x"}, ready("a", "north"))
	f.Soak = soak
	f.refresh()
	if got, want := f.only("dev").Revision, bothAt(f.at("dev"), addons.at("dev")); got != want {
		t.Fatalf("the first rollout carries %s, want %s", got, want)
	}
	f.carry("dev", "a")
	if got, want := f.cluster("a").Status.CurrentVersion, f.cluster("a").Version(bothAt(f.at("dev"), addons.at("dev"))); got != want {
		t.Errorf("the cluster is at %s, want %s", got, want)
	}
	for i, moved := range []*fleet{addons, f} {
		moved.change("dev", "newer")
		f.refresh()
		if got := f.all("dev"); len(got) != 2+i || got[0].Revision != bothAt(f.at("dev"), addons.at("dev")) {
			t.Errorf("after move %d: rollouts %+v", i, got)
		}
		f.carry("dev", "a")
	}
	f.refresh()
	if got := f.all("dev"); len(got) != 3 {
		t.Errorf("nothing moved, and there are %d rollouts", len(got))
	}
}

// TestSources_Override: a cluster with another channel for one source is carried
// by rollouts of its own, in waves too, and nothing is promoted on its evidence.
func TestSources_Override(t *testing.T) {
	t.Parallel()
	f, addons := newTwoSources(t, settings("dev", "alpha"), settings("dev", "alpha"), ready("a", "north"), ready("b", "north"))
	f.set("b", fairway.ItemOverrideChannel, "addons=next")
	next := addons.commit("next", addons.at("dev"), map[string]string{"cluster/b.yaml": "next"})
	f.refresh()
	own := f.only("dev addons=next")
	if len(own.Waves) != 1 || !slices.Equal(own.Waves[0], []string{"b"}) || own.Revision != bothAt(f.at("dev"), next) {
		t.Errorf("the rollout of the cluster with an override: %+v", own)
	}
	if r := f.only("dev"); !slices.Equal(slices.Concat(r.Waves...), []string{"a"}) {
		t.Errorf("the rollout of the channel: %+v", r)
	}
	alpha := addons.at("alpha")
	if got := f.carry("dev addons=next", "b"); got.State != fairway.RolloutDone || !got.PromotedAt.IsZero() {
		t.Errorf("the rollout of the cluster with an override ended as %+v", got)
	}
	if addons.at("alpha") != alpha {
		t.Error("the override's revision was promoted")
	}
	if got := f.carry("dev", "a"); got.State != fairway.RolloutDone {
		t.Fatalf("the rollout of the channel ended as %+v", got)
	}
	// Only the channel that the override names moves: the other cluster stays.
	before := len(f.journal("a"))
	addons.commit("next", "", map[string]string{"cluster/b.yaml": "later"})
	f.refresh()
	f.advance(f.all("dev addons=next")[0].ID)
	f.wantActive("the override's channel moved", "b")
	if len(f.journal("a")) != before {
		t.Error("the cluster without the override got an update")
	}
}

// TestSources_BadOverride: it is a problem of that cluster alone.
func TestSources_BadOverride(t *testing.T) {
	t.Parallel()
	f, _ := newTwoSources(t, settings(), settings(), ready("a", "north"), ready("b", "north"))
	f.set("b", fairway.ItemOverrideChannel, "addons")
	f.refresh()
	f.refresh()
	f.advance(f.only("dev").ID)
	f.wantActive("with a bad override beside it", "a")
	problems := f.cluster("b").Status.Problems
	if len(problems) != 1 {
		t.Fatalf("problems %+v", problems)
	}
	wantText(t, "the problem", problems[0].Title, "invalid override definition: addons")
}

// TestSources_Promotion: each source is promoted by its own fairway.yaml.
func TestSources_Promotion(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		main, addons         map[string]string
		mainMoves, addonsTo2 bool
	}{
		"both":             {settings("dev", "alpha"), settings("dev", "alpha"), true, true},
		"only the first":   {settings("dev", "alpha"), map[string]string{"cluster/b.yaml": "x"}, true, false},
		"only the second":  {map[string]string{"cluster/a.yaml": "x"}, settings("dev", "alpha"), false, true},
		"neither of them":  {settings(), settings(), false, false},
		"the last for one": {settings("alpha", "dev"), settings("dev", "alpha"), false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, addons := newTwoSources(t, tc.main, tc.addons, ready("a", "north"))
			f.Soak = soak
			mainAt, addonsAt := f.change("dev", "better"), addons.change("dev", "better")
			f.refresh()
			if got := f.carry("dev", "a"); got.State != fairway.RolloutDone || got.PromotedAt.IsZero() == (tc.mainMoves || tc.addonsTo2) {
				t.Fatalf("the rollout is %+v", got)
			}
			if moved := f.at("alpha") == mainAt; moved != tc.mainMoves {
				t.Errorf("main was promoted: %v", moved)
			}
			if moved := addons.at("alpha") == addonsAt; moved != tc.addonsTo2 {
				t.Errorf("addons was promoted: %v", moved)
			}
		})
	}
}

// TestSources_PromotionDiverged: the source is named, the other one keeps what it
// got, and put right it goes on.
func TestSources_PromotionDiverged(t *testing.T) {
	t.Parallel()
	f, addons := newTwoSources(t, settings("dev", "alpha"), settings("dev", "alpha"), ready("a", "north"))
	revision := f.change("dev", "better")
	addons.change("dev", "better")
	straight := addons.at("alpha")
	addons.change("alpha", "by hand")
	f.refresh()
	got := f.carry("dev", "a")
	if got.State != fairway.RolloutHalted || !got.PromotedAt.IsZero() {
		t.Fatalf("the rollout is %+v", got)
	}
	wantText(t, "the reason", got.Reason, "alpha", "config source addons", "diverged")
	if f.at("alpha") != revision {
		t.Error("main was not promoted")
	}
	addons.git("", "--git-dir", addons.bare, "update-ref", "refs/heads/alpha", straight)
	f.refresh()
	f.watch(got.ID, time.Second)
	if got := f.rollout(got.ID); got.State != fairway.RolloutDone || got.PromotedAt.IsZero() || addons.at("alpha") != addons.at("dev") {
		t.Errorf("put right, the rollout is %+v", got)
	}
}

// TestSources_OneIsUnreachable: what the others say is carried out, with the last
// that is known of the one.
func TestSources_OneIsUnreachable(t *testing.T) {
	t.Parallel()
	f, addons := newTwoSources(t, settings(), settings(), ready("a", "north"))
	f.refresh()
	f.carry("dev", "a")
	known := addons.at("dev")
	addons.change("dev", "which nobody sees")
	if err := os.Rename(addons.bare, addons.bare+".gone"); err != nil {
		t.Fatal(err)
	}
	f.change("dev", "newer")
	_, err := f.Refresh(t.Context())
	if fairway.ErrorCode(err) != fairway.CodeUnavailable {
		t.Fatalf("refresh: %v", err)
	}
	wantText(t, "the error", err.Error(), "refresh config source addons")
	if strings.Contains(err.Error(), "main") {
		t.Errorf("the error names a source that is well: %v", err)
	}
	if got := f.all("dev"); len(got) != 2 || got[0].Revision != bothAt(f.at("dev"), known) {
		t.Errorf("rollouts %+v", got)
	}
}
