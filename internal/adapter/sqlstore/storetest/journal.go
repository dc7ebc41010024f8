package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

func update(id, clusterID string, state fairway.UpdateState, at time.Duration) *fairway.Update {
	return &fairway.Update{
		ID: id, ClusterID: clusterID, RolloutID: "r1", Channel: "dev", Revision: "abc", Version: "abc#1", State: state,
		Doing: "rolling", Waiting: "a budget", Since: start, Actor: "team", NodesDone: 1, NodesTotal: 3, Evictions: 4, EvictionsRefused: 5,
		EvictionsForced: 6, Reason: "rotation", Paused: "a person", IgnoreBrakes: true,
		Attempts: 2, Error: "e", Hint: "h", Blocked: []fairway.BlockedNode{{Node: "n", Pod: "a/b", Budget: "a/c", Reason: "why"}},
		CreatedAt: start.Add(at), StartedAt: start.Add(at + time.Second), FinishedAt: start.Add(at + time.Minute),
	}
}

func updateRoundTrip(t *testing.T, s fairway.Store) {
	u := update("u1", "c1", fairway.UpdateRunning, 0)
	must(t, s.CreateUpdate(t.Context(), u))
	wants(t, "created", got[*fairway.Update](t)(s.Update(t.Context(), "u1")), u)
	u = update("u1", "c1", fairway.UpdatePartial, time.Hour)
	u.Doing, u.Blocked, u.StartedAt = "", nil, time.Time{}
	must(t, s.SaveUpdate(t.Context(), u))
	wants(t, "saved", got[*fairway.Update](t)(s.Update(t.Context(), "u1")), u)
	refuses(t, "change one that is over", s.SaveUpdate(t.Context(), update("u1", "c1", fairway.UpdateRunning, 0)), fairway.CodeConflict)
	wants(t, "over", got[*fairway.Update](t)(s.Update(t.Context(), "u1")), u)

	bare := &fairway.Update{ClusterID: "c1", State: fairway.UpdatePending}
	must(t, s.CreateUpdate(t.Context(), bare))
	if bare.ID == "" || bare.CreatedAt.IsZero() {
		t.Errorf("a new update has id %q and created_at %s", bare.ID, bare.CreatedAt)
	}
	wants(t, "bare", got[*fairway.Update](t)(s.Update(t.Context(), bare.ID)), bare)
	_, err := s.Update(t.Context(), "none")
	refuses(t, "read an update that does not exist", err, fairway.CodeNotFound)
	refuses(t, "save an update that does not exist", s.SaveUpdate(t.Context(), update("none", "c1", fairway.UpdateDone, 0)), fairway.CodeNotFound)
	refuses(t, "create an id twice", s.CreateUpdate(t.Context(), update("u1", "c9", fairway.UpdateDone, 0)), fairway.CodeConflict)
}

func updateOneActive(t *testing.T, s fairway.Store) {
	over := []fairway.UpdateState{fairway.UpdateDone, fairway.UpdatePartial, fairway.UpdateFailed, fairway.UpdateCanceled}
	for i, state := range over {
		must(t, s.CreateUpdate(t.Context(), update(fmt.Sprint("over", i), "c1", state, 0)))
	}
	must(t, s.CreateUpdate(t.Context(), update("first", "c1", fairway.UpdatePending, 0)))
	must(t, s.CreateUpdate(t.Context(), update("elsewhere", "c2", fairway.UpdatePending, 0)))
	refuses(t, "create beside a pending one", s.CreateUpdate(t.Context(), update("second", "c1", fairway.UpdatePending, 0)), fairway.CodeConflict)
	must(t, s.SaveUpdate(t.Context(), update("first", "c1", fairway.UpdateRunning, 0)))
	refuses(t, "create beside a running one", s.CreateUpdate(t.Context(), update("second", "c1", fairway.UpdatePending, 0)), fairway.CodeConflict)
	refuses(t, "take an old one up again", s.SaveUpdate(t.Context(), update("over0", "c1", fairway.UpdateRunning, 0)), fairway.CodeConflict)
	must(t, s.SaveUpdate(t.Context(), update("first", "c1", fairway.UpdateFailed, 0)))
	must(t, s.CreateUpdate(t.Context(), update("second", "c1", fairway.UpdatePending, 0)))
}

func updateRace(t *testing.T, s fairway.Store) {
	const writers = 16
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			errs[i] = s.CreateUpdate(t.Context(), update(fmt.Sprint("u", i), "c1", fairway.UpdatePending, 0))
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			refuses(t, "a writer that lost", err, fairway.CodeConflict)
		}
	}
	if won != 1 {
		t.Errorf("%d writers won, want 1", won)
	}
}

func updateFilters(t *testing.T, s fairway.Store) {
	if all := got[[]fairway.Update](t)(s.Updates(t.Context(), fairway.UpdateFilter{})); all == nil {
		t.Error("updates of an empty store are nil, want an empty list")
	}
	other := update("b2", "b", fairway.UpdateRunning, 3*time.Second)
	other.RolloutID = "r2"
	for _, u := range []*fairway.Update{update("a1", "a", fairway.UpdateDone, 0), update("a2", "a", fairway.UpdatePending, 2*time.Second),
		update("b1", "b", fairway.UpdateDone, time.Second), other, update("c1", "c", fairway.UpdateDone, time.Second)} {
		must(t, s.CreateUpdate(t.Context(), u))
	}
	for _, c := range []struct {
		name   string
		filter fairway.UpdateFilter
		want   string
	}{
		{"all, newest first", fairway.UpdateFilter{}, "b2 a2 c1 b1 a1"},
		{"cluster", fairway.UpdateFilter{ClusterID: "a"}, "a2 a1"},
		{"rollout", fairway.UpdateFilter{RolloutID: "r2"}, "b2"},
		{"active", fairway.UpdateFilter{Active: true}, "b2 a2"},
		{"newest of each", fairway.UpdateFilter{Newest: true}, "b2 a2 c1"},
		{"newest of one", fairway.UpdateFilter{Newest: true, ClusterID: "b"}, "b2"},
		{"limit", fairway.UpdateFilter{Limit: 2}, "b2 a2"},
		{"none", fairway.UpdateFilter{ClusterID: "c", Active: true}, ""},
	} {
		var ids []string
		for _, u := range got[[]fairway.Update](t)(s.Updates(t.Context(), c.filter)) {
			ids = append(ids, u.ID)
		}
		wants(t, c.name, strings.Join(ids, " "), c.want)
	}
}

func steps(t *testing.T, s fairway.Store) {
	must(t, s.CreateUpdate(t.Context(), update("u1", "c1", fairway.UpdateRunning, 0)))
	step := func(name fairway.StepName, state fairway.StepState, at time.Time) fairway.Step {
		return fairway.Step{UpdateID: "u1", Name: name, State: state, Detail: "d " + string(name), StartedAt: at, FinishedAt: at}
	}
	waiting := step(fairway.StepVerify, fairway.StepSkipped, time.Time{})
	for _, one := range []fairway.Step{
		step(fairway.StepManifests, fairway.StepRunning, start.Add(time.Second)), waiting,
		step(fairway.StepPools, fairway.StepDone, start), step(fairway.StepRender, fairway.StepDone, start),
		step(fairway.StepManifests, fairway.StepDone, start.Add(time.Second)),
	} {
		must(t, s.SaveStep(t.Context(), &one))
	}
	wants(t, "steps", got[[]fairway.Step](t)(s.Steps(t.Context(), "u1")), []fairway.Step{
		step(fairway.StepRender, fairway.StepDone, start), step(fairway.StepPools, fairway.StepDone, start),
		step(fairway.StepManifests, fairway.StepDone, start.Add(time.Second)), waiting,
	})
	wants(t, "steps of no update", got[[]fairway.Step](t)(s.Steps(t.Context(), "none")), []fairway.Step{})
	refuses(t, "a step of no update", s.SaveStep(t.Context(), &fairway.Step{UpdateID: "none", Name: fairway.StepRender}), fairway.CodeNotFound)
}

func rollouts(t *testing.T, s fairway.Store) {
	r := &fairway.Rollout{ID: "r1", Channel: "beta", Revision: "abc", State: fairway.RolloutSoaking, Reason: "why", Hint: "h",
		Waves: [][]string{{"a"}, {"b", "c"}}, Wave: 1, SoakSince: start, PromotedAt: start, CreatedAt: start, FinishedAt: start}
	must(t, s.CreateRollout(t.Context(), r))
	wants(t, "created", got[*fairway.Rollout](t)(s.Rollout(t.Context(), "r1")), r)
	r.State, r.Reason, r.SoakSince, r.FinishedAt, r.Wave = fairway.RolloutHalted, "", time.Time{}, time.Time{}, 0
	must(t, s.SaveRollout(t.Context(), r))
	wants(t, "saved", got[*fairway.Rollout](t)(s.Rollout(t.Context(), "r1")), r)
	refuses(t, "create an id twice", s.CreateRollout(t.Context(), r), fairway.CodeConflict)
	r.State = fairway.RolloutSuperseded
	must(t, s.SaveRollout(t.Context(), r))
	back := *r
	back.State = fairway.RolloutSoaking
	refuses(t, "change one that is over", s.SaveRollout(t.Context(), &back), fairway.CodeConflict)
	wants(t, "over", got[*fairway.Rollout](t)(s.Rollout(t.Context(), "r1")), r)
	refuses(t, "save one that does not exist", s.SaveRollout(t.Context(), &fairway.Rollout{ID: "none"}), fairway.CodeNotFound)
	_, err := s.Rollout(t.Context(), "none")
	refuses(t, "read one that does not exist", err, fairway.CodeNotFound)

	bare := &fairway.Rollout{Channel: "dev"}
	must(t, s.CreateRollout(t.Context(), bare))
	must(t, s.CreateRollout(t.Context(), &fairway.Rollout{ID: "r2", Channel: "beta", CreatedAt: start.Add(time.Second)}))
	ids := func(channel string, limit int) (ids []string) {
		for _, r := range got[[]fairway.Rollout](t)(s.Rollouts(t.Context(), channel, limit)) {
			ids = append(ids, r.ID)
		}
		return ids
	}
	wants(t, "of a channel", ids("beta", 0), []string{"r2", "r1"})
	wants(t, "limited", ids("beta", 1), []string{"r2"})
	if all := ids("", 0); len(all) != 3 || !slices.Contains(all, bare.ID) || bare.ID == "" {
		t.Errorf("all rollouts are %q, want three with %q", all, bare.ID)
	}
}

func revisions(t *testing.T, s fairway.Store) {
	_, err := s.Revision(t.Context(), "dev")
	refuses(t, "read the revision of an unseen channel", err, fairway.CodeNotFound)
	must(t, s.SaveRevision(t.Context(), fairway.Revision{Channel: "dev", ID: "a", SeenAt: start}))
	must(t, s.SaveRevision(t.Context(), fairway.Revision{Channel: "beta", ID: "x", SeenAt: start}))
	newest := fairway.Revision{Channel: "dev", ID: "b", SeenAt: start.Add(time.Second)}
	must(t, s.SaveRevision(t.Context(), newest))
	wants(t, "revision", got[*fairway.Revision](t)(s.Revision(t.Context(), "dev")), &newest)
}

func inventory(t *testing.T, s fairway.Store) {
	must(t, s.CreateCluster(t.Context(), cluster("one")))
	must(t, s.CreateCluster(t.Context(), cluster("two")))
	item := func(name string) fairway.InventoryItem {
		return fairway.InventoryItem{Ref: fairway.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Namespace: "ns", Name: name}, Component: "comp", Digest: "d" + name, Owned: "o" + name}
	}
	id := cluster("one").ID
	must(t, s.SetInventory(t.Context(), id, []fairway.InventoryItem{item("z"), item("a")}))
	must(t, s.SetInventory(t.Context(), cluster("two").ID, []fairway.InventoryItem{item("z")}))
	must(t, s.SetInventory(t.Context(), id, []fairway.InventoryItem{item("m"), item("a")}))
	wants(t, "inventory", got[[]fairway.InventoryItem](t)(s.Inventory(t.Context(), id)), []fairway.InventoryItem{item("m"), item("a")})
	must(t, s.SetInventory(t.Context(), id, nil))
	wants(t, "empty", got[[]fairway.InventoryItem](t)(s.Inventory(t.Context(), id)), []fairway.InventoryItem{})
	refuses(t, "of no cluster", s.SetInventory(t.Context(), "none", []fairway.InventoryItem{item("a")}), fairway.CodeNotFound)
}

func drift(t *testing.T, s fairway.Store) {
	c := cluster("one", func(c *fairway.Cluster) { c.LifecycleStatus = fairway.StatusDecommissioned })
	must(t, s.CreateCluster(t.Context(), c))
	wants(t, "nobody looked", got[*fairway.Drift](t)(s.Drift(t.Context(), c.ID)), &fairway.Drift{ClusterID: c.ID})
	d := &fairway.Drift{ClusterID: c.ID, At: start, Objects: 7, Error: "gone", Found: []fairway.DriftedObject{{
		Ref: fairway.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Namespace: "ns", Name: "m"}, Component: "comp", State: fairway.DriftContested, Since: start,
		Repairs: 2, RepairedAt: start.Add(time.Second), Fields: []fairway.DriftedField{{Path: "data.a", Is: "x", Wanted: "y", By: "kubectl-edit", Since: "2026-03-01T12:00:00Z"}},
	}}}
	must(t, s.SaveDrift(t.Context(), d))
	wants(t, "stored", got[*fairway.Drift](t)(s.Drift(t.Context(), c.ID)), d)
	d.Found, d.Error = []fairway.DriftedObject{}, ""
	must(t, s.SaveDrift(t.Context(), d))
	wants(t, "replaced", got[*fairway.Drift](t)(s.Drift(t.Context(), c.ID)), d)
	refuses(t, "of no cluster", s.SaveDrift(t.Context(), &fairway.Drift{ClusterID: "none", At: start}), fairway.CodeNotFound)
	must(t, s.DeleteCluster(t.Context(), c.ID))
	wants(t, "gone with its cluster", got[*fairway.Drift](t)(s.Drift(t.Context(), c.ID)), &fairway.Drift{ClusterID: c.ID})
}

func events(t *testing.T, s fairway.Store) {
	var all []fairway.Event
	for i, clusterID := range []string{"a", "b", "", "a"} {
		e := fairway.Event{At: start.Add(time.Duration(i) * time.Second), ClusterID: clusterID, RolloutID: "r", UpdateID: "u", Kind: "node.terminated", Message: fmt.Sprint("message ", i)}
		must(t, s.AppendEvent(t.Context(), &e))
		if e.Seq == 0 {
			t.Errorf("event %d has no number", i)
		}
		all = append(all, e)
	}
	wants(t, "all", got[[]fairway.Event](t)(s.Events(t.Context(), "", 0, 0)), all)
	wants(t, "after", got[[]fairway.Event](t)(s.Events(t.Context(), "", all[1].Seq, 0)), all[2:])
	wants(t, "limited", got[[]fairway.Event](t)(s.Events(t.Context(), "", 0, 2)), all[:2])
	wants(t, "of a cluster", got[[]fairway.Event](t)(s.Events(t.Context(), "a", 0, 0)), []fairway.Event{all[0], all[3]})
	wants(t, "none", got[[]fairway.Event](t)(s.Events(t.Context(), "", all[3].Seq, 0)), []fairway.Event{})
	bare := fairway.Event{Kind: "x"}
	must(t, s.AppendEvent(t.Context(), &bare))
	if bare.At.IsZero() {
		t.Error("a new event has no time")
	}
}

func eventsConcurrent(t *testing.T, s fairway.Store) {
	const writers, each = 8, 20
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			last := int64(0)
			for range each {
				e := fairway.Event{Kind: fmt.Sprint(w)}
				if err := s.AppendEvent(t.Context(), &e); err != nil || e.Seq <= last {
					t.Errorf("writer %d got number %d after %d, error %v", w, e.Seq, last, err)
				}
				last = e.Seq
			}
		})
	}
	wg.Wait()
	all := got[[]fairway.Event](t)(s.Events(t.Context(), "", 0, 10000))
	seen := map[int64]bool{}
	for _, e := range all {
		seen[e.Seq] = true
	}
	if len(all) != writers*each || len(seen) != len(all) {
		t.Errorf("%d events with %d numbers are there, want %d", len(all), len(seen), writers*each)
	}
}

func instance(t *testing.T, s fairway.Store) {
	first := got[string](t)(s.Instance(t.Context()))
	if len(first) < 16 {
		t.Errorf("instance %q is too short to be random", first)
	}
	wants(t, "asked again", got[string](t)(s.Instance(t.Context())), first)
}

func texts(t *testing.T, s fairway.Store) {
	for i, text := range []string{"", " ", "'; DROP TABLE clusters; --", "ä€𝄞", "a\x00b", "\r\n\t", `"\`, strings.Repeat("x", 1<<20), "<&>", "\u2028"} {
		id := fmt.Sprint("u", i)
		must(t, s.CreateUpdate(t.Context(), &fairway.Update{ID: id, ClusterID: id, State: fairway.UpdateFailed, Error: text,
			Blocked: []fairway.BlockedNode{{Reason: text}}}))
		u := got[*fairway.Update](t)(s.Update(t.Context(), id))
		// A database that cannot hold NUL shows its symbol instead.
		if u.Error != text && u.Error != strings.ReplaceAll(text, "\x00", "\u2400") || u.Blocked[0].Reason != text {
			t.Errorf("text %.20q came back as %.20q and %.20q", text, u.Error, u.Blocked[0].Reason)
		}
	}
}

func canceled(t *testing.T, s fairway.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.AppendEvent(ctx, &fairway.Event{Kind: "x"}); err == nil {
		t.Error("a write with a canceled context succeeded")
	}
	if _, err := s.Events(ctx, "", 0, 0); err == nil {
		t.Error("a read with a canceled context succeeded")
	}
	wants(t, "nothing was written", got[[]fairway.Event](t)(s.Events(t.Context(), "", 0, 0)), []fairway.Event{})
}
