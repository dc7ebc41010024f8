package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

func steer(t *testing.T, s fairway.Store) {
	u := update("u1", "c1", fairway.UpdateRunning, 0)
	u.Paused, u.IgnoreBrakes = "", false
	must(t, s.CreateUpdate(t.Context(), u))
	say := func(what string, say fairway.Steering, want fairway.Update) {
		t.Helper()
		wants(t, what, got[*fairway.Update](t)(s.SteerUpdate(t.Context(), "u1", say)), &want)
		wants(t, what+", read again", got[*fairway.Update](t)(s.Update(t.Context(), "u1")), &want)
	}
	want := *u
	say("nothing said", fairway.Steering{}, want)
	want.Paused = "ada: a look first"
	say("paused", fairway.Steering{Paused: new("ada: a look first")}, want)
	want.IgnoreBrakes = true
	say("brakes ignored", fairway.Steering{IgnoreBrakes: new(true)}, want)

	// Whoever read the update before does not undo what was said since.
	u.Doing = "something else"
	want.Doing = u.Doing
	must(t, s.SaveUpdate(t.Context(), u))
	wants(t, "saved by one who did not know", got[*fairway.Update](t)(s.Update(t.Context(), "u1")), &want)

	want.Paused = ""
	say("resumed", fairway.Steering{Paused: new("")}, want)
	say("paused again", fairway.Steering{Paused: new("bob")}, func() fairway.Update { w := want; w.Paused = "bob"; return w }())
	want.Aborting = "ada"
	say("aborted: no longer paused", fairway.Steering{Aborting: new("ada")}, want)
	say("aborted again", fairway.Steering{Aborting: new("ada")}, want)
	for what, say := range map[string]fairway.Steering{"pause": {Paused: new("x")}, "resume": {Paused: new("")}, "ignore the brakes of": {IgnoreBrakes: new(false)}} {
		_, err := s.SteerUpdate(t.Context(), "u1", say)
		refuses(t, what+" one that is being aborted", err, fairway.CodeConflict)
	}
	must(t, s.SaveUpdate(t.Context(), update("u1", "c1", fairway.UpdateCanceled, 0)))
	_, err := s.SteerUpdate(t.Context(), "u1", fairway.Steering{Aborting: new("ada")})
	refuses(t, "abort one that is over", err, fairway.CodeConflict)
	_, err = s.SteerUpdate(t.Context(), "none", fairway.Steering{})
	refuses(t, "steer what does not exist", err, fairway.CodeNotFound)
}

func steerConcurrent(t *testing.T, s fairway.Store) {
	u := update("u1", "c1", fairway.UpdateRunning, 0)
	u.Paused = ""
	must(t, s.CreateUpdate(t.Context(), u))
	const times = 50
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range times {
			progress := *u
			progress.NodesDone = i + 1
			if err := s.SaveUpdate(t.Context(), &progress); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Go(func() {
		for i := range times {
			paused := fmt.Sprint("pause ", i)
			if _, err := s.SteerUpdate(t.Context(), "u1", fairway.Steering{Paused: &paused}); err != nil {
				t.Error(err)
			}
			if now, err := s.Update(t.Context(), "u1"); err != nil || now.Paused != paused {
				t.Errorf("the update is paused by %q after %q (error %v)", now.Paused, paused, err)
			}
		}
	})
	wg.Wait()
	if now := got[*fairway.Update](t)(s.Update(t.Context(), "u1")); now.NodesDone != times || now.Paused != fmt.Sprint("pause ", times-1) {
		t.Errorf("the update ends with %d nodes and %q", now.NodesDone, now.Paused)
	}
}

func rotations(t *testing.T, s fairway.Store) {
	one, two := cluster("one"), cluster("two")
	must(t, s.CreateCluster(t.Context(), one))
	must(t, s.CreateCluster(t.Context(), two))
	wish := func(c *fairway.Cluster, node, reason string) fairway.Rotation {
		return fairway.Rotation{ClusterID: c.ID, Node: node, Reason: reason, RequestedAt: start}
	}
	wants(t, "none yet", got[[]fairway.Rotation](t)(s.Rotations(t.Context(), "")), []fairway.Rotation{})
	wants(t, "new ones", got[int](t)(s.RequestRotations(t.Context(), []fairway.Rotation{wish(one, "b", "r"), wish(one, "a", "r"), wish(two, "a", "r")})), 3)
	wants(t, "one is new", got[int](t)(s.RequestRotations(t.Context(), []fairway.Rotation{wish(one, "b", "another"), wish(one, "c", "another")})), 1)
	wants(t, "of a cluster", got[[]fairway.Rotation](t)(s.Rotations(t.Context(), one.ID)), []fairway.Rotation{wish(one, "a", "r"), wish(one, "b", "r"), wish(one, "c", "another")})
	must(t, s.EndRotations(t.Context(), one.ID, []string{"a", "b", "none"}))
	wants(t, "what is left", got[[]fairway.Rotation](t)(s.Rotations(t.Context(), "")), []fairway.Rotation{wish(one, "c", "another"), wish(two, "a", "r")})
	_, err := s.RequestRotations(t.Context(), []fairway.Rotation{wish(one, "d", "r"), {ClusterID: "none", Node: "a"}})
	refuses(t, "of no cluster", err, fairway.CodeNotFound)
	wants(t, "all or nothing", len(got[[]fairway.Rotation](t)(s.Rotations(t.Context(), one.ID))), 1)
	must(t, s.EndRotations(t.Context(), one.ID, nil))

	_, err = s.UpdateCluster(t.Context(), two.ID, fairway.ClusterUpdate{LifecycleStatus: new(fairway.StatusDecommissioned)})
	must(t, err)
	must(t, s.DeleteCluster(t.Context(), two.ID))
	wants(t, "they go with their cluster", len(got[[]fairway.Rotation](t)(s.Rotations(t.Context(), two.ID))), 0)

	must(t, s.EndRotations(t.Context(), one.ID, []string{"c"}))
	_, err = s.RequestRotations(t.Context(), []fairway.Rotation{{ClusterID: one.ID, Node: "n"}})
	must(t, err)
	if now := got[[]fairway.Rotation](t)(s.Rotations(t.Context(), one.ID)); len(now) != 1 || now[0].RequestedAt.IsZero() || time.Since(now[0].RequestedAt) < 0 {
		t.Errorf("a wish without a time became %+v", now)
	}
}
