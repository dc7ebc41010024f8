package sqlstore

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/fairwayhq/fairway"
)

// benchStore returns a store with so many clusters.
func benchStore(b *testing.B, clusters int) *Store {
	b.Helper()
	s, err := Open(b.Context(), filepath.Join(b.TempDir(), "fairway.db"), time.Now)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	items := map[string]string{}
	for i := range 100 {
		items[fmt.Sprintf("item_%d", i)] = "a value of about forty bytes, as they are"
	}
	for i := range clusters {
		name := fmt.Sprint("kube-", i)
		if err := s.CreateCluster(b.Context(), &fairway.Cluster{ID: name, Alias: name, LocalID: name, ConfigItems: items}); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// BenchmarkAppendEvent is one durable write: a transaction with its fsync.
func BenchmarkAppendEvent(b *testing.B) {
	s := benchStore(b, 0)
	for b.Loop() {
		if err := s.AppendEvent(b.Context(), &fairway.Event{Kind: "x", Message: "something happened"}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStatus is what a manager reports: the status of a cluster with 100
// config items.
func BenchmarkStatus(b *testing.B) {
	s := benchStore(b, 100)
	for b.Loop() {
		if _, err := s.UpdateCluster(b.Context(), "kube-7", fairway.ClusterUpdate{Status: &fairway.ClusterStatus{CurrentVersion: "a#b"}}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkClusters lists 1000 clusters with 100 config items each.
func BenchmarkClusters(b *testing.B) {
	s := benchStore(b, 1000)
	for b.Loop() {
		if all, err := s.Clusters(b.Context(), fairway.ClusterFilter{}); err != nil || len(all) != 1000 {
			b.Fatal(len(all), err)
		}
	}
}
