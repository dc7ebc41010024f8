// Package sqlstore remembers the fleet in an SQL database: the registry and the
// journal of updates and rollouts. It implements fairway.Store on SQLite.
//
//	store, err := sqlstore.Open(ctx, "data/fairway.db", time.Now)
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//	clusters, err := store.Clusters(ctx, fairway.ClusterFilter{Channel: "beta"})
//
// A write that returned is on the disk: neither kill -9 nor a power cut loses
// it. Times are stored as microseconds UTC. Errors carry the codes of
// fairway.Error: an unreadable, full or locked database is CodeUnavailable.
package sqlstore
