package storetest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

func clusterRoundTrip(t *testing.T, s fairway.Store) {
	c := cluster("one")
	must(t, s.CreateCluster(t.Context(), c))
	back := got[*fairway.Cluster](t)(s.Cluster(t.Context(), c.ID))
	wants(t, "cluster", back, c)
	wants(t, "hash", back.Hash(), c.Hash())

	bare := &fairway.Cluster{ID: "bare", Alias: "bare", LocalID: "bare"}
	must(t, s.CreateCluster(t.Context(), bare))
	if bare.CreatedAt.IsZero() {
		t.Error("created_at of a new cluster stayed zero")
	}
	back = got[*fairway.Cluster](t)(s.Cluster(t.Context(), "bare"))
	if back.Status.Problems == nil {
		t.Error("problems are nil, want an empty list")
	}
	if !back.CreatedAt.Equal(bare.CreatedAt) {
		t.Errorf("created_at came back as %s, want %s", back.CreatedAt, bare.CreatedAt)
	}
	_, err := s.Cluster(t.Context(), "none")
	refuses(t, "read a cluster that does not exist", err, fairway.CodeNotFound)
}

func clusterOrder(t *testing.T, s fairway.Store) {
	if all := got[[]fairway.Cluster](t)(s.Clusters(t.Context(), fairway.ClusterFilter{})); all == nil || len(all) != 0 {
		t.Errorf("clusters of an empty store are %v, want an empty list", all)
	}
	for i, name := range []string{"young", "old", "same-b", "same-a"} {
		must(t, s.CreateCluster(t.Context(), cluster(name, func(c *fairway.Cluster) {
			c.CreatedAt = start.Add([]time.Duration{time.Microsecond, -time.Hour, 0, 0}[i])
		})))
	}
	wants(t, "order", aliases(t, s, fairway.ClusterFilter{}), []string{"old", "same-a", "same-b", "young"})
}

func aliases(t *testing.T, s fairway.Store, f fairway.ClusterFilter) []string {
	t.Helper()
	out := []string{}
	for _, c := range got[[]fairway.Cluster](t)(s.Clusters(t.Context(), f)) {
		out = append(out, c.Alias)
	}
	return out
}

func clusterFilters(t *testing.T, s fairway.Store) {
	must(t, s.PutAccount(t.Context(), fairway.InfrastructureAccount{ID: "aws:123456789012", CostCenter: "cc1", Owner: "Team-X"}))
	must(t, s.CreateCluster(t.Context(), cluster("one")))
	must(t, s.CreateCluster(t.Context(), cluster("two", func(c *fairway.Cluster) {
		c.Channel, c.Environment, c.CriticalityLevel, c.InfrastructureAccount = "beta", "production", 3, "aws:123456789012"
		c.LifecycleStatus, c.Provider, c.Region, c.APIServerURL = fairway.StatusRequested, fairway.ProviderAWS, "us", "https://two"
		c.Owner = "" // that of the account
	})))
	must(t, s.CreateCluster(t.Context(), cluster("three", func(c *fairway.Cluster) {
		c.Channel, c.ConfigItems = "beta", map[string]string{"looked_for": "xa%_!<\"Ä\\y"}
		c.NodePools[0].ConfigItems = map[string]string{"item": "in-a-pool"}
	})))
	for _, c := range []struct {
		name   string
		filter fairway.ClusterFilter
		want   []string
	}{
		{"alias", fairway.ClusterFilter{Alias: "two"}, []string{"two"}},
		{"url", fairway.ClusterFilter{APIServerURL: "https://two"}, []string{"two"}},
		{"channel", fairway.ClusterFilter{Channel: "beta"}, []string{"three", "two"}},
		{"environment", fairway.ClusterFilter{Environment: "production"}, []string{"two"}},
		{"account", fairway.ClusterFilter{InfrastructureAccount: "local:demo"}, []string{"one", "three"}},
		{"status", fairway.ClusterFilter{LifecycleStatus: "requested"}, []string{"two"}},
		{"local id", fairway.ClusterFilter{LocalID: "three"}, []string{"three"}},
		{"provider", fairway.ClusterFilter{Provider: fairway.ProviderAWS}, []string{"two"}},
		{"region", fairway.ClusterFilter{Region: "us"}, []string{"two"}},
		{"criticality", fairway.ClusterFilter{CriticalityLevel: new(int32(3))}, []string{"two"}},
		{"cost center", fairway.ClusterFilter{CostCenter: "cc1"}, []string{"two"}},
		{"two that agree", fairway.ClusterFilter{Channel: "beta", Region: "eu"}, []string{"three"}},
		{"ids", fairway.ClusterFilter{IDs: []string{cluster("three").ID, cluster("one").ID, "none"}}, []string{"one", "three"}},
		{"search by alias", fairway.ClusterFilter{Search: "THREE"}, []string{"three"}},
		{"search by owner of the account", fairway.ClusterFilter{Search: "team-x"}, []string{"two"}},
		{"search by key", fairway.ClusterFilter{Search: "looked_for"}, []string{"three"}},
		{"search by value", fairway.ClusterFilter{Search: "a%_!<\"Ä\\"}, []string{"three"}},
		{"search by value of a pool", fairway.ClusterFilter{Search: "in-a-pool", Terse: true}, []string{"three"}},
		{"search by two words", fairway.ClusterFilter{Search: " looked_for  in-a-pool"}, []string{"three"}},
		{"search by words of two clusters", fairway.ClusterFilter{Search: "looked_for team-x"}, []string{}},
		{"search for what only the form of storing holds", fairway.ClusterFilter{Search: "\":\""}, []string{}},
		{"search for a pattern", fairway.ClusterFilter{Search: "t%e"}, []string{}},
		{"two that do not", fairway.ClusterFilter{Channel: "dev", Region: "us"}, []string{}},
	} {
		wants(t, c.name, aliases(t, s, c.filter), c.want)
	}
}

func clusterFind(t *testing.T, s fairway.Store) {
	must(t, s.CreateCluster(t.Context(), cluster("kube-1", func(c *fairway.Cluster) { c.ID, c.Alias = "id-1", "main" })))
	must(t, s.CreateCluster(t.Context(), cluster("kube-1", func(c *fairway.Cluster) { c.ID, c.Alias, c.Region = "id-2", "other", "us" })))
	must(t, s.CreateCluster(t.Context(), cluster("kube-3", func(c *fairway.Cluster) { c.ID, c.Alias = "id-3", "third" })))
	must(t, s.CreateCluster(t.Context(), cluster("kube-4", func(c *fairway.Cluster) { c.ID, c.Alias = "kube-3", "fourth" })))
	for name, want := range map[string]string{"id-1": "id-1", "main": "id-1", "other": "id-2", "third": "id-3", "kube-4": "kube-3",
		"kube-3": "kube-3"} { // the id of one and the local id of another: the id wins
		if c := got[*fairway.Cluster](t)(s.FindCluster(t.Context(), name)); c.ID != want {
			t.Errorf("%s found %s, want %s", name, c.ID, want)
		}
	}
	_, err := s.FindCluster(t.Context(), "kube-1")
	refuses(t, "find a local id that two clusters have", err, fairway.CodeInvalid)
	_, err = s.FindCluster(t.Context(), "thrid")
	refuses(t, "find what does not exist", err, fairway.CodeNotFound)
	wants(t, "hint", fairway.ErrorHint(err), `did you mean "third"?`)
}

func clusterDuplicates(t *testing.T, s fairway.Store) {
	must(t, s.CreateCluster(t.Context(), cluster("one")))
	other := func(change func(c *fairway.Cluster)) *fairway.Cluster {
		return cluster("one", func(c *fairway.Cluster) { c.ID, c.Alias, c.LocalID = "x", "x", "x" }, change)
	}
	for name, c := range map[string]*fairway.Cluster{
		"id":       other(func(c *fairway.Cluster) { c.ID = "local:demo:eu:one" }),
		"alias":    other(func(c *fairway.Cluster) { c.Alias = "one" }),
		"local id": other(func(c *fairway.Cluster) { c.LocalID = "one" }),
	} {
		err := s.CreateCluster(t.Context(), c)
		refuses(t, "create with the same "+name, err, fairway.CodeConflict)
		if err != nil && !strings.Contains(err.Error(), " "+name+" ") {
			t.Errorf("create with the same %s is refused with %q, which does not name it", name, err)
		}
	}
	must(t, s.CreateCluster(t.Context(), other(func(c *fairway.Cluster) { c.LocalID, c.Region = "one", "us" })))
	_, err := s.UpdateCluster(t.Context(), "x", fairway.ClusterUpdate{Alias: new("one")})
	refuses(t, "change to a taken alias", err, fairway.CodeConflict)
	if c := got[*fairway.Cluster](t)(s.Cluster(t.Context(), "x")); c.Alias != "x" {
		t.Errorf("the refused change left the alias %q", c.Alias)
	}
}

func clusterUpdate(t *testing.T, s fairway.Store) {
	before := cluster("one")
	must(t, s.CreateCluster(t.Context(), before))
	back := got[*fairway.Cluster](t)(s.UpdateCluster(t.Context(), before.ID, fairway.ClusterUpdate{}))
	wants(t, "an empty update", back, before)

	after := cluster("two", func(c *fairway.Cluster) {
		c.ID, c.InfrastructureAccount, c.Channel, c.Environment, c.Provider, c.Region = before.ID, "local:x", "beta", "production", "kubeconfig", "us"
		c.CriticalityLevel, c.LifecycleStatus, c.Owner, c.AccountName, c.Origin = 3, fairway.StatusCreating, "o", "n", map[string]string{"region": "x"}
		c.ConfigItems, c.NodePools, c.Status = map[string]string{"z_z": ""}, c.NodePools[1:], fairway.ClusterStatus{Problems: []fairway.Problem{}}
	})
	u := fairway.ClusterUpdate{
		Alias: &after.Alias, InfrastructureAccount: &after.InfrastructureAccount, LocalID: &after.LocalID, APIServerURL: &after.APIServerURL,
		Channel: &after.Channel, Environment: &after.Environment, Provider: &after.Provider, Region: &after.Region,
		CriticalityLevel: &after.CriticalityLevel, LifecycleStatus: &after.LifecycleStatus, ConfigItems: &after.ConfigItems,
		NodePools: &after.NodePools, Status: &after.Status, Owner: &after.Owner, AccountName: &after.AccountName, Origin: &after.Origin,
	}
	wants(t, "returned", got[*fairway.Cluster](t)(s.UpdateCluster(t.Context(), before.ID, u)), after)
	wants(t, "stored", got[*fairway.Cluster](t)(s.Cluster(t.Context(), before.ID)), after)
	_, err := s.UpdateCluster(t.Context(), "none", u)
	refuses(t, "change what does not exist", err, fairway.CodeNotFound)
}

func clusterStatus(t *testing.T, s fairway.Store) {
	c := cluster("one")
	must(t, s.CreateCluster(t.Context(), c))
	want := fairway.ClusterStatus{CurrentVersion: "d#1", LastVersion: "c#1", Problems: []fairway.Problem{}}
	back := got[*fairway.Cluster](t)(s.UpdateCluster(t.Context(), c.ID, fairway.ClusterUpdate{Status: &fairway.ClusterStatus{CurrentVersion: "d#1", LastVersion: "c#1"}}))
	wants(t, "next_version and problems are gone", back.Status, want)
}

func clusterOrigin(t *testing.T, s fairway.Store) {
	c := cluster("one")
	must(t, s.CreateCluster(t.Context(), c))
	back := got[*fairway.Cluster](t)(s.UpdateCluster(t.Context(), c.ID, fairway.ClusterUpdate{Channel: new("beta")}))
	wants(t, "origin", back.Origin, map[string]string{"alias": "default: local_id"})
}

func clusterDelete(t *testing.T, s fairway.Store) {
	c := cluster("one")
	must(t, s.CreateCluster(t.Context(), c))
	must(t, s.SetInventory(t.Context(), c.ID, []fairway.InventoryItem{{Component: "x"}}))
	must(t, s.CreateUpdate(t.Context(), &fairway.Update{ID: "u", ClusterID: c.ID, State: fairway.UpdateDone, CreatedAt: start}))
	refuses(t, "delete a ready cluster", s.DeleteCluster(t.Context(), c.ID), fairway.CodeInvalid)
	got[*fairway.Cluster](t)(s.UpdateCluster(t.Context(), c.ID, fairway.ClusterUpdate{LifecycleStatus: new(fairway.StatusDecommissioned)}))
	must(t, s.DeleteCluster(t.Context(), c.ID))
	refuses(t, "delete it again", s.DeleteCluster(t.Context(), c.ID), fairway.CodeNotFound)
	wants(t, "inventory", got[[]fairway.InventoryItem](t)(s.Inventory(t.Context(), c.ID)), []fairway.InventoryItem{})
	got[*fairway.Update](t)(s.Update(t.Context(), "u")) // history outlives the cluster
}

// Each writer sets items of its own in the same entry; none may be lost.
func clusterConcurrent(t *testing.T, s fairway.Store) {
	c := cluster("one", func(c *fairway.Cluster) { c.ConfigItems = nil })
	must(t, s.CreateCluster(t.Context(), c))
	const writers, each = 8, 10
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := setItem(t.Context(), s, c.ID, fmt.Sprintf("item_%d_%d", w, i), "x"); err != nil {
					t.Errorf("writer %d: %v", w, err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(got[*fairway.Cluster](t)(s.Cluster(t.Context(), c.ID)).ConfigItems); n != writers*each {
		t.Errorf("%d config items are left of %d", n, writers*each)
	}
}

func clusterChange(t *testing.T, s fairway.Store) {
	c := cluster("one", func(c *fairway.Cluster) { c.ConfigItems, c.NodePools = nil, nil })
	must(t, s.CreateCluster(t.Context(), c))
	must(t, setItem(t.Context(), s, c.ID, "a_b", "1"))
	must(t, setItem(t.Context(), s, c.ID, "a_b", ""))
	refuses(t, "change no cluster", setItem(t.Context(), s, "none", "a_b", ""), fairway.CodeNotFound)
	_, err := s.ChangeCluster(t.Context(), c.ID, func(c *fairway.Cluster) error {
		c.Channel, c.ConfigItems["a_b"] = "other", "other"
		return fairway.Errorf(fairway.CodeInvalid, "no")
	})
	refuses(t, "a change that is refused", err, fairway.CodeInvalid)
	back := got[*fairway.Cluster](t)(s.Cluster(t.Context(), c.ID))
	wants(t, "items", back.ConfigItems, map[string]string{"a_b": ""})
	wants(t, "channel", back.Channel, c.Channel)

	var seen []fairway.Cluster
	must(t, s.EachCluster(t.Context(), fairway.ClusterFilter{Terse: true}, func(c *fairway.Cluster) error {
		seen = append(seen, *c)
		return nil
	}))
	back.ConfigItems, back.NodePools = nil, nil
	wants(t, "one by one, without items and pools", seen, []fairway.Cluster{*back})
	stop := fairway.Errorf(fairway.CodeConflict, "enough")
	refuses(t, "a list that is ended", s.EachCluster(t.Context(), fairway.ClusterFilter{}, func(*fairway.Cluster) error { return stop }), fairway.CodeConflict)
}

// setItem sets one config item.
func setItem(ctx context.Context, s fairway.Store, id, key, value string) error {
	_, err := s.ChangeCluster(ctx, id, func(c *fairway.Cluster) error {
		if c.ConfigItems == nil {
			c.ConfigItems = map[string]string{}
		}
		c.ConfigItems[key] = value
		return nil
	})
	return err
}

func accounts(t *testing.T, s fairway.Store) {
	a := fairway.InfrastructureAccount{ID: "local:demo", Type: "local", Name: "demo account", Owner: "team-a", CostCenter: "cc",
		Environment: "test", CriticalityLevel: 1, ExternalID: "demo", LifecycleStatus: "ready"}
	must(t, s.PutAccount(t.Context(), a))
	a.Owner = "team-b"
	must(t, s.PutAccount(t.Context(), a))
	wants(t, "accounts", got[[]fairway.InfrastructureAccount](t)(s.Accounts(t.Context())), []fairway.InfrastructureAccount{a})

	must(t, s.CreateCluster(t.Context(), cluster("joined", func(c *fairway.Cluster) { c.Owner, c.AccountName = "", "" })))
	must(t, s.CreateCluster(t.Context(), cluster("own")))
	// A write must not make the account's words the cluster's own.
	must(t, setItem(t.Context(), s, cluster("joined").ID, "a_b", "1"))
	a.Owner = "team-c"
	must(t, s.PutAccount(t.Context(), a))
	joined := got[*fairway.Cluster](t)(s.FindCluster(t.Context(), "joined"))
	wants(t, "owner from the account", [2]string{joined.Owner, joined.AccountName}, [2]string{"team-c", "demo account"})
	own := got[*fairway.Cluster](t)(s.FindCluster(t.Context(), "own"))
	wants(t, "owner of its own", [2]string{own.Owner, own.AccountName}, [2]string{"team", "demo"})
}
