package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

// chained waits until the record has n entries, which some databases number
// after their commits, and returns them.
func chained(t *testing.T, s fairway.Store, n int) []fairway.Change {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		changed := s.Changed()
		all := got[[]fairway.Change](t)(s.Changes(ctx, fairway.ChangeFilter{Limit: 1 << 30}))
		if len(all) >= n {
			return all
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("the record has %d entries after 30 s, not %d", len(all), n)
		}
	}
}

func changes(t *testing.T, s fairway.Store) {
	ctx := fairway.WithOrigin(t.Context(), fairway.Origin{Who: "issuer#1", Display: "ops", From: "192.0.2.1", Reason: "because"})
	c := cluster("a")
	must(t, s.CreateCluster(ctx, c))
	alpha := "alpha"
	got[*fairway.Cluster](t)(s.UpdateCluster(ctx, c.ID, fairway.ClusterUpdate{Channel: &alpha}))
	got[*fairway.Cluster](t)(s.UpdateCluster(ctx, c.ID, fairway.ClusterUpdate{Channel: &alpha})) // changes nothing
	must(t, setItem(ctx, s, c.ID, "db_password", "correct horse"))
	must(t, s.PutAccount(ctx, fairway.InfrastructureAccount{ID: "local:demo", Owner: "team"}))
	must(t, s.Record(ctx, fairway.Change{Kind: fairway.KindCluster, ID: c.ID, Event: fairway.ChangeDenied}))
	gone := fairway.StatusDecommissioned
	got[*fairway.Cluster](t)(s.UpdateCluster(t.Context(), c.ID, fairway.ClusterUpdate{LifecycleStatus: &gone}))
	must(t, s.DeleteCluster(ctx, c.ID))

	all := chained(t, s, 7)
	var lines []string
	for i, e := range all {
		if e.Seq != int64(i+1) || e.At.IsZero() || e.Hash == "" {
			t.Errorf("entry %d has number %d, time %v, hash %q", i+1, e.Seq, e.At, e.Hash)
		}
		lines = append(lines, fmt.Sprint(e.Kind, " ", e.ID, " ", e.Event, " by ", e.Display))
	}
	id := "cluster " + c.ID
	wants(t, "entries", lines, []string{id + " created by ops", id + " updated by ops", id + " updated by ops", "account local:demo created by ops",
		id + " denied by ops", id + " updated by fairway", id + " deleted by ops"})
	wants(t, "origin", []string{all[1].Who, all[1].From, all[1].Reason}, []string{"issuer#1", "192.0.2.1", "because"})
	wants(t, "before", all[1].Before, map[string]any{"/channel": "dev"})
	wants(t, "after", all[1].After, map[string]any{"/channel": "alpha"})
	wants(t, "a secret", all[2].After, map[string]any{"/config_items/db_password": "***"})
	wants(t, "verified", got[int64](t)(s.VerifyChain(ctx)), int64(7))
}

func versions(t *testing.T, s fairway.Store) {
	c := cluster("a")
	must(t, s.CreateCluster(t.Context(), c))
	created := got[*fairway.Cluster](t)(s.Cluster(t.Context(), c.ID))
	status := fairway.ClusterStatus{CurrentVersion: "v2", Problems: []fairway.Problem{}}
	reported := got[*fairway.Cluster](t)(s.UpdateCluster(t.Context(), c.ID, fairway.ClusterUpdate{Status: &status}))
	must(t, setItem(t.Context(), s, c.ID, "key_one", "2"))
	gone := fairway.StatusDecommissioned
	last := got[*fairway.Cluster](t)(s.UpdateCluster(t.Context(), c.ID, fairway.ClusterUpdate{LifecycleStatus: &gone}))
	must(t, s.DeleteCluster(t.Context(), c.ID))
	chained(t, s, 5)
	for seq, want := range map[int64]*fairway.Cluster{1: created, 2: reported, 4: last} {
		want.Origin = nil // where a default came from is no part of a version
		wants(t, fmt.Sprint("version ", seq), got[*fairway.Cluster](t)(s.ClusterAt(t.Context(), c.ID, seq)), want)
	}
	if created.ETag == reported.ETag || reported.ETag == last.ETag {
		t.Errorf("entity tags %q, %q, %q are not all different", created.ETag, reported.ETag, last.ETag)
	}
	for _, seq := range []int64{0, 5, 99} {
		_, err := s.ClusterAt(t.Context(), c.ID, seq)
		refuses(t, fmt.Sprint("version ", seq), err, fairway.CodeNotFound)
	}
}

func changeFilters(t *testing.T, s fairway.Store) {
	ops := fairway.WithOrigin(t.Context(), fairway.Origin{Who: "issuer#1", Display: "ops"})
	must(t, s.CreateCluster(t.Context(), cluster("a")))
	must(t, s.CreateCluster(ops, cluster("b")))
	must(t, s.PutAccount(t.Context(), fairway.InfrastructureAccount{ID: "x"}))
	must(t, setItem(ops, s, cluster("a").ID, "k", "v"))
	all := chained(t, s, 4)
	for name, c := range map[string]struct {
		filter fairway.ChangeFilter
		want   []int64
	}{
		"all": {fairway.ChangeFilter{}, []int64{1, 2, 3, 4}}, "newest": {fairway.ChangeFilter{Newest: true, Limit: 2}, []int64{4, 3}},
		"kinds": {fairway.ChangeFilter{Kinds: []string{fairway.KindAccount}}, []int64{3}}, "two kinds": {fairway.ChangeFilter{Kinds: []string{"account", "cluster"}, Limit: 3}, []int64{1, 2, 3}},
		"object": {fairway.ChangeFilter{ID: cluster("a").ID}, []int64{1, 4}}, "who": {fairway.ChangeFilter{Who: "issuer#1"}, []int64{2, 4}}, "display": {fairway.ChangeFilter{Who: "ops"}, []int64{2, 4}},
		"event": {fairway.ChangeFilter{Events: []fairway.ChangeEvent{fairway.ChangeUpdated}}, []int64{4}}, "between": {fairway.ChangeFilter{After: 1, Before: 4}, []int64{2, 3}},
		"until": {fairway.ChangeFilter{Until: all[0].At}, nil}, "since": {fairway.ChangeFilter{Since: all[0].At, Limit: 1}, []int64{1}},
	} {
		var seqs []int64
		for _, e := range got[[]fairway.Change](t)(s.Changes(t.Context(), c.filter)) {
			seqs = append(seqs, e.Seq)
		}
		wants(t, name, seqs, c.want)
	}
	oldest, newest, err := s.ChangeBounds(t.Context())
	must(t, err)
	wants(t, "bounds", []int64{oldest, newest}, []int64{1, 4})
}

func changesFollowed(t *testing.T, s fairway.Store) {
	const writers, each = 6, 15
	for i := range writers {
		must(t, s.CreateCluster(t.Context(), cluster(fmt.Sprint("c", i))))
	}
	var following sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range 3 {
		following.Go(func() {
			seen := int64(0)
			for seen < writers*(each+1) {
				changed := s.Changed()
				entries, err := s.Changes(ctx, fairway.ChangeFilter{After: seen, Limit: 7})
				if err != nil {
					t.Error(err)
					return
				}
				for _, e := range entries {
					if e.Seq != seen+1 {
						t.Errorf("entry %d follows %d", e.Seq, seen)
						return
					}
					seen = e.Seq
				}
				if len(entries) > 0 {
					continue
				}
				select {
				case <-changed:
				case <-ctx.Done():
					t.Errorf("only %d entries after a minute", seen)
					return
				}
			}
		})
	}
	var writing sync.WaitGroup
	for i := range writers {
		writing.Go(func() {
			for n := range each {
				if err := setItem(ctx, s, cluster(fmt.Sprint("c", i)).ID, "n", fmt.Sprint(n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writing.Wait()
	following.Wait()
	wants(t, "verified", got[int64](t)(s.VerifyChain(ctx)), int64(writers*(each+1)))
}

func changeRace(t *testing.T, s fairway.Store) {
	c := cluster("a")
	must(t, s.CreateCluster(t.Context(), c))
	tag := got[*fairway.Cluster](t)(s.Cluster(t.Context(), c.ID)).ETag
	var won, lost atomic.Int32
	var racing sync.WaitGroup
	for i := range 8 {
		racing.Go(func() {
			_, err := s.ChangeCluster(t.Context(), c.ID, func(c *fairway.Cluster) error {
				if c.ETag != tag {
					return fairway.Errorf(fairway.CodePrecondition, "it has changed")
				}
				c.ConfigItems["winner"] = fmt.Sprint(i)
				return nil
			})
			switch fairway.ErrorCode(err) {
			case "":
				won.Add(1)
			case fairway.CodePrecondition:
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	racing.Wait()
	wants(t, "winners and losers", []int32{won.Load(), lost.Load()}, []int32{1, 7})
}
