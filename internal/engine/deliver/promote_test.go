package deliver_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairwayhq/fairway"
)

// TestPromotion: the next channel gets the revision only after the last wave
// has soaked, and without fairway.yaml never.
func TestPromotion(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		files    map[string]string
		promoted bool
	}{
		"in the order of fairway.yaml": {settings("dev", "alpha"), true},
		"the last channel":             {settings("alpha", "dev"), false},
		"without channels":             {settings(), false},
		"without fairway.yaml":         {map[string]string{"cluster/a.yaml": "x"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, tc.files, append(readyIn(2, "north"), on("alpha", ready("alpha-1", "north"))...)...)
			f.Soak = soak // also without the file
			before := f.at("alpha")
			revision := f.change("dev", "better")
			f.refresh()
			f.finishAlpha(t)
			r := f.only("dev")
			f.advance(r.ID)
			f.finish(r.Waves[0]...)
			f.watch(r.ID, soak)
			f.finish(r.Waves[1]...)
			if got := f.watch(r.ID, soak-time.Second); got.State != fairway.RolloutSoaking || got.Wave != 1 {
				t.Fatalf("the rollout is %+v", got)
			}
			if got := f.at("alpha"); got != before {
				t.Fatalf("alpha is at %s before the last wave has soaked", got)
			}
			got := f.watch(r.ID, time.Second)
			if got.State != fairway.RolloutDone || got.PromotedAt.IsZero() == tc.promoted {
				t.Errorf("the rollout is %+v", got)
			}
			want := before
			if tc.promoted {
				want = revision
			}
			if got := f.at("alpha"); got != want {
				t.Errorf("alpha is at %s, want %s", got, want)
			}
			f.refresh()
			f.refresh()
			rollouts := f.all("alpha")
			if started := rollouts[0].Revision == revision; started != tc.promoted {
				t.Errorf("rollouts on alpha: %+v", rollouts)
			}
			said := 0
			for _, message := range f.events("promotion.done") {
				if strings.Contains(message, revision) {
					said++
				}
			}
			if (said == 1) != tc.promoted || said > 1 {
				t.Errorf("the promotion was said %d times", said)
			}
		})
	}
}

// finishAlpha takes the first rollout of channel alpha out of the way.
func (f *fleet) finishAlpha(t *testing.T) {
	t.Helper()
	r := f.only("alpha")
	f.advance(r.ID)
	f.finish("alpha-1")
	if got := f.watch(r.ID, soak); got.State != fairway.RolloutDone {
		t.Fatalf("alpha is %+v", got)
	}
}

// TestPromotion_Diverged: a branch that diverged halts the promotion with a
// hint, which is said once, and put right it goes on.
func TestPromotion_Diverged(t *testing.T) {
	t.Parallel()
	f := newFleet(t, settings("dev", "alpha"), ready("a", "north"))
	base := f.at("alpha")
	revision := f.change("dev", "better")
	hotfix := f.change("alpha", "hot")
	f.refresh()
	r := f.only("dev")
	f.advance(r.ID)
	f.finish("a")
	got := f.watch(r.ID, soak)
	if got.State != fairway.RolloutHalted || !got.PromotedAt.IsZero() {
		t.Fatalf("the rollout is %+v", got)
	}
	wantText(t, "the reason", got.Reason, "alpha", "diverged", hotfix[:12])
	wantText(t, "the hint", got.Hint, "merge alpha")
	if got := f.at("alpha"); got != hotfix {
		t.Errorf("alpha is at %s, want %s", got, hotfix)
	}
	halted := *got
	for range 5 {
		f.sleep(soak)
		f.refresh()
		if diff := cmp.Diff(halted, *f.advance(r.ID)); diff != "" {
			t.Fatalf("the halted rollout changed: %s", diff)
		}
	}
	if got := f.events("promotion.halted"); len(got) != 1 {
		t.Errorf("said %d times: %v", len(got), got)
	}

	f.git("", "--git-dir", f.bare, "update-ref", "refs/heads/alpha", base)
	f.refresh()
	got = f.only("dev")
	if got.State != fairway.RolloutDone || got.PromotedAt.IsZero() || got.Hint != "" {
		t.Errorf("the rollout is %+v", got)
	}
	if got := f.at("alpha"); got != revision {
		t.Errorf("alpha is at %s, want %s", got, revision)
	}
}

// TestPromotion_MissingBranch: the next channel of fairway.yaml has no branch;
// nothing makes one, and the promotion goes on when a person did.
func TestPromotion_MissingBranch(t *testing.T) {
	t.Parallel()
	f := newFleet(t, settings("dev", "beta"), ready("a", "north"))
	f.refresh()
	r := f.only("dev")
	f.advance(r.ID)
	f.finish("a")
	got := f.watch(r.ID, soak)
	if got.State != fairway.RolloutHalted || got.Hint == "" {
		t.Fatalf("the rollout is %+v", got)
	}
	wantText(t, "the reason", got.Reason, `no channel "beta"`)
	f.refresh()
	if out := f.git("", "--git-dir", f.bare, "for-each-ref", "refs/heads/beta"); out != "" {
		t.Errorf("a branch was made: %s", out)
	}
	f.git("", "--git-dir", f.bare, "update-ref", "refs/heads/beta", r.Revision)
	f.refresh()
	if got := f.rollout(r.ID); got.State != fairway.RolloutDone {
		t.Errorf("the rollout is %+v", got)
	}
}

// TestPromotion_NothingShown: a revision whose only cluster is blocked has shown
// nothing and goes nowhere, until the cluster is unblocked and has soaked.
func TestPromotion_NothingShown(t *testing.T) {
	t.Parallel()
	f := newFleet(t, settings("dev", "alpha"), ready("a", "north"))
	before := f.at("alpha")
	revision := f.change("dev", "worse")
	f.refresh()
	r := f.only("dev")
	f.set("a", fairway.ItemUpdateBlock, "something is wrong")
	for range 3 {
		if got := f.watch(r.ID, soak); got.State != fairway.RolloutRunning || got.Hint == "" {
			t.Fatalf("the rollout is %+v, want it to run on and to say why", got)
		}
	}
	if got := f.at("alpha"); got != before {
		t.Fatalf("alpha is at %s although no cluster has shown the revision", got)
	}
	f.unset("a", fairway.ItemUpdateBlock)
	f.advance(r.ID)
	f.finish("a")
	f.advance(r.ID)
	f.watch(r.ID, soak)
	if got := f.at("alpha"); got != revision {
		t.Errorf("alpha is at %s, want %s", got, revision)
	}
}

// TestPromotion_NewCluster: a revision that the channel's only cluster has run
// since it was made soaks and is promoted like any other.
func TestPromotion_NewCluster(t *testing.T) {
	t.Parallel()
	c := ready("a", "north")
	c.LifecycleStatus, c.Status = fairway.StatusRequested, fairway.ClusterStatus{}
	f := newFleet(t, settings("dev", "alpha"), c)
	revision := f.change("dev", "from the start")
	f.refresh()
	f.finish("a")
	f.refresh()
	r := f.only("dev")
	f.advance(r.ID)
	if got := f.at("alpha"); got == revision {
		t.Fatal("alpha has the revision before it has soaked")
	}
	f.watch(r.ID, soak)
	if got := f.at("alpha"); got != revision {
		t.Errorf("alpha is at %s, want %s", got, revision)
	}
	f.refresh()
	f.only("dev") // and not again
}
