// Package wave decides how far a rollout may go: which clusters start next,
// whether the rollout soaks, halts or is done. One decision per call, from a
// snapshot and a time; it reads no clock and remembers nothing.
//
//	rollout.Waves = wave.Plan(clusters, settings)
//	d := wave.Next(wave.Snapshot{Rollout: rollout, Clusters: clusters, Settings: settings}, now)
//	rollout.State, rollout.Wave, rollout.SoakSince = d.State, d.Wave, d.SoakSince
//	for _, id := range d.Start { ... }
//
// Starting a cluster that has started already must do nothing: a stale snapshot
// names it again.
package wave
